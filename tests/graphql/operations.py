"""Every operation of the API with the permission it needs: what a person reads, and what the role table is tested against.

A place says where the permission must be held: STORE at the store that is asked, GROUP for the group, ANYWHERE for the
group or at any store. No permission: open to everybody who is signed in (what it shows is their own, or no more than the
stores they see). Several permissions: one of them is enough.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forecourt.graphql import ids
from forecourt.tenancy.ids import new_id

STORE, GROUP, ANYWHERE = "STORE", "GROUP", "ANYWHERE"


@dataclass
class Samples:
    """Ids for the inputs: known rows by type, and random ones of the store or group for everything else."""

    store_id: UUID
    group_id: UUID
    rows: Mapping[str, UUID] = field(default_factory=dict)

    @property
    def store(self) -> str:
        return ids.store_id(self.store_id)

    def row(self, type_: str) -> str:
        """A row of the store."""
        return str(ids.GlobalId(type_, self.store_id, self.rows.get(type_) or new_id()))

    def own(self, type_: str) -> str:
        """One of the group's own things."""
        return str(ids.GlobalId(type_, self.group_id, self.rows.get(type_) or new_id()))


Sample = Callable[[Samples], dict[str, Any]]


@dataclass(frozen=True)
class Needs:
    """Which permission, where; for mutations an input that a rule refuses at last, and others for the rest of its ids."""

    place: str
    permissions: tuple[str, ...]
    sample: Sample = lambda _: {}
    also: tuple[Sample, ...] = ()
    arguments: str = ""

    def inputs(self, samples: Samples) -> list[dict[str, Any]]:
        """All its inputs."""
        return [copy.deepcopy(make(samples)) for make in (self.sample, *self.also)]


def at_store(permission: str, sample: Sample, *also: Sample) -> Needs:
    return Needs(STORE, (permission,), sample, also)


def for_group(permission: str, sample: Sample) -> Needs:
    return Needs(GROUP, (permission,), sample)


def everybody(sample: Sample, *also: Sample) -> Needs:
    return Needs(GROUP, (), sample, also)


def _complaint(s: Samples) -> dict[str, Any]:
    about = {"storeId": s.store, "customerId": s.row("Customer"), "orderId": s.row("SalesOrder")}
    words = {"record": "NOTHING", "area": "SALES", "kind": "SERVICE", "receivedAt": "2026-09-01T00:00:00Z", "text": "x"}
    return {**about, **words, "accusedIds": [s.row("Employee")]}


_T = "2026-09-01T00:00:00Z"


def _records(**values: Any) -> Needs:
    """One record that is refused."""
    return at_store("interchange:record:write", lambda s: {"storeId": s.store, "items": [values]})


def _call(**about: str) -> dict[str, Any]:
    return {"kind": "RECOVERY", "startedAt": "2026-09-01T00:00:00Z", "connected": True, **about}


_CLIENTS = "accounts:client:manage"
_NO_SCOPE = {"name": "x", "scopes": ["accounts:client:manage"]}
_RULING = "surveys:response:rule"
_MANAGE, _PROVIDE = "accounts:account:manage", "accounts:provider:manage"
_DIRECTORY = "accounts:directory:manage"
_WHY = {"reason": "because"}

