"""We as a relying party of a group's provider: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).

Authlib's Starlette client runs the flow. `_App` replaces the three places where it trusts what it should not: where metadata and
keys come from, and how an ID token is judged. docs/decisions/0017-openid-connect.md lists every check and its reason.
"""

import base64
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus
from uuid import UUID

import orjson
from authlib.integrations.starlette_client import (
    OAuthError,
    StarletteIntegration,
    StarletteOAuth2App,
)
from starlette.requests import Request

from ...clock import Clock
from ...errors import Refused, Unavailable
from ...outgoing import Outgoing
from ..numeric_date import moment
from .config import ProviderConfig, ProviderIdentity
from .documents import STALE, TTL, Documents, fetched
from .id_tokens import Expected, UnknownKey, check_id_token, open_token
from .metadata import Metadata
from .refusals import SignInRefused

#: How long somebody may take at the provider.
TRANSACTION: Final = timedelta(minutes=10)
#: Sign-ins that a browser may have begun at once, as in several tabs.
_MOST_TRANSACTIONS: Final = 3
#: In JSON. A cookie has at most 4,096 bytes (RFC 6265bis), base64 and signature included, and each sign-in takes 350 of them besides.
_LONGEST_BACK: Final = 550
_MOST_CLAIMS: Final = 200
_MOST_CLAIM_BYTES: Final = 64_000
_LONGEST_SID: Final = 255
#: Providers kept in one process.
_MOST_PARTIES: Final = 500
_KEY: Final = "sso "


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in that this browser has begun. `back` is where the person wanted to go."""

    state: str
    provider_id: UUID
    back: str
    until: datetime
    #: set when the person was asked to prove anew who they are
    fresh_since: datetime | None


class _Transactions(StarletteIntegration):  # type: ignore[misc]  # Authlib has no types
    """Keeps what Authlib must remember in the signed cookie, bound to one provider, for `TRANSACTION`."""

    def __init__(self, provider_id: UUID, clock: Clock) -> None:
        super().__init__(str(provider_id))
        self._clock = clock

    async def set_state_data(self, session: MutableMapping[str, Any], state: str, data: Mapping[str, Any]) -> None:
        until = self._clock.now() + TRANSACTION
        kept = {name: data[name] for name in ("nonce", "code_verifier", "redirect_uri")}
        session[_KEY + state] = {"provider": self.name, "until": until.timestamp(), "data": kept}

    async def get_state_data(self, session: MutableMapping[str, Any], state: str) -> dict[str, Any] | None:
        kept = session.get(_KEY + state)
        return None if kept is None else dict(kept["data"])  # looked at in `RelyingParty.pending` already

    async def clear_state_data(self, session: MutableMapping[str, Any], state: str) -> None:
        session.pop(_KEY + state, None)


class _App(StarletteOAuth2App):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client on our documents and checks."""

    def __init__(self, config: ProviderConfig, documents: Documents, outgoing: Outgoing, clock: Clock) -> None:
        super().__init__(
            _Transactions(config.id, clock),
            name=str(config.id),
            client_id=config.client_id,
            client_secret=config.client_secret,
            client_kwargs={
                "scope": " ".join(dict.fromkeys(("openid", *config.scopes))),
                "code_challenge_method": "S256",
                "transport": outgoing.transport(),
                "trust_env": False,
                "follow_redirects": False,
                "timeout": None,  # the transport has its own, for the whole request
            },
            client_auth_methods=[("client_secret_basic", _basic)],
            user_agent="Forecourt",
        )
        self.config, self.documents, self.clock = config, documents, clock
        self.fresh_since: datetime | None = None

    async def load_server_metadata(self) -> dict[str, Any]:
        metadata = await self.documents.metadata()
        return {
            "authorization_endpoint": metadata.authorization_endpoint,
            "token_endpoint": metadata.token_endpoint,
            "token_endpoint_auth_method": metadata.auth_method,
            "end_session_endpoint": metadata.end_session_endpoint,
        }

    async def parse_id_token(self, token: Mapping[str, Any], nonce: str, **_: Any) -> dict[str, Any]:
        expected = Expected(
            issuer=self.config.issuer,
            client_id=self.config.client_id,
            nonce=nonce,
            access_token=token.get("access_token"),
            fresh_since=self.fresh_since,
        )
        opened = await open_with_keys(self.documents, token["id_token"])
        return check_id_token(opened, expected, self.clock.now())


async def open_with_keys(documents: Documents, token: object) -> Any:
    """A signed token of the provider, opened; its keys are fetched again, once, when the token's is not among them.

    Raises:
        SignInRefused: TOKEN_…, KEYS_FORM, METADATA_… or PROVIDER_UNREACHABLE.
    """
    algorithms = (await documents.metadata()).algorithms
    try:
        return open_token(token, await documents.keys(), algorithms)
    except UnknownKey:
        pass
    try:
        return open_token(token, await documents.keys(anew=True), algorithms)
    except UnknownKey as error:
        raise SignInRefused("TOKEN_KEY", "the token was signed with a key that the provider does not show") from error


