"""The page `docs/roles.md`, made from the table in `roles.py`. Write it anew with `python -m forecourt.auth.role_docs`."""

import sys
from collections.abc import Iterator
from typing import Final

from .roles import EITHER_ROLES, GROUP_ROLES, PERMISSIONS, ROLES, Scope

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
    "HQ_ANALYST": "HQ analyst 集团数据分析",
    "HQ_QUALITY": "HQ quality 集团质量管理",
    "HQ_DIRECTOR": "HQ director 集团总监",
    "GROUP_ADMIN": "administrator of the group 集团管理员",
    "INTERNAL_AUDIT": "internal audit 内审",
    "INTEGRATOR": "program of a third party 系统集成",
}

_INTRODUCTION: Final = """\
# Roles and permissions

This page is made from `platform/auth/roles.py`; a test fails when it is out of date.

A permission is `area:thing:verb`. A role holds it within a scope: **own** rows, those of the **team** led, of the
**department**, of the whole **store**, or of the **group**. A membership of a store gives its role there only; a membership
without a store is of the group (HQ). What HQ holds for the group reaches into every store of it; what it holds per store
needs a membership of that store. A row that somebody may not see does not exist for them.
"""


def render() -> str:
    """The page as text, ending with a newline."""
    return "\n".join((_INTRODUCTION, *_roles(), "", *_permissions(), ""))


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


if __name__ == "__main__":
    sys.stdout.write(render())
