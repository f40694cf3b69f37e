"""The product's mutations once through the schema, on real rows: what they show, refuse and announce."""

from dataclasses import replace
from uuid import UUID

import pytest

from forecourt.auth.history import record_sign_in
from forecourt.auth.web_sessions import SignInBy, open_session
from forecourt.domain.evaluation.seed_schemes import SEED_SCHEMES
from forecourt.domain.surveys.actions import plan_purchase_survey
from forecourt.domain.surveys.seed_templates import SEEDS
from forecourt.domain.surveys.templates import to_json
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import control_session
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.domain.surveys.test_answering import FORM
from tests.graphql.live import LiveApi
from tests.graphql.rows import store_rows

pytestmark = pytest.mark.anyio

LATER = "2026-09-07T01:00:00Z"


@pytest.fixture
async def desk(live_api: LiveApi, world: World) -> Desk:
    world.truncate("a1")
    return await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])


@pytest.fixture
async def rows(desk: Desk) -> dict[str, UUID]:
    return await store_rows(desk)


async def test_complaints(live_api: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
    agent, manager = live_api.actor(("CS_AGENT", "a1")), live_api.actor(("CS_MANAGER", "a1"))
    given = {
        "storeId": live_api.store_id("a1"),
        "record": "COMPLAINT",
        "area": "SALES",
        "kind": "DELIVERY",
        "severity": "P2",
        "receivedAt": LATER,
        "orderId": live_api.id("SalesOrder", rows["SalesOrder"]),
        "accusedIds": [live_api.id("Employee", desk.people["consultant"])],
        "text": "交车迟了",
    }
    shows = "complaint { id version status validity text accused { edges { node { name } } } }"
    made = (await live_api.mutate(agent, "fileComplaint", given, shows))["complaint"]
    assert (made["status"], made["validity"], made["text"]) == ("OPEN", "UNDECIDED", "交车迟了")
    assert made["accused"]["edges"] == [{"node": {"name": "consultant"}}]
    seen = {"id": made["id"], "expectedVersion": 1}
    payload = await live_api.mutate(agent, "acknowledgeComplaint", seen, shows)
    assert payload["complaint"]["version"] == 2
    ruling = {"id": made["id"], "verdict": "PARTLY", "reason": "录音为证"}
    assert await live_api.refused(manager, "ruleComplaintValidity", ruling | {"expectedVersion": 1}) == [
        "STALE_VERSION"
    ]
    accused = live_api.actor(("CS_MANAGER", "a1"), employee=desk.people["consultant"])
    assert await live_api.refused(accused, "ruleComplaintValidity", ruling) == ["OWN_WORK"]
    assert (await live_api.mutate(manager, "ruleComplaintValidity", ruling, shows))["complaint"]["validity"] == "PARTLY"
    assert await live_api.refused(manager, "ruleComplaintValidity", ruling) == ["WRONG_STATE"]
    closing = {"id": made["id"], "remedy": "赠送保养", "customerConfirmed": False}
    assert await live_api.refused(agent, "closeComplaint", closing) == ["NOT_CONFIRMED"]
    closed = await live_api.mutate(agent, "closeComplaint", closing | {"customerConfirmed": True}, shows)
    assert closed["complaint"]["status"] == "CLOSED"
    wrong = await live_api.mutate(agent, "fileComplaint", given | {"severity": "P9"})
    assert wrong["userErrors"] == [{"code": "INVALID", "path": ["input", "severity"]}]


async def test_contacts_and_consents(live_api: LiveApi, desk: Desk) -> None:
    agent = live_api.actor(("CS_AGENT", "a1"))
    customer = await desk.customer(phone="13800138000")
    of_customer = {"customerId": live_api.id("Customer", customer)}
    changed = await live_api.mutate(
        agent,
        "changeContact",
        {**of_customer, "kind": "EMAIL", "value": "wang@example.cn"},
        "contactPoint { id value } customer { contactPoints { edges { node { kind value } } } }",
    )
    assert changed["contactPoint"]["value"] == "w***@example.cn"
    listed = [edge["node"]["value"] for edge in changed["customer"]["contactPoints"]["edges"]]
    assert listed == ["138****8000", "w***@example.cn"]
    seeing = {"id": changed["contactPoint"]["id"], "reason": "客户要求发送合同"}
    shown = await live_api.mutate(agent, "revealContact", seeing, "value contactPoint { value }")
    assert (shown["value"], shown["contactPoint"]["value"]) == ("wang@example.cn", "w***@example.cn")
    refused = await live_api.mutate(agent, "revealContact", seeing | {"reason": " "}, "value")
    assert refused == {"value": None, "userErrors": [{"code": "REASON_NEEDED", "path": ["input", "reason"]}]}
    again = {**of_customer, "kind": "EMAIL", "value": "WANG@example.cn"}
    assert await live_api.refused(agent, "changeContact", again) == ["CONTACT_EXISTS"]
    consent = {
        **of_customer,
        "purpose": "SURVEY",
        "decision": "WITHDRAWN",
        "textVersion": "v3",
        "channel": "PHONE",
        "evidence": "录音",
    }
    flags = await live_api.mutate(agent, "recordConsent", consent, "customer { consentSurvey }")
    assert flags["customer"] == {"consentSurvey": False}


async def test_calls_and_tasks(live_api: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
    consultant = live_api.actor(("SALES_CONSULTANT", "a1"), employee=desk.people["consultant"])
    about = {"orderId": live_api.id("SalesOrder", rows["SalesOrder"])}
    call = {"kind": "DELIVERY_CALL", "startedAt": "2026-09-07T02:00:00Z", "connected": True, "result": "OK"}
    logged = await live_api.mutate(consultant, "logCall", call | about, "call { id kind connected }")
    assert logged["call"]["kind"] == "DELIVERY_CALL"
    task = {"id": live_api.id("FollowUpTask", rows["FollowUpTask"]), "callId": logged["call"]["id"], "outcome": "满意"}
    assert await live_api.refused(consultant, "closeFollowUpTask", task | {"expectedVersion": 5}) == ["STALE_VERSION"]
    other = task | {"callId": live_api.id("Call", rows["Call"])}
    assert await live_api.refused(consultant, "closeFollowUpTask", other) == ["EVIDENCE"]
    closed = await live_api.mutate(consultant, "closeFollowUpTask", task, "followUpTask { state outcome }")
    assert closed["followUpTask"] == {"state": "DONE_ON_TIME", "outcome": "满意"}
    assert await live_api.refused(consultant, "closeFollowUpTask", task) == ["WRONG_STATE"]
    assert await live_api.refused(consultant, "logCall", call) == ["INVALID"]


async def test_surveys(live_api: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
    agent = live_api.actor(("CS_AGENT", "a1"), employee=desk.people["agent"])
    manager = live_api.actor(("CS_MANAGER", "a1"), employee=desk.people["cs_manager"])
    gm = live_api.actor(("STORE_GM", "a1"))
    response = {"id": live_api.id("Response", rows["Response"]), "reason": "答案雷同"}
    shows = "response { id integrity version }"
    stale = response | {"expectedVersion": 9}
    assert await live_api.refused(manager, "quarantineResponse", stale) == ["STALE_VERSION"]
    for verb, who, state in (
        ("quarantineResponse", manager, "QUARANTINED"),
        ("clearResponse", gm, "OK"),
        ("quarantineResponse", manager, "QUARANTINED"),
        ("voidResponse", gm, "VOID"),
    ):
        if state in ("OK", "VOID"):
            assert await live_api.refused(manager, verb, response) == ["SAME_PERSON"]
        assert (await live_api.mutate(who, verb, response, shows))["response"]["integrity"] == state
    order = {"orderId": live_api.id("SalesOrder", rows["SalesOrder"]), "answers": []}
    form = await live_api.mutate(agent, "recordDeliveryForm", order, "response { mode } salesOrder { id }")
    assert form["response"] == {"mode": "ASSISTED_AT_DELIVERY"}
    assert await live_api.refused(agent, "recordDeliveryForm", order) == ["FORM_EXISTS"]
    invitation = {"invitationId": live_api.id("Invitation", rows["Invitation"]), "answers": []}
    assert await live_api.refused(agent, "recordInterview", invitation) == ["INVALID"]
    answers = [{"question": key, "values": list(values)} for key, values in FORM.items()]
    second = await desk.order(await desk.customer())
    async with desk.work() as work:
        planned = await plan_purchase_survey(work, second)
    assert planned is not None
    asked = {"invitationId": live_api.id("Invitation", planned), "answers": answers}
    told = await live_api.mutate(agent, "recordInterview", asked, "response { mode overall } invitation { state }")
    assert (told["response"]["mode"], told["invitation"]["state"]) == ("PHONE_INTERVIEW", "COMPLETED")


async def test_questionnaires(live_api: LiveApi, desk: Desk) -> None:
    quality, director = live_api.actor(("HQ_QUALITY", None)), live_api.actor(("HQ_DIRECTOR", None))
    body = to_json(SEEDS[0]) | {"code": f"T{100 + new_id().int % 900}"}
    shows = "surveyTemplate { id code number state body }"
    made = (await live_api.mutate(quality, "draftSurveyTemplate", {"body": body}, shows))["surveyTemplate"]
    assert (made["code"], made["state"], made["body"]) == (body["code"], "DRAFT", body)
    wrong = await live_api.mutate(quality, "draftSurveyTemplate", {"body": body | {"purpose": None}})
    assert wrong["userErrors"] == [{"code": "INVALID", "path": ["input", "body", "purpose"]}]
    await live_api.mutate(quality, "changeSurveyTemplate", {"id": made["id"], "body": body})
    states = []
    for verb, who in (("submit", quality), ("return", director), ("submit", quality), ("publish", quality)):
        payload = await live_api.mutate(who, f"{verb}SurveyTemplate", {"id": made["id"]}, shows)
        states.append((payload["surveyTemplate"] or {}).get("state") or payload["userErrors"][0]["code"])
    assert states == ["IN_REVIEW", "DRAFT", "IN_REVIEW", "SAME_PERSON"]
    for verb, state in (("publish", "PUBLISHED"), ("retire", "RETIRED")):
        payload = await live_api.mutate(director, f"{verb}SurveyTemplate", {"id": made["id"]}, shows)
        assert payload["surveyTemplate"]["state"] == state
    assert await live_api.refused(quality, "changeSurveyTemplate", {"id": made["id"], "body": body}) == ["IMMUTABLE"]
    await live_api.mutate(quality, "draftSurveyTemplate", {"body": body})
    listing = "{ group { surveyTemplates { code state } } }"
    for actor, drafts in ((quality, True), (live_api.actor(("TECHNICIAN", "a1")), False)):
        listed = (await live_api.data(actor, listing))["group"]["surveyTemplates"]
        assert ({"code": body["code"], "state": "DRAFT"} in listed) is drafts


async def test_settings_and_schemes(live_api: LiveApi) -> None:
    quality, director = live_api.actor(("HQ_QUALITY", None)), live_api.actor(("HQ_DIRECTOR", None))
    setting = {"key": "surveys.language", "value": "en", "validFrom": "2030-01-01", "storeId": live_api.store_id("a2")}
    shows = "setting { key value store validFrom locked }"
    made = (await live_api.mutate(quality, "setSetting", setting, shows))["setting"]
    assert made == {
        "key": "surveys.language",
        "value": "en",
        "store": live_api.store_id("a2"),
        "validFrom": "2030-01-01",
        "locked": False,
    }
    wrong = await live_api.mutate(quality, "setSetting", setting | {"value": "fr"})
    assert wrong["userErrors"] == [{"code": "INVALID", "path": ["input", "value", "surveys.language"]}]
    gm = live_api.actor(("STORE_GM", "a2"))
    query = "query($id: ID!) { group { settings(storeId: $id) { key value validFrom } } }"
    listed = (await live_api.data(gm, query, {"id": live_api.store_id("a2")}))["group"]["settings"]
    assert {"key": "surveys.language", "value": "en", "validFrom": "2030-01-01"} in listed

    body = SEED_SCHEMES[0].to_json() | {"code": f"LIVE-{new_id().hex[:8].upper()}"}
    shows = "scheme { id number state approvedBy }"
    written = (await live_api.mutate(quality, "writeScheme", {"body": body}, shows))["scheme"]
    assert (written["number"], written["state"]) == (1, "DRAFT")
    refused = await live_api.mutate(quality, "writeScheme", {"body": body | {"pass_mark": "high"}})
    assert refused["userErrors"] == [{"code": "INVALID", "path": ["input", "body", "pass_mark"]}]
    approved = (await live_api.mutate(director, "approveScheme", {"id": written["id"]}, shows))["scheme"]
    assert (approved["state"], approved["approvedBy"]) == ("ACTIVE", director.key)
    assert await live_api.refused(director, "approveScheme", {"id": written["id"]}) == ["WRONG_STATE"]


async def test_accounts_and_tokens(live_api: LiveApi, desk: Desk) -> None:
    admin = live_api.actor(("GROUP_ADMIN", None))
    name = f"p{new_id().hex}"
    shows = "account { id name state memberships { id role store validTo } }"
    made = (await live_api.mutate(admin, "createAccount", {"name": name, "displayName": "欧阳试"}, shows))["account"]
    assert await live_api.refused(admin, "createAccount", {"name": name, "displayName": "x"}) == ["NAME_TAKEN"]
    of_account = {"id": made["id"]}
    role = {"accountId": made["id"], "role": "CS_AGENT", "storeId": live_api.store_id("a1")}
    assert await live_api.refused(admin, "addMembership", role | {"employeeNo": "E99"}) == ["NO_EMPLOYEE"]
    given = await live_api.mutate(admin, "addMembership", role | {"employeeNo": "E5"}, shows)
    [member] = given["account"]["memberships"]
    assert (member["role"], member["store"], member["validTo"]) == ("CS_AGENT", live_api.store_id("a1"), None)
    assert await live_api.refused(admin, "setPassword", of_account | {"password": "123"}) == ["WEAK_PASSWORD"]
    assert await live_api.refused(admin, "setPassword", of_account | {"password": "correct horse battery"}) == []
    token = await live_api.mutate(admin, "issueToken", {"accountId": made["id"], "label": "tool"}, "id token expiresAt")
    assert token["token"].startswith("fct_")
    listing = "query($id: ID) { group { tokens(accountId: $id) { id label revokedAt } } }"
    listed = (await live_api.data(admin, listing, of_account))["group"]["tokens"]
    assert listed == [{"id": token["id"], "label": "tool", "revokedAt": None}]
    assert (await live_api.mutate(admin, "revokeToken", {"id": token["id"]}, "id"))["id"] == token["id"]
    ended = (await live_api.mutate(admin, "endMembership", {"id": member["id"]}, shows))["account"]
    assert ended["memberships"][0]["validTo"] is not None
    for verb, state in (("disableAccount", "DISABLED"), ("enableAccount", "ACTIVE")):
        assert (await live_api.mutate(admin, verb, of_account, shows))["account"]["state"] == state


async def test_sessions_second_factors_and_password_links(live_api: LiveApi, desk: Desk) -> None:
    admin = live_api.actor(("GROUP_ADMIN", None))
    name = f"p{new_id().hex}"
    given = {"name": name, "displayName": "欧阳试", "invite": True}
    assert await live_api.refused(admin, "createAccount", given) == ["NO_EMAIL"]
    made = (await live_api.mutate(admin, "createAccount", given | {"email": f"{name}@example.com"}, "account { id }"))[
        "account"
    ]
    of_account = {"accountId": made["id"]}
    account = live_api.context(admin).resolve_of_group(made["id"], "Account")
    async with control_session(live_api.platform.engines) as session:
        by = SignInBy(address="203.0.113.7", user_agent="Mozilla/5.0 (iPhone) Safari/605")
        opened = [await open_session(session, account, by=by, clock=live_api.clock) for _ in range(3)]
        await record_sign_in(session, account, outcome="SUCCEEDED", by=by, clock=live_api.clock)
    query = """query($id: ID) { group { sessions(accountId: $id) { id address current device { browser system } }
                 signIns(accountId: $id) { outcome } secondFactor(accountId: $id) { since recoveryCodesLeft } } }"""
    seen = (await live_api.data(admin, query, {"id": made["id"]}))["group"]
    assert [item["device"] for item in seen["sessions"]] == [{"browser": "Safari", "system": "iPhone"}] * 3
    assert seen["signIns"] == [{"outcome": "SUCCEEDED"}]
    assert seen["secondFactor"] == {"since": None, "recoveryCodesLeft": 0}
    first = seen["sessions"][0]["id"]
    assert (await live_api.mutate(admin, "endSession", {"id": first}, "id"))["id"] == first
    assert (await live_api.mutate(admin, "endSessionsOf", of_account, "count"))["count"] == 2
    assert len(opened) == 3 and (await live_api.data(admin, query, {"id": made["id"]}))["group"]["sessions"] == []
    removal = of_account | {"reason": "met in person"}
    assert await live_api.refused(admin, "removeSecondFactor", removal) == ["NO_SECOND_FACTOR"]
    assert await live_api.refused(admin, "removeSecondFactor", of_account | {"reason": " "}) == ["REASON_NEEDED"]
    assert await live_api.refused(admin, "sendPasswordLink", of_account) == []
    for required in (True, False):
        answer = await live_api.mutate(admin, "requireSecondFactor", {"required": required}, "required")
        assert answer["required"] is required
        state = await live_api.data(admin, "{ group { secondFactor { required } } }")
        assert state["group"]["secondFactor"]["required"] is required


async def test_ones_own_account(live_api: LiveApi) -> None:
    admin = live_api.actor(("GROUP_ADMIN", None))
    given = {"name": f"p{new_id().hex}", "displayName": "欧阳试"}
    made = (await live_api.mutate(admin, "createAccount", given, "account { id }"))["account"]
    account = live_api.context(admin).resolve_of_group(made["id"], "Account")
    person = live_api.actor(("CS_AGENT", "a1"), account=account)
    assert await live_api.refused(person, "setOwnLanguage", {"language": "tlh"}) == ["INVALID"]
    assert await live_api.refused(person, "setOwnLanguage", {"language": "en"}) == []
    query = (
        "{ viewer { account { id language } sessions { id } signIns { id } tokens { id } secondFactor { required } } }"
    )
    seen = (await live_api.data(person, query))["viewer"]
    assert seen["account"] == {"id": made["id"], "language": "en"}
    assert (seen["sessions"], seen["signIns"], seen["tokens"]) == ([], [], [])
    assert (await live_api.mutate(person, "endOtherSessions", {}, "count"))["count"] == 0
    answer = await live_api.run(person, "{ viewer { signIns(first: 201) { id } } }")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    program = replace(person, account_id=None)
    answer = await live_api.run(program, "{ viewer { account { id } } }")
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_accounts_are_paged_by_name(live_api: LiveApi) -> None:
    admin = live_api.actor(("GROUP_ADMIN", None))
    for _ in range(3):
        await live_api.mutate(admin, "createAccount", {"name": f"page.{new_id().hex}", "displayName": "x"})
    query = """query($after: String) { group { accounts(first: 2, after: $after) {
                 edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    names, after, more = [], None, True
    while more:
        page = (await live_api.data(admin, query, {"after": after}))["group"]["accounts"]
        names += [edge["node"]["name"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert len(names) < 10_000
    assert names == sorted(set(names))
    assert len(names) >= 3
    for wrong in ("x", "", "YWNjb3VudDr/", "客", "c3RvcmU6YQ=="):
        answer = await live_api.run(admin, query, {"after": wrong})
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_refusals_speak_the_callers_language(live_api: LiveApi) -> None:
    admin = live_api.actor(("GROUP_ADMIN", None))
    document = "mutation($input: CreateAccountInput!) { createAccount(input: $input) { userErrors { message } } }"
    said = {}
    for language in ("en", "zh-CN"):
        answer = await live_api.run(admin, document, {"input": {"name": "!", "displayName": "x"}}, language=language)
        said[language] = answer["data"]["createAccount"]["userErrors"][0]["message"]
    assert said == {"en": "The input is not valid.", "zh-CN": "输入无效。"}
