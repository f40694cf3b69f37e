"""The API process: routes put together, and served by uvicorn."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from .access_log import ACCESS
from .auth.actor import Actor
from .auth.identify import Bearers, identify
from .auth.resolve import visible_stores
from .auth.rights import watch
from .auth.view_as import HEADER, looking
from .composition import authorization_service, open_platform
from .connections import BoundedConnection
from .desk import StaffDesk
from .domain.accounts.arrival import sign_in_from
from .domain.entities import ENTITIES
from .domain.followers import Hub, made_hub
from .domain.work import Platform
from .errors import ForecourtError
from .graphql.api import api_schema
from .graphql.budget import Ledger, rates_of
from .graphql.context import Context
from .graphql.http import Endpoint
from .graphql.introspection import may_read
from .graphql.live.callers import Callers as LiveCallers
from .graphql.live.events import Streams
from .graphql.live.socket import MOST_BYTES, Sockets
from .graphql.services import Services
from .graphql.stores import Callers, Stores
from .settings import Settings
from .sso_desk import PlatformSso
from .telemetry import Telemetry, render_metrics
from .tenancy.budgets import lease
from .tenancy.names import CONTROL
from .tenancy.notices import Listener
from .tenancy.queue import workers_alive
from .tenancy.reader.pipeline import read_store
from .tenancy.remembered import Remembered
from .tenancy.security import check_parameters, check_statement, problems
from .tenancy.server import Server
from .tenancy.session import (
    ResolvedGroup,
    ResolvedStore,
    control_session,
    group_session,
    store_session,
)
from .web.account_desk import AccountDesk
from .web.account_routes import account_routes
from .web.entry import entry_routes
from .web.entry_desk import EntryDesk
from .web.identity import identity_routes
from .web.oauth import OAuthPages
from .web.routes import error_handlers
from .web.routes import routes as staff_routes
from .web.scim.endpoint import ScimEndpoint
from .web.sso import SsoPages
from .web.survey import SurveyPages
from .web.survey_desk import PlatformDesk


def build_app(server: Server, settings: Settings) -> Starlette:
    """The application of one API process."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_platform(server, settings, application="forecourt api") as platform:
            # Behind a transaction pooler nobody can listen: rights then end within `identify.TTL`, and feeds are looked at.
            listener = None if settings.transaction_pooling else Listener(server.conninfo(CONTROL))
            equip(app, platform, listener)
            if listener is not None:
                watch(listener)
            hearing = None if listener is None else asyncio.create_task(listener.run())
            try:
                yield
            finally:
                await app.state.callers.aclose()
                await app.state.hub.aclose()
                await stopped(hearing)
                await app.state.known.ledger.settled()
                await app.state.known.bearers.aclose()
                await app.state.known.groups.settled()
                ACCESS.flush()

    def callers() -> LiveCallers:
        found: LiveCallers = app.state.callers
        return found

    def hub() -> Hub:
        found: Hub = app.state.hub
        return found

    surveys = SurveyPages(PlatformDesk(lambda: app.state.platform))
    sso = PlatformSso(lambda: app.state.platform, sign_in_from)
    desk = StaffDesk(lambda: app.state.platform, operation_context, sso.leave, hub)
    sso_pages = SsoPages(desk, sso, secret=server.secrets.derive("sign-in transaction").hex())

    schema = api_schema()
    deadline = settings.deadline_ms / 1000
    streams, sockets = Streams(schema, callers, hub, deadline), Sockets(schema, callers, hub, deadline)
    endpoint = Endpoint(
        schema,
        bearer_context,
        get=settings.get_queries,
        uploads=True,
        explain=settings.explain,
        deadline=deadline,
        streams=streams,
    )
    graphql = Route("/graphql", endpoint)
    routes: list[BaseRoute] = [
        graphql,
        WebSocketRoute("/graphql", sockets),
        *surveys.routes(),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Mount("/scim", ScimEndpoint(lambda: app.state.platform)),
        *OAuthPages(lambda: app.state.authorization).routes(),
        *staff_routes(desk),
        *sso_pages.routes(),
        *account_routes(desk, AccountDesk(lambda: app.state.platform)),
        *identity_routes(desk),
        *entry_routes(desk, EntryDesk(lambda: app.state.platform)),
    ]
    app = Application(
        graphql,
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Telemetry)],
        exception_handlers=dict(error_handlers(desk)),
    )
    app.state.streams, app.state.sockets = streams, sockets
    return app