MUTATIONS: Mapping[str, Needs] = {
    "acknowledgeComplaint": at_store("complaints:complaint:acknowledge", lambda s: {"id": s.row("Complaint")}),
    "activateIdentityProvider": for_group(_PROVIDE, lambda s: {"id": s.own("IdentityProvider"), "expectedVersion": 99}),
    "addDirectoryMapping": for_group(
        _DIRECTORY, lambda s: {"value": "Managers", "role": "NO_ROLE", "storeId": s.store}
    ),
    "addEmailDomain": for_group(_PROVIDE, lambda s: {"providerId": s.own("IdentityProvider"), "domain": "no domain"}),
    "addMembership": for_group(
        _MANAGE, lambda s: {"accountId": s.own("Account"), "role": "NO_ROLE", "storeId": s.store}
    ),
    "approveRun": at_store("evaluation:run:approve", lambda s: {"id": s.row("EvaluationRun")}),
    "approveScheme": for_group("evaluation:scheme:approve", lambda s: {"id": s.own("Scheme")}),
    "changeClient": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient"), "storeIds": [s.store], **_NO_SCOPE}),
    "changeContact": at_store(
        "customers:contact:write",
        lambda s: {
            "customerId": s.row("Customer"),
            "replacesId": s.row("ContactPoint"),
            "kind": "PHONE",
            "value": "13800138000",
            "expectedVersion": 99,
        },
    ),
    "changeSurveyTemplate": for_group(
        "surveys:template:write", lambda s: {"id": s.own("SurveyTemplate"), "body": {"code": "T1"}}
    ),
    "clearResponse": at_store(_RULING, lambda s: {"id": s.row("Response"), **_WHY}),
    "closeComplaint": at_store(
        "complaints:complaint:close",
        lambda s: {"id": s.row("Complaint"), "remedy": "done", "customerConfirmed": True},
    ),
    "closeFollowUpTask": at_store(
        "care:task:close", lambda s: {"id": s.row("FollowUpTask"), "callId": s.row("Call"), "outcome": "done"}
    ),
    "closeMonth": for_group("evaluation:month:close", lambda _: {"month": "2099-01"}),
    "createAccount": for_group(_MANAGE, lambda _: {"name": "!", "displayName": "x"}),
    "createClient": for_group(_CLIENTS, lambda s: {"storeIds": [s.store], **_NO_SCOPE}),
    "createDirectoryToken": for_group(_DIRECTORY, lambda _: {"label": " "}),
    "createIdentityProvider": for_group(_PROVIDE, lambda _: {"code": "!", "name": "x", "issuer": "x", "clientId": "x"}),
    "decideAppeal": at_store(
        "evaluation:appeal:decide", lambda s: {"id": s.row("Appeal"), "uphold": True, "reason": " "}
    ),
    "delegateRole": everybody(
        lambda s: {
            "membershipId": s.own("AccountMembership"),
            "accountId": s.own("Account"),
            "validTo": "2026-10-01T00:00:00Z",
            **_WHY,
        }
    ),
    "disableAccount": for_group(_MANAGE, lambda s: {"id": s.own("Account")}),
    "disableClient": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient")}),
    "disableIdentityProvider": for_group(_PROVIDE, lambda s: {"id": s.own("IdentityProvider")}),
    "draftSurveyTemplate": for_group("surveys:template:write", lambda _: {"body": {}}),
    "enableAccount": for_group(_MANAGE, lambda s: {"id": s.own("Account")}),
    "enableClient": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient")}),
    "endOtherSessions": everybody(lambda _: {}),
    "endSession": everybody(lambda s: {"id": s.own("WebSession")}),
    "endSessionsOf": for_group("accounts:session:end", lambda s: {"accountId": s.own("Account")}),
    "endDelegation": everybody(lambda s: {"id": s.own("Delegation")}),
    "endMembership": for_group(_MANAGE, lambda s: {"id": s.own("AccountMembership")}),
    "endViewAs": everybody(lambda _: {}),
    "fileAppeal": at_store("evaluation:appeal:file", lambda s: {"entryId": s.row("LedgerEntry"), "text": " "}),
    "fileComplaint": at_store(
        "complaints:complaint:file",
        _complaint,
        lambda s: {
            "storeId": s.store,
            "repairOrderId": s.row("RepairOrder"),
            "record": "NOTHING",
            "area": "SERVICE",
            "kind": "SERVICE",
            "receivedAt": "2026-09-01T00:00:00Z",
            "text": "x",
        },
    ),
    "importExport": at_store(
        "interchange:export:import",
        lambda s: {"storeId": s.store, "exportedAt": "2026-09-01T00:00:00Z", "files": [], "onRowError": "NEVER"},
    ),
    "issueToken": everybody(lambda _: {"label": " "}, lambda s: {"accountId": s.own("Account"), "label": "x"}),
    "logCall": at_store(
        "care:call:log",
        lambda s: _call(invitationId=s.row("Invitation")),
        lambda s: _call(orderId=s.row("SalesOrder")) | {"kind": "DELIVERY_CALL"},
        lambda s: _call(repairOrderId=s.row("RepairOrder")) | {"kind": "SERVICE_FOLLOWUP"},
    ),
    "publishRun": at_store("evaluation:run:publish", lambda s: {"id": s.row("EvaluationRun")}),
    "publishSurveyTemplate": for_group("surveys:template:publish", lambda s: {"id": s.own("SurveyTemplate")}),
    "quarantineResponse": at_store(_RULING, lambda s: {"id": s.row("Response"), **_WHY}),
    "recordConsent": at_store(
        "customers:consent:record",
        lambda s: {
            "customerId": s.row("Customer"),
            "purpose": "SURVEY",
            "decision": "GIVEN",
            "textVersion": "1",
            "channel": "WEB",
            "evidence": "x",
        },
    ),
    "recordDeliveryForm": at_store("surveys:form:record", lambda s: {"orderId": s.row("SalesOrder"), "answers": []}),
    "recordInterview": at_store(
        "surveys:interview:record", lambda s: {"invitationId": s.row("Invitation"), "answers": []}
    ),
    "removeDirectoryMapping": for_group(_DIRECTORY, lambda s: {"id": s.own("DirectoryMapping")}),
    "removeSecondFactor": for_group(_MANAGE, lambda s: {"accountId": s.own("Account"), "reason": " "}),
    "removeEmailDomain": for_group(_PROVIDE, lambda s: {"id": s.own("EmailDomain")}),
    "removePassword": for_group(_MANAGE, lambda s: {"id": s.own("Account")}),
    "replayDeadJobs": for_group("jobs:dead:replay", lambda s: {"ids": [s.own("DeadJob")]}),
    "requireSecondFactor": for_group(_MANAGE, lambda _: {"required": False}),
    "retireSurveyTemplate": for_group("surveys:template:publish", lambda s: {"id": s.own("SurveyTemplate")}),
    "returnSurveyTemplate": for_group("surveys:template:publish", lambda s: {"id": s.own("SurveyTemplate")}),
    "revealContact": at_store("customers:contact:reveal", lambda s: {"id": s.row("ContactPoint"), **_WHY}),
    "revokeClientTokens": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient")}),
    "revokeDirectoryToken": for_group(_DIRECTORY, lambda s: {"id": s.own("DirectoryToken")}),
    "revokeToken": everybody(lambda s: {"id": s.own("AccessToken")}),
    "rotateClientSecret": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient"), "overlapHours": 9999}),
    "ruleComplaintValidity": at_store(
        "complaints:validity:rule", lambda s: {"id": s.row("Complaint"), "verdict": "VALID", **_WHY}
    ),
    "setClientKeys": for_group(_CLIENTS, lambda s: {"id": s.own("OAuthClient")}),
    "sendPasswordLink": for_group(_MANAGE, lambda s: {"accountId": s.own("Account")}),
    "setOwnLanguage": everybody(lambda _: {"language": "tlh"}),
    "setIdentityProviderSecret": for_group(_PROVIDE, lambda s: {"id": s.own("IdentityProvider"), "clientSecret": " "}),
    "setPassword": for_group(_MANAGE, lambda s: {"id": s.own("Account"), "password": "x"}),
    "setSetting": for_group(
        "tenancy:setting:write",
        lambda s: {"key": "no.such.key", "value": 1, "validFrom": "2026-09-01", "storeId": s.store},
    ),
    "startViewAs": at_store("accounts:view:start", lambda s: {"role": "NO_ROLE", "storeId": s.store, **_WHY}),
    "submitSurveyTemplate": for_group("surveys:template:write", lambda s: {"id": s.own("SurveyTemplate")}),
    "verifyAudit": for_group("audit:chain:verify", lambda _: {"reason": " "}),
    "testIdentityProvider": for_group(_PROVIDE, lambda s: {"id": s.own("IdentityProvider")}),
    "upsertAttendance": _records(employeeNo="NONE", workDate="2026-09-01", hours="8"),
    "upsertCalls": _records(callNo="K1", kind="NOTHING", callerNo="NONE", startedAt=_T, connected=True),
    "upsertCustomers": _records(customerNo="C1", type="NOTHING", name="x"),
    "upsertLabourLines": _records(
        roNo="NONE",
        lineNo=1,
        technicianNo="NONE",
        workDate="2026-09-01",
        hoursWorked="1",
        hoursSold="1",
        amount="1",
        cost="1",
    ),
    "upsertPartLines": _records(roNo="NONE", lineNo=1, partNo="P", quantity="1", neededAt=_T, amount="1", cost="1"),
    "upsertRepairOrders": _records(
        roNo="R1", customerNo="NONE", vin="NONE", advisorNo="NONE", type="REPAIR", openedAt=_T
    ),
    "upsertSalesOrders": _records(orderNo="O1", customerNo="NONE", vin="NONE", consultantNo="NONE", signedAt=_T),
    "upsertVehicles": _records(vin="NONE"),
    "updateIdentityProvider": for_group(_PROVIDE, lambda s: {"id": s.own("IdentityProvider"), "expectedVersion": 99}),
    "voidResponse": at_store(_RULING, lambda s: {"id": s.row("Response"), **_WHY}),
    "writeScheme": for_group("evaluation:scheme:write", lambda _: {"body": {}}),
}


