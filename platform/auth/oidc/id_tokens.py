"""Signed statements of a provider: signature, who made them for whom, when, and for which sign-in.

joserfc checks the signature, Authlib's `CodeIDToken` the claims it knows; the rest is checked here. Each check has a test that
fails without it: tests/auth/oidc/test_hostile_provider.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from ..numeric_date import moment
from .refusals import SignInRefused

#: How far apart two clocks may be.
LEEWAY: Final = timedelta(seconds=30)
_MOST_KEYS: Final = 50
#: OpenID Connect Core 1.0, section 2.
MOST_SUBJECT: Final = 255


class UnknownKey(Exception):
    """The token was signed with a key that is not in the set: perhaps the provider has changed its keys."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token of one sign-in must fit to. `fresh_since`: the person was asked to prove who they are after it."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str | None = field(repr=False, default=None)
    fresh_since: datetime | None = None


class _Allowed(JWSRegistry):
    """Only the algorithms named. The parent allows all it recommends, HS256 too, when the list is empty."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise SignInRefused("TOKEN_ALGORITHM", "the token is signed with an algorithm that is not allowed")
        return self.algorithms[name]


def import_keys(document: object) -> KeySet:
    """A provider's public keys (JWK Set, RFC 7517), without those that encrypt and those that are shared secrets.

    Raises:
        SignInRefused: KEYS_FORM: there is no usable key.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise SignInRefused("KEYS_FORM", "the key set cannot be read")
    signing = [
        key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig" and key.get("kty") != "oct"
    ]
    try:
        return KeySet.import_key_set({"keys": signing})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInRefused("KEYS_FORM", "the key set holds no usable key") from error


def open_token(token: object, keys: KeySet, algorithms: tuple[str, ...]) -> jwt.Token:
    """Header and claims of a token whose signature is right.

    Raises:
        UnknownKey: signed with a key that is not among these.
        SignInRefused: TOKEN_FORM, TOKEN_ALGORITHM or TOKEN_SIGNATURE.
    """
    if not isinstance(token, str):
        raise SignInRefused("TOKEN_FORM", "there is no token")
    try:
        return jwt.decode(token, keys, registry=_Allowed(algorithms=algorithms, strict_check_header=False))
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except BadSignatureError as error:
        raise SignInRefused("TOKEN_SIGNATURE", "the signature is wrong") from error
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInRefused("TOKEN_FORM", "the token cannot be read") from error


def check_id_token(token: jwt.Token, expected: Expected, now: datetime) -> dict[str, Any]:
    """The claims of an ID token that was made by this provider, for us, for this sign-in, and is valid now.

    Raises:
        SignInRefused: TOKEN_TYPE or TOKEN_<CLAIM>.
    """
    # A token for another purpose, such as a logout token or an access token, is not an ID token (RFC 8725, section 3.11).
    if str(token.header.get("typ", "JWT")).lower() != "jwt":
        raise SignInRefused("TOKEN_TYPE", "this is not an ID token")
    check_claims(
        CodeIDToken(
            token.claims,
            # The same signature has two names (RFC 9864); Authlib derives the hash of the access token from the older.
            {**token.header, "alg": "EdDSA"} if token.header["alg"] == "Ed25519" else token.header,
            exact(expected.issuer, expected.client_id),
            {"client_id": expected.client_id, "nonce": expected.nonce, "access_token": expected.access_token},
        ),
        now,
    )
    claims = dict(token.claims)
    check_subject(claims.get("sub"))
    if expected.fresh_since is not None:
        proved = moment(claims.get("auth_time"))
        if proved is None or proved < expected.fresh_since - LEEWAY:
            raise SignInRefused("TOKEN_AUTH_TIME", "the person did not prove anew who they are")
    return claims


def exact(issuer: str, client_id: str) -> dict[str, Any]:
    """Claims options: this maker, and us among the audience."""
    return {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}


def check_claims(claims: Any, now: datetime) -> None:
    """Let a claims class of Authlib or joserfc decide, at our clock and within `LEEWAY`.

    Raises:
        SignInRefused: TOKEN_<CLAIM>.
    """
    try:
        claims.validate(now=int(now.timestamp()), leeway=int(LEEWAY.total_seconds()))
    except ClaimError as error:
        name = str(error.claim).split(",")[0]
        known = name if name in _NAMED else "claims"
        raise SignInRefused(f"TOKEN_{known.upper()}", f"the token's {known} is missing or wrong") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise SignInRefused("TOKEN_CLAIMS", "the token's claims cannot be read") from error


_NAMED: Final = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "nonce", "azp", "at_hash", "auth_time", "amr", "jti"}
)


def check_subject(value: object) -> str:
    """A name of a person that can be kept.

    Raises:
        SignInRefused: TOKEN_SUB.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MOST_SUBJECT or not value.isprintable():
        raise SignInRefused("TOKEN_SUB", "the token names nobody")
    return value
