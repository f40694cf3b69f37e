"""Every check of a sign-in, each against a provider that breaks exactly one rule. Each was seen to fail without its check."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import RSAKey
from starlette.requests import Request

from forecourt.auth.oidc.refusals import SignInRefused
from forecourt.auth.oidc.relying_party import RelyingParties
from tests.auth.oidc.hostile import (
    ACCESS,
    CALLBACK,
    CLIENT,
    ISSUER,
    KEYS,
    NOON,
    OTHER,
    RSA,
    Browser,
    Provider,
    browser,
    by_hand,
    config,
    half_hash,
)

pytestmark = pytest.mark.anyio

NOW = int(NOON.timestamp())
Change = Callable[[Provider], object]


async def refusal(attempt: Any) -> str:
    """The code with which something is refused."""
    with pytest.raises(SignInRefused) as caught:
        await attempt
    return caught.value.code


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
async def test_an_honest_provider_signs_people_in(alg: str) -> None:
    provider = Provider(alg=alg)
    found = await browser(provider).sign_in()
    assert (found.subject, found.sid, found.issuer) == ("u1", "s1", ISSUER)
    assert found.claims["email"] == "li@example.com"
    assert found.claims["name"] == "李雷"  # of the userinfo endpoint
    assert "s3cret" not in repr(found) and "li@" not in repr(found)


def claims(**values: Any) -> Change:
    return lambda provider: provider.claims.update(values)


def header(**values: Any) -> Change:
    return lambda provider: provider.header.update(values)


def metadata(**values: Any) -> Change:
    return lambda provider: provider.metadata.update(values)


def signed_by(**values: Any) -> Change:
    return lambda provider: vars(provider).update(values)


def without_signature(head: dict[str, Any], content: dict[str, Any]) -> str:
    return by_hand(head | {"alg": "none"}, content, lambda text: b"")


def with_public_key(head: dict[str, Any], content: dict[str, Any]) -> str:
    shared = RSA.as_pem(private=False)
    return by_hand(head | {"alg": "HS256"}, content, lambda text: hmac.digest(shared, text, "sha256"))


def with_unknown_demand(head: dict[str, Any], content: dict[str, Any]) -> str:
    private = load_pem_private_key(RSA.as_pem(private=True), None)
    assert isinstance(private, RSAPrivateKey)
    demands = {"crit": ["exotic"], "exotic": True}
    return by_hand(head | demands, content, lambda text: private.sign(text, PKCS1v15(), SHA256()))


LIES: list[tuple[str, Change, str]] = [
    # who speaks
    ("discovery names another issuer", metadata(issuer=OTHER), "METADATA_ISSUER"),
    ("discovery names the issuer with a slash", metadata(issuer=ISSUER + "/"), "METADATA_ISSUER"),
    ("token of another issuer", claims(iss=OTHER), "TOKEN_ISS"),
    ("token of no issuer", claims(iss=None), "TOKEN_ISS"),
    # for whom
    ("token for another client", claims(aud="other"), "TOKEN_AUD"),
    ("token for another client, we are azp", claims(aud="other", azp=CLIENT), "TOKEN_AUD"),
    ("token for several, none of them us", claims(aud=["other", "more"], azp=CLIENT), "TOKEN_AUD"),
    ("token for several without azp", claims(aud=[CLIENT, "other"]), "TOKEN_AZP"),
    ("token for several, azp another", claims(aud=[CLIENT, "other"], azp="other"), "TOKEN_AZP"),
    ("token for us, azp another", claims(azp="other"), "TOKEN_AZP"),
    ("token for nobody", claims(aud=None), "TOKEN_AUD"),
    # when
    ("expired a minute ago", claims(exp=NOW - 60), "TOKEN_EXP"),
    ("expired 31 seconds ago", claims(exp=NOW - 31), "TOKEN_EXP"),
    ("never expires", claims(exp=None), "TOKEN_EXP"),
    ("not valid for another minute", claims(nbf=NOW + 60), "TOKEN_NBF"),
    ("made in the future", claims(iat=NOW + 60), "TOKEN_IAT"),
    # for which sign-in, and whom
    ("nonce of another sign-in", claims(nonce="other"), "TOKEN_NONCE"),
    ("no nonce", claims(nonce=None), "TOKEN_NONCE"),
    ("access token of somebody else", claims(at_hash=half_hash("other")), "TOKEN_AT_HASH"),
    ("nobody", claims(sub=""), "TOKEN_SUB"),
    ("no subject", claims(sub=None), "TOKEN_SUB"),
    ("a subject too long to keep", claims(sub="x" * 256), "TOKEN_SUB"),
    ("a subject with a control character", claims(sub="u1\0"), "TOKEN_SUB"),
    ("a session's name too long to keep", claims(sid="x" * 256), "TOKEN_SID"),
    ("more claims than anybody has", claims(**{f"c{n}": n for n in range(300)}), "CLAIMS_SIZE"),
    ("userinfo of somebody else", signed_by(userinfo={"sub": "u2"}), "USERINFO_SUB"),
    ("userinfo of nobody", signed_by(userinfo={"name": "x"}), "USERINFO_SUB"),
    ("userinfo that is a list", signed_by(userinfo=["u1"]), "USERINFO_SUB"),
    # signed by whom
    ("signed with another key under our kid", signed_by(key=RSAKey.generate_key(2048), keys=[RSA]), "TOKEN_SIGNATURE"),
    ("signed with a key nobody shows", header(kid="k2"), "TOKEN_KEY"),
    ("a logout token", header(typ="logout+jwt"), "TOKEN_TYPE"),
    ("an access token", header(typ="at+jwt"), "TOKEN_TYPE"),
    ("a header nobody understands must be", signed_by(sign=with_unknown_demand), "TOKEN_FORM"),
    ("no ID token", signed_by(token={"id_token": None}), "TOKEN_MISSING"),
    ("an ID token that is a number", signed_by(token={"id_token": 7}), "TOKEN_FORM"),
    ("rubbish for an ID token", signed_by(token={"id_token": "a.b.c"}), "TOKEN_FORM"),
    ("an access token that breaks headers", signed_by(token={"access_token": "a\nb"}), "TOKEN_AT_HASH"),
    # keys
    ("no keys", signed_by(keys=[]), "KEYS_FORM"),
    ("only keys for encryption", signed_by(keys=[RSA.as_dict(private=False) | {"use": "enc"}]), "KEYS_FORM"),
    ("only a shared secret", signed_by(keys=[{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}]), "KEYS_FORM"),
    ("a key that is none", signed_by(keys=[{"kty": "RSA", "n": "x"}]), "KEYS_FORM"),
    # endpoints a browser or we would be sent to
    ("authorization by http", metadata(authorization_endpoint="http://idp.example/a"), "METADATA_ENDPOINT"),
    ("authorization by script", metadata(authorization_endpoint="javascript:alert(1)"), "METADATA_ENDPOINT"),
    ("authorization with a password", metadata(authorization_endpoint="https://a:b@c.example"), "METADATA_ENDPOINT"),
    ("authorization out of an attribute", metadata(authorization_endpoint='https://a.example/">'), "METADATA_ENDPOINT"),
    ("authorization on this machine", metadata(authorization_endpoint="http://127.0.0.1/a"), "METADATA_ENDPOINT"),
    ("tokens by http", metadata(token_endpoint="http://idp.example/t"), "METADATA_ENDPOINT"),
    ("keys by http", metadata(jwks_uri="http://idp.example/k"), "METADATA_ENDPOINT"),
    ("userinfo by http", metadata(userinfo_endpoint="http://idp.example/u"), "METADATA_ENDPOINT"),
    ("signing out by http", metadata(end_session_endpoint="http://idp.example/o"), "METADATA_ENDPOINT"),
    ("no token endpoint", metadata(token_endpoint=None), "METADATA_ENDPOINT"),
    ("endpoints that are no text", metadata(token_endpoint={"a": 1}), "METADATA_ENDPOINT"),
    # abilities
    ("only none", metadata(id_token_signing_alg_values_supported=["none"]), "METADATA_ALGORITHMS"),
    ("only HS256", metadata(id_token_signing_alg_values_supported=["HS256"]), "METADATA_ALGORITHMS"),
    ("no algorithm at all", metadata(id_token_signing_alg_values_supported=[]), "METADATA_ALGORITHMS"),
    (
        "neither header nor form for the secret",
        metadata(token_endpoint_auth_methods_supported=["private_key_jwt"]),
        "METADATA_AUTH_METHOD",
    ),
]


@pytest.mark.parametrize(("lie", "code"), [(lie, code) for _, lie, code in LIES], ids=[name for name, _, _ in LIES])
async def test_a_lie_is_refused(lie: Change, code: str) -> None:
    provider = Provider()
    lie(provider)
    assert await refusal(browser(provider).sign_in()) == code


@pytest.mark.parametrize("listed", [["RS256", "none", "HS256"], ["RS256"]])
async def test_no_signature_and_a_shared_secret_are_refused_even_where_the_provider_lists_them(
    listed: list[str],
) -> None:
    for sign in (without_signature, with_public_key):
        provider = Provider(sign=sign, metadata={"id_token_signing_alg_values_supported": listed})
        assert await refusal(browser(provider).sign_in()) == "TOKEN_ALGORITHM"


async def test_an_algorithm_that_the_provider_does_not_list_is_refused() -> None:
    provider = Provider(alg="PS256", metadata={"id_token_signing_alg_values_supported": ["RS256"]})
    assert await refusal(browser(provider).sign_in()) == "TOKEN_ALGORITHM"


async def test_clocks_may_be_half_a_minute_apart() -> None:
    for apart in ({"exp": NOW - 29}, {"iat": NOW + 29}, {"nbf": NOW + 29}):
        assert (await browser(Provider(claims=apart)).sign_in()).subject == "u1"


async def test_several_audiences_are_fine_when_we_are_the_one_authorized() -> None:
    provider = Provider(claims={"aud": [CLIENT, "other"], "azp": CLIENT})
    assert (await browser(provider).sign_in()).subject == "u1"


async def test_what_the_userinfo_endpoint_adds_does_not_mix_with_what_was_signed() -> None:
    added = {"sub": "u1", "email": "other@example.com", "email_verified": True, "sid": "forged", "auth_time": 1}
    found = await browser(Provider(userinfo=added, claims={"sid": None})).sign_in()
    assert found.claims["email"] == "li@example.com"
    assert "email_verified" not in found.claims  # of the other address
    assert (found.sid, found.auth_time) == (None, None)


# --- the answer in the browser ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [OTHER, ISSUER + "/", None])
async def test_the_answer_must_come_from_the_provider_that_was_asked(given: str | None) -> None:
    visitor = browser(Provider())
    await visitor.begin()
    assert await refusal(visitor.come_back(iss=given)) == "ANSWER_ISSUER"
    assert visitor.provider.forms == []  # the code went to nobody


async def test_a_provider_that_does_not_name_itself_need_not_but_must_not_lie() -> None:
    silent = {"authorization_response_iss_parameter_supported": None}
    visitor = browser(Provider(metadata=silent))
    await visitor.begin()
    assert (await visitor.come_back(iss=None)).subject == "u1"
    await visitor.begin()
    assert await refusal(visitor.come_back(iss=OTHER)) == "ANSWER_ISSUER"


async def test_an_error_of_another_provider_is_not_believed() -> None:
    visitor = browser(Provider())
    await visitor.begin()
    assert await refusal(visitor.come_back(error="access_denied", code=None, iss=OTHER)) == "ANSWER_ISSUER"


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ("access_denied", "ACCESS_DENIED", "cancelled"),
        ("temporarily_unavailable", "PROVIDER_TEMPORARILY_UNAVAILABLE", "unreachable"),
        ("<script>alert(1)</script>", "PROVIDER_ERROR", "misconfigured"),
    ],
)
async def test_an_error_of_the_provider_is_told_in_our_words(error: str, code: str, kind: str) -> None:
    visitor = browser(Provider())
    await visitor.begin()
    with pytest.raises(SignInRefused) as caught:
        await visitor.come_back(error=error, code=None, error_description="<b>prose</b>")
    assert (caught.value.code, caught.value.kind) == (code, kind)
    assert "<" not in caught.value.message


async def test_an_answer_that_this_browser_did_not_ask_for_is_refused() -> None:
    """Sign-in forgery: somebody sends their own answer to a victim's browser."""
    attacker, victim = browser(Provider()), browser(Provider())
    await attacker.begin()
    victim.url = attacker.url
    assert await refusal(victim.come_back()) == "TRANSACTION_UNKNOWN"
    await victim.begin()
    victim.url = attacker.url
    assert await refusal(victim.come_back()) == "TRANSACTION_UNKNOWN"
    assert await refusal(victim.come_back(state=None)) == "TRANSACTION_UNKNOWN"
    assert await refusal(victim.come_back(state="")) == "TRANSACTION_UNKNOWN"


