"""OAuth 2 for programs over HTTP: tokens, revocation, introspection, metadata, keys (docs/integrators.md).

Bodies are small and must come soon. Who fails to prove who they are too often from one address is answered 429; right credentials
are let in even then, so nobody can lock a client out: 256 random bits and signatures cannot be guessed, and what is limited is
the noise.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..auth.oauth.core import Form, Outcome, refusal
from ..auth.oauth.keys import CACHED
from ..auth.oauth.service import AuthorizationService
from ..auth.throttle import address_key
from ..errors import ForecourtError, Throttled
from .ratelimit import Buckets

FORM: Final = "application/x-www-form-urlencoded"
MOST_BYTES: Final = 16_384
MOST_FIELDS: Final = 20
#: Seconds in which a request must have arrived.
SOON: Final = 10.0

Act = Callable[[AuthorizationService, Form], Awaitable[Outcome]]


class OAuthPages:
    """The endpoints. ``service`` is asked for at each request, because it exists only while the application runs."""

    def __init__(self, service: Callable[[], AuthorizationService], *, failures: Buckets | None = None) -> None:
        self._service = service
        self._failures = Buckets(burst=20, per_minute=20) if failures is None else failures

    def routes(self) -> list[BaseRoute]:
        """Every address."""
        return [
            Route("/oauth/token", self._door(AuthorizationService.token), methods=["POST"]),
            Route("/oauth/revoke", self._door(AuthorizationService.revoke), methods=["POST"]),
            Route("/oauth/introspect", self._door(AuthorizationService.introspect), methods=["POST"]),
            Route("/oauth/jwks", self._keys, methods=["GET"]),
            Route("/.well-known/oauth-authorization-server", self._metadata, methods=["GET"]),
        ]

    def _door(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                form = await _form(request)
            except ClientDisconnect:
                return Response(status_code=400)
            if isinstance(form, Outcome):
                return _response(form)
            try:
                outcome = await act(self._service(), form)
            except ForecourtError:
                return _response(refusal("temporarily_unavailable", "Try again later.", status=503))
            return _response(self._counted(request, outcome))

        return answer

    def _counted(self, request: Request, outcome: Outcome) -> Outcome:
        if not outcome.unproven:
            return outcome
        try:
            self._failures.take(address_key(request.client.host if request.client else ""))
        except Throttled as error:
            wait = {"retry-after": str(int(error.retry_after) + 1)}
            return refusal("invalid_client", "Too many failures from this address.", status=429, **wait)
        return outcome

    async def _keys(self, request: Request) -> Response:
        try:
            found = await self._service().key_set()
        except ForecourtError:
            return _response(refusal("temporarily_unavailable", "Try again later.", status=503))
        return _public(found, "application/jwk-set+json")

    async def _metadata(self, request: Request) -> Response:
        return _public(self._service().metadata(), "application/json")


async def _form(request: Request) -> Form | Outcome:
    """The fields of a form in their order; an answer when there is none.

    Not `Request.form`: a repeated field must be seen as repeated, and nothing here is a file.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return refusal("invalid_request", f"Send {FORM}.")
    if request.url.query:
        return refusal("invalid_request", "Send parameters in the body, not in the address.")
    body = bytearray()
    try:
        async with asyncio.timeout(SOON):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return refusal("invalid_request", f"At most {MOST_BYTES} bytes.", status=413)
    except TimeoutError:
        return refusal("invalid_request", "The body did not arrive in time.", status=408)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        return refusal("invalid_request", "The form cannot be read.")
    return Form(request.headers.get("authorization"), fields)


def _response(outcome: Outcome) -> Response:
    headers = {name: value for name, value in outcome.headers.items() if name != "content-type"}
    headers |= {"cache-control": "no-store", "pragma": "no-cache"}
    return JSONResponse(dict(outcome.body), outcome.status, headers=headers)


def _public(body: object, media_type: str) -> Response:
    headers = {"cache-control": f"public, max-age={int(CACHED.total_seconds())}"}
    return Response(json.dumps(body), media_type=media_type, headers=headers)
