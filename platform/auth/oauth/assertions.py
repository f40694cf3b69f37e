"""What a client assertion must be: a JWT by which a client proves that it holds its private key (RFC 7523 §3).

Until the signature was found right every failure looks the same. Afterwards it is the client itself that we tell what to do.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidClientError
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ..numeric_date import moment
from .access import LEEWAY
from .client_keys import ALGORITHMS

#: How far ahead `exp` may be: so long must a `jti` be remembered.
LONGEST: Final = timedelta(minutes=5)
_LONGEST_TEXT: Final = 8192
_LONGEST_JTI: Final = 255


class Explained(InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """A failure that may be told: it says nothing about a client to somebody else."""


@dataclass(frozen=True, slots=True)
class AssertionClaims:
    """An assertion that is right, and can be used once."""

    jti: str
    expires_at: datetime


def claimed_subject(text: str) -> str | None:
    """Whom an assertion claims to come from; nothing of it is trusted yet. None when it cannot be read."""
    if not text or len(text) > _LONGEST_TEXT:
        return None
    claims = _payload(text)
    subject = claims.get("sub") if claims is not None else None
    return subject if isinstance(subject, str) and 0 < len(subject) <= 200 else None


def check_assertion(
    text: str, keys: KeySet, *, client_id: str, audiences: tuple[str, ...], now: datetime
) -> AssertionClaims:
    """The claims of an assertion of this client for us, valid now.

    Raises:
        InvalidClientError: it is not; `Explained` when at least the signature is right: then it is the client who asks.
    """
    try:
        jws.deserialize_compact(text, keys, algorithms=ALGORITHMS)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise InvalidClientError("the signature is wrong") from error
    claims = _payload(text) or {}
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise Explained("iss and sub of the assertion must both be the client_id.")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if audience not in audiences:
        raise Explained("aud of the assertion must be the issuer, or the token endpoint, and nothing else.")
    expires = moment(claims.get("exp"))
    if expires is None or expires <= now:
        raise Explained("The assertion has expired, or has no exp.")
    if expires > now + LONGEST + LEEWAY:
        raise Explained("exp of the assertion must be at most 5 minutes ahead.")
    for name in ("iat", "nbf"):
        begins = moment(claims[name]) if name in claims else now
        if begins is None or begins > now + LEEWAY:
            raise Explained(f"{name} of the assertion is in the future, or no time.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise Explained("The assertion needs a jti of 1 to 255 characters.")
    return AssertionClaims(jti, expires)


def _payload(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(jws.extract_compact(text.encode("ascii")).payload or b"")
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
