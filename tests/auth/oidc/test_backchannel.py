"""Back-channel logout: what is refused, and which sessions end. Each refusal was seen to be missed without its check."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from forecourt.auth.model import WebSession
from forecourt.auth.oidc.backchannel import EVENT, end_sessions, read_logout_token
from forecourt.auth.oidc.config import ProviderIdentity
from forecourt.auth.oidc.model import SeenTokenId
from forecourt.auth.oidc.refusals import SignInRefused
from forecourt.auth.oidc.relying_party import RelyingParty
from forecourt.auth.oidc.sessions import open_for, origin_of
from forecourt.auth.web_sessions import SignInBy, open_session
from forecourt.errors import Unauthenticated
from forecourt.tenancy.sealing import Sealer
from tests.auth.oidc.hostile import CLIENT, ISSUER, NOON, OTHER, RSA, Provider, config
from tests.auth.world import World

pytestmark = pytest.mark.anyio

NOW = int(NOON.timestamp())


def sealer(group_id: UUID, purpose: str) -> Sealer:
    """As `Platform.sealer`, with a key of its own."""
    return Sealer(lambda version: b"k" * 32, 1, group_id, purpose)


def logout_token(provider: Provider, *, typ: str | None = "logout+jwt", **changes: Any) -> str:
    """A logout token that is right but for the changes; None leaves a claim out."""
    claims: dict[str, Any] = {"iss": ISSUER, "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": uuid4().hex}
    claims |= {"events": {EVENT: {}}, "sid": "s1"} | changes
    return provider.signed({name: value for name, value in claims.items() if value is not None}, typ=typ)


def party(provider: Provider, **changes: Any) -> RelyingParty:
    """A relying party that has met nobody yet."""
    day = timedelta(days=1)
    return RelyingParty(config(**changes), provider.outgoing(), provider.clock, ttl=day, stale=day)


@pytest.mark.parametrize("typ", ["logout+jwt", "LOGOUT+JWT", "JWT", None])
async def test_a_logout_token_says_what_ended(typ: str | None) -> None:
    provider = Provider()
    ended = await read_logout_token(party(provider), logout_token(provider, typ=typ, sub="u1"), NOON)
    assert (ended.sid, ended.subject) == ("s1", "u1")


LIES: list[tuple[str, dict[str, Any], str]] = [
    ("an access token", {"typ": "at+jwt"}, "TOKEN_TYPE"),
    ("another issuer", {"iss": OTHER}, "TOKEN_ISS"),
    ("no issuer", {"iss": None}, "TOKEN_ISS"),
    ("another client", {"aud": "other"}, "TOKEN_AUD"),
    ("no client", {"aud": None}, "TOKEN_AUD"),
    ("no event", {"events": None}, "TOKEN_EVENTS"),
    ("another event", {"events": {"https://example.com/other": {}}}, "TOKEN_EVENTS"),
    ("an event that is no object", {"events": {EVENT: True}}, "TOKEN_EVENTS"),
    ("events that are no object", {"events": [EVENT]}, "TOKEN_EVENTS"),
    ("with a nonce, as ID tokens have", {"nonce": "n"}, "TOKEN_NONCE"),
    ("neither session nor person", {"sid": None}, "TOKEN_SUB"),
    ("an empty person", {"sid": None, "sub": ""}, "TOKEN_SUB"),
    ("a session that is no text", {"sid": ["s1"]}, "TOKEN_SID"),
    ("a session with a zero character", {"sid": "s\0"}, "TOKEN_SID"),
    ("no id", {"jti": None}, "TOKEN_JTI"),
    ("an endless id", {"jti": "x" * 256}, "TOKEN_SID"),
    ("no moment", {"iat": None}, "TOKEN_IAT"),
    ("from the future", {"iat": NOW + 60}, "TOKEN_IAT"),
    ("six minutes old, valid for a year", {"iat": NOW - 360, "exp": NOW + 31_536_000}, "TOKEN_IAT"),
    ("expired", {"exp": NOW - 60}, "TOKEN_EXP"),
    ("without an end", {"exp": None}, "TOKEN_EXP"),
]


@pytest.mark.parametrize(("changes", "code"), [(lie, code) for _, lie, code in LIES], ids=[name for name, _, _ in LIES])
async def test_a_logout_token_that_breaks_a_rule_is_refused(changes: dict[str, Any], code: str) -> None:
    provider = Provider()
    with pytest.raises(SignInRefused) as caught:
        await read_logout_token(party(provider), logout_token(provider, **changes), NOON)
    assert caught.value.code == code


async def test_a_logout_token_signed_by_somebody_else_is_refused() -> None:
    provider = Provider(key=RSAKey.generate_key(2048), keys=[RSA])
    with pytest.raises(SignInRefused) as caught:
        await read_logout_token(party(provider), logout_token(provider), NOON)
    assert caught.value.code == "TOKEN_SIGNATURE"


class Sessions:
    """Browsers of two people who came from two providers of the same group, and one with a password."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.corp = config(group_id=world.north)
        self.other = config(group_id=world.north, code="other")
        self.ids: dict[str, UUID] = {}
        self.cookies: dict[str, str] = {}

    async def build(self) -> None:
        anna, bert = await self.world.account("anna"), await self.world.account("bert")
        for name, account, provider, subject, sid in (
            ("anna", anna, self.corp, "u1", "s1"),
            ("anna elsewhere", anna, self.corp, "u1", "s2"),
            ("anna unnamed", anna, self.corp, "u1", None),
            ("bert", bert, self.corp, "u2", "s3"),
            ("other provider", anna, self.other, "u1", "s1"),
        ):
            identity = ProviderIdentity(provider.id, ISSUER, subject, sid, {}, "id.token.text")
            async with self.world.sessions() as session:
                by, clock = SignInBy(address="192.0.2.7"), self.world.clock
                opened = await open_for(
                    session, sealer, identity, account, group_id=self.world.north, by=by, clock=clock
                )
            self.ids[name], self.cookies[name] = opened.id, opened.cookie
        async with self.world.sessions() as session:
            self.ids["password"] = (await open_session(session, anna, clock=self.world.clock)).id

    async def end(self, **claims: Any) -> set[str]:
        """Which sessions a logout token of the provider ends."""
        provider = Provider()
        token = logout_token(provider, **claims)
        made = RelyingParty(self.corp, provider.outgoing(), provider.clock, ttl=timedelta(1), stale=timedelta(1))
        ended = await read_logout_token(made, token, NOON)
        async with self.world.sessions() as session:
            before = await self._ended(session)
            count = await end_sessions(session, self.corp, ended, NOON)
            gone = await self._ended(session) - before
        assert count == len(gone)
        return {name for name, row in self.ids.items() if row in gone}

    async def _ended(self, session: AsyncSession) -> set[UUID]:
        rows = await session.execute(select(WebSession.id).where(WebSession.revoked_at.is_not(None)))
        return set(rows.scalars())


