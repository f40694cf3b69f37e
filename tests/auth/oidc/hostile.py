"""A provider in process that can be told to lie in every way, and a browser that signs in with it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from forecourt.auth.oidc.config import ProviderConfig, ProviderIdentity
from forecourt.auth.oidc.relying_party import RelyingParty
from forecourt.clock import SetClock
from forecourt.outgoing import Outgoing

NOON = datetime(2026, 9, 1, 4, tzinfo=UTC)
ISSUER = "https://idp.example"
OTHER = "https://evil.example"
CLIENT = "forecourt"
# Characters that a form encodes: RFC 6749, section 2.3.1.
SECRET = "s3cret+/ %:ü"
ACCESS = "access-token"
CALLBACK = "https://app.example/sso/callback/G/corp"
RSA = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
KEYS: dict[str, Any] = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ECKey.generate_key("P-256", {"kid": "k1"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "k1"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "k1"}),
}


def half_hash(text: str, alg: str = "RS256") -> str:
    """`at_hash` (OpenID Connect Core 1.0, section 3.1.3.6)."""
    digest = (sha512 if alg.startswith("Ed") else sha256)(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def by_hand(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token that no library would make."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(sign(signed))).decode()


@dataclass
class Provider:
    """Honest until told otherwise. Values of None in `metadata`, `claims` and `header` leave a member out."""

    clock: SetClock = field(default_factory=lambda: SetClock(NOON))
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    userinfo: Any = field(default_factory=lambda: {"sub": "u1", "name": "李雷"})
    token: dict[str, Any] = field(default_factory=dict)
    token_status: int = 200
    alg: str = "RS256"
    key: Any = None
    #: what the key set shows; default: the key that signs
    keys: list[Any] | None = None
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    silent: bool = False
    nonce: str = ""
    #: what was asked for, in order, and the forms and headers that came with it
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    @property
    def signing_key(self) -> Any:
        return self.key or KEYS[self.alg]

    def document(self) -> dict[str, Any]:
        made = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "end_session_endpoint": f"{ISSUER}/logout",
            "id_token_signing_alg_values_supported": [self.alg],
            "authorization_response_iss_parameter_supported": True,
        }
        return {name: value for name, value in (made | self.metadata).items() if value is not None}

    def id_token(self, **more: Any) -> str:
        now = int(self.clock.now().timestamp())
        made = {"iss": ISSUER, "sub": "u1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce}
        made |= {"at_hash": half_hash(ACCESS, self.alg), "sid": "s1", "email": "li@example.com"} | self.claims | more
        return self.signed({name: value for name, value in made.items() if value is not None})

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": self.alg, "kid": "k1"} | self.header | header
        head = {name: value for name, value in head.items() if value is not None}
        if self.sign is not None:
            return self.sign(head, claims)
        registry = _Any(algorithms=[self.alg])
        default = None if "typ" in (self.header | header) else "JWT"
        return jwt.encode(head, claims, self.signing_key, registry=registry, default_type=default)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        if self.silent:
            return Response(status_code=500)
        match path:
            case "/.well-known/openid-configuration":
                return JSONResponse(self.document())
            case "/keys":
                shown = [self.signing_key] if self.keys is None else self.keys
                return JSONResponse(
                    {"keys": [key if isinstance(key, dict) else key.as_dict(private=False) for key in shown]}
                )
            case "/userinfo":
                self.authorizations.append(request.headers["authorization"])
                return JSONResponse(self.userinfo)
            case _:
                self.forms.append(dict(parse_qsl((await request.body()).decode())))
                self.authorizations.append(request.headers.get("authorization", ""))
                made = {"access_token": ACCESS, "token_type": "Bearer", "id_token": self.id_token()} | self.token
                return JSONResponse(
                    {name: value for name, value in made.items() if value is not None}, status_code=self.token_status
                )

    def outgoing(self) -> "InProcess":
        return InProcess(Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])]))


class _Any(JWSRegistry):
    """Signs with what it is told to, without the warning about EdDSA's older name."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


class InProcess(Outgoing):
    """The guarded client with its sockets replaced by the provider."""

    def __init__(self, app: Starlette) -> None:
        super().__init__()
        self._app = app

    def transport(self) -> httpx2.AsyncBaseTransport:
        return httpx2.ASGITransport(app=self._app)


def config(**changes: Any) -> ProviderConfig:
    """Our row for the provider."""
    values: dict[str, Any] = {"id": uuid4(), "group_id": uuid4(), "code": "corp", "name": "Corp", "issuer": ISSUER}
    return ProviderConfig(**values | {"client_id": CLIENT, "client_secret": SECRET} | changes)


@dataclass
class Browser:
    """Somebody's browser: its signed cookie is `session`."""

    provider: Provider
    party: RelyingParty
    session: dict[str, Any] = field(default_factory=dict)
    url: str = ""

    def request(self, **query: str) -> Request:
        text = urlencode(query).encode()
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": text}
        return Request({**scope, "session": self.session})

    async def begin(self, **wishes: Any) -> dict[str, str]:
        """Go to the provider; what it was asked."""
        self.url = await self.party.begin(self.request(), redirect_uri=CALLBACK, **{"back": "/me"} | wishes)
        asked = dict(parse_qsl(urlsplit(self.url).query))
        self.provider.nonce = asked["nonce"]
        return asked

    async def come_back(self, **changes: str | None) -> ProviderIdentity:
        """Come back as an honest provider would send one, but for the changes."""
        state = dict(parse_qsl(urlsplit(self.url).query))["state"]
        answer: dict[str, str | None] = {"code": "c1", "state": state, "iss": ISSUER}
        query = {name: value for name, value in (answer | changes).items() if value is not None}
        return await self.party.complete(self.request(**query))

    async def sign_in(self, **wishes: Any) -> ProviderIdentity:
        await self.begin(**wishes)
        return await self.come_back()


def browser(provider: Provider, **changes: Any) -> Browser:
    """A browser, and a relying party that has met nobody yet."""
    hour, minutes = timedelta(hours=1), timedelta(minutes=10)
    return Browser(
        provider, RelyingParty(config(**changes), provider.outgoing(), provider.clock, ttl=minutes, stale=hour)
    )
