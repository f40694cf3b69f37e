"""The test of an identity provider before anybody signs in: what is wrong, in words that say what to do.

Asks the provider three times through the guarded client, and sends a made-up code once: the error says whether the client id
and secret were right (RFC 6749, section 5.2). Changes nothing.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import quote_plus, urlsplit

from ...errors import Refused, Unavailable
from .config import ProviderConfig
from .findings import Finding, Severity, found
from .id_tokens import import_keys
from .mapping import Rule, roles_of, stores_of
from .metadata import ALGORITHMS, discovery_url, is_web_address
from .refusals import SignInRefused

#: A larger difference makes tokens not yet valid, or expired.
MOST_SKEW_SECONDS: Final = 30

_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


class Answers(Protocol):
    """An answer of `outgoing.Outgoing`."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    def json(self) -> Any:
        """The body as JSON; raises Unavailable."""


class Asks(Protocol):
    """The part of `outgoing.Outgoing` that is needed here."""

    allow_loopback: bool

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
    ) -> Answers:
        """One guarded request."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: the provider, what of it is to be activated, and how this installation is reached."""

    config: ProviderConfig
    scopes: Sequence[str]
    rules: Sequence[Rule]
    waits: bool
    stores: frozenset[str]
    unconfirmed: Sequence[str]
    redirect_uri: str
    backchannel_uri: str
    logout_uri: str


async def diagnose(outgoing: Asks, subject: Subject, *, now: datetime) -> list[Finding]:
    """Everything that was found, errors first. ``now`` is read before the provider is asked."""
    results = [one async for one in _of_provider(outgoing, subject, now)] + list(_of_ourselves(subject))
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.OK: 2}
    return sorted(results, key=lambda one: order[one.severity])


async def _of_provider(outgoing: Asks, subject: Subject, now: datetime) -> AsyncIterator[Finding]:
    url = discovery_url(subject.config.issuer)
    try:
        answer = await outgoing.request("GET", url, headers={"accept": "application/json"})
    except (Refused, Unavailable) as error:
        yield found("DISCOVERY_UNREACHABLE", url=url, why=error.message)
        return
    if answer.status != 200:
        yield found("DISCOVERY_STATUS", url=url, status=answer.status)
        return
    try:
        document = answer.json()
    except Unavailable:
        document = None
    if not isinstance(document, Mapping):
        yield found("DISCOVERY_FORM", url=url)
        return
    for skew in _clock(answer.headers, now):
        yield skew
    yield _issuer(document, subject.config.issuer)
    for finding in _document(document, subject, outgoing.allow_loopback):
        yield finding
    if _usable(document, "jwks_uri", outgoing):
        yield await _keys(outgoing, str(document["jwks_uri"]))
    if _usable(document, "token_endpoint", outgoing):
        yield await _secret(outgoing, document, subject)