class Application(Starlette):
    """An application whose most used route is matched against no other, and has none of the middleware but `Telemetry`: it answers
    its own errors."""

    def __init__(self, straight: Route, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._straight, self._path = straight, straight.path
        self._observed: Telemetry | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self._path:
            await super().__call__(scope, receive, send)
            return
        if self._observed is None:
            self._observed = Telemetry(self._straight.app)
        scope["app"], scope["route"] = self, self._straight
        await self._observed(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Known:
    """What a process remembers of those who call its API."""

    platform: Platform
    bearers: Bearers
    groups: Remembered
    callers: Callers
    ledger: Ledger


def equip(app: Starlette, platform: Platform, listener: Listener | None = None) -> None:
    """Give an application what its routes use of the process, what it remembers of those who call, and what it follows."""
    app.state.platform = platform
    app.state.authorization = authorization_service(platform)
    bearers = Bearers(partial(_verified, app), platform.clock)
    ledger = Ledger(rates_of(platform.settings), partial(lease, platform.engines))
    app.state.known = Known(platform, bearers, Remembered(platform.engines), Callers(), ledger)
    app.state.hub = made_hub(partial(store_session, platform.engines, read_only=True), listener)
    app.state.callers = LiveCallers(
        bearer_context,
        rights=lambda: bearers.cache.generation,
        lasts=lambda request: bearers.lasts(request.headers.get("authorization")),
    )


async def _verified(app: Starlette, authorization: str | None) -> Actor:
    """Who sends this header, looked up now.

    Raises:
        Unauthenticated: no token, or one that is not valid.
    """
    platform: Platform = app.state.platform
    async with control_session(platform.engines) as session:
        programs = app.state.authorization.programs
        return await identify(session, authorization, clock=platform.clock, programs=programs, anew=True)


async def stopped(task: "asyncio.Task[None] | None") -> None:
    """Cancel a task of the process and wait for its end."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def bearer_context(request: Request) -> Context:
    """One operation's context for the bearer token of a request.

    Raises:
        Unauthenticated: no token, or one that is not valid.
    """
    scope = request.scope
    known: Known = scope["app"].state.known
    platform, headers = known.platform, dict(scope["headers"])
    given, look = headers.get(b"authorization"), headers.get(_LOOK)
    authorization = None if given is None else given.decode("latin-1")
    actor = known.bearers.at_once(authorization) or await known.bearers.identify(authorization)
    if look is not None:
        async with control_session(platform.engines) as session:
            actor = await looking(session, actor, look.decode("latin-1"), clock=platform.clock)
    request_id: str = scope.get("state", {}).get("request_id", "")
    language = _language(headers.get(b"accept-language", b""), actor)
    both = known.groups.at_once(actor.group_id)
    group = await known.groups.group(actor.group_id) if both is None else both[0]
    context = operation_context(platform, actor, group, language=language, request_id=request_id)
    context.caller = known.ledger.caller(actor.key, actor.group_id)
    context.introspects = may_read(platform.settings.introspection, actor)
    if both is not None:
        context.sees(known.callers.stores(actor, both[1]))
        return context

    async def list_stores() -> Stores:
        return known.callers.stores(actor, await known.groups.stores(group))

    context.list_stores = list_stores
    return context


_LOOK = HEADER.lower().encode()


def _language(asked: bytes, actor: Actor) -> str:
    asked = asked[:2].lower()
    return "en" if asked == b"en" else "zh-CN" if asked == b"zh" else actor.language


def operation_context(
    platform: Platform, actor: Actor, group: ResolvedGroup, *, language: str, request_id: str
) -> Context:
    """What one operation knows; made anew for each."""

    async def list_stores() -> list[ResolvedStore]:
        async with group_session(platform.engines, group, read_only=True) as session:
            return await visible_stores(session, actor)

    def open_store(store: ResolvedStore) -> AbstractAsyncContextManager[AsyncSession]:
        return store_session(platform.engines, store, read_only=True)

    return Context(
        actor=actor,
        group=group,
        entities=ENTITIES,
        list_stores=list_stores,
        open_store=open_store,
        clock=platform.clock,
        request_id=request_id,
        language=language,
        extra=Services(platform, group),
        platform=platform,
        read_compiled=partial(read_store, platform.engines) if platform.engines.settings.reader == "compiled" else None,
    )


async def healthz(request: Request) -> Response:
    """Whether the process lives."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether requests can be answered: the database is reached and hardened. Says what is lost when it is not."""
    platform: Platform = request.app.state.platform
    try:
        async with control_session(platform.engines) as session:
            connection = await session.connection()
            rows = (await connection.exec_driver_sql(check_statement(), check_parameters())).all()
            alive = await workers_alive(session)
    except ForecourtError as error:
        return JSONResponse({"status": "unavailable", "reason": error.message}, status_code=503)
    lost = [str(problem) for problem in problems(rows)]
    allowed = not lost or platform.settings.hardening == "reduced"
    body = {"status": "ok" if allowed else "not hardened", "lost": lost, "workers": len(alive)}
    return JSONResponse(body, status_code=200 if allowed else 503)


async def metrics(request: Request) -> Response:
    """Prometheus metrics of this process."""
    text, content_type = render_metrics()
    return Response(text, headers={"Content-Type": content_type})


def serve(server: Server, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = build_app(server, settings)
    # What is here now stays: the schema alone is some hundred thousand objects that no collection need look at again.
    gc.collect()
    gc.freeze()
    # Only errors and new documents leave cycles behind; by default young objects are gone through every few requests.
    gc.set_threshold(10_000, 5, 10)
    served = web_server(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        most_connections=settings.most_connections,
    )
    with suppress(KeyboardInterrupt):
        served.run()
    if not served.started:
        sys.exit(3)


def web_server(
    app: Starlette, *, host: str, port: int, log_level: str = "info", most_connections: int | None = None
) -> uvicorn.Server:
    """What speaks HTTP and WebSocket for an application."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,  # `Telemetry` writes it, without paths: survey links carry their secret there
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        limit_concurrency=most_connections,
        http=BoundedConnection,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,  # it would cost every idle socket memory, and answers are short
    )
    return _Server(app, config)


class _Server(uvicorn.Server):
    """Closes event streams when it is told to stop: they would never end by themselves."""

    def __init__(self, app: Starlette, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.streams.close()
        ending = asyncio.ensure_future(super().shutdown(sockets))
        await asyncio.sleep(0)  # sockets are told first that this is a restart, so that their clients come back
        await self._app.state.hub.aclose()
        await ending
