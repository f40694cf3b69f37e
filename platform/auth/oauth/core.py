"""The protocol at the token, revocation and introspection endpoints: Authlib's server core, which is synchronous.

The core never reads the database. `service` loads what a request may need beforehand (`Facts`), runs `answer` in a thread, and
writes down afterwards what it used up (`Outcome`). One core is made per request: nothing of one request is seen by another.
"""

import base64
import binascii
import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import KeySet

from .access import LIFETIME, AccessClaims, Issuer, sign
from .assertions import AssertionClaims, Explained, check_assertion, claimed_subject
from .clients import secret_hash
from .keys import SigningKey
from .model import PRIVATE_KEY_JWT, SECRET_BASIC
from .scopes import narrowed

TOKEN, REVOKE, INTROSPECT = "token", "revocation", "introspection"
ASSERTION_TYPE: Final = JWTBearerClientAssertion.CLIENT_ASSERTION_TYPE
_METHODS: Final = [SECRET_BASIC, PRIVATE_KEY_JWT]
_LONGEST_BASIC: Final = 1000

#: What is said of each error. A person's or program's own input is never repeated (RFC 6749 §5.2 allows only some characters).
_SAYINGS: Final[Mapping[str, str]] = {
    "invalid_scope": "The client does not hold one of these scopes.",
    "unsupported_grant_type": "The only grant type is client_credentials.",
    "insecure_transport": "FORECOURT_PUBLIC_URL must be an https address.",
}
FAILED: Final = "Client authentication failed."


@dataclass(frozen=True, slots=True)
class Form:
    """A request as it came: the Authorization header, and the fields of the form in their order."""

    authorization: str | None = field(repr=False)
    fields: Sequence[tuple[str, str]] = field(repr=False)

    def one(self, name: str) -> str | None:
        """The first value of a field; a field without value counts as left out (RFC 6749 §3.2)."""
        return next((value for key, value in self.fields if key == name and value), None)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """The client that a request names, with what can prove it. `secrets` are id and hash of those that count now."""

    id: UUID
    group_id: UUID
    client_id: str
    auth_method: str
    scopes: frozenset[str]
    generation: int
    secrets: tuple[tuple[UUID, bytes], ...] = field(default=(), repr=False)
    keys: KeySet | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was loaded for one request. `presented` is the token to revoke or to introspect, when it is valid and the client's."""

    issuer: Issuer
    now: datetime
    client: KnownClient | None = None
    signing: SigningKey | None = None
    presented: AccessClaims | None = None


@dataclass(slots=True)
class Outcome:
    """What a request came to, and what must be written down before it is answered."""

    status: int = 500
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: KnownClient | None = None
    secret_id: UUID | None = None
    assertion: AssertionClaims | None = None
    revoked: AccessClaims | None = None

    @property
    def unproven(self) -> bool:
        """The client did not prove who it is."""
        return self.body.get("error") == "invalid_client"


def claimed_client(form: Form) -> str | None:
    """Which client a request claims to come from, before anything is proven; None when it names none."""
    basic = _basic(form.authorization)
    if basic is not None:
        return basic[0]
    return claimed_subject(form.one("client_assertion") or "")


def answer(endpoint: str, form: Form, facts: Facts) -> Outcome:
    """What to answer. Never raises for anything that a request can contain."""
    outcome = Outcome()
    server = _Server(facts, outcome)
    try:
        request = _Request(form, facts.issuer)
        _check_form(form, endpoint)
    except OAuth2Error as error:
        server.handle_error_response(None, error)
        return outcome
    if endpoint == TOKEN:
        server.create_token_response(request)
    else:
        server.create_endpoint_response(endpoint, request)
    return outcome


def refusal(error: str, description: str, *, status: int = 400, **headers: str) -> Outcome:
    """An error by RFC 6749 §5.2."""
    body = {"error": error, "error_description": description}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="forecourt"'
    return Outcome(status, body, {"cache-control": "no-store", "pragma": "no-cache", **headers})


