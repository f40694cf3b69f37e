"""The page `docs/roles.md`, made from the table in `roles.py`. Write it anew with `python -m forecourt.auth.role_docs`."""

import sys
from collections.abc import Iterator
from typing import Final

from .access import Operation, operations
from .masks import MASKS
from .model import BREAK_GLASS_HOURS, DELEGATION_DAYS
from .roles import EITHER_ROLES, GROUP_ROLES, PERMISSIONS, REGION_ROLES, ROLES, UNDELEGABLE_ROLES, Scope
from .view_as import MINUTES

#: The trade's terms, in the order of the page.
TITLES: Final[dict[str, str]] = {
    "SALES_CONSULTANT": "sales consultant 销售顾问",
    "SALES_ASSISTANT": "sales assistant 销售助理",
    "SALES_SUPERVISOR": "sales supervisor 销售主管",
    "SALES_MANAGER": "sales manager 销售经理",
    "SERVICE_ADVISOR": "service advisor 服务顾问",
    "TECHNICIAN": "technician 维修技师",
    "WORKSHOP_CONTROLLER": "workshop controller 车间调度",
    "PARTS_CLERK": "parts clerk 配件",
    "SERVICE_MANAGER": "service manager 售后经理",
    "CS_AGENT": "customer service agent 客服专员",
    "CS_MANAGER": "customer service manager 客服经理",
    "STORE_GM": "general manager of a store 店总经理",
    "HR": "human resources 人力资源",
    "REGION_MANAGER": "region manager 区域经理",
    "HQ_ANALYST": "HQ analyst 集团数据分析",
    "HQ_QUALITY": "HQ quality 集团质量管理",
    "HQ_DIRECTOR": "HQ director 集团总监",
    "GROUP_ADMIN": "administrator of the group 集团管理员",
    "INTERNAL_AUDIT": "internal audit 内审",
    "DPO": "personal data protection officer 个人信息保护负责人",
    "PLATFORM_OPERATOR": "operator of the installation 平台运维",
    "INTEGRATOR": "program of a third party 系统集成",
}

_INTRODUCTION: Final = """\
# Roles and permissions

This page is made from `platform/auth/roles.py`, `masks.py` and `access.csv`; a test fails when it is out of date.

A permission is `area:thing:verb`. A role holds it within a scope: **own** rows, those of the **team** led, of the
**department** (one's own and those of the people one leads), of the whole **store**, of a **region**'s stores, or of the
**group**. A membership of a store gives its role there only; one of a region, in the stores whose region it is; one of neither
is of the group (HQ). What is held for the group or a region reaches into its stores; what is held per store needs a membership
of that store. A row that somebody may not see does not exist for them. Survey respondents have no role: a token opens their
one invitation.
"""

_FOR_A_WHILE: Final = f"""\
## Rights for a while

- **Standing in 代理** (`delegateRole`): a colleague covers a role where its holder has it, for up to {DELEGATION_DAYS} days and with a
  reason. The stand-in does the delegator's work (their customers, tasks, team), but does not read or appeal the delegator's own
  results. It cannot be passed on or given to oneself, and counts as the delegator wherever nobody may judge their own work. The
  audit says "X for Y". Not for {", ".join(f"`{role}`" for role in sorted(UNDELEGABLE_ROLES))}.
- **Looking as a role 以角色查看** (`startViewAs`): an administrator everywhere, a general manager in the store, read only, for up to
  {MINUTES} minutes. What the role may open is open; rows and values are shown only as far as the person could read them
  themself. Every mutation is refused with VIEW_ONLY. The audit has its beginning and its end.
- **Break-glass**: an operator of the installation sees nothing of a group. With the command `forecourt break-glass`, a reason and up
  to {BREAK_GLASS_HOURS} hours they are let in as `PLATFORM_OPERATOR`; the group's administrator sees it among the memberships, with the
  reason, and may end it.
"""


def render() -> str:
    """The page as text, ending with a newline."""
    return "\n".join(
        (
            _INTRODUCTION,
            *_roles(),
            "",
            _FOR_A_WHILE,
            *_masks(),
            "",
            *_permissions(),
            "",
            *_operations(),
            "",
        )
    )


