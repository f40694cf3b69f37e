"""Survey tokens: 128 bits that let one person answer one invitation, once. Only their SHA-256 is stored.

A token is a keyed hash of the invitation's id under a secret of the group, so it cannot be told from a random one without
that secret, and every attempt at sending, and each reminder, carries the *same* link: a token drawn anew for a repeated
message would make the link dead that the customer may already have.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

TOKEN_BYTES = 16
TOKEN_LENGTH = 22  # base64url without padding


def make_token(secret: bytes, invitation_id: UUID) -> str:
    """The token of an invitation, 22 characters of base64url. `secret`: 32 bytes of the group."""
    if len(secret) < 32:
        raise ValueError("the secret of survey tokens has at least 32 bytes")
    digest = hmac.digest(secret, b"survey token\0" + invitation_id.bytes, "sha256")
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode().rstrip("=")


def token_hash(token: str) -> bytes | None:
    """What is stored and looked up; None for what cannot be a token, so that it costs no query."""
    if len(token) != TOKEN_LENGTH:
        return None
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last character carries 2 unused bits; only one spelling of a token is a token.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != token:
        return None
    return hashlib.sha256(raw).digest()


def survey_path(store_public_id: str, token: str) -> str:
    """The path of the link; the token is part of the path, never of a query string (architecture section 6)."""
    return f"/s/{store_public_id}/{token}"
