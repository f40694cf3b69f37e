"""The API process: routes put together, and served by uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .composition import open_platform
from .domain.work import Platform
from .errors import ForecourtError
from .settings import Settings
from .telemetry import Telemetry, render_metrics
from .tenancy.queue import workers_alive
from .tenancy.security import check_parameters, check_statement, problems
from .tenancy.server import Server
from .tenancy.session import control_session


def build_app(server: Server, settings: Settings) -> Starlette:
    """The application of one API process."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_platform(server, settings, application="forecourt api") as platform:
            app.state.platform = platform
            yield

    routes = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
    quiet = frozenset({"/healthz", "/metrics", "/readyz"})
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Telemetry, quiet=quiet)])


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
    uvicorn.run(
        build_app(server, settings),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        access_log=False,  # `Telemetry` writes it, without paths: survey links carry their secret there
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
