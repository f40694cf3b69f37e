"""The test of a provider finds what is wrong, one finding per fault, and says what to do in both languages."""

import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey, OctKey

from forecourt.auth.oidc.config import ProviderConfig
from forecourt.auth.oidc.diagnose import Subject, diagnose
from forecourt.auth.oidc.findings import FINDINGS, Finding, found
from forecourt.auth.oidc.mapping import parse_rules
from forecourt.outgoing import Answer, Outgoing, OutgoingFailed, OutgoingRefused

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 9, 1, 4, tzinfo=UTC)
ISSUER = "https://login.example.com/x"
RULE = {"claim": "groups", "equals": "x", "role": "CS_AGENT", "store": "BJ01"}
KEY = ECKey.generate_key("P-256", {"kid": "1"}).as_dict(private=False)
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "end_session_endpoint": f"{ISSUER}/logout",
    "response_types_supported": ["code", "id_token"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "scopes_supported": ["openid", "email", "profile"],
    "backchannel_logout_supported": True,
}
SOUND = {"DISCOVERY_OK", "KEYS_OK", "SECRET_RIGHT", "REGISTER"}


@dataclass
class Provider:
    """A provider in this process: what it answers can be changed, what it is asked is kept."""

    document: Any = field(default_factory=lambda: dict(DOCUMENT))
    keys: Any = field(default_factory=lambda: {"keys": [KEY]})
    token: tuple[int, Any] = (400, {"error": "invalid_grant"})
    date: str = "Tue, 01 Sep 2026 04:00:10 GMT"
    status: int = 200
    down: Mapping[str, Exception] = field(default_factory=dict)
    allow_loopback: bool = False
    asked: list[tuple[str, str, Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
    ) -> Answer:
        """As `Outgoing.request`."""
        self.asked.append((method, url, headers or {}, data or {}))
        part = url.rsplit("/", 1)[1]
        if part in self.down:
            raise self.down[part]
        answers = {"openid-configuration": (self.status, self.document), "keys": (200, self.keys), "token": self.token}
        status, body = answers[part]
        return Answer(status, {"date": self.date}, body if isinstance(body, bytes) else json.dumps(body).encode())


def subject(**values: Any) -> Subject:
    config = ProviderConfig(
        uuid4(), uuid4(), "corp", "Corp", ISSUER, "client:1", values.pop("secret", "s3cret/+"), ("openid",)
    )
    sound = Subject(
        config=config,
        scopes=("openid", "email"),
        rules=parse_rules([RULE]),
        waits=False,
        stores=frozenset({"BJ01"}),
        unconfirmed=(),
        redirect_uri="https://forecourt.example.com/sso/callback/A/corp",
        backchannel_uri="https://forecourt.example.com/sso/backchannel/A/corp",
        logout_uri="https://forecourt.example.com/sso/signed-out",
    )
    return replace(sound, **values)


async def codes(provider: Provider, **values: Any) -> set[str]:
    return {one.code for one in await diagnose(provider, subject(**values), now=NOW)}


async def test_of_a_sound_provider_everything_is_well_and_what_to_register_is_said() -> None:
    provider = Provider()
    results = await diagnose(provider, subject(), now=NOW)
    assert {one.code for one in results} == SOUND
    assert "https://forecourt.example.com/sso/callback/A/corp" in " ".join(one.sentence("en") for one in results)
    method, url, headers, data = provider.asked[-1]
    assert (method, url, data["grant_type"]) == ("POST", f"{ISSUER}/token", "authorization_code")
    assert (
        headers["authorization"] == "Basic Y2xpZW50JTNBMTpzM2NyZXQlMkYlMkI="
    )  # each part form-encoded: RFC 6749, 2.3.1
    assert "s3cret" not in repr(results)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in DOCUMENT.items() if key != name}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": f"{ISSUER}/"}, "ISSUER_SLASH"),
        ({"issuer": "https://evil.example.com"}, "ISSUER_DIFFERS"),
        ({"issuer": None}, "ISSUER_DIFFERS"),
        ({"authorization_endpoint": None}, "ENDPOINT_MISSING"),
        ({"authorization_endpoint": "http://login.example.com/a"}, "ENDPOINT_INSECURE"),
        ({"end_session_endpoint": 1}, "ENDPOINT_INSECURE"),
        ({"response_types_supported": ["id_token"]}, "RESPONSE_TYPE"),
        ({"response_types_supported": {}}, "RESPONSE_TYPE"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "ALGORITHMS"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE_MISSING"),
        ({"scopes_supported": ["openid"]}, "SCOPE_UNKNOWN"),
        ({"end_session_endpoint": None}, "LOGOUT_MISSING"),
        ({"backchannel_logout_supported": "true"}, "BACKCHANNEL_MISSING"),
    ],
)
async def test_each_fault_of_the_document_is_found_alone(changes: dict[str, Any], code: str) -> None:
    provider = Provider(document=DOCUMENT | changes)
    assert await codes(provider) - SOUND == {code}


