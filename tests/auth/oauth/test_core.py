"""The protocol on plain objects: whatever a form holds is answered, and nothing that is secret can be printed."""

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from forecourt.auth.oauth.access import Issuer, sign
from forecourt.auth.oauth.clients import NewSecret, secret_hash
from forecourt.auth.oauth.core import INTROSPECT, REVOKE, TOKEN, Facts, Form, KnownClient, answer, claimed_client
from forecourt.auth.oauth.keys import LONGEST_TOKEN, SigningKey
from forecourt.auth.oauth.scopes import FOR_PROGRAMS, OF_GROUP, chosen_scopes, narrowed
from forecourt.auth.roles import PERMISSIONS
from forecourt.errors import Invalid

NOW = datetime(2026, 9, 10, 4, tzinfo=UTC)
ISSUER = Issuer.at("https://forecourt.example/")
SIGNS = SigningKey("k", ECKey.generate_key("P-256", private=True))
CLIENT = KnownClient(
    uuid4(),
    uuid4(),
    "fci_a",
    "client_secret_basic",
    frozenset({"sales:order:read"}),
    1,
    ((uuid4(), secret_hash("fcs_b")),),
)
FACTS = Facts(ISSUER, NOW, CLIENT, SIGNS)
RIGHT = "Basic " + base64.b64encode(b"fci_a:fcs_b").decode()

names = st.sampled_from(
    [
        "grant_type",
        "scope",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "token",
        "resource",
    ]
) | st.text(max_size=10)
texts = st.text(max_size=60) | st.sampled_from(
    [
        "client_credentials",
        "sales:order:read",
        "fci_a",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "a.b.c",
    ]
)
headers = (
    st.none()
    | st.just(RIGHT)
    | st.text(max_size=60)
    | st.text(max_size=40).map(lambda text: "Basic " + base64.b64encode(text.encode(errors="replace")).decode())
)


@given(headers, st.lists(st.tuples(names, texts), max_size=6), st.sampled_from([TOKEN, REVOKE, INTROSPECT]))
def test_every_form_gets_an_answer(header: str | None, fields: list[tuple[str, str]], endpoint: str) -> None:
    form = Form(header, fields)
    claimed_client(form)
    outcome = answer(endpoint, form, FACTS)
    assert outcome.status in (200, 400, 401)
    if header != RIGHT:
        assert outcome.status != 200
    if outcome.status != 200:
        assert set(outcome.body) == {"error", "error_description"}
        # The characters of RFC 6749 §5.2: nothing of the request is repeated.
        assert all(" " <= letter <= "~" and letter not in '"\\' for letter in "".join(outcome.body.values()))


def test_the_right_form() -> None:
    outcome = answer(TOKEN, Form(RIGHT, [("grant_type", "client_credentials")]), FACTS)
    assert outcome.status == 200 and outcome.client is CLIENT and outcome.secret_id == CLIENT.secrets[0][0]


def test_an_installation_without_tls_gives_no_tokens() -> None:
    plain = Facts(Issuer.at("http://forecourt.example"), NOW, CLIENT, SIGNS)
    outcome = answer(TOKEN, Form(RIGHT, [("grant_type", "client_credentials")]), plain)
    assert (outcome.status, outcome.body["error"]) == (400, "insecure_transport")
    assert "FORECOURT_PUBLIC_URL" in outcome.body["error_description"]


def test_nothing_secret_is_printed() -> None:
    outcome = answer(TOKEN, Form(RIGHT, [("grant_type", "client_credentials")]), FACTS)
    shown = repr((Form(RIGHT, [("token", "fcs_b")]), FACTS, outcome, NewSecret(uuid4(), "fcs_b")))
    assert "fcs_b" not in shown and RIGHT not in shown and outcome.body["access_token"] not in shown
    assert secret_hash("fcs_b").hex() not in shown and repr(secret_hash("fcs_b")) not in shown


def test_a_token_lives_for_at_most_an_hour() -> None:
    for lifetime in (LONGEST_TOKEN * 2, LONGEST_TOKEN * 0, -LONGEST_TOKEN):
        with pytest.raises(ValueError, match="at most an hour"):
            sign(
                SIGNS,
                ISSUER,
                client_id="fci_a",
                group_id=uuid4(),
                generation=1,
                scopes=frozenset(),
                now=NOW,
                lifetime=lifetime,
            )


def test_scopes() -> None:
    assert OF_GROUP < FOR_PROGRAMS < PERMISSIONS.keys()
    assert chosen_scopes(["sales:order:read", "audit:event:read", "sales:order:read"], of_group=False) == [
        "audit:event:read",
        "sales:order:read",
    ]
    for wrong in ([], ["x"], ["accounts:client:manage"], ["jobs:dead:read"], ["sales:order:read "]):
        with pytest.raises(Invalid):
            chosen_scopes(wrong, of_group=False)
    held = frozenset({"sales:order:read", "audit:event:read"})
    assert narrowed(None, held) == narrowed("", held) == held
    assert narrowed("audit:event:read", held) == frozenset({"audit:event:read"})
    for asked in (
        "jobs:dead:read",
        "audit:event:read  sales:order:read",
        " audit:event:read",
        "audit:event:read\n",
        "*",
    ):
        assert narrowed(asked, held) is None
