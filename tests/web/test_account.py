"""The account pages over the real application: sessions, password, second factor, letters."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from forecourt.auth.steps import COOKIE as STEP
from forecourt.auth.steps import MOST_TRIES
from forecourt.auth.web_sessions import COOKIE
from tests.conftest import World
from tests.web.site import PASSWORD, Site, browser_of, cheap_passwords, code_of, csrf, key_in, link_in

OTHER = "seven loud geese paint"


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    with cheap_passwords():
        made = Site(world, tmp_path)
        made.sql("delete from control.sign_in_attempt")
        yield made
        made.require_second_factor(False)


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    with browser_of(site) as made:
        yield made


def enter(client: TestClient, name: str, password: str = PASSWORD) -> str:
    """Sign in with a password; where it leads."""
    answer = client.post("/sign-in", data={"name": name, "password": password, "next": "/account"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def enrol(client: TestClient) -> tuple[str, list[str]]:
    """Set up a device on the account page: its seed, and the recovery codes."""
    token = csrf(client.get("/account").text)
    assert client.post("/account/second-factor/begin", data={"csrf": token}).status_code == 303
    page = client.get("/account/second-factor").text
    seed = key_in(page)
    answer = client.post("/account/second-factor", data={"csrf": csrf(page), "code": code_of(seed)})
    assert answer.status_code == 200, answer.text
    assert csrf(answer.text) == csrf(client.get("/account").text), "the page's forms work under the new cookie"
    return seed, re.findall(r"<code>([A-Z2-9-]{27})</code>", answer.text)


def stale(site: Site) -> None:
    """Eleven minutes pass for every session's proof."""
    site.sql("update control.web_session set proved_at = proved_at - interval '11 minutes'")


def outcomes(site: Site, account: object) -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in site.sql(
            "select method, outcome from control.sign_in_event where account_id = %s order by at, id", account
        )
    ]


def test_the_page_shows_sessions_history_and_tokens_and_is_for_people_who_are_signed_in(
    site: Site, client: TestClient
) -> None:
    name, account = site.account()
    assert client.get("/account").headers["location"].startswith("/sign-in")
    assert client.post("/sign-in", data={"name": name, "password": "wrong"}).status_code == 401
    assert enter(client, name) == "/account"
    page = client.get("/account").text
    assert "This browser" in page and "Firefox · Windows" in page and "203.0.113.7" in page
    assert "Wrong password" in page and "Signed in" in page and "No token is valid." in page
    assert outcomes(site, account) == [("PASSWORD", "WRONG_PASSWORD"), ("PASSWORD", "SUCCEEDED")]