def _roles() -> Iterator[str]:
    yield "## Roles"
    yield ""
    yield "| Role | In the trade | Membership |"
    yield "|---|---|---|"
    for role, title in TITLES.items():
        yield f"| `{role}` | {title} | {_membership(role)} |"
    for role, title in TITLES.items():
        yield ""
        yield f"### {title}"
        yield ""
        for scope in sorted(Scope, reverse=True):
            held = sorted(name for name, at in ROLES[role].items() if at == scope)
            if held:
                yield f"- **{scope.name.lower()}**: {', '.join(f'`{name}`' for name in held)}"


def _membership(role: str) -> str:
    if role in REGION_ROLES:
        return "region"
    if role in EITHER_ROLES:
        return "group or store"
    return "group" if role in GROUP_ROLES else "store"


def _permissions() -> Iterator[str]:
    yield "## Permissions"
    yield ""
    yield "| Permission | Lets somebody | Held by |"
    yield "|---|---|---|"
    for name, meaning in PERMISSIONS.items():
        holders = (f"{role} ({ROLES[role][name].name.lower()})" for role in TITLES if name in ROLES[role])
        yield f"| `{name}` | {meaning} | {', '.join(holders)} |"


def _masks() -> Iterator[str]:
    yield "## Masked fields"
    yield ""
    yield "Whoever sees the row and not the field gets null; filters and orders see what the person sees."
    yield ""
    yield "| Field | Shown with | To others |"
    yield "|---|---|---|"
    for name, mask in MASKS.items():
        otherwise = f"null where {mask.of} < {mask.least}: " if mask.of else "null: "
        yield f"| `{name}` | `{mask.permission}` | {otherwise}{mask.reason} |"
    yield ""
    yield "Customers' contact data are masked at rest (138****8000). The full value is no field: `revealContact` shows it, audited, and"
    yield "warns beyond the usual number a day (`privacy.reveal.warn_after`)."


#: Kinds of operations, in the order of the page, with their headings.
_KINDS: Final = {
    "Query": "Roots",
    "Viewer": "The viewer",
    "Group": "The group",
    "Store": "A store",
    "Type": "Rows of a type, wherever they are met",
    "Field": "Masked fields",
    "Mutation": "Mutations",
    "Subscription": "Subscriptions",
    "Job": "Jobs",
}


def _kind(line: Operation) -> str:
    return line.kind if line.kind in _KINDS else "Field"


def _operations() -> Iterator[str]:
    yield "## Operations"
    yield ""
    yield "The table of `platform/auth/access.csv`, which is written by hand and held against the live product as each role. How far a role"
    yield "reaches: O own, T team, D department, S store, R region, G group; + everybody who is signed in; · refused."
    roles = list(TITLES)
    for kind, heading in _KINDS.items():
        lines = [line for line in operations().values() if _kind(line) == kind]
        yield ""
        yield f"### {heading}"
        yield ""
        if kind == "Job":
            yield "Each runs as the product itself (`system:<job>`), in the group and store that its message names and the middleware"
            yield "checked; no person's right is used, and the audit names the job."
            yield ""
            yield from (f"- `{line.name.removeprefix('Job.')}`" for line in lines)
            continue
        open_, ruled = ([line for line in lines if bool(line.needs) is needs] for needs in (False, True))
        if open_:
            names = ", ".join(f"`{line.name}`" for line in open_)
            yield f"Open to everybody who is signed in, for what is their own or what they see anyway: {names}"
            yield ""
        if ruled:
            yield f"| Operation | {' | '.join(f'{_short(role)}' for role in roles)} |"
            yield f"|---|{'---|' * len(roles)}"
            for line in ruled:
                cells = " | ".join(line.cells[role] or "·" for role in roles)
                yield f"| `{line.name}` | {cells} |"
    yield ""
    yield "Columns: " + ", ".join(f"{_short(role)} = `{role}`" for role in roles) + "."


def _short(role: str) -> str:
    """A role in a narrow column: SALES_CONSULTANT → SaCo."""
    return "".join(part[:2].capitalize() for part in role.split("_"))


if __name__ == "__main__":
    sys.stdout.write(render())
