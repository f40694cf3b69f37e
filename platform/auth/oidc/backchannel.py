"""The provider says that a session ended there: OpenID Connect Back-Channel Logout 1.0, sections 2.4 to 2.6."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.jwt import JWTClaimsRegistry
from sqlalchemy import and_, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..model import WebSession
from ..numeric_date import moment
from .config import ProviderConfig
from .id_tokens import LEEWAY, check_claims, check_subject, exact
from .refusals import SignInRefused
from .relying_party import RelyingParty, open_with_keys
from .seen import use_once

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
#: A logout token is for now. The provider may say it lives longer; we remember its id no longer than this.
FRESH: Final = timedelta(minutes=5)
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True)
class Ended:
    """What a logout token says: which session of the provider, or whose sessions, ended. `until`: when it stops being valid."""

    jti: str
    sid: str | None
    subject: str | None
    until: datetime


class _Claims:
    """Claims beside their rules, in the form `check_claims` asks for."""

    def __init__(self, claims: dict[str, Any], options: dict[str, Any]) -> None:
        self._claims, self._options = claims, options

    def validate(self, *, now: int, leeway: int) -> None:
        JWTClaimsRegistry(now, leeway, **self._options).validate(self._claims)


async def read_logout_token(party: RelyingParty, token: str, now: datetime) -> Ended:
    """What the provider says, every check of section 2.6 made but that of repetition.

    Raises:
        SignInRefused: TOKEN_…, or the provider's documents cannot be had.
    """
    opened = await open_with_keys(party.documents, token)
    return check_logout_token(opened, party.config, now)


def check_logout_token(token: jwt.Token, config: ProviderConfig, now: datetime) -> Ended:
    """The claims of a logout token of this provider, for us, made just now.

    Raises:
        SignInRefused: TOKEN_TYPE or TOKEN_<CLAIM>.
    """
    # "JWT" is what libraries write who say nothing; the claim `events` tells the token from others.
    if str(token.header.get("typ", "JWT")).lower() not in ("logout+jwt", "jwt"):
        raise SignInRefused("TOKEN_TYPE", "this is not a logout token")
    claims = dict(token.claims)
    required = {name: {"essential": True} for name in ("iat", "exp", "jti")}
    check_claims(_Claims(claims, exact(config.issuer, config.client_id) | required), now)
    made = moment(claims["iat"])
    if made is None or made < now - FRESH:
        raise SignInRefused("TOKEN_IAT", "the token is too old")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise SignInRefused("TOKEN_EVENTS", "the token does not say that a session ended")
    if "nonce" in claims:
        raise SignInRefused("TOKEN_NONCE", "an ID token is not a logout token")
    sid, subject = claims.get("sid"), claims.get("sub")
    if sid is None and subject is None:
        raise SignInRefused("TOKEN_SUB", "the token names neither a session nor a person")
    for name in (sid, claims["jti"]):
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= _LONGEST_ID and name.isprintable()):
            raise SignInRefused("TOKEN_SID", "the token's names cannot be read")
    if subject is not None:
        check_subject(subject)
    return Ended(str(claims["jti"]), sid, subject, made + FRESH + LEEWAY)


async def end_sessions(session: AsyncSession, config: ProviderConfig, ended: Ended, now: datetime) -> int:
    """End the web sessions that began with this provider's session, or all of the person it names. How many ended.

    A control session. A session that began without a session's name ends with its person.

    Raises:
        SignInRefused: TOKEN_USED: the token came before.
    """
    if not await use_once(session, config.id, f"logout {ended.jti}", until=ended.until, now=now):
        raise SignInRefused("TOKEN_USED", "this token was used before")
    if ended.sid is None:
        meant = WebSession.provider_subject == ended.subject
    elif ended.subject is None:
        meant = WebSession.provider_sid == ended.sid
    else:
        named = or_(WebSession.provider_sid == ended.sid, WebSession.provider_sid.is_(None))
        meant = and_(named, WebSession.provider_subject == ended.subject)
    found = await session.execute(
        update(WebSession)
        .where(WebSession.provider_id == config.id, meant, WebSession.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(WebSession.id)
    )
    return len(found.all())