def test_ending_other_sessions_wants_a_fresh_proof_and_ends_them(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    with browser_of(site, "198.51.100.9") as elsewhere:
        enter(elsewhere, name)
        stale(site)
        token = csrf(client.get("/account").text)
        asked = client.post("/account/sessions/end-others", data={"csrf": token})
        assert asked.headers["location"] == "/account/prove?next=%2Faccount"
        assert elsewhere.get("/account").status_code == 200
        wrong = client.post("/account/prove", data={"csrf": token, "password": "wrong", "next": "/account"})
        assert wrong.status_code == 401 and "The password is wrong." in wrong.text
        before = client.cookies[COOKIE]
        proved = client.post("/account/prove", data={"csrf": token, "password": PASSWORD, "next": "/account"})
        assert proved.headers["location"] == "/account"
        assert client.cookies[COOKIE] != before
        done = client.post("/account/sessions/end-others", data={"csrf": csrf(client.get("/account").text)})
        assert done.headers["location"] == "/account?done=sessions-ended"
        assert elsewhere.get("/account").status_code == 303
        assert client.get("/account").status_code == 200


def test_one_session_is_ended_by_its_id_and_nobody_elses(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    victim, _ = site.account(role="HQ_ANALYST")
    enter(client, victim)
    theirs = re.findall(r'name="id" value="([^"]+)"', client.get("/account").text)
    assert theirs == []
    with browser_of(site) as one, browser_of(site) as two:
        enter(one, name)
        enter(two, name)
        page = one.get("/account").text
        [other] = re.findall(r'name="id" value="([^"]+)"', page)
        answer = client.post("/account/sessions/end", data={"csrf": csrf(client.get("/account").text), "id": other})
        assert answer.status_code == 404
        assert two.get("/account").status_code == 200
        answer = one.post("/account/sessions/end", data={"csrf": csrf(page), "id": other})
        assert answer.headers["location"] == "/account?done=session-ended"
        assert two.get("/account").status_code == 303


def test_a_form_of_another_session_changes_nothing(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    for path in ("language", "sessions/end-others", "second-factor/begin", "second-factor/remove", "password"):
        assert client.post(f"/account/{path}", data={"csrf": "0" * 64}).status_code == 403, path
        assert client.post(f"/account/{path}", data={}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_changing_the_password_asks_for_the_old_one_and_ends_what_it_opened(site: Site, client: TestClient) -> None:
    name, account = site.account()
    enter(client, name)
    with browser_of(site) as elsewhere:
        enter(elsewhere, name)
        token = csrf(client.get("/account/password").text)
        form = {"csrf": token, "current": PASSWORD, "password": OTHER, "again": OTHER, "tokens": "end"}
        for change, word in (
            ({"again": "x"}, "not the same"),
            ({"current": "wrong"}, "present password is wrong"),
            ({"password": "password1234", "again": "password1234"}, "too easy to guess"),
            ({"password": PASSWORD, "again": PASSWORD}, "is the present password"),
        ):
            answer = client.post("/account/password", data=form | change)
            assert answer.status_code in (401, 422) and word in answer.text, word
        before = client.cookies[COOKIE]
        answer = client.post("/account/password", data=form)
        assert answer.headers["location"] == "/account?done=password"
        assert client.cookies[COOKIE] != before
        assert elsewhere.get("/account").status_code == 303
    with browser_of(site) as again:
        assert again.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 401
        enter(again, name, OTHER)
    [letter] = site.letters()
    assert "password was changed" in letter["subject"] and OTHER not in letter["text"]
    audit = site.sql("select action, before, after from control.audit_event where entity_id = %s", account)
    assert "accounts.change_password" in {row[0] for row in audit}
    assert OTHER not in str(audit) and PASSWORD not in str(audit)


def test_two_step_sign_in_with_a_device(site: Site, client: TestClient) -> None:
    name, account = site.account()
    enter(client, name)
    before = client.cookies[COOKIE]
    seed, codes = enrol(client)
    assert len(set(codes)) == 10
    assert client.cookies[COOKIE] != before
    assert [letter["subject"].rpartition(": ")[2] for letter in site.letters()] == ["a second factor was set up"]
    with browser_of(site) as other:
        assert enter(other, name) == "/sign-in/code?next=%2Faccount"
        assert COOKIE not in other.cookies
        assert other.get("/account").status_code == 303
        assert other.get("/sign-in/code").status_code == 200
        replay = other.post("/sign-in/code", data={"code": code_of(seed), "next": "/account"})
        assert replay.status_code == 401, "the code that confirmed the device is used up"
        done = other.post("/sign-in/code", data={"code": code_of(seed, 1), "next": "/account"})
        assert done.headers["location"] == "/account"
        assert STEP not in other.cookies
        assert "Password and code" in other.get("/account").text
    assert outcomes(site, account)[-3:] == [
        ("PASSWORD", "CODE_ASKED"),
        ("PASSWORD_AND_CODE", "WRONG_CODE"),
        ("PASSWORD_AND_CODE", "SUCCEEDED"),
    ]
    seeds = site.sql("select seed_enc from control.second_factor where account_id = %s", account)
    assert seed.encode() not in bytes(seeds[0][0])


def test_a_recovery_code_opens_once_and_its_person_hears_of_it(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    _, codes = enrol(client)
    site.letters()
    for expected in (303, 401):
        with browser_of(site) as other:
            enter(other, name)
            answer = other.post("/sign-in/code", data={"code": codes[0].lower().replace("-", " ")})
            assert answer.status_code == expected
    assert ["recovery code was used" in letter["subject"] for letter in site.letters()] == [True]
    assert "9 recovery codes are left." in client.get("/account").text


def test_a_step_is_bound_to_its_browser_and_to_few_tries(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    seed, _ = enrol(client)
    site.letters()
    with browser_of(site) as other, browser_of(site, **{"User-Agent": "curl/8"}) as thief:
        enter(other, name)
        thief.cookies.set(STEP, other.cookies[STEP], domain="testserver.local")
        assert thief.post("/sign-in/code", data={"code": code_of(seed, 1)}).headers["location"].startswith("/sign-in")
        answers = [other.post("/sign-in/code", data={"code": "000000"}).status_code for _ in range(MOST_TRIES)]
        assert answers == [401] * MOST_TRIES
        over = other.post("/sign-in/code", data={"code": code_of(seed, 1)})
        assert over.headers["location"].startswith("/sign-in")
        assert COOKIE not in other.cookies
    [letter] = site.letters()
    assert "knows your password" in letter["subject"]


def test_guessed_codes_slow_the_guesser_and_not_the_person(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    seed, _ = enrol(client)
    with browser_of(site, "203.0.113.7") as home:
        enter(home, name)
        assert home.post("/sign-in/code", data={"code": code_of(seed, 1)}).status_code == 303
    statuses = []
    for number in range(6):
        with browser_of(site, f"198.51.100.{number + 1}") as attacker:
            enter(attacker, name)
            statuses += [attacker.post("/sign-in/code", data={"code": "000000"}).status_code for _ in range(5)]
    assert statuses[:20] == [401] * 20 and set(statuses[20:]) == {429}
    # a code of a later step than the one that was used
    site.sql("update control.second_factor set last_step = last_step - 2 where confirmed_at is not null")
    with browser_of(site, "203.0.113.7") as home:
        enter(home, name)
        assert home.post("/sign-in/code", data={"code": code_of(seed)}).status_code == 303


def test_a_group_that_wants_a_second_factor_sends_to_set_it_up_before_any_session(
    site: Site, client: TestClient
) -> None:
    name, _ = site.account()
    site.require_second_factor(True)
    assert enter(client, name) == "/sign-in/enrol?next=%2Faccount"
    assert client.get("/account").status_code == 303
    assert client.post("/sign-in/code", data={"code": "000000"}).status_code == 303
    page = client.get("/sign-in/enrol").text
    seed = key_in(page)
    assert key_in(client.get("/sign-in/enrol").text) == seed, "reloading keeps what the app has scanned"
    assert client.post("/sign-in/enrol", data={"code": "000000"}).status_code == 422
    done = client.post("/sign-in/enrol", data={"code": code_of(seed), "next": "/account"})
    assert done.status_code == 200 and len(re.findall(r"<code>[A-Z2-9-]{27}</code>", done.text)) == 10
    page = client.get("/account").text
    assert "Password and code" in page and "/account/second-factor/remove" not in page
    refused = client.post("/account/second-factor/remove", data={"csrf": csrf(page)})
    assert refused.headers["location"] == "/account?refused=SECOND_FACTOR_REQUIRED"


def test_who_knows_the_password_only_does_not_replace_a_device_that_was_set_up_meanwhile(
    site: Site, client: TestClient
) -> None:
    name, account = site.account()
    site.require_second_factor(True)
    with browser_of(site, "198.51.100.5") as thief:
        for browser in (client, thief):
            assert enter(browser, name).startswith("/sign-in/enrol")
        seed = key_in(client.get("/sign-in/enrol").text)
        assert client.post("/sign-in/enrol", data={"code": code_of(seed)}).status_code == 200
        for answer in (thief.get("/sign-in/enrol"), thief.post("/sign-in/enrol", data={"code": code_of(seed, 1)})):
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?")
        assert COOKIE not in thief.cookies
        assert enter(thief, name).startswith("/sign-in/code")
    assert site.sql("select count(*) from control.second_factor where account_id = %s", account) == [(1,)]


def test_removing_the_device_wants_password_and_code(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    seed, _ = enrol(client)
    stale(site)
    page = client.get("/account/prove?next=/account").text
    assert "One-time code" in page
    form = {"csrf": csrf(page), "password": PASSWORD, "code": "000000", "next": "/account"}
    assert client.post("/account/prove", data=form).status_code == 401
    assert client.post("/account/second-factor/remove", data={"csrf": csrf(page)}).headers["location"] != "/account"
    assert client.post("/account/prove", data=form | {"code": code_of(seed, 1)}).status_code == 303
    done = client.post("/account/second-factor/remove", data={"csrf": csrf(client.get("/account").text)})
    assert done.headers["location"] == "/account?done=factor-removed"
    assert site.letters()[-1]["subject"] != ""
    with browser_of(site) as other:
        assert enter(other, name) == "/account"


def test_the_second_factor_survives_a_reset(site: Site, client: TestClient) -> None:
    name, _ = site.account()
    enter(client, name)
    enrol(client)
    site.letters()
    with browser_of(site) as other:
        other.post("/forgot", data={"name": name})
        [letter] = site.letters(1)
        path = link_in(letter)
        assert other.get(path).status_code == 200
        assert (
            other.post(path, data={"password": OTHER, "again": OTHER}).headers["location"] == "/sign-in?done=password"
        )
        assert enter(other, name, OTHER).startswith("/sign-in/code")


def test_the_api_takes_no_cookie(site: Site, client: TestClient) -> None:
    """So that a form of another site can do nothing there, whatever the browser sends along."""
    name, _ = site.account()
    enter(client, name)
    query = {"query": "mutation { endOtherSessions(input: {}) { count } }"}
    json = {"Accept": "application/json"}
    assert client.post("/graphql", json=query, headers=json).status_code == 401
    assert client.get("/graphql", params={"query": "{ viewer { name } }"}, headers=json).status_code == 401
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post("/graphql", content=b"query=%7B__typename%7D", headers=json | {"Content-Type": kind})
        assert answer.status_code == 415, kind
