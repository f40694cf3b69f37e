"""What only the certified provider can do: remember people, end their sessions from behind, change its keys."""

from datetime import timedelta

import pytest

from tests.sso.conftest import Installation
from tests.sso.person import Person
from tests.sso.providers import CERTIFIED

pytestmark = pytest.mark.parametrize("installation", [CERTIFIED], indirect=True, scope="module")


def test_signing_in_as_somebody_else_asks_the_provider_to_ask(installation: Installation) -> None:
    person = Person()
    installation.sign_in(person, next="/account")
    person.open(installation.start(next="/account"), site="same-origin")
    assert not person.forms() or "login" not in person.forms()[0].fields  # still known there
    person.open(installation.start(anew="1", next="/account"), site="same-origin")
    assert person.forms()[0].fields["prompt"] == "login"
    installation.answer(person)
    assert person.path == "/account"


def test_the_provider_ends_a_session_itself(installation: Installation) -> None:
    """Back-channel logout: somebody signs out at the provider, in another window."""
    person, other = Person(), Person()
    installation.sign_in(person, next="/account")
    installation.sign_in(other, "stranger", next="/account")
    person.open(f"{installation.provider.issuer}/session/end")
    person.submit(logout="yes")
    person.open(f"{installation.url}/account")
    assert person.path == "/sign-in"
    other.open(f"{installation.url}/account")
    assert other.path == "/account"


def test_signing_out_here_ends_the_session_of_another_window_through_the_provider(installation: Installation) -> None:
    """Two windows that share the provider's session, each with a session of its own here."""
    first, second = Person(), Person()
    installation.sign_in(first, next="/account")
    issuer = installation.provider.issuer.removeprefix("http://")
    second.cookies = {issuer: first.cookies[issuer]}
    installation.sign_in(second, next="/account")
    first.submit("/sign-out")
    first.submit(logout="yes")
    assert first.path == "/sso/signed-out"
    second.open(f"{installation.url}/account")
    assert second.path == "/sign-in"


def test_new_keys_of_the_provider_are_found(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are looked at again at most every half minute; here first never, and then at once, so as not to wait."""
    monkeypatch.setattr("forecourt.auth.oidc.documents.KEYS_INTERVAL", timedelta(days=1))
    installation.sign_in(Person())
    installation.provider.change_keys()
    late = Person()
    installation.sign_in(late, next="/account")
    assert "SSO-TOKEN_KEY" in late.page.text
    monkeypatch.setattr("forecourt.auth.oidc.documents.KEYS_INTERVAL", timedelta(0))
    installation.sign_in(late, next="/account")
    assert late.path == "/account"