async def test_an_answer_is_taken_once() -> None:
    visitor = browser(Provider())
    await visitor.sign_in()
    assert visitor.session == {}
    assert await refusal(visitor.come_back()) == "TRANSACTION_UNKNOWN"


@pytest.mark.parametrize(
    ("changes", "code"), [({}, "TOKEN_AUD"), ({"iss": OTHER}, "ANSWER_ISSUER"), ({"error": "x"}, "PROVIDER_ERROR")]
)
async def test_a_refused_answer_ends_the_sign_in_too(changes: dict[str, str], code: str) -> None:
    visitor = browser(Provider(claims={"aud": "other"}))
    await visitor.begin()
    assert await refusal(visitor.come_back(**changes)) == code
    assert visitor.session == {}


async def test_an_answer_after_ten_minutes_is_refused() -> None:
    visitor = browser(Provider())
    await visitor.begin()
    visitor.provider.clock.at += timedelta(minutes=10)
    assert await refusal(visitor.come_back()) == "TRANSACTION_EXPIRED"


async def test_a_sign_in_with_one_provider_is_not_ended_at_another() -> None:
    """Mix-up: a hostile provider of another group answers with what belongs to an honest one."""
    honest, hostile = browser(Provider()), browser(Provider())
    hostile.session = honest.session
    await honest.begin()
    hostile.url = honest.url
    assert await refusal(hostile.come_back()) == "TRANSACTION_MIXED_UP"
    assert hostile.provider.forms == []


