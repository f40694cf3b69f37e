"""Joiners, movers and leavers: what the directory says is what people may do, at once and in their own group only."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from forecourt.app import build_app
from forecourt.auth import accounts, tokens, web_sessions
from forecourt.auth.identify import TTL
from forecourt.domain.accounts import actions
from forecourt.domain.directory.access import add_mapping
from forecourt.domain.work import GroupWork, Platform
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import control_session
from tests.conftest import World
from tests.web.scim.conftest import PATCH, USER, Directory, connect, fresh

VIEWER = {"query": "{ viewer { name } }"}


def token_of(directory: Directory, person: dict[str, Any]) -> str:
    """A bearer token of a provisioned account."""
    issued = directory.work(
        lambda work: actions.issue_token(work, UUID(person["id"]), label="x", lifetime=timedelta(days=1))
    )
    return issued.clear


def cookie_of(directory: Directory, person: dict[str, Any]) -> str:
    """The cookie of a web session of a provisioned account."""
    platform: Platform = directory.client.app.state.platform  # type: ignore[attr-defined]

    async def opened() -> str:
        async with control_session(platform.engines) as session:
            return (await web_sessions.open_session(session, UUID(person["id"]))).cookie

    assert directory.client.portal is not None
    return directory.client.portal.call(opened)


def api_status(client: TestClient, token: str) -> int:
    """How the API answers a bearer token."""
    return client.post("/graphql", json=VIEWER, headers={"Authorization": f"Bearer {token}"}).status_code


def page_status(client: TestClient, cookie: str) -> int:
    """How the pages answer a session cookie: 303 sends to the sign-in."""
    headers = {"Cookie": f"{web_sessions.COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    return client.get("/", headers=headers, follow_redirects=False).status_code


def test_a_joiner_gets_an_account_that_may_do_nothing_yet(directory: Directory) -> None:
    name = fresh().upper()
    made = directory.create(
        name,
        externalId="E-1",
        displayName="李雷",
        name={"familyName": "李", "givenName": "雷"},
        emails=[{"value": "home@example.com"}, {"value": "li.lei@example.com", "type": "work"}],
        preferredLanguage="en-GB",
        phoneNumbers=[{"value": "13800138000"}],
    )
    assert made["userName"] == name.lower()
    assert "phoneNumbers" not in made
    [row] = directory.rows(
        "select name, display_name, email, language, state, password_hash from control.account where id = %s",
        made["id"],
    )
    assert row == (name.lower(), "李雷", "li.lei@example.com", "en", "ACTIVE", None)
    assert directory.roles(made) == set()
    [audited] = directory.rows(
        "select actor, action from control.audit_event where entity_id = %s and action like 'directory%%'",
        made["id"],
    )
    assert audited[0].startswith("scim:")
    assert directory.rows("select 1 from control.scim_user where attributes::text like %s", "%13800138000%") == []


@pytest.mark.parametrize("end", ["replace", "patch", "entra", "delete"])
def test_a_leavers_token_and_session_are_refused_by_the_next_request(
    directory: Directory, client: TestClient, end: str
) -> None:
    person = directory.create(active=True)
    token, cookie = token_of(directory, person), cookie_of(directory, person)
    path = f"/Users/{person['id']}"
    assert (api_status(client, token), page_status(client, cookie)) == (200, 200)
    if end == "replace":
        answer = directory.ask("PUT", path, {"schemas": [USER], "userName": person["userName"], "active": False})
    elif end == "patch":
        answer = directory.patch(path, {"op": "replace", "path": "active", "value": False})
    elif end == "entra":
        answer = directory.patch(path, {"op": "Replace", "value": {"active": False}})
    else:
        answer = directory.ask("DELETE", path)
    assert answer.status_code in (200, 204), answer.text
    assert api_status(client, token) == 401
    assert page_status(client, cookie) == 303
    assert directory.rows("select state from control.account where id = %s", person["id"]) == [("DISABLED",)]


def test_another_process_forgets_a_leaver_when_it_hears(directory: Directory, world: World, client: TestClient) -> None:
    person = directory.create()
    token = token_of(directory, person)
    with TestClient(build_app(world.server, world.database.settings), base_url="https://testserver") as other:
        assert api_status(other, token) == 200
        directory.ask("DELETE", f"/Users/{person['id']}")
        began = time.monotonic()
        while api_status(other, token) == 200 and time.monotonic() - began < TTL.total_seconds() - 2:
            time.sleep(0.01)
        assert api_status(other, token) == 401  # well before what is kept grows old


def test_who_comes_back_may_sign_in_again_but_old_tokens_stay_ended(directory: Directory, client: TestClient) -> None:
    person = directory.create(active=True)
    token, path = token_of(directory, person), f"/Users/{person['id']}"
    directory.patch(path, {"op": "replace", "path": "active", "value": False})
    assert directory.ask("GET", path).json()["active"] is False
    directory.patch(path, {"op": "replace", "path": "active", "value": True})
    assert directory.ask("GET", path).json()["active"] is True
    assert api_status(client, token) == 401
    assert api_status(client, token_of(directory, person)) == 200


def test_an_account_disabled_here_is_not_enabled_by_the_directory(directory: Directory) -> None:
    person = directory.create(active=True)
    directory.work(lambda work: actions.disable_account(work, UUID(person["id"])))
    path = f"/Users/{person['id']}"
    assert directory.ask("GET", path).json()["active"] is False
    directory.patch(path, {"op": "replace", "path": "active", "value": True})
    directory.patch(path, {"op": "replace", "path": "displayName", "value": "韩梅梅"})
    assert directory.rows("select state from control.account where id = %s", person["id"]) == [("DISABLED",)]


def test_a_deleted_person_frees_the_name_and_never_comes_back_as_the_same_account(directory: Directory) -> None:
    person = directory.create()
    assert directory.ask("DELETE", f"/Users/{person['id']}").status_code == 204
    assert directory.ask("GET", f"/Users/{person['id']}").status_code == 404
    assert directory.ask("DELETE", f"/Users/{person['id']}").status_code == 404
    again = directory.create(person["userName"])
    assert again["id"] != person["id"]


def test_a_taken_name_answers_the_same_wherever_it_is_taken(directory: Directory, other: Directory) -> None:
    async def local(work: GroupWork) -> UUID:
        return await accounts.create_account(work.session, work.actor, name=names[2], display_name="x")

    names = [fresh(), fresh(), fresh()]
    directory.create(names[0])
    other.create(names[1])
    directory.work(local)
    answers = [directory.ask("POST", "/Users", {"schemas": [USER], "userName": name}) for name in names]
    bodies = {answer.text for answer in answers}
    assert {answer.status_code for answer in answers} == {409}
    assert len(bodies) == 1
    assert answers[0].json()["scimType"] == "uniqueness"
    person = directory.create()
    renamed = directory.patch(f"/Users/{person['id']}", {"op": "replace", "path": "userName", "value": names[1]})
    assert (renamed.status_code, renamed.text) == (409, answers[0].text)


def test_two_creations_of_one_name_at_once_make_one_account(directory: Directory) -> None:
    name = fresh()
    body = {"schemas": [USER], "userName": name}
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(
            answer.status_code for answer in pool.map(lambda _: directory.ask("POST", "/Users", body), range(4))
        )
    assert statuses == [201, 409, 409, 409]
    assert directory.rows("select count(*) from control.account where name = %s", name) == [(1,)]


def test_a_group_sees_and_touches_nothing_of_another(directory: Directory, other: Directory) -> None:
    person = other.create(externalId="SECRET-1", displayName="SECRET")
    group = other.create_group("SECRET-GROUP", person)
    random = str(new_id())
    for path, id_ in (("/Users", person["id"]), ("/Groups", group["id"])):
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "displayName", "value": "x"}]}
        for method, sent in (("GET", None), ("PATCH", body), ("DELETE", None)):
            theirs, nobody = (directory.ask(method, f"{path}/{one}", sent) for one in (id_, random))
            assert (theirs.status_code, theirs.text) == (404, nobody.text)
        listed = directory.ask("GET", path)
        assert listed.json()["totalResults"] == 0
        for text in (f'externalId eq "{"SECRET-1"}"', f'id eq "{id_}"', 'displayName co "SECRET"'):
            assert directory.ask("GET", f"{path}?filter={text}").json()["totalResults"] == 0
    added = directory.ask("POST", "/Groups", {"schemas": [], "displayName": "g", "members": [{"value": person["id"]}]})
    nobody = directory.ask("POST", "/Groups", {"schemas": [], "displayName": "g", "members": [{"value": random}]})
    assert (added.status_code, added.text) == (nobody.status_code, nobody.text)
    assert added.status_code == 400
    assert other.ask("GET", f"/Users/{person['id']}").json()["displayName"] == "SECRET"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic eDp5", "Bearer fcd_" + "A" * 43])
def test_without_a_valid_token_nothing_is_answered(client: TestClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/Users", "/Groups", "/Schemas", "/ResourceTypes", "/Users/" + "1"):
        answer = client.get(f"/scim/v2{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/scim+json"


def test_tokens_of_people_are_no_tokens_of_directories_and_the_other_way_round(
    directory: Directory, client: TestClient
) -> None:
    person = directory.create()
    answer = client.get("/scim/v2/Users", headers={"Authorization": f"Bearer {token_of(directory, person)}"})
    assert answer.status_code == 401
    assert api_status(client, directory.token) == 401
    assert not tokens.has_form(directory.token)


def test_a_revoked_or_expired_connection_is_refused(directory: Directory, client: TestClient, world: World) -> None:
    assert directory.ask("GET", "/Users").status_code == 200
    directory.rows("update control.scim_connection set revoked_at = now() returning 1")
    assert directory.ask("GET", "/Users").status_code == 401
    short = connect(client, world, "a", days=1)
    directory.rows(
        "update control.scim_connection set created_at = now() - interval '2 days', expires_at = now() returning 1"
    )
    assert short.ask("GET", "/Users").status_code == 401


def test_pages_are_bounded_and_filters_find(directory: Directory) -> None:
    people = [directory.create(externalId=f"E-{number}", displayName=f"P{number}") for number in range(5)]
    page = directory.ask("GET", "/Users?startIndex=2&count=2").json()
    assert (page["totalResults"], [one["id"] for one in page["Resources"]]) == (5, [one["id"] for one in people[1:3]])
    assert directory.ask("GET", "/Users?count=0").json()["totalResults"] == 5
    assert directory.ask("GET", "/Users?count=100000").json()["itemsPerPage"] == 5
    found = {
        f'userName eq "{people[3]["userName"].upper()}"': [3],
        'externalId eq "E-4"': [4],
        'externalId eq "e-4"': [],
        'externalId eq "E-1" or displayName eq "p2"': [1, 2],
        'userName eq "\\u0000"': [],
        'displayName sw "P" and not (externalId eq "E-0")': [1, 2, 3, 4],
    }
    for text, expected in found.items():
        answer = directory.client.get(
            "/scim/v2/Users", params={"filter": text}, headers={"Authorization": f"Bearer {directory.token}"}
        ).json()
        assert [one["id"] for one in answer.get("Resources", [])] == [people[index]["id"] for index in expected], text
    assert directory.ask("GET", "/Users?filter=userName%20eq").status_code == 400
    assert directory.ask("GET", "/Users?sortBy=userName").status_code == 501


def test_versions_guard_changes(directory: Directory) -> None:
    person = directory.create()
    version = person["meta"]["version"]
    path = f"/Users/{person['id']}"
    change = {"op": "replace", "path": "displayName", "value": "x"}
    assert directory.patch(path, change, **{"If-Match": version}).status_code == 204
    assert directory.patch(path, change | {"value": "y"}, **{"If-Match": version}).status_code == 412
    assert directory.ask("GET", path, **{"If-None-Match": 'W/"2"'}).status_code == 304


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "张伟"},
        {"userName": ""},
        {"userName": "a b"},
        {"userName": "ok-name", "emails": [{"value": "no address"}]},
        {"userName": "ok-name", "displayName": "x" * 301},
        {"userName": "ok-name", "externalId": "\0"},
        {"userName": "ok-name", "displayName": "\0"},
        {"userName": "ok-name", "emails": [{"value": "a@b"}] * 11},
    ],
)
def test_what_cannot_be_kept_is_refused_in_scims_form(directory: Directory, body: dict[str, Any]) -> None:
    answer = directory.ask("POST", "/Users", {"schemas": [USER], **body})
    assert answer.status_code == 400, answer.text
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_a_body_that_is_too_large_or_no_json_is_refused(directory: Directory, client: TestClient) -> None:
    headers = {"Authorization": f"Bearer {directory.token}", "Content-Type": "application/scim+json"}
    assert client.post("/scim/v2/Users", content=b"x" * 2_000_001, headers=headers).status_code == 413
    assert client.post("/scim/v2/Users", content=b"{", headers=headers).status_code == 400
    assert client.post("/scim/v2/Bulk", content=b"{}", headers=headers).status_code == 501
    assert client.get("/scim/v2/Me", headers=headers).status_code == 501


def test_entra_ids_way_of_changing_an_address_works(directory: Directory) -> None:
    person = directory.create()
    path = f"/Users/{person['id']}"
    answer = directory.patch(
        path,
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
        {"op": "Replace", "path": "name.givenName", "value": "雷"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "13800138000"},
    )
    assert answer.status_code in (200, 204), answer.text
    assert directory.rows("select email from control.account where id = %s", person["id"]) == [("new@example.com",)]


def test_mapping_is_needed_before_a_group_gives_anything(directory: Directory) -> None:
    person = directory.create()
    directory.create_group("销售一部", person)
    assert directory.roles(person) == set()
    store = directory.world.stores["a1"].id
    directory.work(lambda work: add_mapping(work, by="DISPLAY_NAME", value="销售一部", role="STORE_GM", store_id=store))
    assert directory.roles(person) == {("STORE_GM", "a1")}