class RelyingParty:
    """Sign-in with one provider as it is configured in one version."""

    def __init__(self, config: ProviderConfig, outgoing: Outgoing, clock: Clock, *, ttl: timedelta, stale: timedelta):
        self.config = config
        self.documents = Documents(config, outgoing, clock, ttl=ttl, stale=stale)
        self._outgoing, self._clock = outgoing, clock

    async def begin(
        self, request: Request, *, redirect_uri: str, back: str, anew: bool = False, language: str | None = None
    ) -> str:
        """The address at the provider to send this browser to; what must be remembered is put into ``request.session``.

        Args:
            back: a path of this host.
            anew: the person must prove who they are even if the provider still knows them.

        Raises:
            SignInRefused: METADATA_… or PROVIDER_UNREACHABLE.
        """
        now = self._clock.now()
        wishes: dict[str, Any] = {"ui_locales": language} if language else {}
        if anew:
            wishes |= {"prompt": "login", "max_age": 0}
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        answer = await self._app().authorize_redirect(request, redirect_uri, state=state, nonce=nonce, **wishes)
        back = back if len(json.dumps(back)) <= _LONGEST_BACK else "/"
        request.session[_KEY + state] |= {"back": back, "fresh_since": now.timestamp() if anew else None}
        _make_room(request.session)
        return str(answer.headers["location"])

    def pending(self, request: Request) -> Transaction:
        """The sign-in that an answer of the provider belongs to; it was begun in this browser, with this provider.

        Raises:
            SignInRefused: TRANSACTION_UNKNOWN, TRANSACTION_EXPIRED or TRANSACTION_MIXED_UP.
        """
        given = request.query_params
        if any(len(given.getlist(name)) > 1 for name in ("state", "code", "iss", "error")):
            raise SignInRefused("ANSWER_FORM", "a parameter is repeated")  # RFC 6749, section 3.1
        state = given.get("state") or ""
        kept = request.session.get(_KEY + state)
        if not state or kept is None:
            raise SignInRefused("TRANSACTION_UNKNOWN", "this browser has not begun this sign-in, or has ended it")
        if kept["provider"] != str(self.config.id):
            raise SignInRefused("TRANSACTION_MIXED_UP", "this sign-in was begun with another provider")
        until = datetime.fromtimestamp(kept["until"], UTC)
        if until <= self._clock.now():
            raise SignInRefused("TRANSACTION_EXPIRED", "this sign-in was begun too long ago")
        fresh = kept.get("fresh_since")
        return Transaction(
            state=state,
            provider_id=self.config.id,
            back=str(kept.get("back", "/")),
            until=until,
            fresh_since=None if fresh is None else datetime.fromtimestamp(fresh, UTC),
        )

    async def complete(self, request: Request) -> ProviderIdentity:
        """Whom the provider vouches for. Whatever comes of it, the sign-in of this browser is over.

        Raises:
            SignInRefused: any check.
        """
        pending = self.pending(request)
        try:
            return await self._complete(request, pending)
        finally:
            request.session.pop(_KEY + pending.state, None)

    async def _complete(self, request: Request, pending: Transaction) -> ProviderIdentity:
        metadata = await self.documents.metadata()
        self._check_issuer(request.query_params.get("iss"), metadata)
        error = request.query_params.get("error")
        if error is not None:
            raise _provider_error(error)
        if not request.query_params.get("code"):
            raise SignInRefused("NO_CODE", "the provider sent no code")
        app = self._app()
        app.fresh_since = pending.fresh_since
        try:
            token = await app.authorize_access_token(request)
        except SignInRefused:
            raise
        except OAuthError as error_:
            client = error_.error in ("invalid_client", "unauthorized_client")
            raise SignInRefused("TOKEN_CLIENT" if client else "TOKEN_REFUSED", "the provider gave no token") from error_
        except (Refused, Unavailable) as error_:
            raise SignInRefused("PROVIDER_UNREACHABLE", "the provider does not answer") from error_
        except Exception as error_:  # whatever a foreign answer makes Authlib or its HTTP client raise
            raise SignInRefused("TOKEN_ANSWER", "the provider's answer cannot be read") from error_
        if "userinfo" not in token:
            raise SignInRefused("TOKEN_MISSING", "the provider sent no ID token")
        stated: dict[str, Any] = token["userinfo"]  # Authlib's name for what `parse_id_token` gave
        claims = await self._userinfo(metadata, str(token.get("access_token") or ""), stated)
        sid = stated.get("sid")
        if sid is not None and not (isinstance(sid, str) and 0 < len(sid) <= _LONGEST_SID and sid.isprintable()):
            raise SignInRefused("TOKEN_SID", "the session's name cannot be kept")
        return ProviderIdentity(
            provider_id=self.config.id,
            issuer=self.config.issuer,
            subject=stated["sub"],
            sid=sid,
            claims=claims,
            id_token=token["id_token"],
            auth_time=moment(stated.get("auth_time")),
        )

    async def end_session_url(self, *, id_token: str | None, back: str, language: str | None = None) -> str | None:
        """Where to send the browser so that the session ends at the provider, too (RP-Initiated Logout 1.0); None where that
        cannot be asked for. The answer comes to ``back`` with the ``state`` that stands in the address.

        Raises:
            SignInRefused: METADATA_… or PROVIDER_UNREACHABLE.
        """
        if (await self.documents.metadata()).end_session_endpoint is None:
            return None
        hints: dict[str, Any] = {"ui_locales": language} if language else {}
        found = await self._app().create_logout_url(
            post_logout_redirect_uri=back,
            id_token_hint=id_token,
            state=secrets.token_urlsafe(32),
            client_id=self.config.client_id,
            **hints,
        )
        return str(found["url"])

    def _app(self) -> _App:
        # Anew for each use: it is cheap, and holds what belongs to one sign-in.
        return _App(self.config, self.documents, self._outgoing, self._clock)

    def _check_issuer(self, given: str | None, metadata: Metadata) -> None:
        """RFC 9207, section 2.4: an answer of another provider, or one that should name itself and does not."""
        if given is None and not metadata.names_itself:
            return
        if given != self.config.issuer:
            raise SignInRefused("ANSWER_ISSUER", "the answer comes from another provider")

    async def _userinfo(self, metadata: Metadata, access_token: str, claims: dict[str, Any]) -> dict[str, Any]:
        if metadata.userinfo_endpoint is not None and access_token:
            headers = {"authorization": f"Bearer {_header_safe(access_token)}"}
            more = await fetched(self._outgoing.get_json(metadata.userinfo_endpoint, headers=headers))
            # Core 1.0, section 5.3.2: else somebody else's claims could be slipped in.
            if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
                raise SignInRefused("USERINFO_SUB", "the userinfo endpoint speaks of somebody else")
            if "email" in claims:
                more.pop("email_verified", None)  # it speaks of the address beside it, and of no other
            claims = more | claims
        if len(claims) > _MOST_CLAIMS or len(orjson.dumps(claims)) > _MOST_CLAIM_BYTES:
            raise SignInRefused("CLAIMS_SIZE", "the provider says too much")
        return claims