def _check_form(form: Form, endpoint: str) -> None:
    names = [name for name, value in form.fields if value]
    twice = {name for name in names if names.count(name) > 1} - {"resource"}  # RFC 8707 §2 lets it repeat
    if twice:
        raise InvalidRequestError("A parameter is given twice.")
    if "client_secret" in names:
        raise Explained("Send the secret in the Authorization header: the method is client_secret_basic.")
    if form.authorization is not None and "client_assertion" in names:
        raise InvalidRequestError("Prove who you are in one way only.")
    if endpoint == TOKEN and "grant_type" not in names:
        raise InvalidRequestError("grant_type is missing.")


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, form: Form) -> None:
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in form.fields:
            if value:
                self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request as the core reads it. Its address is the installation's own: behind a proxy that ends TLS we see another."""

    def __init__(self, form: Form, issuer: Issuer) -> None:
        super().__init__("POST", issuer.token_endpoint, headers={"Authorization": form.authorization or ""})
        self.given = form
        self.payload = _Payload(form)

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        found: dict[str, str] = self.payload.data
        return found


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, known: KnownClient) -> None:
        self.known = known

    def get_client_id(self) -> str:
        return self.known.client_id

    def get_allowed_scope(self, scope: str | None) -> str | None:
        chosen = narrowed(scope, self.known.scopes)
        return None if chosen is None else " ".join(sorted(chosen))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.known.auth_method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class _Presented:
    """A valid token of the client, as the core asks about one."""

    def __init__(self, claims: AccessClaims) -> None:
        self.claims = claims

    def check_client(self, client: _Client) -> bool:
        return self.claims.client_id == client.known.client_id

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, facts: Facts, outcome: Outcome) -> None:
        super().__init__()
        self.facts, self.outcome = facts, outcome
        self.register_client_auth_method(SECRET_BASIC, self._by_secret)
        self.register_client_auth_method(PRIVATE_KEY_JWT, _Assertion(facts, outcome))
        self.register_grant(_Grant)
        self.register_token_generator("default", _Generator(facts))
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)

    def query_client(self, client_id: str) -> _Client | None:
        known = self.facts.client
        return _Client(known) if known is not None and known.client_id == client_id else None

    def save_token(self, token: Any, request: Any) -> None:
        """Tokens are not kept: they prove themselves."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def authenticate_client(self, request: _Request, methods: list[str], endpoint: str = TOKEN) -> _Client:
        client: _Client = super().authenticate_client(request, methods, endpoint)
        named = request.form.get("client_id")
        if named is not None and named != client.known.client_id:
            raise InvalidClientError(FAILED)
        self.outcome.client = client.known
        return client

    def _by_secret(self, query_client: Any, request: _Request) -> _Client | None:
        basic = _basic(request.given.authorization)
        if basic is None:
            return None
        client: _Client | None = query_client(basic[0])
        given = secret_hash(basic[1])
        kept = client.known.secrets if client is not None else ()
        # Compared in the same time, right or wrong; a client that does not exist is compared with nothing real.
        right = [secret_id for secret_id, digest in kept or ((None, bytes(32)),) if hmac.compare_digest(digest, given)]
        if client is None or not right or right[0] is None:
            return None
        self.outcome.secret_id = right[0]
        return client

    def handle_response(self, status: int, body: Mapping[str, Any], headers: Sequence[tuple[str, str]]) -> None:
        self.outcome.status, self.outcome.body = status, body
        self.outcome.headers = {name.lower(): value for name, value in headers}

    def handle_error_response(self, request: Any, error: Any) -> None:
        if isinstance(error, InvalidClientError):
            # One answer for every reason that somebody could learn from who is not the client.
            said = error.description if isinstance(error, Explained) else FAILED
            made = refusal("invalid_client", said, status=401)
        else:
            said = _SAYINGS.get(error.error, error.description or "The request cannot be understood.")
            made = refusal(error.error, said)
        self.outcome.status, self.outcome.body, self.outcome.headers = made.status, made.body, made.headers


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def validate_token_request(self) -> None:
        super().validate_token_request()
        for resource in self.request.payload.datalist.get("resource", ()):
            if resource != self.server.facts.issuer.audience:
                raise OAuth2Error("The only resource is the API.", error="invalid_target")


class _Generator(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
    """Makes the token with our clock and our key's name; Authlib's own names neither."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts.issuer.url, alg="ES256", expires_generator=int(LIFETIME.total_seconds()))
        self.facts = facts

    def access_token_generator(self, client: _Client, grant_type: str, user: None, scope: str) -> str:
        if self.facts.signing is None:
            raise RuntimeError("no signing key was loaded")
        return sign(
            self.facts.signing,
            self.facts.issuer,
            client_id=client.known.client_id,
            group_id=client.known.group_id,
            generation=client.known.generation,
            scopes=frozenset(scope.split()),
            now=self.facts.now,
        )


class _Assertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib has no types
    """private_key_jwt (RFC 7523 §2.2, OpenID Connect Core §9)."""

    CLIENT_AUTH_METHOD = PRIVATE_KEY_JWT

    def __init__(self, facts: Facts, outcome: Outcome) -> None:
        super().__init__()
        self.facts, self.outcome = facts, outcome

    def __call__(self, query_client: Any, request: _Request) -> _Client | None:
        if request.form.get("client_assertion_type") != ASSERTION_TYPE:
            return None
        text = request.form.get("client_assertion", "")
        client: _Client | None = query_client(claimed_subject(text))
        if client is None or client.known.auth_method != PRIVATE_KEY_JWT or client.known.keys is None:
            return None
        audiences = (self.facts.issuer.url, self.facts.issuer.token_endpoint)
        self.outcome.assertion = check_assertion(
            text, client.known.keys, client_id=client.known.client_id, audiences=audiences, now=self.facts.now
        )
        return client


class _OwnToken:
    """What revocation and introspection share: the token was looked up beforehand, and another client's is like none."""

    CLIENT_AUTH_METHODS = _METHODS
    server: _Server

    def check_params(self, request: _Request, client: _Client) -> None:
        # An unknown token_type_hint is ignored (RFC 7009 §2.1).
        if "token" not in request.form:
            raise InvalidRequestError("token is missing.")

    def query_token(self, text: str, hint: str | None) -> _Presented | None:
        found, client = self.server.facts.presented, self.server.facts.client
        if found is None or client is None or found.client_id != client.client_id:
            return None
        return _Presented(found)


class _Revocation(_OwnToken, RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    def revoke_token(self, token: _Presented, request: _Request) -> None:
        self.server.outcome.revoked = token.claims


class _Introspection(_OwnToken, IntrospectionEndpoint):  # type: ignore[misc]  # Authlib has no types
    def check_permission(self, token: _Presented, client: _Client, request: _Request) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: _Presented) -> dict[str, Any]:
        claims, issuer = token.claims, self.server.facts.issuer
        held = self.server.facts.client.scopes if self.server.facts.client else frozenset()
        return {
            "active": True,
            "client_id": claims.client_id,
            "sub": claims.client_id,
            "iss": issuer.url,
            "aud": issuer.audience,
            "token_type": "Bearer",
            "scope": " ".join(sorted(claims.scopes & held)),
            "jti": claims.jti,
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
            "group": str(claims.group_id),
        }


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """Name and secret of ``Authorization: Basic`` (RFC 6749 §2.3.1: both form-encoded); None when it is none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST_BASIC:
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon and name and secret else None
