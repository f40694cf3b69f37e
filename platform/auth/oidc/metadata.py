"""What a provider says about itself (OpenID Connect Discovery 1.0, RFC 8414), reduced to what we use and have checked.

Authlib hands every member of the document on to its HTTP client as an argument. A provider could so choose our proxy, switch
off the checking of certificates or PKCE, or ask for other scopes; therefore nothing but the members below ever reaches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from .refusals import SignInRefused

#: Signatures by a private key only: with ``none`` and HS* whoever knows public things can sign (RFC 8725, sections 3.1, 3.2).
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)
AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's endpoints and abilities. `algorithms` is never empty: an empty list means "all" to a JOSE library."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    auth_method: AuthMethod
    #: the provider names itself in every answer (RFC 9207)
    names_itself: bool


def discovery_url(issuer: str) -> str:
    """Where the document stands (OpenID Connect Discovery 1.0, section 4)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def read_metadata(document: object, *, issuer: str, has_secret: bool, allow_loopback: bool = False) -> Metadata:
    """The document of the provider that is configured with `issuer`.

    Args:
        has_secret: we were given a client secret.
        allow_loopback: also plain http on this machine, for development and tests.

    Raises:
        SignInRefused: METADATA_…: what is wrong with it.
    """
    if not isinstance(document, Mapping):
        raise SignInRefused("METADATA_FORM", "the discovery document is not an object")
    # Exactly, character by character (Discovery 1.0, section 4.3): else one provider could speak for another.
    if document.get("issuer") != issuer:
        raise SignInRefused("METADATA_ISSUER", "the discovery document names another issuer")

    def endpoint(name: str) -> str | None:
        value = document.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not is_web_address(value, allow_loopback=allow_loopback):
            raise SignInRefused("METADATA_ENDPOINT", f"{name} is not an https address")
        return value

    def required(name: str) -> str:
        value = endpoint(name)
        if value is None:
            raise SignInRefused("METADATA_ENDPOINT", f"{name} is missing")
        return value

    return Metadata(
        issuer=issuer,
        authorization_endpoint=required("authorization_endpoint"),
        token_endpoint=required("token_endpoint"),
        jwks_uri=required("jwks_uri"),
        userinfo_endpoint=endpoint("userinfo_endpoint"),
        end_session_endpoint=endpoint("end_session_endpoint"),
        algorithms=_algorithms(document),
        auth_method=_auth_method(document, has_secret=has_secret),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def is_web_address(value: str, *, allow_loopback: bool = False) -> bool:
    """Is it an absolute https address without user information or fragment, to which a browser may be sent?"""
    if len(value) > _LONGEST_URL or any(ord(c) <= 32 or c in "\\\"'<>" or ord(c) > 126 for c in value):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.fragment or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (allow_loopback and parts.scheme == "http" and host in _LOOPBACK)


def _algorithms(document: Mapping[str, Any]) -> tuple[str, ...]:
    offered = document.get("id_token_signing_alg_values_supported", ["RS256"])
    allowed = tuple(name for name in ALGORITHMS if isinstance(offered, list) and name in offered)
    if not allowed:
        raise SignInRefused("METADATA_ALGORITHMS", "the provider signs with no algorithm that can be trusted")
    return allowed


def _auth_method(document: Mapping[str, Any], *, has_secret: bool) -> AuthMethod:
    offered = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    wanted: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post") if has_secret else ("none",)
    for method in wanted:
        if isinstance(offered, list) and method in offered:
            return method
    if not has_secret:
        return "none"  # many providers of public clients do not list it
    raise SignInRefused("METADATA_AUTH_METHOD", "the provider takes a client secret neither in a header nor in a form")
