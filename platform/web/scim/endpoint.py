"""The ASGI application at ``/scim/v2``. The bearer token says which group is meant; nothing in the address does.

Every request is one transaction of that group, by an actor ``scim:<connection>``. Errors are SCIM's. Neither bodies nor filters are
logged: they are people's names.
"""

import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from scim2_models import PayloadTooLargeException, SCIMException, ScimProvider, UnauthorizedException
from scim2_server.applications.asgi import ASGIApplication, Receive, Scope
from scim2_server.applications.base import BaseApplication
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation
from scim2_server.service import ScimService

from ...auth.scim.connections import verify_connection
from ...domain.directory.people import lock_directory
from ...domain.work import Platform, open_group_work
from ...errors import ForecourtError, Unauthenticated
from ...telemetry import logger
from ...tenancy.session import control_session, resolve_group
from .resources import provider
from .storage import DirectoryStorage, scim_error

#: A group of 5,000 members with every detail is about 1 MB.
MOST_BODY: Final = 2_000_000

_WRITING: Final = frozenset({Operation.create, Operation.replace, Operation.patch, Operation.delete})
_LOG = logger("forecourt.scim")


class _Service(ScimService):
    """The protocol with one more limit."""

    def max_body_size(self, request: ScimRequest) -> int | None:
        """As the library says, and never more than `MOST_BODY`."""
        limit = super().max_body_size(request)
        return MOST_BODY if limit is None else min(limit, MOST_BODY)


class ScimEndpoint(ASGIApplication):
    """Serves directories. `platform` is called per request: the application is built before its connections are open."""

    def __init__(self, platform: Callable[[], Platform]) -> None:
        described: ScimProvider = provider()
        BaseApplication.__init__(self, described, _Service(described))
        self._platform = platform

    async def dispatch_request(self, request: ScimRequest) -> ScimResponse:
        """Authenticate, open the group's unit of work, serve; commit only what was answered as done."""
        if len(request.body) > MOST_BODY:
            raise PayloadTooLargeException(detail=f"a request has at most {MOST_BODY} bytes")
        if not self.needs_auth(request):
            return self.service.service_provider_config(request.url, request.query)
        platform = self._platform()
        try:
            async with control_session(platform.engines) as session:
                connection = await verify_connection(session, request.header("Authorization"), clock=platform.clock)
                group = await resolve_group(session, connection.actor.group_id)
            async with open_group_work(platform, group, connection.actor, request_id=request.subject) as work:
                if self.service.match(request).operation in _WRITING:
                    await lock_directory(work)
                storage = DirectoryStorage(work, added_by=connection.created_by)
                return await AsyncScimHandler(self.service, storage).handle(request)
        except Unauthenticated as error:
            raise UnauthorizedException(detail=error.message) from error
        except ForecourtError as error:
            raise scim_error(error) from error

    async def read_request(self, scope: Scope, receive: Receive) -> ScimRequest:
        """The request, with the request's id for the audit as its subject."""
        request = await super().read_request(scope, receive)
        request.subject = (scope.get("state") or {}).get("request_id")
        return request

    def handle_exception(self, request: ScimRequest, exception: Exception) -> ScimResponse:
        """Answer as SCIM does; only what is a fault of ours is logged, without the request."""
        if not isinstance(exception, SCIMException):
            # No traceback: some ways of showing one print the request, which is people's names.
            frames = reversed(traceback.extract_tb(exception.__traceback__)[-8:])
            where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
            _LOG.error("scim request failed", error=type(exception).__name__, where=where)
        return self.service.error_response(exception)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Serve one HTTP request; web sockets and life cycles are not for directories."""
        if scope["type"] == "http":
            await super().__call__(dict(scope), receive, send)


__all__ = ["MOST_BODY", "ScimEndpoint"]
