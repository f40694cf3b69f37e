"""Public keys of clients (RFC 7517): what is accepted when somebody registers them, and reading them for a check."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from ...errors import Invalid

#: Algorithms of client assertions: signatures only, none with a shared secret (RFC 8725 §3.1).
ALGORITHMS: Final = ("ES256", "ES384", "Ed25519", "PS256", "RS256")

MOST_KEYS: Final = 10
LONGEST: Final = 20_000
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: Final = frozenset({"P-256", "P-384", "Ed25519"})
_RSA_BITS: Final = (2048, 4096)


def chosen_keys(keys: Any) -> dict[str, Any]:
    """A client's public keys as they are kept.

    Raises:
        Invalid: they are no key set, or have a private part, or one is too weak or of a kind we do not check with.
    """
    if (
        not isinstance(keys, Mapping)
        or not isinstance(keys.get("keys"), list)
        or not 1 <= len(keys["keys"]) <= MOST_KEYS
    ):
        raise Invalid(f"a key set has 'keys', 1 to {MOST_KEYS}", path=("jwks",))
    if len(json.dumps(keys, default=str)) > LONGEST:
        raise Invalid("too large for a key set", path=("jwks",))
    for jwk in keys["keys"]:
        problem = _problem(jwk)
        if problem is not None:
            raise Invalid(problem, path=("jwks",))
    names = [jwk.get("kid") for jwk in keys["keys"]]
    if len(names) > 1 and (None in names or len(set(names)) < len(names)):
        raise Invalid("several keys need different names (kid)", path=("jwks",))
    return {"keys": [dict(jwk) for jwk in keys["keys"]]}


def chosen_address(address: str) -> str:
    """Where a client's keys are fetched from. Whether it may be reached at all is decided at each fetch.

    Raises:
        Invalid: it is no https address.
    """
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is None
    except ValueError:
        fits = False
    if not fits or len(address) > 500 or parts.fragment:
        raise Invalid("an address of a key set begins with https://", path=("jwksUri",))
    return address


def key_set(keys: Any) -> KeySet | None:
    """The keys of a set that can be checked with; others are left out. None when none is left."""
    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    if not isinstance(listed, list):
        return None
    usable = [jwk for jwk in listed[:MOST_KEYS] if _problem(jwk) is None]
    return KeySet.import_key_set({"keys": usable}) if usable else None


def _problem(jwk: Any) -> str | None:
    """Why this key is not taken; None when it is."""
    if not isinstance(jwk, Mapping) or not isinstance(jwk.get("kid", ""), str) or len(jwk.get("kid", "")) > 200:
        return "a key is an object with a name (kid)"
    if _PRIVATE & jwk.keys():
        return "this is a private key: send only the public part, and throw this one away"
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", "ES256") not in ALGORITHMS:
        return f"keys are for signatures with one of {', '.join(ALGORITHMS)}"
    try:
        match jwk.get("kty"):
            case "RSA":
                # Measured before it is read: reading or checking with a huge one is work, and joserfc warns of a small one.
                bits = int.from_bytes(base64.urlsafe_b64decode(jwk["n"] + "==")).bit_length()
                if not _RSA_BITS[0] <= bits <= _RSA_BITS[1]:
                    return "an RSA key has 2048 to 4096 bits"
                _ = RSAKey.import_key(dict(jwk)).raw_value
                return None
            case "EC" if jwk.get("crv") in _CURVES:
                _ = ECKey.import_key(dict(jwk)).raw_value
                return None
            case "OKP" if jwk.get("crv") in _CURVES:
                _ = OKPKey.import_key(dict(jwk)).raw_value
                return None
            case _:
                return "keys are RSA, EC (P-256, P-384) or OKP (Ed25519)"
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return "a key cannot be read"
