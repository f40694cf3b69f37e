"""The staff pages' desk over the real platform: sign-in, sessions, and the API's schema run in process."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

from .auth.actor import Actor
from .auth.identify import identify_session
from .auth.sign_in import sign_in
from .auth.steps import OpenedStep, open_step
from .auth.view_as import looking
from .auth.web_sessions import OpenedSession, SignInBy, VerifiedSession, open_session, revoke_session
from .domain.followers import Hub
from .domain.work import Platform
from .errors import Throttled
from .graphql.api import api_schema
from .graphql.context import Context
from .graphql.ids import GlobalId
from .graphql.live.fields import Live
from .graphql.live.stream import NoAnswer, answers
from .graphql.operation import Operation
from .graphql.run import run
from .tenancy.session import ResolvedGroup, control_session, resolve_group
from .web.desk import Onward

MakeContext = Callable[..., Context]
#: Pages of one person that follow something at once.
MOST_FOLLOWED: Final = 20


class Leave(Protocol):
    """`sso_desk.PlatformSso.leave`."""

    async def __call__(self, cookie: str, *, language: str) -> Onward | None: ...


class StaffDesk:
    """A `web.desk.WebDesk`. `platform` is asked for at each request, because it exists only while the application runs."""

    def __init__(
        self, platform: Callable[[], Platform], make_context: MakeContext, leave: Leave, hub: Callable[[], Hub]
    ) -> None:
        self._platform = platform
        self._make_context = make_context
        self._leave = leave
        self._hub = hub
        #: how much each person follows now
        self._following: Counter[str] = Counter()

    async def sign_in(self, *, name: str, password: str, by: SignInBy) -> OpenedSession | OpenedStep:
        engines, clock = self._platform().engines, self._platform().clock
        sessions = partial(control_session, engines)
        person = await sign_in(sessions, name=name, password=password, address=by.address or "", by=by, clock=clock)
        async with control_session(engines) as session:
            if person.step is not None:
                return await open_step(session, person, by=by, clock=clock)
            return await open_session(session, person.account_id, by=by, clock=clock)

    async def sign_out(self, cookie: str) -> None:
        async with control_session(self._platform().engines) as session:
            await revoke_session(session, cookie, clock=self._platform().clock)

    async def leave(self, cookie: str, *, language: str) -> Onward | None:
        return await self._leave(cookie, language=language)

    async def identify(self, cookie: str) -> tuple[Actor, VerifiedSession]:
        async with control_session(self._platform().engines) as session:
            actor, verified = await identify_session(session, cookie, clock=self._platform().clock)
            return await looking(session, actor, clock=self._platform().clock), verified

    async def execute(
        self, name: str, document: str, variables: Mapping[str, Any], actor: Actor, *, language: str
    ) -> Mapping[str, Any]:
        platform = self._platform()
        group = await self._group(platform, actor)
        context = self._make_context(platform, actor, group, language=language, request_id="")
        return await run(api_schema(), context, document, variables, name)

    async def follow(
        self, name: str, document: str, variables: Mapping[str, Any], cookie: str, *, language: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        async def renew() -> Context:
            actor, _ = await self.identify(cookie)
            group = await self._group(self._platform(), actor)
            context = self._make_context(self._platform(), actor, group, language=language, request_id="")
            context.live = Live(self._hub(), renew)
            return context

        context = await renew()
        key = context.actor.key
        if self._following[key] >= MOST_FOLLOWED:
            raise Throttled("too many pages follow something", retry_after=10.0)
        self._following[key] += 1
        try:
            operation = Operation(document, dict(variables), name)
            deadline = self._platform().settings.deadline_ms / 1000
            async with aclosing(answers(api_schema(), context, operation, deadline=deadline)) as found:
                async for answer in found:
                    yield json.loads(answer)
        except NoAnswer as refusal:
            yield {"errors": list(refusal.errors)}
        finally:
            self._following[key] -= 1
            if not self._following[key]:
                del self._following[key]

    @staticmethod
    async def _group(platform: Platform, actor: Actor) -> ResolvedGroup:
        async with control_session(platform.engines) as session:
            return await resolve_group(session, actor.group_id)

    def global_id(self, kind: str, store_id: UUID, row_id: UUID) -> str:
        return str(GlobalId(kind, store_id, row_id))
