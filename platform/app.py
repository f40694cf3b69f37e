"""The API process: routes put together, and served by uvicorn."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

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
from .domain.work import Platform
from .errors import ForecourtError
from .graphql.api import api_schema
from .graphql.budget import Ledger, rates_of
from .graphql.context import Context
from .graphql.http import Endpoint
from .graphql.services import Services
from .graphql.stores import Callers, Stores
from .settings import Settings
from .sso_desk import PlatformSso
from .telemetry import Telemetry, render_metrics
from .tenancy.budgets import lease
from .tenancy.names import CONTROL
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
            equip(app, platform)
            # Behind a transaction pooler nobody can listen: rights then end within `identify.TTL`.
            hearing = None if settings.transaction_pooling else asyncio.create_task(watch(server.conninfo(CONTROL)))
            try:
                yield
            finally:
                await stopped(hearing)
                await app.state.known.ledger.settled()
                await app.state.known.bearers.aclose()
                await app.state.known.groups.settled()

    surveys = SurveyPages(PlatformDesk(lambda: app.state.platform))
    sso = PlatformSso(lambda: app.state.platform, sign_in_from)
    desk = StaffDesk(lambda: app.state.platform, operation_context, sso.leave)
    sso_pages = SsoPages(desk, sso, secret=server.secrets.derive("sign-in transaction").hex())
    endpoint = Endpoint(
        api_schema(),
        bearer_context,
        get=settings.get_queries,
        uploads=True,
        explain=settings.explain,
        introspection=settings.introspection,
        deadline=settings.deadline_ms / 1000,
    )
    graphql = Route("/graphql", endpoint)
    routes = [
        graphql,
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
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Telemetry), Middleware(Straight, route=graphql)],
        exception_handlers=dict(error_handlers(desk)),
    )
    return app


class Straight:
    """ASGI middleware: requests to the one path that has most of them are matched against no other."""

    def __init__(self, app: ASGIApp, route: Route) -> None:
        self.app, self.route = app, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self.route.path:
            scope["route"] = self.route
            await self.route.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Known:
    """What a process remembers of those who call its API."""

    platform: Platform
    bearers: Bearers
    groups: Remembered
    callers: Callers
    ledger: Ledger


def equip(app: Starlette, platform: Platform) -> None:
    """Give an application what its routes use of the process, and what the process remembers of those who call."""
    app.state.platform = platform
    app.state.authorization = authorization_service(platform)
    bearers = Bearers(partial(_verified, app), platform.clock)
    ledger = Ledger(rates_of(platform.settings), partial(lease, platform.engines))
    app.state.known = Known(platform, bearers, Remembered(platform.engines), Callers(), ledger)


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
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        access_log=False,  # `Telemetry` writes it, without paths: survey links carry their secret there
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        limit_concurrency=settings.most_connections,
        http=BoundedConnection,
    )
