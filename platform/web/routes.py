"""The staff pages by address. `app` puts these routes beside the API's; nothing here knows how a desk does its work."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ..errors import Fault, Forbidden, ForecourtError, NotFound
from . import door, me, months, standing, stores
from .desk import WebDesk
from .guard import SECURITY_HEADERS, Guard
from .visit import Handler, error_page, open_page, staff_page, visit_of

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


class _Static(StaticFiles):
    """Static files; their address changes with their content, so browsers keep them for ever."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def guarded(desk: WebDesk) -> list[Middleware]:
    """What stands around every page: the forgery guard and the security headers (`guard.py`)."""

    async def refused(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        await error_page(visit_of(request, desk), Forbidden("sent from another site"))(scope, receive, send)

    return [Middleware(Guard, refused=refused)]


def routes(desk: WebDesk) -> list[BaseRoute]:
    """Every staff page, and the files they need."""
    middleware = guarded(desk)

    def staff(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(path, staff_page(desk, handler), methods=[method], middleware=middleware)

    def everybody(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(path, open_page(desk, handler), methods=[method], middleware=middleware)

    store_month = "/stores/{code}/months/{month}"
    return [
        staff("/", door.home),
        everybody("/sign-in", door.show_sign_in),
        everybody("/sign-in", door.do_sign_in, "POST"),
        everybody("/language", door.set_language, "POST"),
        staff("/sign-out", door.do_sign_out, "POST"),
        staff("/months", months.choose_month),
        staff("/months/{month}", months.show_month),
        staff("/months/{month}/progress", months.show_progress),
        staff("/months/{month}/live", months.follow_progress),
        staff("/stores/{code}/months", stores.choose_month),
        staff(store_month, stores.show_month),
        staff(store_month + "/kpis/{kpi}", stores.explain),
        staff(store_month + "/approve", stores.approve, "POST"),
        staff(store_month + "/publish", stores.publish, "POST"),
        staff(store_month + "/appeals", stores.decide, "POST"),
        staff("/me", me.choose_month),
        staff("/me/{month}", me.show_month),
        staff("/me/{month}/appeals", me.appeal, "POST"),
        staff("/view-as", standing.show_view_as),
        staff("/view-as", standing.start_view_as, "POST"),
        staff("/view-as/end", standing.end_view_as, "POST"),
        staff("/standing", standing.show_standing),
        staff("/standing", standing.delegate, "POST"),
        staff("/standing/new", standing.choose_stand_in),
        staff("/standing/end", standing.end_delegation, "POST"),
        Mount("/static", _Static(directory=str(files("forecourt.web") / "static")), middleware=middleware),
    ]


def error_handlers(desk: WebDesk) -> Mapping[Any, ErrorHandler]:
    """For the application: addresses that do not exist and faults outside of pages, as pages for browsers, else as text."""

    def handler(status: int, error: ForecourtError) -> ErrorHandler:
        async def handle(request: Request, _: Exception) -> Response:
            if "text/html" not in request.headers.get("accept", ""):
                return PlainTextResponse({404: "not found", 500: "internal error"}[status], status_code=status)
            response = error_page(visit_of(request, desk), error)
            response.headers.update(SECURITY_HEADERS | {"Cache-Control": "no-store"})
            return response

        return handle

    return {404: handler(404, NotFound()), 500: handler(500, Fault())}