async def test_a_repeated_parameter_is_refused() -> None:
    visitor = browser(Provider())
    state = (await visitor.begin())["state"]
    request = Request(
        {"type": "http", "method": "GET", "path": "/", "headers": [], "session": visitor.session}
        | {"query_string": f"state=x&state={state}&code=c&iss={ISSUER}".encode()}
    )
    assert await refusal(visitor.party.complete(request)) == "ANSWER_FORM"


async def test_an_answer_without_a_code_is_refused() -> None:
    visitor = browser(Provider())
    await visitor.begin()
    assert await refusal(visitor.come_back(code=None)) == "NO_CODE"


async def test_a_browser_may_have_three_sign_ins_under_way() -> None:
    visitor = browser(Provider())
    urls = []
    for _ in range(5):
        await visitor.begin()
        urls.append((visitor.url, visitor.provider.nonce))
        visitor.provider.clock.at += timedelta(seconds=1)
    assert len(visitor.session) == 3
    visitor.url, visitor.provider.nonce = urls[2]
    assert (await visitor.come_back()).subject == "u1"
    visitor.url, visitor.provider.nonce = urls[1]
    assert await refusal(visitor.come_back()) == "TRANSACTION_UNKNOWN"


async def test_what_is_remembered_fits_into_a_cookie() -> None:
    visitor = browser(Provider())
    for back in ("/" + "x" * 499, "/" + "店" * 499, "/" + "x" * 499, "/me"):
        await visitor.begin(back=back)
        visitor.provider.clock.at += timedelta(seconds=1)
        assert len(base64.b64encode(json.dumps(visitor.session).encode())) < 3900
    assert (await visitor.come_back()).subject == "u1"


