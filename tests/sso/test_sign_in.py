"""Signing in at providers that others wrote, over HTTP: the whole flow, and what somebody might try instead."""

from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from forecourt.auth.oidc.config import callback_path
from forecourt.auth.web_sessions import COOKIE
from forecourt.web.sso import TRANSACTION_COOKIE
from tests.sso.conftest import Installation
from tests.sso.person import Person
from tests.sso.providers import CERTIFIED


def host(address: str) -> str:
    return urlsplit(address).netloc


def jar(installation: Installation, person: Person) -> dict[str, str]:
    """The cookies that our host has given somebody."""
    return person.cookies[host(installation.url)]


def arrive_without_redirect(installation: Installation, person: Person, **query: str) -> str:
    """Sign in up to the address that the provider sends the browser back to."""
    person.open(installation.start(**query), site="same-origin")
    installation.answer(person)
    return next(url for url in reversed(person.visited) if "/sso/callback/" in url)


def test_somebody_signs_in_and_lands_where_they_wanted(installation: Installation) -> None:
    person = Person()
    installation.sign_in(person, next="/account")
    assert (person.path, person.page.status_code) == ("/account", 200)
    assert "李雷" in person.page.text
    assert COOKIE in jar(installation, person)
    assert TRANSACTION_COOKIE not in jar(installation, person)


