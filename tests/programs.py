"""The application with programs of both groups, called over ASGI at a clock that stands still."""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from starlette.applications import Starlette

from forecourt.app import build_app, equip
from forecourt.auth.actor import Actor
from forecourt.auth.identify import ACTORS
from forecourt.auth.oauth.clients import MadeClient
from forecourt.auth.oauth.core import ASSERTION_TYPE
from forecourt.auth.oauth.model import PRIVATE_KEY_JWT, SECRET_BASIC
from forecourt.clock import SetClock
from forecourt.domain.clients import actions
from forecourt.domain.work import GroupWork, Platform, open_group_work
from forecourt.tenancy.engines import Engines
from tests.conftest import World

NOON = datetime(2026, 9, 10, 4, 0, 0, 250_000, tzinfo=UTC)
ISSUER = "http://127.0.0.1:8000"
ENDPOINT = f"{ISSUER}/oauth/token"
ME = "{ viewer { name key memberships { role storeCode } permissions { name } } group { code stores { edges { node { code } } } } }"


def new_key(kid: str = "k1") -> ECKey:
    """A client's key."""
    return ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": "ES256"}, private=True)


def public(*keys: Key) -> dict[str, Any]:
    """What a client registers of its keys."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def encoded(value: Any) -> str:
    """JSON or bytes as a part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def part(token: str, number: int) -> dict[str, Any]:
    """Header (0) or claims (1) of a token."""
    text = token.split(".")[number]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return read


def hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A token signed with a shared secret; libraries refuse to sign with a public key, attackers do not."""
    body = f"{encoded(dict(header) | {'alg': 'HS256'})}.{encoded(dict(claims))}"
    return f"{body}.{encoded(hmac.digest(secret, body.encode(), 'sha256'))}"


@dataclass
class Programs:
    """Two groups, their programs, and the process that serves them."""

    world: World
    platform: Platform
    clock: SetClock
    app: Starlette
    http: httpx2.AsyncClient
    keys: dict[str, Key] = field(default_factory=dict)

    def restart(self) -> None:
        """The process begins anew: nothing is remembered but what the database holds."""
        ACTORS.clear()
        equip(self.app, self.platform)

    def pass_time(self, **span: float) -> None:
        self.clock.at += timedelta(**span)

    @asynccontextmanager
    async def work(self, group: str = "a") -> AsyncIterator[GroupWork]:
        """A unit of work of the product in a group."""
        resolved = self.world.groups[group]
        async with open_group_work(self.platform, resolved, Actor.for_system("test", resolved.id)) as work:
            yield work

    async def register(
        self,
        *scopes: str,
        stores: Collection[str] | None = ("a1",),
        group: str = "a",
        key: Key | None = None,
        jwks_uri: str | None = None,
        expires_at: datetime | None = None,
    ) -> MadeClient:
        """A program of a group, seeing stores (None: all), with a secret or a key."""
        signs = key is not None or jwks_uri is not None
        async with self.work(group) as work:
            made = await actions.create_client(
                work,
                name="数据中台",
                scopes=list(scopes) or ["sales:order:read"],
                stores=None if stores is None else [self.world.stores[code].id for code in stores],
                auth_method=PRIVATE_KEY_JWT if signs else SECRET_BASIC,
                jwks=public(key) if key is not None else None,
                jwks_uri=jwks_uri,
                expires_at=expires_at,
            )
        if key is not None:
            self.keys[made.client_id] = key
        return made

    async def post(
        self, path: str, data: Mapping[str, str], made: MadeClient | None = None, *, secret: str | None = None
    ) -> httpx2.Response:
        """POST a form to an endpoint, as a client with its secret."""
        known = secret or (made.secret.clear if made is not None and made.secret is not None else "")
        auth = httpx2.BasicAuth(made.client_id, known) if made is not None else None
        return await self.http.post(path, data=dict(data), auth=auth or httpx2.Auth())

    async def ask_token(self, made: MadeClient, **data: str) -> httpx2.Response:
        """Ask for a token as this client, by its secret or by an assertion."""
        form = {"grant_type": "client_credentials", **data}
        if made.secret is None:
            return await self.post("/oauth/token", form | self.proof(made))
        return await self.post("/oauth/token", form, made)

    async def token(self, made: MadeClient, **data: str) -> str:
        """A token of this client."""
        answer = await self.ask_token(made, **data)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def proof(self, made: MadeClient, *, key: Key | None = None, **claims: Any) -> dict[str, str]:
        """The fields of private_key_jwt; a claim that is None is left out."""
        signing = key or self.keys[made.client_id]
        now = int(self.clock.at.timestamp())
        said = {
            "iss": made.client_id,
            "sub": made.client_id,
            "aud": ISSUER,
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + 60,
        }
        said = {name: value for name, value in (said | claims).items() if value is not None}
        header = {"alg": signing.alg or "ES256", "kid": signing.kid or ""}
        text = jwt.encode(header, said, signing, algorithms=[header["alg"]])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}

    async def graphql(self, token: str | None, query: str = ME) -> httpx2.Response:
        """Run a document with a bearer token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.http.post("/graphql", json={"query": query}, headers=headers | {"Accept-Language": "en"})

    async def data(self, token: str, query: str = ME) -> Any:
        """The data of an answer without errors."""
        answer = await self.graphql(token, query)
        assert answer.status_code == 200 and "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def store_id(self, code: str) -> UUID:
        return self.world.stores[code].id


@asynccontextmanager
async def open_programs(world: World, engines: Engines) -> AsyncIterator[Programs]:
    """The application over the world's database."""
    clock = SetClock(NOON)
    platform = Platform(engines, clock)
    app = build_app(world.server, world.database.settings)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        programs = Programs(world, platform, clock, app, http)
        programs.restart()
        yield programs
    ACTORS.clear()