# --- what we send ----------------------------------------------------------------------------------------------------


async def test_every_sign_in_is_bound_by_state_nonce_and_a_proof_key() -> None:
    visitor = browser(Provider(), scopes=("email",))
    first, second = await visitor.begin(language="zh-CN"), await visitor.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) >= 43
    assert first["code_challenge_method"] == "S256"
    assert (first["response_type"], first["scope"], first["redirect_uri"]) == ("code", "openid email", CALLBACK)
    assert first["ui_locales"] == "zh-CN"
    await visitor.come_back()
    form = visitor.provider.forms[0]
    assert len(form["code_verifier"]) >= 43
    assert form["redirect_uri"] == CALLBACK


async def test_a_provider_cannot_choose_how_we_ask() -> None:
    """Authlib gives every member of the document to its client as an argument."""
    wishes: dict[str, Any] = {
        "code_challenge_method": None,
        "proxy": "http://127.0.0.1:1",
        "verify": False,
        "trust_env": True,
        "base_url": "http://127.0.0.1:1",
        "scope": "openid admin",
        "response_type": "token",
        "prompt": "none",
        "token_placement": "uri",
        "state": "fixed",
        "client_id": "other",
        "transport": None,
    }
    provider = Provider()
    provider.document = lambda: Provider.document(provider) | wishes  # type: ignore[method-assign]
    visitor = browser(provider)
    asked = await visitor.begin()
    assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "openid email profile")
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
    assert "prompt" not in asked and asked["state"] != "fixed"
    assert (await visitor.come_back()).subject == "u1"