def reading(place: str, *permissions: str, arguments: str = "") -> Needs:
    return Needs(place, permissions, arguments=arguments)


OPEN = reading(GROUP)

ROOT_FIELDS: Mapping[str, Needs] = {
    "colleagues": OPEN,
    "costPreview": OPEN,
    "delegations": OPEN,
    "explainAccess": OPEN,
    "group": OPEN,
    "node": OPEN,
    "nodes": OPEN,
    "rateLimit": OPEN,
    "store": OPEN,
    "viewer": OPEN,
}

SUBSCRIPTIONS: Mapping[str, Needs] = {
    "monthClose": reading(GROUP, "benchmark:result:read", "evaluation:month:close"),
    "storeChanges": reading(STORE),
}

GROUP_FIELDS: Mapping[str, Needs] = {
    "accounts": reading(GROUP, "accounts:account:read"),
    "auditEvents": reading(GROUP, "audit:event:read"),
    "auditVerifications": reading(GROUP, "audit:event:read"),
    "benchmark": reading(GROUP, "benchmark:result:read", arguments='(month: "2026-09", kpi: "S01")'),
    "clients": reading(GROUP, "accounts:account:read"),
    "code": OPEN,
    "currency": OPEN,
    "deadJobs": reading(GROUP, "jobs:dead:read"),
    "directoryTokens": reading(GROUP, _DIRECTORY),
    "directoryMappings": reading(GROUP, _DIRECTORY),
    "identityProviders": reading(GROUP, "accounts:provider:read"),
    "months": reading(GROUP, "benchmark:result:read", "evaluation:month:close"),
    "name": OPEN,
    "schemes": reading(ANYWHERE, "evaluation:scheme:read"),
    "secondFactor": OPEN,
    "sessions": OPEN,
    "settings": reading(GROUP, "tenancy:setting:read"),
    "signIns": OPEN,
    "stores": OPEN,
    "surveyTemplates": reading(ANYWHERE, "surveys:template:read"),
    "timeZone": OPEN,
    "tokens": OPEN,
}