@pytest.mark.parametrize("wish", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_nobody_is_sent_to_another_site_afterwards(installation: Installation, wish: str) -> None:
    person = Person()
    installation.sign_in(person, next=urlencode({"": wish})[1:])
    assert host(person.url) == host(installation.url)
    assert not any("evil" in host(url) for url in person.visited)


def test_the_transaction_is_kept_in_a_short_cookie_of_this_host(installation: Installation) -> None:
    answer = Person().open(installation.start(), site="same-origin", follow=False)
    header = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(TRANSACTION_COOKIE))
    flags = {part.strip().lower() for part in header.split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=lax", "max-age=600"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)
    assert "form-action 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_link_from_elsewhere_is_answered_by_a_question(installation: Installation, site: str) -> None:
    """Else a foreign page could sign somebody in as a person of its choice (sign-in forgery)."""
    person = Person()
    person.open(installation.start(next="/account"), site=site)
    assert person.url.startswith(installation.url)
    assert "Do you want to sign in with Corp &lt;corp&gt; a?" in person.page.text
    assert TRANSACTION_COOKIE not in jar(installation, person)
    person.submit("/sign-in/sso/")
    installation.answer(person)
    assert person.path == "/account"


def test_a_form_from_elsewhere_begins_nothing(installation: Installation) -> None:
    answer = httpx2.post(installation.start(), headers={"Sec-Fetch-Site": "cross-site"}, trust_env=False)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_signing_in_gives_a_new_session_and_ends_the_old_one(installation: Installation) -> None:
    person, thief = Person(), Person()
    installation.sign_in(person)
    first = jar(installation, person)[COOKIE]
    installation.sign_in(person)
    assert jar(installation, person)[COOKIE] != first
    thief.cookies = {host(installation.url): {COOKIE: first}}
    assert thief.open(f"{installation.url}/account").url.path == "/sign-in"


def test_a_planted_cookie_does_not_become_a_session(installation: Installation) -> None:
    person = Person(cookies={host(installation.url): {COOKIE: "chosen-by-an-attacker"}})
    installation.sign_in(person)
    assert jar(installation, person)[COOKIE] != "chosen-by-an-attacker"


def test_an_answer_is_taken_once_even_with_the_cookie_of_then(installation: Installation) -> None:
    person = Person()
    person.open(installation.start(), site="same-origin", follow=False)
    kept = dict(jar(installation, person))
    person.open(str(person.onward()), site="cross-site")
    installation.answer(person)
    answer = next(url for url in reversed(person.visited) if "/sso/callback/" in url)
    again = Person(cookies={host(installation.url): kept})
    again.open(answer, site="cross-site")
    assert (again.page.status_code, COOKIE in jar(installation, again)) == (400, False)
    assert "SSO-TRANSACTION_USED" in again.page.text


def test_an_answer_in_another_browser_signs_nobody_in(installation: Installation) -> None:
    """Sign-in forgery: an attacker sends a victim the address that their own sign-in ended at."""
    attacker, victim = Person(), Person()
    answer = arrive_without_redirect(installation, attacker)
    victim.open(answer, site="cross-site")
    assert "SSO-TRANSACTION_UNKNOWN" in victim.page.text
    assert COOKIE not in jar(installation, victim)
    installation.sign_in(victim)
    before = jar(installation, victim)[COOKIE]
    victim.open(answer, site="cross-site")
    assert (victim.page.status_code, jar(installation, victim)[COOKIE]) == (400, before)


def test_an_answer_for_group_a_is_nothing_to_group_b(installation: Installation) -> None:
    person = Person()
    person.open(installation.start(letter="a"), site="same-origin")
    assert person.url.startswith(installation.provider.issuer)
    state = next(values["state"][0] for url in person.visited if "state" in (values := parse_qs(urlsplit(url).query)))
    foreign = callback_path(installation.group("b"), installation.code())
    issuer = installation.provider.issuer
    person.open(f"{installation.url}{foreign}?{urlencode({'state': state, 'code': 'x', 'iss': issuer})}")
    assert "SSO-TRANSACTION_MIXED_UP" in person.page.text
    assert COOKIE not in jar(installation, person)


def test_the_same_person_is_two_accounts_in_two_groups(installation: Installation) -> None:
    names = set()
    for letter in "ab":
        person = Person()
        person.open(installation.start(letter=letter, next="/account"), site="same-origin")
        installation.answer(person)
        assert person.path == "/account"
        names.add(jar(installation, person)[COOKIE])
    assert len(names) == 2


def test_a_provider_that_does_not_exist_is_no_page(installation: Installation) -> None:
    for path in ("/sign-in/sso/NOBODY/corp", f"/sign-in/sso/{installation.group()}/nobody", "/sign-in/sso/%00/x"):
        for site in ("same-origin", "none"):
            assert Person().open(installation.url + path, site=site).status_code == 404


@pytest.mark.parametrize(
    ("language", "words"), [("en", "You have no account here yet"), ("zh-CN", "您在这里还没有账号")]
)
def test_who_has_no_account_is_told_so_and_nothing_of_the_provider_is_shown(
    installation: Installation, language: str, words: str
) -> None:
    person = Person(language)
    installation.sign_in(person, "newcomer", code="strict")
    assert person.page.status_code == 403
    assert words in person.page.text and "SSO-NO_ACCOUNT" in person.page.text
    assert "Zoé" not in person.page.text and "new@" not in person.page.text
    assert COOKIE not in jar(installation, person)


def test_who_has_an_account_from_another_provider_gets_no_second_one(installation: Installation) -> None:
    installation.sign_in(Person(), "lilei")
    person = Person()
    installation.sign_in(person, "lilei", code="strict")
    assert (person.page.status_code, COOKIE in jar(installation, person)) == (403, False)
    assert "Your mail address is taken here" in person.page.text


def test_what_a_provider_says_of_its_refusal_is_not_shown(installation: Installation) -> None:
    person = Person()
    person.open(installation.start(), site="same-origin")
    state = next(values["state"][0] for url in person.visited if "state" in (values := parse_qs(urlsplit(url).query)))
    said = {"state": state, "error": "access_denied", "error_description": "<b>call me on 555</b>"}
    if installation.provider.kind == CERTIFIED:
        said["iss"] = installation.provider.issuer
    person.open(f"{installation.url}{callback_path(installation.group(), installation.code())}?{urlencode(said)}")
    assert "SSO-ACCESS_DENIED" in person.page.text and "You were not signed in" in person.page.text
    assert "call me on" not in person.page.text


def test_a_name_full_of_markup_stays_text(installation: Installation) -> None:
    person = Person()
    installation.sign_in(person, "stranger", next="/account")
    assert person.path == "/account"
    assert "<b onclick" not in person.page.text
    assert "&lt;b onclick" in person.page.text


def test_signing_out_ends_the_session_here_and_at_the_provider(installation: Installation) -> None:
    person = Person()
    installation.sign_in(person, next="/account")
    cookie = jar(installation, person)[COOKIE]
    person.submit("/sign-out")
    assert person.url.startswith(installation.provider.issuer)
    asked = parse_qs(urlsplit(next(url for url in reversed(person.visited) if "id_token_hint" in url)).query)
    assert asked["post_logout_redirect_uri"] == [f"{installation.url}/sso/signed-out"]
    assert asked["client_id"] == [f"forecourt-{installation.group()}-{installation.code()}"]
    assert asked["id_token_hint"][0].count(".") == 2
    person.submit("", **({"logout": "yes"} if installation.provider.kind == CERTIFIED else {}))
    assert (person.path, person.page.status_code) == ("/sso/signed-out", 200)
    assert "Here and at the sign-in of your group." in person.page.text
    again = Person(cookies={host(installation.url): {COOKIE: cookie}})
    assert again.open(f"{installation.url}/account").url.path == "/sign-in"


def test_coming_back_signed_out_without_having_left_says_less(installation: Installation) -> None:
    person = Person()
    person.open(f"{installation.url}/sso/signed-out?state=guessed", site="cross-site")
    assert "You are signed out." in person.page.text
    assert "Here and at the sign-in" not in person.page.text


def test_who_must_prove_anew_who_they_are_comes_in_when_the_provider_says_so(installation: Installation) -> None:
    person = Person()
    installation.sign_in(person, anew="1", next="/account")
    assert person.path == "/account"


@pytest.mark.parametrize("body", [b"", b"logout_token=a.b.c", b"logout_token=", b"x" * 70_000, b"\xff"])
def test_a_logout_token_that_is_none_is_refused_and_not_stored(installation: Installation, body: bytes) -> None:
    url = installation.url + callback_path(installation.group(), installation.code()).replace("callback", "backchannel")
    answer = httpx2.post(
        url, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}, trust_env=False
    )
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json()["error"] == "invalid_request"