@pytest.fixture
async def sessions(world: World) -> AsyncIterator[Sessions]:
    made = Sessions(world)
    await made.build()
    yield made


@pytest.mark.parametrize(
    ("claims", "gone"),
    [
        ({"sid": "s1"}, {"anna"}),
        ({"sid": "s1", "sub": "u1"}, {"anna", "anna unnamed"}),
        ({"sid": "s1", "sub": "u2"}, set()),
        ({"sid": None, "sub": "u1"}, {"anna", "anna elsewhere", "anna unnamed"}),
        ({"sid": "unknown"}, set()),
    ],
)
async def test_what_the_provider_names_ends_and_nothing_else(
    sessions: Sessions, claims: dict[str, Any], gone: set[str]
) -> None:
    assert await sessions.end(**claims) == gone


async def test_a_logout_token_is_used_once_and_its_id_forgotten_when_it_has_expired(sessions: Sessions) -> None:
    await sessions.end(jti="first")
    with pytest.raises(SignInRefused) as caught:
        await sessions.end(jti="first")
    assert caught.value.code == "TOKEN_USED"
    async with sessions.world.sessions() as session:
        seen = (await session.scalars(select(SeenTokenId))).one()
        assert NOON < seen.expires_at <= NOON + timedelta(minutes=6)
        assert b"first" not in seen.jti_hash
        seen.expires_at = NOON - timedelta(seconds=1)
    await sessions.end(jti="second", sid="s2")
    async with sessions.world.sessions() as session:
        assert len((await session.scalars(select(SeenTokenId))).all()) == 1


async def test_the_id_token_is_kept_sealed_and_opens_for_its_own_session_alone(sessions: Sessions) -> None:
    world = sessions.world
    async with world.sessions() as session:
        row = await session.get_one(WebSession, sessions.ids["anna"])
        assert row.id_token_enc is not None and b"id.token" not in row.id_token_enc
        assert (row.method, row.provider_subject, row.provider_sid) == ("PROVIDER", "u1", "s1")
        origin = await origin_of(session, sealer, sessions.cookies["anna"], clock=world.clock)
        assert origin is not None and (origin.provider_id, origin.id_token) == (sessions.corp.id, "id.token.text")
        assert "id.token" not in repr(origin)
        lost = await origin_of(
            session, lambda group, purpose: sealer(uuid4(), purpose), sessions.cookies["anna"], clock=world.clock
        )
        assert lost is not None and lost.id_token is None  # signing out goes on without its key
        assert await origin_of(session, sealer, "no such cookie", clock=world.clock) is None


async def test_an_account_of_another_group_gets_no_session(sessions: Sessions) -> None:
    world = sessions.world
    foreign = await world.account("carl", group=world.south)
    identity = ProviderIdentity(sessions.corp.id, ISSUER, "u9", None, {}, "t")
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await open_for(session, sealer, identity, foreign, group_id=world.north, by=SignInBy(), clock=world.clock)