class RelyingParties:
    """The relying parties of one process: one per provider and version, its documents kept for `ttl`, beyond it at most until
    they are `stale` old and only while the provider does not answer."""

    def __init__(self, outgoing: Outgoing, clock: Clock, *, ttl: timedelta = TTL, stale: timedelta = STALE) -> None:
        self._outgoing, self._clock, self._ttl, self._stale = outgoing, clock, ttl, stale
        self._kept: OrderedDict[UUID, RelyingParty] = OrderedDict()

    def of(self, config: ProviderConfig) -> RelyingParty:
        """The party for this configuration. A change of the row's version forgets what was fetched for the old one."""
        party = self._kept.get(config.id)
        if party is None or party.config != config:
            party = RelyingParty(config, self._outgoing, self._clock, ttl=self._ttl, stale=self._stale)
        self._kept[config.id] = party
        self._kept.move_to_end(config.id)
        while len(self._kept) > _MOST_PARTIES:
            self._kept.popitem(last=False)
        return party


def _make_room(session: MutableMapping[str, Any]) -> None:
    """Forget the oldest sign-ins under way."""
    begun = sorted((key for key in session if key.startswith(_KEY)), key=lambda key: float(session[key]["until"]))
    while len(begun) > _MOST_TRANSACTIONS:
        del session[begun.pop(0)]


def _basic(client: Any, method: str, uri: str, headers: MutableMapping[str, str], body: Any) -> tuple[str, Any, Any]:
    """HTTP Basic with id and secret form-encoded first (RFC 6749, section 2.3.1), which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _header_safe(token: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,8000}", token):
        raise SignInRefused("TOKEN_ANSWER", "the access token cannot be used")
    return token


def _provider_error(error: str) -> SignInRefused:
    """RFC 6749, section 4.1.2.1, and Core 1.0, section 3.1.2.6. The description is the provider's prose: never shown."""
    if error in ("access_denied", "login_required", "interaction_required", "consent_required"):
        return SignInRefused("ACCESS_DENIED", "the provider did not let the person in, or they went back")
    if error in ("server_error", "temporarily_unavailable"):
        return SignInRefused("PROVIDER_TEMPORARILY_UNAVAILABLE", "the provider has a problem")
    return SignInRefused("PROVIDER_ERROR", "the provider refuses to be asked like this")
