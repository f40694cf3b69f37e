"""Access tokens for programs: signed JWTs (RFC 9068, ES256), and what one must be to count.

Only tokens that this installation made are ever accepted, so nothing is negotiated: one header, one algorithm, our own keys by
name. What a header says beside that (`jku`, `jwk`, `x5u`, `crit`) makes it a token that we did not make.
"""

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ...errors import Unauthenticated
from .keys import LONGEST_TOKEN, SigningKey

ALGORITHM: Final = "ES256"
TYPE: Final = "at+jwt"
LIFETIME: Final = timedelta(minutes=30)
#: Clocks of two machines may differ by so much. It never makes a token live longer.
LEEWAY: Final = timedelta(seconds=30)

LONGEST_TEXT: Final = 4096
#: A signed JWT whose signature has the 64 bytes of ES256; everything else need not be looked at.
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{20,1000}\.[A-Za-z0-9_-]{20,3000}\.[A-Za-z0-9_-]{86}")
_HEADER: Final = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who we are in OAuth 2: one installation is one issuer, at its public address."""

    url: str

    @classmethod
    def at(cls, public_url: str) -> "Issuer":
        """The issuer of an installation with this public address."""
        return cls(public_url.rstrip("/"))

    @property
    def audience(self) -> str:
        """What tokens are for: the API."""
        return f"{self.url}/graphql"

    @property
    def token_endpoint(self) -> str:
        """Where a client asks for a token."""
        return f"{self.url}/oauth/token"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says."""

    jti: str
    client_id: str
    group_id: UUID
    generation: int
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime


def has_form(text: str) -> bool:
    """Could the text be one of our access tokens?"""
    return len(text) <= LONGEST_TEXT and _FORM.fullmatch(text) is not None


def jti_hash(jti: str) -> bytes:
    """What is kept of a `jti`."""
    return sha256(jti.encode()).digest()


def sign(
    key: SigningKey,
    issuer: Issuer,
    *,
    client_id: str,
    group_id: UUID,
    generation: int,
    scopes: frozenset[str],
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> str:
    """A new token. Its moments are whole seconds, rounded down (RFC 7519 §2, NumericDate)."""
    if not timedelta(0) < lifetime <= LONGEST_TOKEN:
        raise ValueError("a token lives for at most an hour")
    issued = int(now.timestamp())
    claims = {
        "iss": issuer.url,
        "sub": client_id,
        "aud": issuer.audience,
        "client_id": client_id,
        "group": str(group_id),
        "generation": generation,
        "scope": " ".join(sorted(scopes)),
        "jti": secrets.token_urlsafe(18),
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}
    return jwt.encode(header, claims, key.key, algorithms=[ALGORITHM])


def key_name(text: str) -> str:
    """The name of the key that a token claims to be signed with; nothing of it is trusted yet.

    Raises:
        Unauthenticated: it is no token that we made.
    """
    if not has_form(text):
        raise _invalid()
    header = _decoded(text.partition(".")[0])
    kid = header.get("kid")
    if header.keys() != _HEADER or header["alg"] != ALGORITHM or header["typ"] != TYPE or not isinstance(kid, str):
        raise _invalid()
    return kid


def verify(text: str, key: ECKey | None, issuer: Issuer, *, now: datetime) -> AccessClaims:
    """The claims of a token that this key signed for us, valid now.

    Raises:
        Unauthenticated: it is not; never says why.
    """
    key_name(text)
    if key is None:
        raise _invalid()
    try:
        found = jws.deserialize_compact(text, key, algorithms=[ALGORITHM])
        claims = json.loads(found.payload or b"")
    except (JoseError, ValueError, RecursionError) as error:
        raise _invalid() from error
    read = _read(claims, issuer) if isinstance(claims, dict) else None
    if read is None or not _valid_now(claims, read, now):
        raise _invalid()
    return read


def _read(claims: dict[str, Any], issuer: Issuer) -> AccessClaims | None:
    texts = [claims.get(name) for name in ("jti", "client_id", "group", "scope")]
    numbers = [claims.get(name) for name in ("generation", "iat", "exp")]
    if claims.get("iss") != issuer.url or claims.get("aud") != issuer.audience:
        return None
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        return None
    if claims.get("sub") != claims["client_id"] or not claims["jti"]:
        return None
    try:
        issued, expires = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        group_id = UUID(claims["group"])
    except (ValueError, OverflowError, OSError):
        return None
    scopes = frozenset(claims["scope"].split())
    return AccessClaims(claims["jti"], claims["client_id"], group_id, claims["generation"], scopes, issued, expires)


def _valid_now(claims: dict[str, Any], read: AccessClaims, now: datetime) -> bool:
    lives = read.expires_at - read.issued_at
    if not timedelta(0) < lives <= LONGEST_TOKEN or now >= read.expires_at or read.issued_at > now + LEEWAY:
        return False
    before = claims.get("nbf", 0)
    return type(before) is int and before <= (now + LEEWAY).timestamp()


def _decoded(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid() from error
    if not isinstance(found, dict):
        raise _invalid()
    return found


def _invalid() -> Unauthenticated:
    return Unauthenticated("this token is not valid")