@pytest.mark.parametrize(
    ("offered", "secret", "header_sent", "form_sent"),
    [
        (None, "s3cret+/ %:ü", "Basic Zm9yZWNvdXJ0OnMzY3JldCUyQiUyRislMjUlM0ElQzMlQkM=", {}),
        (["client_secret_post"], "s+", "", {"client_id": CLIENT, "client_secret": "s+"}),
        (["client_secret_post", "client_secret_basic"], "s", "Basic Zm9yZWNvdXJ0OnM=", {}),
        (["none"], None, "", {"client_id": CLIENT}),
    ],
)
async def test_the_client_secret_goes_where_the_provider_wants_it(
    offered: list[str] | None, secret: str | None, header_sent: str, form_sent: dict[str, str]
) -> None:
    provider = Provider(metadata={"token_endpoint_auth_methods_supported": offered})
    await browser(provider, client_secret=secret).sign_in()
    assert provider.authorizations[0] == header_sent
    given = {name: value for name, value in provider.forms[0].items() if name.startswith("client_")}
    assert given == form_sent
    assert provider.authorizations[1] == f"Bearer {ACCESS}"


async def test_somebody_who_must_prove_anew_who_they_are_is_believed_only_then() -> None:
    for proved, code in ((None, "TOKEN_AUTH_TIME"), (NOW - 3600, "TOKEN_AUTH_TIME"), ("x", "TOKEN_AUTH_TIME")):
        visitor = browser(Provider(claims={"auth_time": proved}))
        assert await refusal(visitor.sign_in(anew=True)) == code
    visitor = browser(Provider(claims={"auth_time": NOW}))
    asked = await visitor.begin(anew=True)
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert (await visitor.come_back()).auth_time == NOON


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ({"error": "invalid_grant", "error_description": "<b>"}, 400, "TOKEN_REFUSED"),
        ({"error": "invalid_client"}, 401, "TOKEN_CLIENT"),
        ({}, 500, "TOKEN_ANSWER"),
    ],
)
async def test_a_token_that_is_not_given_is_told_apart(token: dict[str, Any], status: int, code: str) -> None:
    assert await refusal(browser(Provider(token=token, token_status=status)).sign_in()) == code


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_documents_are_asked_for_once_and_again_after_ten_minutes() -> None:
    provider = Provider()
    visitor = browser(provider)
    await visitor.sign_in()
    await visitor.sign_in()
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 1
    provider.clock.at += timedelta(minutes=10)
    await visitor.sign_in()
    assert provider.asked.count("/.well-known/openid-configuration") == provider.asked.count("/keys") == 2


