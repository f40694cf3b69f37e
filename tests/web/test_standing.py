"""Looking as a role and standing in, as pages: the banner that cannot be overlooked, its button, and the forms."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from forecourt.auth.actor import Membership
from forecourt.tenancy.ids import new_id
from tests.web.conftest import sign_in
from tests.web.fake import FakeDesk, store_id
from tests.web.fake_rows import MONTH

STORE = f"/stores/HX01/months/{MONTH}"
UNTIL = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)


def look(desk: FakeDesk, role: str) -> None:
    """The only session begins to look as a role at HX01."""
    [(cookie, (actor, session))] = desk.sessions.items()
    desk.sessions[cookie] = actor.looking_as(Membership(role, store_id("HX01")), new_id(), UNTIL), session


def token(desk: FakeDesk) -> str:
    return next(iter(desk.sessions.values()))[1].csrf_token


@pytest.mark.parametrize(("language", "says"), [("en", "You are looking as"), ("zh-CN", "您正在以")])
def test_every_page_of_a_look_says_so_and_has_the_button_that_ends_it(
    client: TestClient, desk: FakeDesk, language: str, says: str
) -> None:
    sign_in(client, "gm")
    client.cookies.set("forecourt-language", language, domain="testserver.local")
    assert says not in client.get(STORE).text
    look(desk, "SALES_MANAGER")
    for path in (STORE, f"{STORE}/kpis/S01", "/standing", "/view-as"):
        text = client.get(path).text
        assert says in text, path
        assert 'action="/view-as/end"' in text, path
    desk.asked.clear()
    answer = client.post("/view-as/end", data={"csrf": token(desk)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert [name for name, _, _ in desk.asked] == ["end_view_as"]


def test_a_look_is_offered_what_the_role_is_offered(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "auditor")
    look(desk, "STORE_GM")
    text = client.get(STORE).text
    assert "HX01" in text
    assert client.get("/").headers["location"] == STORE


def test_what_a_look_may_not_do_is_said_in_words(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "gm")
    look(desk, "STORE_GM")
    desk.fail_with = "VIEW_ONLY"
    answer = client.post(f"{STORE}/approve", data={"csrf": token(desk), "id": "run-1", "version": "3"})
    assert answer.status_code == 403
    assert "以角色查看时不能更改任何内容。" in answer.text


def test_a_look_begins_by_a_form_with_a_token(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "auditor")
    form = {"role": "STORE_GM", "store": "Store:HX01", "minutes": "10", "reason": "支持", "employee": "", "region": ""}
    assert client.post("/view-as", data=form).status_code == 403
    desk.asked.clear()
    answer = client.post("/view-as", data={**form, "csrf": token(desk)})
    assert answer.headers["location"] == "/"
    [(name, variables, _)] = desk.asked
    assert (name, variables["input"]["storeId"], variables["input"]["minutes"]) == ("start_view_as", "Store:HX01", 10)
    desk.refuse = "REASON_NEEDED"
    assert (
        client.post("/view-as", data={**form, "csrf": token(desk)}).headers["location"]
        == "/view-as?refused=REASON_NEEDED"
    )


def test_who_may_not_look_has_neither_link_nor_form(client: TestClient) -> None:
    sign_in(client, "seller")
    assert 'href="/view-as"' not in client.get(f"/me/{MONTH}").text
    assert client.get("/view-as").status_code == 403


def test_a_colleague_is_chosen_and_stands_in_until_the_end_of_a_day(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "gm")
    page = client.get("/standing").text
    assert "张伟 &lt;b&gt;" in page
    assert "/standing/new?role=membership-0" in page
    assert "account-2" in client.get("/standing/new?role=membership-0").text
    form = {"membership": "membership-0", "account": "account-2", "from": "", "to": "2026-12-01", "reason": "年假"}
    desk.asked.clear()
    answer = client.post("/standing", data={**form, "csrf": token(desk)})
    assert answer.headers["location"] == "/standing?done=delegated"
    given = desk.asked[-1][1]["input"]
    assert (given["validFrom"], given["validTo"]) == (None, "2026-12-01T23:59:59+08:00")
    assert client.post("/standing", data={**form, "to": "soon", "csrf": token(desk)}).headers["location"] == (
        "/standing?refused=INVALID"
    )
    answer = client.post("/standing/end", data={"id": "delegation-1", "csrf": token(desk)})
    assert answer.headers["location"] == "/standing?done=ended"


def test_a_stand_in_has_no_month_of_the_person_they_cover(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "seller")
    [(cookie, (actor, session))] = desk.sessions.items()
    lent = Membership("SALES_CONSULTANT", store_id("HX01"), new_id(), delegated_by=new_id(), delegator="李秀英")
    desk.sessions[cookie] = replace(actor, memberships=(*actor.memberships, lent)), session
    desk.asked.clear()
    client.get(f"/me/{MONTH}")
    assert len(desk.asked[-1][1]["people"]) == 1