async def test_absent_lists_have_the_defaults_of_the_standard() -> None:
    document = without("response_types_supported")
    del document["id_token_signing_alg_values_supported"], document["scopes_supported"]
    del document["token_endpoint_auth_methods_supported"]
    assert await codes(Provider(document=document)) == SOUND
    assert await codes(Provider(document=without("code_challenge_methods_supported"))) - SOUND == {"PKCE_MISSING"}


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        (Provider(down={"openid-configuration": OutgoingRefused("address")}), "DISCOVERY_UNREACHABLE"),
        (Provider(down={"openid-configuration": OutgoingFailed("certificate", "no")}), "DISCOVERY_UNREACHABLE"),
        (Provider(status=404), "DISCOVERY_STATUS"),
        (Provider(document=b"<html>"), "DISCOVERY_FORM"),
        (Provider(document=[1]), "DISCOVERY_FORM"),
    ],
)
async def test_without_a_document_nothing_else_is_guessed(provider: Provider, code: str) -> None:
    assert await codes(provider) == {code, "REGISTER"}
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        (Provider(keys={"keys": []}), "KEYS_FORM"),
        (Provider(keys={"keys": [OctKey.generate_key(256).as_dict()]}), "KEYS_FORM"),
        (Provider(keys="no"), "KEYS_FORM"),
        (Provider(keys=b"<html>"), "KEYS_UNREACHABLE"),
        (Provider(down={"keys": OutgoingRefused("time")}), "KEYS_UNREACHABLE"),
        (Provider(down={"token": OutgoingRefused("redirect")}), "TOKEN_UNREACHABLE"),
        (Provider(token=(401, {"error": "invalid_client"})), "SECRET_WRONG"),
        (Provider(token=(400, {"error": "unauthorized_client"})), "SECRET_WRONG"),
        (Provider(token=(401, b"")), "SECRET_WRONG"),
        (Provider(token=(500, b"<html>")), "SECRET_UNKNOWN"),
        (Provider(token=(400, ["odd"])), "SECRET_UNKNOWN"),
        (Provider(date="Tue, 01 Sep 2026 04:01:00 GMT"), "CLOCK_SKEW"),
        (Provider(date="Tue, 01 Sep 2026 03:59:00 GMT"), "CLOCK_SKEW"),
    ],
)
async def test_each_fault_of_keys_secret_and_clock_is_found_alone(provider: Provider, code: str) -> None:
    assert (await codes(provider) - SOUND) == {code}


@pytest.mark.parametrize("date", ["", "yesterday", "99"])
async def test_a_clock_that_is_not_told_is_not_judged(date: str) -> None:
    assert await codes(Provider(date=date)) == SOUND


async def test_the_secret_goes_where_the_provider_takes_it() -> None:
    provider = Provider(document=DOCUMENT | {"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    assert await codes(provider) == SOUND
    _, _, headers, data = provider.asked[-1]
    assert "authorization" not in headers and (data["client_id"], data["client_secret"]) == ("client:1", "s3cret/+")
    provider = Provider(document=DOCUMENT | {"token_endpoint_auth_methods_supported": ["private_key_jwt"]})
    assert "AUTH_METHOD" in await codes(provider)
    assert "SECRET_MISSING" in await codes(Provider(), secret=None)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"rules": ()}, "NO_RULES"),
        ({"rules": parse_rules([{"equals": "x", "role": "GROUP_ADMIN"}])}, "RULE_GIVES_ADMIN"),
        ({"stores": frozenset({"SH02"})}, "RULE_UNKNOWN_STORE"),
        ({"unconfirmed": ["corp.example"]}, "DOMAIN_UNCONFIRMED"),
        ({"waits": True}, "PROPOSAL_WAITS"),
        ({"redirect_uri": "http://forecourt.example.com/x"}, "PUBLIC_URL"),
    ],
)
async def test_each_fault_of_our_own_is_found_alone(values: dict[str, Any], code: str) -> None:
    assert await codes(Provider(), **values) - SOUND == {code}


async def test_errors_come_first_and_what_a_provider_wrote_is_cut() -> None:
    provider = Provider(document=DOCUMENT | {"issuer": "x\n\u202e" + "y" * 5000, "backchannel_logout_supported": None})
    results = await diagnose(provider, subject(), now=NOW)
    assert [one.severity.value for one in results][:2] == ["ERROR", "WARNING"]
    assert results[0].code == "ISSUER_DIFFERS"
    for language in ("en", "zh-CN"):
        assert len(results[0].sentence(language)) < 600 and "\u202e" not in results[0].sentence(language)


@pytest.mark.parametrize("code", FINDINGS)
def test_each_sentence_stands_in_both_languages_with_the_same_holes(code: str) -> None:
    kind = FINDINGS[code]

    def holes(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert holes(kind.zh) == holes(kind.en)
    data = dict.fromkeys(holes(kind.en), "{odd}")
    assert any("一" <= one <= "鿿" for one in Finding(code, data).sentence("zh-CN"))
    assert Finding(code, data).sentence("en") != Finding(code, data).sentence("zh-CN")
    assert found(code, x="\0").data == {"x": "?"}


# --- a provider we did not write --------------------------------------------------------------------------------------


@pytest.fixture
def real() -> Iterator[str]:
    """The issuer of a running provider."""
    from oidc_provider_mock import run_server_in_thread  # type: ignore[import-untyped]  # it has no types

    with run_server_in_thread() as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:authlib.jose")
async def test_a_real_provider_is_examined_through_the_guarded_client(real: str) -> None:
    sound = subject()
    config = replace(sound.config, issuer=real)
    now = datetime.now(UTC)
    async with Outgoing(allow_loopback=True) as outgoing:
        results = {one.code for one in await diagnose(outgoing, replace(sound, config=config), now=now)}
        slash = replace(sound, config=replace(config, issuer=real + "/"))
        wrong = {one.code for one in await diagnose(outgoing, slash, now=now)}
    assert {"DISCOVERY_OK", "KEYS_OK", "SECRET_RIGHT"} <= results
    assert "ISSUER_SLASH" in wrong
    async with Outgoing() as outgoing:
        closed = {one.code for one in await diagnose(outgoing, replace(sound, config=config), now=now)}
    assert closed == {"DISCOVERY_UNREACHABLE", "REGISTER"}