async def test_new_keys_are_found_at_once_but_nobody_makes_us_ask_often() -> None:
    provider = Provider()
    visitor = browser(provider)
    await visitor.sign_in()
    provider.clock.at += timedelta(seconds=31)
    provider.key = RSAKey.generate_key(2048, {"kid": "k2"})
    provider.header = {"kid": "k2"}
    assert (await visitor.sign_in()).subject == "u1"
    assert provider.asked.count("/keys") == 2
    provider.header = {"kid": "invented"}
    for _ in range(3):
        assert await refusal(visitor.sign_in()) == "TOKEN_KEY"
    assert provider.asked.count("/keys") == 2


async def test_what_was_fetched_bridges_silence_for_an_hour_and_no_longer() -> None:
    provider = Provider()
    visitor = browser(provider)
    await visitor.sign_in()
    provider.silent = True
    provider.clock.at += timedelta(minutes=59)
    await visitor.begin()
    provider.clock.at += timedelta(minutes=1)
    assert await refusal(visitor.begin()) == "PROVIDER_UNREACHABLE"


async def test_a_document_that_has_turned_bad_is_not_bridged() -> None:
    provider = Provider()
    visitor = browser(provider)
    await visitor.sign_in()
    provider.metadata["issuer"] = OTHER
    provider.clock.at += timedelta(minutes=10)
    assert await refusal(visitor.begin()) == "METADATA_ISSUER"


async def test_a_silent_provider_is_left_alone_for_ten_seconds() -> None:
    provider = Provider(silent=True)
    visitor = browser(provider)
    for _ in range(3):
        assert await refusal(visitor.begin()) == "PROVIDER_UNREACHABLE"
    assert len(provider.asked) == 1
    provider.silent = False
    provider.clock.at += timedelta(seconds=10)
    assert (await visitor.sign_in()).subject == "u1"


async def test_a_changed_row_forgets_what_was_fetched_for_the_old_one() -> None:
    provider = Provider()
    parties = RelyingParties(provider.outgoing(), provider.clock)
    first = config()
    party = parties.of(first)
    assert parties.of(first) is party
    await Browser(provider, party).sign_in()
    changed = config(id=first.id, group_id=first.group_id, version=2, client_id="new")
    assert parties.of(changed) is not party
    assert await refusal(Browser(provider, parties.of(changed)).sign_in()) == "TOKEN_AUD"


async def test_a_provider_without_a_way_to_sign_out_has_none() -> None:
    party = browser(Provider(metadata={"end_session_endpoint": None})).party
    assert await party.end_session_url(id_token="t", back="https://app.example/out") is None


async def test_a_sole_key_needs_no_name() -> None:
    provider = Provider(header={"kid": None}, keys=[KEYS["RS256"]])
    assert (await browser(provider).sign_in()).subject == "u1"
