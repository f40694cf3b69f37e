"""The account pages' desk over the real platform: everything that takes a password, a code, a seed or a link.

Secrets come here and not into GraphQL documents. Attempts are counted in transactions of their own; what changes is one unit
of work each, audited, with its letter.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final
from uuid import UUID

from ..auth import second_factor, steps
from ..auth.actor import Actor
from ..auth.attempts import Target, count_attempt, count_success
from ..auth.history import record_sign_in
from ..auth.identify import actor_for_account
from ..auth.letters import Link, find_link, forgetful
from ..auth.passwords import PASSWORDS, check_new
from ..auth.second_factor import PendingFactor
from ..auth.sign_in import Sessions, context_words, new_password, own_name, prove_password
from ..auth.steps import OpenedStep, VerifiedStep, WrongCode
from ..auth.web_sessions import OpenedSession, SignInBy, VerifiedSession, rotate_session
from ..domain.accounts import actions
from ..domain.work import Platform, open_group_work
from ..errors import ForecourtError, Refused, Throttled, Unauthenticated
from ..telemetry import logger
from ..tenancy.sealing import Sealer
from ..tenancy.session import ResolvedGroup, control_session, resolve_group

_LOG = logger("forecourt.web")

#: Every answer to "I forgot my password" comes after so long, whatever was found meanwhile.
FORGOT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Picture:
    """What an authenticator app needs: the address for a picture, and the key for typing."""

    factor: PendingFactor
    uri: str = field(repr=False)
    key: str = field(repr=False)


class AccountDesk:
    """What the account pages and the pages before a session need. `platform` is asked for at each request."""

    def __init__(self, platform: Callable[[], Platform]) -> None:
        self._platform = platform
        self._waiting: set[asyncio.Task[None]] = set()

    # --- half-finished sign-ins --------------------------------------------------------------------------------------

    async def step(self, cookie: str, by: SignInBy) -> VerifiedStep:
        """The half-finished sign-in of a cookie. Errors as `auth.steps.verify_step`."""
        async with control_session(self._platform().engines) as session:
            return await steps.verify_step(session, cookie, by=by, clock=self._platform().clock)

    async def finish(self, cookie: str, *, code: str, by: SignInBy) -> OpenedSession:
        """A session for the right code. Errors as `auth.steps.finish_with_code`; its person hears of what is odd."""
        try:
            done = await steps.finish_with_code(
                self._sessions(), cookie, code=code, by=by, sealer=self._sealer, clock=self._platform().clock
            )
        except WrongCode as error:
            if error.suspicious:
                await self._tell(error.step.group_id, error.step.account_id, "CODES_GUESSED")
            raise
        if done.with_recovery:
            await self._tell(done.group_id, done.account_id, "RECOVERY_CODE_USED")
        return done.session

    async def step_picture(self, step: VerifiedStep) -> Picture:
        """The device to set up while signing in; a new seed unless one waits for its first code."""
        actor = await self._actor(step.account_id)
        found = await self._pending(actor, step.account_id, step.name)
        if found is None:
            await self._begin(actor, step.account_id)
            found = await self._pending(actor, step.account_id, step.name)
        if found is None:
            raise Unauthenticated("sign in again")
        return found

    async def step_confirm(self, step: VerifiedStep, *, code: str, by: SignInBy) -> tuple[OpenedSession, list[str]]:
        """The first code of the device: the sign-in is finished, with recovery codes to keep.

        Raises:
            Unauthenticated: the step may not do this, or is over. Refused: WRONG_CODE. Throttled.
        """
        if step.kind != "ENROL":
            raise Unauthenticated("sign in again")
        actor = await self._actor(step.account_id)
        codes = await self._confirm(actor, step.account_id, step.name, code=code, by=by, replaces=False)
        async with control_session(self._platform().engines) as session:
            return await steps.end_step(session, step, by=by, clock=self._platform().clock), codes

    # --- proving again who one is ------------------------------------------------------------------------------------

    async def wants_code(self, actor: Actor) -> bool:
        """Has the account a second factor, so that proving takes a code as well?"""
        async with control_session(self._platform().engines) as session:
            return actor.account_id is not None and await second_factor.has_factor(session, actor.account_id)

    async def sign_in_name(self, actor: Actor) -> str:
        """The actor's sign-in name, for the browser's password manager."""
        async with control_session(self._platform().engines) as session:
            return await own_name(session, actor)

    async def prove(self, actor: Actor, cookie: str, *, password: str, code: str, by: SignInBy) -> OpenedSession:
        """The same session under a new cookie, with everything asked for again: the password, and the code if there is one.

        Raises:
            Unauthenticated: something is wrong, never what. Throttled.
        """
        platform = self._platform()
        await prove_password(
            self._sessions(), actor, password=password, address=by.address or "", by=by, clock=platform.clock
        )
        wants_code = await self.wants_code(actor)
        if wants_code:
            await self._prove_code(actor, code, by)
        async with control_session(platform.engines) as session:
            return await rotate_session(session, cookie, proved=True, clock=platform.clock)

    # --- what a person changes ---------------------------------------------------------------------------------------

    async def change_password(
        self, actor: Actor, cookie: str, *, current: str, password: str, end_tokens: bool, by: SignInBy
    ) -> OpenedSession:
        """A new password; the session goes on under a new cookie. Errors as `auth.sign_in.new_password`."""
        clock = self._platform().clock
        encoded = await new_password(
            self._sessions(),
            actor,
            current=current,
            password=password,
            address=by.address or "",
            by=by,
            clock=clock,
        )
        async with open_group_work(self._platform(), await self._group(actor), actor) as work:
            await actions.change_password(work, encoded=encoded, end_tokens=end_tokens)
        return await self._rotated(cookie)

    async def begin_factor(self, actor: Actor) -> None:
        """A new seed for one's own device."""
        await self._begin(actor, _own(actor))

    async def picture(self, actor: Actor) -> Picture | None:
        """The device that is being set up; None when none is."""
        return await self._pending(actor, _own(actor), await self.sign_in_name(actor))

    async def confirm_factor(
        self, actor: Actor, cookie: str, *, code: str, by: SignInBy
    ) -> tuple[OpenedSession, list[str]]:
        """The device counts; the session goes on under a new cookie. Refused: WRONG_CODE, NO_SECOND_FACTOR. Throttled."""
        codes = await self._confirm(actor, _own(actor), actor.name, code=code, by=by, replaces=True)
        return await self._rotated(cookie, method="PASSWORD_AND_CODE"), codes

    async def remove_factor(self, actor: Actor, cookie: str) -> OpenedSession:
        """Sign in with the password alone. Refused: SECOND_FACTOR_REQUIRED, NO_SECOND_FACTOR."""
        async with open_group_work(self._platform(), await self._group(actor), actor) as work:
            await actions.remove_own_second_factor(work)
        return await self._rotated(cookie)

    async def renew_codes(self, actor: Actor) -> list[str]:
        """New recovery codes. Refused: NO_SECOND_FACTOR."""
        async with open_group_work(self._platform(), await self._group(actor), actor) as work:
            return await actions.renew_recovery_codes(work)

    # --- forgotten passwords -----------------------------------------------------------------------------------------

    async def forgot(self, typed: str, by: SignInBy) -> None:
        """Send letters to whom the name or address means, if to anybody. Tells nothing: neither by words nor by time.

        The work goes on beside the waiting, so that not even a slow database shows.
        """
        task = asyncio.create_task(self._forgot(typed, by))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        await asyncio.sleep(FORGOT_SECONDS)

    async def link(self, token: str) -> Link:
        """The link of a token. Raises NotFound: it does not work (any more)."""
        async with control_session(self._platform().engines) as session:
            return await find_link(session, token, clock=self._platform().clock)

    async def set_password(self, token: str, *, password: str, by: SignInBy) -> None:
        """Set the password that was chosen with a link; from here on its person is familiar at this address.

        Raises:
            NotFound: the link does not work. Refused: WEAK_PASSWORD. Throttled: too many at once.
        """
        platform = self._platform()
        link = await self.link(token)
        async with control_session(platform.engines) as session:
            words = await context_words(session, link.group_id, link.account_id)
            group = await resolve_group(session, link.group_id)
        check_new(password, name=link.name, words=words)
        encoded = await PASSWORDS.hash(password)
        actor = replace(Actor.for_system("password link", link.group_id), account_id=None)
        async with open_group_work(platform, group, actor) as work:
            await actions.set_password_by_link(work, link.letter_id, encoded=encoded)
        async with control_session(platform.engines) as session:
            target = Target.password(link.name, by.address or "")
            await count_success(session, target, platform.clock.now())

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _forgot(self, typed: str, by: SignInBy) -> None:
        platform = self._platform()
        try:
            async with control_session(platform.engines) as session:
                target = Target.reset(typed.strip().lower()[:254], by.address or "")
                pause = await count_attempt(session, target, platform.clock.now())
                found = [] if pause > 0 else await forgetful(session, typed)
                groups = {one.group_id: await resolve_group(session, one.group_id) for one in found}
            for one in found:
                actor = Actor.for_system("forgotten password", one.group_id)
                async with open_group_work(platform, groups[one.group_id], actor) as work:
                    await actions.send_reset(work, one.account_id, has_password=one.has_password)
        except ForecourtError as error:
            _LOG.error("letter not written", error=error.code)
        except Exception as error:
            _LOG.exception("letter not written", error=type(error).__qualname__)

    async def _prove_code(self, actor: Actor, code: str, by: SignInBy) -> None:
        platform, account_id = self._platform(), _own(actor)
        by = replace(by, method="PASSWORD_AND_CODE")
        async with control_session(platform.engines) as session:
            tried = await steps.try_code(
                session,
                account_id,
                code=code,
                address=by.address or "",
                sealer=self._sealer(actor.group_id),
                clock=platform.clock,
            )
            if tried.used is None:
                outcome = "THROTTLED" if tried.pause else "WRONG_CODE"
                await record_sign_in(session, account_id, outcome=outcome, by=by, clock=platform.clock)
        if tried.pause:
            raise Throttled("too many wrong codes", retry_after=tried.pause)
        if tried.used is None:
            raise Unauthenticated("password or code is wrong")
        if tried.used == "RECOVERY":
            await self._tell(actor.group_id, account_id, "RECOVERY_CODE_USED")

    async def _confirm(
        self, actor: Actor, account_id: UUID, name: str, *, code: str, by: SignInBy, replaces: bool
    ) -> list[str]:
        platform = self._platform()
        picture = await self._pending(actor, account_id, name)
        if picture is None:
            raise Refused("NO_SECOND_FACTOR", "begin again")
        async with control_session(platform.engines) as session:
            target = Target.code(account_id, by.address or "")
            pause = await count_attempt(session, target, platform.clock.now())
        if pause > 0:
            raise Throttled("too many wrong codes", retry_after=pause)
        async with open_group_work(platform, await self._group(actor), actor) as work:
            codes = await actions.confirm_second_factor(work, account_id, picture.factor, code=code, replaces=replaces)
        async with control_session(platform.engines) as session:
            await count_success(session, target, platform.clock.now())
        return codes

    async def _begin(self, actor: Actor, account_id: UUID) -> None:
        async with open_group_work(self._platform(), await self._group(actor), actor) as work:
            await actions.begin_second_factor(work, account_id)

    async def _pending(self, actor: Actor, account_id: UUID, name: str) -> Picture | None:
        platform = self._platform()
        sealer = self._sealer(actor.group_id)
        async with control_session(platform.engines) as session:
            found = await second_factor.pending_factor(session, account_id, sealer=sealer, clock=platform.clock)
            group = await resolve_group(session, actor.group_id)
        if found is None:
            return None
        key = " ".join(found.seed[at : at + 4] for at in range(0, len(found.seed), 4))
        return Picture(found, found.uri(name=name, issuer=f"Forecourt {group.name}"), key)

    async def _tell(self, group_id: UUID, account_id: UUID, kind: str) -> None:
        platform = self._platform()
        async with control_session(platform.engines) as session:
            group = await resolve_group(session, group_id)
        async with open_group_work(platform, group, Actor.for_system("sign-in", group_id)) as work:
            if kind == "CODES_GUESSED":
                await actions.warn_of_guessed_codes(work, account_id)
            else:
                await actions.notify(work, account_id, kind)

    async def _rotated(self, cookie: str, *, method: str | None = None) -> OpenedSession:
        async with control_session(self._platform().engines) as session:
            return await rotate_session(session, cookie, method=method, proved=True, clock=self._platform().clock)

    async def _actor(self, account_id: UUID) -> Actor:
        async with control_session(self._platform().engines) as session:
            return await actor_for_account(session, account_id, clock=self._platform().clock)

    async def _group(self, actor: Actor) -> ResolvedGroup:
        async with control_session(self._platform().engines) as session:
            return await resolve_group(session, actor.group_id)

    def _sealer(self, group_id: UUID) -> Sealer:
        return self._platform().sealer(group_id, second_factor.PURPOSE)

    def _sessions(self) -> Sessions:
        return partial(control_session, self._platform().engines)


def _own(actor: Actor) -> UUID:
    if actor.account_id is None:
        raise Unauthenticated("only an account has a second factor")
    return actor.account_id


__all__ = ["AccountDesk", "OpenedStep", "Picture", "VerifiedSession"]