_ORDERS, _WORKSHOP = "sales:order:read", "workshop:order:read"
_SEEN = reading(STORE)

_KPI, _CARD, _FIGURE = "evaluation:kpi:read", "evaluation:scorecard:read", "evaluation:figure:read"

STORE_FIELDS: Mapping[str, Needs] = {
    "answers": reading(STORE, "surveys:response:read"),
    "appeals": reading(STORE, "evaluation:appeal:read"),
    "asOf": _SEEN,
    "attendance": reading(STORE, _WORKSHOP),
    "auditEvents": reading(STORE, "audit:event:read"),
    "benchmarkShare": reading(
        STORE, "benchmark:result:read", "benchmark:share:read", arguments='(month: "2026-09", kpi: "S01")'
    ),
    "brand": _SEEN,
    "calls": reading(STORE, "care:call:read"),
    "changeEvents": reading(STORE, "audit:event:read"),
    "changes": _SEEN,
    "cityTier": _SEEN,
    "code": _SEEN,
    "complaints": reading(STORE, "complaints:complaint:read"),
    "contactPoints": reading(STORE, "customers:customer:read"),
    "customers": reading(STORE, "customers:customer:read"),
    "departmentCardItems": reading(STORE, _KPI),
    "departmentCards": reading(STORE, _KPI),
    "employees": reading(STORE, "people:employee:read"),
    "evaluationRuns": reading(STORE, "evaluation:run:read", _KPI, _FIGURE, _CARD),
    "followUpTasks": reading(STORE, "care:task:read"),
    "grade": _SEEN,
    "id": _SEEN,
    "importBatches": reading(STORE, "interchange:batch:read"),
    "importFindings": reading(STORE, "interchange:batch:read"),
    "invitations": reading(STORE, "surveys:invitation:read"),
    "kpiRecords": reading(STORE, _KPI),
    "kpiValues": reading(STORE, _KPI, _FIGURE),
    "labourLines": reading(STORE, _WORKSHOP),
    "ledgerEntries": reading(STORE, "evaluation:ledger:read"),
    "name": _SEEN,
    "partLines": reading(STORE, _WORKSHOP),
    "positions": reading(STORE, "people:employee:read"),
    "region": _SEEN,
    "repairOrders": reading(STORE, _WORKSHOP),
    "responses": reading(STORE, "surveys:response:read"),
    "salesOrders": reading(STORE, _ORDERS),
    "scorecardRecords": reading(STORE, _CARD),
    "scorecards": reading(STORE, _CARD),
    "state": _SEEN,
    "targets": reading(STORE, _KPI, _FIGURE),
    "teams": reading(STORE, "people:employee:read"),
    "timeZone": _SEEN,
    "vehicles": reading(STORE, _ORDERS, _WORKSHOP),
}