def _clock(headers: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    seconds = round((theirs - now).total_seconds())
    if abs(seconds) > MOST_SKEW_SECONDS:
        yield found("CLOCK_SKEW", seconds=abs(seconds))


def _issuer(document: Mapping[str, Any], issuer: str) -> Finding:
    said = document.get("issuer")
    if said == issuer:
        return found("DISCOVERY_OK")
    if isinstance(said, str) and said.rstrip("/") == issuer.rstrip("/"):
        return found("ISSUER_SLASH", issuer=said)
    return found("ISSUER_DIFFERS", issuer=said)


def _document(document: Mapping[str, Any], subject: Subject, allow_loopback: bool) -> Iterator[Finding]:
    for name in (*_ENDPOINTS, *_OPTIONAL):
        value = document.get(name)
        if value is None and name in _ENDPOINTS:
            yield found("ENDPOINT_MISSING", name=name)
        elif value is not None and not (
            isinstance(value, str) and is_web_address(value, allow_loopback=allow_loopback)
        ):
            yield found("ENDPOINT_INSECURE", name=name)
    if "code" not in _list(document, "response_types_supported", ["code"]):
        yield found("RESPONSE_TYPE")
    if not set(ALGORITHMS) & set(_list(document, "id_token_signing_alg_values_supported", ["RS256"])):
        yield found("ALGORITHMS")
    if "S256" not in _list(document, "code_challenge_methods_supported", []):
        yield found("PKCE_MISSING")
    methods = _list(document, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if subject.config.client_secret is not None and not {"client_secret_basic", "client_secret_post"} & set(methods):
        yield found("AUTH_METHOD")
    offered = _list(document, "scopes_supported", list(subject.scopes))
    unknown = [scope for scope in subject.scopes if scope not in offered]
    if unknown:
        yield found("SCOPE_UNKNOWN", scopes=", ".join(unknown))
    if document.get("end_session_endpoint") is None:
        yield found("LOGOUT_MISSING")
    if document.get("backchannel_logout_supported") is not True:
        yield found("BACKCHANNEL_MISSING")


async def _keys(outgoing: Asks, url: str) -> Finding:
    try:
        answer = await outgoing.request("GET", url, headers={"accept": "application/json"})
        if answer.status != 200:
            return found("KEYS_UNREACHABLE", url=url, why=f"status {answer.status}")
        keys = import_keys(answer.json())
    except SignInRefused:
        return found("KEYS_FORM", url=url)
    except (Refused, Unavailable) as error:
        return found("KEYS_UNREACHABLE", url=url, why=error.message)
    return found("KEYS_OK", count=len(keys.keys)) if keys.keys else found("KEYS_FORM", url=url)


async def _secret(outgoing: Asks, document: Mapping[str, Any], subject: Subject) -> Finding:
    config, url = subject.config, str(document["token_endpoint"])
    data = {
        "grant_type": "authorization_code",
        "code": f"test-{secrets.token_urlsafe(16)}",
        "redirect_uri": subject.redirect_uri,
        "code_verifier": secrets.token_urlsafe(48),
    }
    headers = {"accept": "application/json"}
    if config.client_secret is None:
        return found("SECRET_MISSING")
    if "client_secret_basic" in _list(document, "token_endpoint_auth_methods_supported", ["client_secret_basic"]):
        pair = f"{quote_plus(config.client_id)}:{quote_plus(config.client_secret)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        data |= {"client_id": config.client_id, "client_secret": config.client_secret}
    try:
        answer = await outgoing.request("POST", url, headers=headers, data=data)
    except (Refused, Unavailable) as error:
        return found("TOKEN_UNREACHABLE", url=url, why=error.message)
    match _error(answer):
        case "invalid_grant":
            return found("SECRET_RIGHT")
        case "invalid_client" | "unauthorized_client":
            return found("SECRET_WRONG")
        case _ if answer.status == 401:
            return found("SECRET_WRONG")
        case _:
            return found("SECRET_UNKNOWN", status=answer.status)


def _error(answer: Answers) -> object:
    try:
        body = answer.json()
    except Unavailable:
        return None
    return body.get("error") if isinstance(body, Mapping) else None


def _of_ourselves(subject: Subject) -> Iterator[Finding]:
    parts = urlsplit(subject.redirect_uri)
    if parts.scheme != "https" and not parts.netloc.startswith(_LOOPBACK):
        yield found("PUBLIC_URL", url=f"{parts.scheme}://{parts.netloc}")
    yield found(
        "REGISTER",
        redirect_uri=subject.redirect_uri,
        backchannel_uri=subject.backchannel_uri,
        logout_uri=subject.logout_uri,
    )
    if subject.waits:
        yield found("PROPOSAL_WAITS")
    if not subject.rules:
        yield found("NO_RULES")
    if "GROUP_ADMIN" in roles_of(subject.rules):
        yield found("RULE_GIVES_ADMIN")
    unknown = sorted(stores_of(subject.rules) - subject.stores)
    if unknown:
        yield found("RULE_UNKNOWN_STORE", stores=", ".join(unknown))
    if subject.unconfirmed:
        yield found("DOMAIN_UNCONFIRMED", domains=", ".join(subject.unconfirmed))


def _list(document: Mapping[str, Any], name: str, otherwise: list[Any]) -> list[Any]:
    value = document.get(name, otherwise)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _usable(document: Mapping[str, Any], name: str, outgoing: Asks) -> bool:
    value = document.get(name)
    return isinstance(value, str) and is_web_address(value, allow_loopback=outgoing.allow_loopback)
