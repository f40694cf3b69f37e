"""The single sign-on pages' desk over the real platform: the group's provider, the relying party, the account, the session."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from .auth.oidc.backchannel import end_sessions, read_logout_token
from .auth.oidc.config import (
    SIGNED_OUT_PATH,
    ProviderConfig,
    ProviderIdentity,
    callback_path,
    load_provider,
    load_provider_by_id,
)
from .auth.oidc.refusals import SignInRefused
from .auth.oidc.relying_party import RelyingParties, RelyingParty
from .auth.oidc.seen import use_once
from .auth.oidc.sessions import open_for, origin_of
from .auth.web_sessions import SignInBy, revoke_session
from .domain.work import Platform
from .errors import NotFound, Refused
from .telemetry import logger
from .tenancy.session import ResolvedGroup, control_session, resolve_group
from .web.desk import Onward
from .web.sso import SignedIn

_LOG = logger("forecourt.sso")

#: Gives the account of somebody who has just arrived, as `domain.accounts.arrival.sign_in_from` does.
Arrive = Callable[[Platform, ResolvedGroup, ProviderConfig, ProviderIdentity], Awaitable[UUID]]


class PlatformSso:
    """A `web.sso.SsoDesk`. `platform` is asked for at each request, because it exists only while the application runs."""

    def __init__(self, platform: Callable[[], Platform], arrive: Arrive) -> None:
        self._platform = platform
        self._arrive = arrive
        self._parties: tuple[Platform, RelyingParties] | None = None

    async def name_of(self, group: str, provider: str) -> str:
        return (await self._config(group, provider)).name

    async def begin(
        self, request: Request, group: str, provider: str, *, back: str, anew: bool, language: str
    ) -> Onward:
        config = await self._config(group, provider)
        address = self._public(callback_path(group, provider))
        try:
            url = await self._party(config).begin(
                request, redirect_uri=address, back=back, anew=anew, language=language
            )
        except SignInRefused as error:
            self._log(config, error)
            raise
        return Onward(url, config.name)

    async def arrive(self, request: Request, group: str, provider: str, *, by: SignInBy) -> SignedIn:
        config = await self._config(group, provider)
        try:
            return await self._signed_in(request, config, by)
        except Refused as error:
            self._log(config, error)
            raise

    async def ended(self, group: str, provider: str, logout_token: str) -> None:
        config = await self._config(group, provider)
        try:
            ended = await read_logout_token(self._party(config), logout_token, self._platform().clock.now())
            async with self._control() as session:
                count = await end_sessions(session, config, ended, self._platform().clock.now())
        except SignInRefused as error:
            self._log(config, error)
            raise
        _LOG.info("sessions ended by the provider", provider=str(config.id), count=count)

    async def leave(self, cookie: str, *, language: str) -> Onward | None:
        """`WebDesk.leave`: our session ends whatever the provider answers."""
        platform = self._platform()
        async with self._control() as session:
            origin = await origin_of(session, platform.sealer, cookie, clock=platform.clock)
            await revoke_session(session, cookie, clock=platform.clock)
        if origin is None:
            return None
        try:
            async with self._control() as session:
                config = await load_provider_by_id(session, platform.sealer, origin.provider_id)
        except NotFound:
            return None  # not active any more
        try:
            url = await self._party(config).end_session_url(
                id_token=origin.id_token, back=self._public(SIGNED_OUT_PATH), language=language
            )
        except SignInRefused as error:
            self._log(config, error)
            return None
        if url is None:
            return None
        return Onward(url, config.name, parse_qs(urlsplit(url).query)["state"][0])

    async def _signed_in(self, request: Request, config: ProviderConfig, by: SignInBy) -> SignedIn:
        platform, party = self._platform(), self._party(config)
        pending = party.pending(request)
        async with self._control() as session:
            # The cookie alone could be kept and sent again.
            value = f"state {pending.state}"
            unused = await use_once(session, config.id, value, until=pending.until, now=platform.clock.now())
        if not unused:
            raise SignInRefused("TRANSACTION_USED", "this answer was taken before")
        identity = await party.complete(request)
        async with self._control() as session:
            group = await resolve_group(session, config.group_id)
        account_id = await self._arrive(platform, group, config, identity)
        async with self._control() as session:
            opened = await open_for(
                session, platform.sealer, identity, account_id, group_id=group.id, by=by, clock=platform.clock
            )
        return SignedIn(opened, pending.back)

    async def _config(self, group: str, provider: str) -> ProviderConfig:
        async with self._control() as session:
            return await load_provider(session, self._platform().sealer, group_code=group, code=provider)

    def _control(self) -> AbstractAsyncContextManager[AsyncSession]:
        return control_session(self._platform().engines)

    def _party(self, config: ProviderConfig) -> RelyingParty:
        platform = self._platform()
        if self._parties is None or self._parties[0] is not platform:
            self._parties = platform, RelyingParties(platform.outgoing, platform.clock)
        return self._parties[1].of(config)

    def _public(self, path: str) -> str:
        return self._platform().settings.public_url.rstrip("/") + path

    @staticmethod
    def _log(config: ProviderConfig, error: Refused) -> None:
        cause = type(error.__cause__).__qualname__ if error.__cause__ is not None else None
        _LOG.warning("sign-in with a provider refused", provider=str(config.id), code=error.code, cause=cause)
