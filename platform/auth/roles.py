"""Who may do what: one table, which is documentation, code and test oracle at once (domain section 2).

A permission is ``area:thing:verb``. A role holds it with a scope:

    OWN         rows about the person (own deliveries, own card)
    TEAM        rows about people whom the person leads, and own rows
    DEPARTMENT  rows of the departments in which the person, or somebody whom the person leads, has a position
    STORE       every row of the store
    REGION      the same in every store of a region (aggregates, not persons)
    GROUP       the group's control rows, and the same thing in every store of the group (aggregates, not persons)

A membership of a store gives its role there only; one of a region, in the stores of that region; one of neither is of the
group (HQ). Survey respondents have no role: a token opens their one invitation. Which fields are masked is in `masks.py`.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Scope(IntEnum):
    """How far a permission reaches; a wider scope contains the narrower ones."""

    OWN = 1
    TEAM = 2
    DEPARTMENT = 3
    STORE = 4
    REGION = 5
    GROUP = 6


#: Every permission with its meaning, alphabetised. `docs/roles.md` is made from it.
PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "accounts:account:manage": "create accounts, give and take memberships",
        "accounts:account:read": "list the group's accounts and memberships",
        "accounts:client:manage": "register programs of third parties, their stores, scopes and secrets",
        "accounts:directory:manage": "connect a directory that provisions people (SCIM), and map its groups to roles",
        "accounts:provider:manage": "connect identity providers, write and activate their rules",
        "accounts:provider:read": "see the group's identity providers",
        "accounts:session:end": "end somebody's web sessions",
        "accounts:view:start": "look at the product as a role, read only and never further than one's own rights",
        "audit:chain:verify": "ask for a check of the audit's chains",
        "audit:event:read": "read the audit",
        "benchmark:result:read": "read the group's benchmark with the stores' names",
        "benchmark:share:read": "read the own store's place and the anonymous distribution",
        "care:call:log": "record a call",
        "care:call:read": "read calls",
        "care:task:close": "close a follow-up task with evidence",
        "care:task:read": "read follow-up tasks",
        "complaints:complaint:acknowledge": "acknowledge a complaint",
        "complaints:complaint:close": "close a complaint that the customer confirmed as solved",
        "complaints:complaint:file": "record a complaint or enquiry",
        "complaints:complaint:read": "read complaints",
        "complaints:complaint:sign": "sign the close of a complaint that the customer did not confirm",
        "complaints:validity:rule": "rule whether a complaint is valid",
        "customers:consent:record": "record that a customer gave or withdrew a consent",
        "customers:contact:reveal": "see a full phone number or address; every time is audited",
        "customers:contact:write": "add or change a phone number or address",
        "customers:customer:read": "read customers with masked contact data",
        "evaluation:appeal:decide": "decide an appeal",
        "evaluation:appeal:file": "appeal against a ledger entry",
        "evaluation:appeal:read": "read appeals",
        "evaluation:figure:read": "read a store's KPI values where enough customers are behind them",
        "evaluation:kpi:read": "read KPI values and the records behind them",
        "evaluation:ledger:read": "read the deductions ledger",
        "evaluation:month:close": "close a month of the group",
        "evaluation:run:approve": "approve the proposed results of a month",
        "evaluation:run:publish": "publish approved results to staff",
        "evaluation:run:read": "read the evaluation runs of a store",
        "evaluation:scheme:approve": "activate a scheme version somebody else wrote",
        "evaluation:scheme:read": "read the evaluation schemes",
        "evaluation:scheme:write": "write a new scheme version",
        "evaluation:scorecard:read": "read scorecards",
        "interchange:batch:read": "read import reports",
        "interchange:export:import": "import a store's export",
        "interchange:record:write": "create and update single records of other systems",
        "jobs:dead:read": "list jobs that failed for good",
        "jobs:dead:replay": "replay jobs that failed for good",
        "people:contact:read": "see the masked phone numbers of employees",
        "people:employee:read": "read employees, teams, positions",
        "sales:order:read": "read sales orders and vehicles",
        "surveys:form:record": "record the form filled in with the customer at delivery",
        "surveys:interview:record": "record the answers of a telephone interview",
        "surveys:invitation:read": "read invitations (who was asked, when, why not)",
        "surveys:response:read": "read single responses",
        "surveys:response:rule": "clear or void a quarantined response",
        "surveys:template:publish": "publish a questionnaire version",
        "surveys:template:read": "read questionnaires",
        "surveys:template:write": "write a questionnaire version for somebody else to publish",
        "tenancy:group:read": "see the group and its stores",
        "tenancy:setting:read": "read configuration",
        "tenancy:setting:write": "change configuration",
        "workshop:order:read": "read repair orders, labour, parts, attendance",
    }
)

_OWN, _TEAM, _DEPT, _STORE = Scope.OWN, Scope.TEAM, Scope.DEPARTMENT, Scope.STORE
_REGION, _GROUP = Scope.REGION, Scope.GROUP

_EVERYBODY = {
    "benchmark:share:read": _STORE,
    "evaluation:appeal:file": _OWN,
    "evaluation:appeal:read": _OWN,
    "evaluation:ledger:read": _OWN,
    "evaluation:scheme:read": _STORE,
    "evaluation:scorecard:read": _OWN,
    "people:contact:read": _STORE,
    "people:employee:read": _STORE,
    "tenancy:group:read": _STORE,
    "surveys:template:read": _STORE,
}
_SALES = _EVERYBODY | {
    "care:call:log": _OWN,
    "care:call:read": _OWN,
    "care:task:close": _OWN,
    "care:task:read": _OWN,
    "complaints:complaint:file": _STORE,
    "customers:customer:read": _OWN,
    "sales:order:read": _OWN,
    "surveys:form:record": _OWN,
}
_SALES_LEAD = _SALES | {
    "care:call:read": _TEAM,
    "care:task:close": _TEAM,
    "care:task:read": _TEAM,
    "complaints:complaint:read": _TEAM,
    "customers:customer:read": _TEAM,
    "evaluation:kpi:read": _STORE,
    "evaluation:ledger:read": _TEAM,
    "evaluation:scorecard:read": _TEAM,
    "sales:order:read": _TEAM,
    "surveys:invitation:read": _TEAM,
    "surveys:response:read": _TEAM,
}
_SERVICE = _EVERYBODY | {
    "complaints:complaint:file": _STORE,
    "customers:customer:read": _STORE,
    "workshop:order:read": _STORE,
}
_CUSTOMER_SERVICE = _EVERYBODY | {
    "care:call:log": _STORE,
    "care:call:read": _STORE,
    "care:task:close": _STORE,
    "care:task:read": _STORE,
    "complaints:complaint:acknowledge": _STORE,
    "complaints:complaint:close": _STORE,
    "complaints:complaint:file": _STORE,
    "complaints:complaint:read": _STORE,
    "customers:consent:record": _STORE,
    "customers:contact:reveal": _STORE,
    "customers:contact:write": _STORE,
    "customers:customer:read": _STORE,
    "sales:order:read": _STORE,
    "surveys:form:record": _STORE,
    "surveys:interview:record": _STORE,
    "surveys:invitation:read": _STORE,
    "surveys:response:read": _STORE,
    "workshop:order:read": _STORE,
}
_STORE_MANAGEMENT = _CUSTOMER_SERVICE | {
    "accounts:view:start": _STORE,
    "audit:event:read": _STORE,
    "complaints:complaint:sign": _STORE,
    "evaluation:appeal:decide": _STORE,
    "evaluation:appeal:read": _STORE,
    "evaluation:kpi:read": _STORE,
    "evaluation:ledger:read": _STORE,
    "evaluation:run:approve": _STORE,
    "evaluation:run:publish": _STORE,
    "evaluation:run:read": _STORE,
    "evaluation:scorecard:read": _STORE,
    "interchange:batch:read": _STORE,
    "interchange:export:import": _STORE,
    "interchange:record:write": _STORE,
    "surveys:response:rule": _STORE,
    "tenancy:setting:read": _STORE,
}
#: Neither customers' contact data nor colleagues' numbers: the work is on the vehicle.
_NO_PHONES = frozenset({"customers:customer:read", "people:contact:read"})

_HQ = {
    "benchmark:result:read": _GROUP,
    "evaluation:figure:read": _GROUP,
    "evaluation:run:read": _GROUP,
    "evaluation:scheme:read": _GROUP,
    "interchange:batch:read": _GROUP,
    "surveys:template:read": _GROUP,
    "tenancy:group:read": _GROUP,
    "tenancy:setting:read": _GROUP,
}

#: role → permission → scope. HQ roles read aggregates; drilling down to persons needs a membership of the store.
ROLES: Mapping[str, Mapping[str, Scope]] = MappingProxyType(
    {
        "SALES_CONSULTANT": _SALES,
        "SALES_ASSISTANT": _SALES,
        "SALES_SUPERVISOR": _SALES_LEAD,
        "SALES_MANAGER": {
            permission: (_DEPT if scope == _TEAM else scope) for permission, scope in _SALES_LEAD.items()
        },
        "SERVICE_ADVISOR": _SERVICE,
        "TECHNICIAN": {name: scope for name, scope in _SERVICE.items() if name not in _NO_PHONES},
        "WORKSHOP_CONTROLLER": _SERVICE,
        "PARTS_CLERK": {name: scope for name, scope in _SERVICE.items() if name not in _NO_PHONES},
        "SERVICE_MANAGER": _SERVICE
        | {
            "care:call:log": _DEPT,
            "care:call:read": _DEPT,
            "care:task:close": _DEPT,
            "care:task:read": _DEPT,
            "complaints:complaint:read": _DEPT,
            "evaluation:kpi:read": _STORE,
            "evaluation:scorecard:read": _DEPT,
            "surveys:invitation:read": _DEPT,
            "surveys:response:read": _DEPT,
        },
        "CS_AGENT": _CUSTOMER_SERVICE,
        "CS_MANAGER": _CUSTOMER_SERVICE
        | {
            "complaints:complaint:sign": _STORE,
            "complaints:validity:rule": _STORE,
            # whoever approved a run may not decide appeals against it, so a second person in the store must be able to
            "evaluation:appeal:decide": _STORE,
            "evaluation:appeal:read": _STORE,
            "evaluation:kpi:read": _STORE,
            "evaluation:ledger:read": _STORE,
            "surveys:response:rule": _STORE,
        },
        "STORE_GM": _STORE_MANAGEMENT,
        # pays by results and keeps the files of staff; judges nobody, and meets no customer
        "HR": _EVERYBODY
        | {
            "evaluation:appeal:read": _STORE,
            "evaluation:ledger:read": _STORE,
            "evaluation:scorecard:read": _STORE,
        },
        "REGION_MANAGER": {
            "benchmark:share:read": _REGION,
            "evaluation:figure:read": _REGION,
            "evaluation:run:read": _REGION,
            "evaluation:scheme:read": _REGION,
            "interchange:batch:read": _REGION,
            "surveys:template:read": _REGION,
            "tenancy:group:read": _REGION,
            "tenancy:setting:read": _REGION,
        },
        "HQ_ANALYST": _HQ,
        "HQ_QUALITY": _HQ
        | {
            "evaluation:month:close": _GROUP,
            "evaluation:scheme:write": _GROUP,
            "jobs:dead:read": _GROUP,
            "jobs:dead:replay": _GROUP,
            "surveys:template:publish": _GROUP,
            "surveys:template:write": _GROUP,
            "tenancy:setting:write": _GROUP,
        },
        "HQ_DIRECTOR": _HQ
        | {
            "audit:chain:verify": _GROUP,
            "audit:event:read": _GROUP,
            "evaluation:month:close": _GROUP,
            "evaluation:scheme:approve": _GROUP,
            "surveys:template:publish": _GROUP,
        },
        "GROUP_ADMIN": {
            "accounts:account:manage": _GROUP,
            "accounts:account:read": _GROUP,
            "accounts:client:manage": _GROUP,
            "accounts:directory:manage": _GROUP,
            "accounts:provider:manage": _GROUP,
            "accounts:provider:read": _GROUP,
            "accounts:session:end": _GROUP,
            "accounts:view:start": _GROUP,
            "jobs:dead:read": _GROUP,
            "jobs:dead:replay": _GROUP,
            "tenancy:group:read": _GROUP,
            "tenancy:setting:read": _GROUP,
            "tenancy:setting:write": _GROUP,
        },
        "INTERNAL_AUDIT": {
            "accounts:account:read": _GROUP,
            "audit:chain:verify": _GROUP,
            "accounts:provider:read": _GROUP,
            "audit:event:read": _STORE,
            "evaluation:kpi:read": _STORE,
            "evaluation:ledger:read": _STORE,
            "evaluation:run:read": _STORE,
            "evaluation:scheme:read": _GROUP,
            "evaluation:scorecard:read": _STORE,
            "people:employee:read": _STORE,
            "tenancy:group:read": _STORE,
        },
        # answers for personal data in the whole group: sees who looked and what was agreed to; customers (masked) per store
        "DPO": {
            "accounts:account:read": _GROUP,
            "audit:event:read": _GROUP,
            "customers:customer:read": _STORE,
            "surveys:template:read": _GROUP,
            "tenancy:group:read": _GROUP,
            "tenancy:setting:read": _GROUP,
        },
        # whoever runs the installation, by break-glass only: what support needs, nothing about persons
        "PLATFORM_OPERATOR": {
            "evaluation:run:read": _STORE,
            "interchange:batch:read": _STORE,
            "jobs:dead:read": _GROUP,
            "tenancy:group:read": _STORE,
            "tenancy:setting:read": _STORE,
        },
        "INTEGRATOR": {
            "interchange:batch:read": _STORE,
            "interchange:export:import": _STORE,
            "interchange:record:write": _STORE,
            "tenancy:group:read": _STORE,
        },
    }
)

#: Roles that a membership of the whole group may carry; the others need a store, or a region.
GROUP_ROLES = frozenset(
    {"DPO", "GROUP_ADMIN", "HQ_ANALYST", "HQ_DIRECTOR", "HQ_QUALITY", "INTERNAL_AUDIT", "PLATFORM_OPERATOR"}
)

#: Of these, the ones a membership of a single store may carry too: an auditor 内审 reads persons only where that is given.
EITHER_ROLES = frozenset({"DPO", "INTERNAL_AUDIT", "PLATFORM_OPERATOR"})

#: Roles of a region 区域: of a membership that names one, and no store.
REGION_ROLES = frozenset({"REGION_MANAGER"})

#: Roles that nobody gives by hand: they come by break-glass, for hours and with a reason (`accounts.break_glass`).
BREAK_GLASS_ROLES = frozenset({"PLATFORM_OPERATOR"})

#: Roles that an identity provider or a directory may give: break-glass needs a reason and an end, which they cannot say, and
#: a region is named by an administrator.
MAPPED_ROLES = frozenset(ROLES) - BREAK_GLASS_ROLES - REGION_ROLES

#: Roles that nobody passes on for a holiday: who manages accounts is chosen, and programs have no holidays.
UNDELEGABLE_ROLES = frozenset({"GROUP_ADMIN", "INTEGRATOR", "PLATFORM_OPERATOR"})

#: What concerns a person themself at OWN scope: a stand-in does not get it.
PERSONAL_RIGHTS = frozenset(
    {
        "evaluation:appeal:file",
        "evaluation:appeal:read",
        "evaluation:ledger:read",
        "evaluation:scorecard:read",
    }
)

#: Every permission that only reads.
READING = frozenset(name for name in PERMISSIONS if name.endswith(":read"))


def goes_with(role: str, *, store: bool, region: bool) -> bool:
    """May a membership of a store, a region, or (neither) the group carry this role? False for unknown roles."""
    if role not in ROLES or (store and region):
        return False
    if region:
        return role in REGION_ROLES
    if store:
        return role not in REGION_ROLES and (role not in GROUP_ROLES or role in EITHER_ROLES)
    return role in GROUP_ROLES
