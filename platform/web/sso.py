"""Signing in at the group's own identity provider 单点登录, and out again.

    GET  /sign-in/sso/{group}/{provider}     begin; whoever comes from elsewhere is asked first
    POST /sign-in/sso/{group}/{provider}     begin, after being asked
    GET  /sso/callback/{group}/{provider}    the provider sends the browser back
    POST /sso/backchannel/{group}/{provider} the provider itself says that a session ended
    GET  /sso/signed-out                     the browser comes back from signing out there

Between leaving and coming back, a signed cookie of ten minutes holds what the answer must fit to; it is sent to these addresses
alone in effect, because nothing else reads it. A browser is sent on by a page and not by a redirect: our policy allows forms to
lead to this host only (``form-action``), and browsers apply that to redirects after a form, too.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..auth.oidc.config import SIGNED_OUT_PATH, start_path
from ..auth.oidc.refusals import SignInRefused
from ..auth.oidc.relying_party import TRANSACTION
from ..auth.web_sessions import OpenedSession, SignInBy
from ..errors import ForecourtError, NotFound, Refused, Throttled, Unauthenticated
from .cookies import without
from .desk import Onward, WebDesk
from .door import LEFT, enter
from .ratelimit import Buckets
from .routes import guarded
from .visit import Visit, open_page, safe_next

TRANSACTION_COOKIE: Final = "__Host-forecourt-sso"
_MOST_BODY: Final = 64 * 1024
#: Codes of `accounts.arrival`, and what a page advises.
_ARRIVAL: Final[Mapping[str, str]] = {
    "NO_ACCOUNT": "no-account",
    "ACCOUNT_DISABLED": "disabled",
    "PROVIDER_INACTIVE": "misconfigured",
}
#: Every kind of advice: the words are `ssoproblem.<kind>` and `ssoadvice.<kind>`.
KINDS: Final = (
    *("again", "cancelled", "unreachable", "misconfigured", "untrusted"),
    *("no-account", "taken", "disabled", "refused"),
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody has arrived: their new session, and where they wanted to go."""

    opened: OpenedSession
    back: str


class SsoDesk(Protocol):
    """What these pages need from below. Group and provider are given by their codes, as they stand in addresses."""

    async def name_of(self, group: str, provider: str) -> str:
        """What the provider is called.

        Raises:
            NotFound: nobody signs in with it.
        """
        ...

    async def begin(
        self, request: Request, group: str, provider: str, *, back: str, anew: bool, language: str
    ) -> Onward:
        """Where to send the browser; what must be remembered is in ``request.session``.

        Raises:
            NotFound, SignInRefused.
        """
        ...

    async def arrive(self, request: Request, group: str, provider: str, *, by: SignInBy) -> SignedIn:
        """Whom the provider's answer in this request names, signed in with a new session; ``by`` is their browser.

        Raises:
            NotFound, SignInRefused.
            Refused: the person has no account here, or must not come in.
        """
        ...

    async def ended(self, group: str, provider: str, logout_token: str) -> None:
        """End what the provider says has ended.

        Raises:
            NotFound, SignInRefused.
        """
        ...


class SsoPages:
    """The pages over two desks. `secret` signs the transaction cookie; `rate`: requests a minute from one address, which may be a
    whole office's."""

    def __init__(self, desk: WebDesk, sso: SsoDesk, *, secret: str, rate: int = 300) -> None:
        self._desk, self._sso = desk, sso
        self._cookie = Middleware(
            SessionMiddleware,
            secret_key=secret,
            session_cookie=TRANSACTION_COOKIE,
            max_age=int(TRANSACTION.total_seconds()),
            same_site="lax",
            https_only=True,
        )
        self._visitors = Buckets(burst=rate, per_minute=rate)
        self._providers = Buckets(burst=10 * rate, per_minute=10 * rate)

    def routes(self) -> list[BaseRoute]:
        """Routes for the application."""
        safe = guarded(self._desk)
        with_cookie = [*safe, self._cookie]
        begin = "/sign-in/sso/{group}/{provider}"
        return [
            Route(begin, open_page(self._desk, self.ask), methods=["GET"], middleware=with_cookie),
            Route(begin, open_page(self._desk, self.begin), methods=["POST"], middleware=with_cookie),
            Route(
                "/sso/callback/{group}/{provider}",
                open_page(self._desk, self.arrive),
                methods=["GET"],
                middleware=with_cookie,
            ),
            # Not behind the guard against forged forms: the provider's server is no browser, and signs what it sends.
            Route("/sso/backchannel/{group}/{provider}", self.backchannel, methods=["POST"]),
            Route(SIGNED_OUT_PATH, open_page(self._desk, self.signed_out), methods=["GET"], middleware=safe),
        ]

    async def ask(self, visit: Visit) -> Response:
        """Begin, for somebody who clicked on one of our pages. A link from elsewhere could sign people in as somebody they are
        not, so it is answered by a question."""
        request = visit.request
        if request.headers.get("sec-fetch-site") == "same-origin":
            return await self.begin(visit)
        self._limit(request)
        group, provider = _codes(request)
        wishes = _wishes(request)
        name = await self._sso.name_of(group, provider)
        start = start_path(group, provider)
        return visit.page("sso_ask.html", name=name, start=start, back=wishes["back"], anew=wishes["anew"])

    async def begin(self, visit: Visit) -> Response:
        """Send the browser to the provider."""
        request = visit.request
        self._limit(request)
        group, provider = _codes(request)
        wishes = _wishes(request)
        try:
            onward = await self._sso.begin(
                request, group, provider, back=wishes["back"], anew=bool(wishes["anew"]), language=visit.language
            )
        except SignInRefused as error:
            return _problem(visit, error)
        return visit.page("sso_onward.html", onward=onward, leaving=False)

    async def arrive(self, visit: Visit) -> Response:
        """Take the provider's answer: a fresh session, whatever cookie the browser brought."""
        self._limit(visit.request)
        try:
            found = await self._sso.arrive(visit.request, *_codes(visit.request), by=visit.browser)
        except Unauthenticated:
            return _problem(visit, Refused("ACCOUNT_DISABLED"))
        except Refused as error:
            return _problem(visit, error)
        return await enter(visit, found.opened, found.back)

    async def signed_out(self, visit: Visit) -> Response:
        """Say that it is done; whether the provider says so too is known by the state that comes back."""
        request = visit.request
        left, state = request.cookies.get(LEFT, ""), request.query_params.get("state", "")
        both = bool(left) and hmac.compare_digest(left.encode(), state.encode())
        response = visit.page("sso_signed_out.html", both=both)
        return without(response, LEFT)

    async def backchannel(self, request: Request) -> Response:
        """OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8."""
        try:
            self._providers.take(_address(request))
            await self._sso.ended(*_codes(request), await _logout_token(request))
        except Throttled as error:
            headers = {"Cache-Control": "no-store", "Retry-After": str(max(1, round(error.retry_after)))}
            return JSONResponse({"error": "temporarily_unavailable"}, status_code=429, headers=headers)
        except ForecourtError as error:
            body = {"error": "invalid_request", "error_description": error.code}
            return JSONResponse(body, status_code=400, headers={"Cache-Control": "no-store"})
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    def _limit(self, request: Request) -> None:
        self._visitors.take(_address(request))


def _codes(request: Request) -> tuple[str, str]:
    group, provider = (str(request.path_params[name]) for name in ("group", "provider"))
    if len(group) > 100 or len(provider) > 100 or "\0" in group + provider:
        raise NotFound("no such identity provider")
    return group, provider


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _wishes(request: Request) -> dict[str, str]:
    """Where to go afterwards, and whether the person must prove anew who they are."""
    given = request.query_params
    return {"back": safe_next(given.get("next")), "anew": "1" if given.get("anew") == "1" else ""}


async def _logout_token(request: Request) -> str:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BODY:
                raise Refused("TOKEN_FORM", "the request is too large")
    except ClientDisconnect as error:
        raise Refused("TOKEN_FORM", "the request ended too soon") from error
    try:
        fields = parse_qsl(body.decode("ascii"), max_num_fields=20)
    except ValueError as error:
        raise Refused("TOKEN_FORM", "the form cannot be read") from error
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1:
        raise Refused("TOKEN_FORM", "the form holds no logout token, or several")
    return tokens[0]


def _problem(visit: Visit, error: Refused) -> Response:
    """What went wrong and what to do, in plain words, with the code for an administrator. Nothing a provider wrote is shown."""
    if isinstance(error, SignInRefused):
        kind: str = error.kind
        status = 503 if kind == "unreachable" else 400
    else:
        kind, status = _ARRIVAL.get(error.code, "refused"), 403
        if error.data.get("why") == "ADDRESS_TAKEN":
            kind = "taken"
    return visit.page(
        "sso_problem.html",
        status=status,
        kind=kind,
        code=f"SSO-{error.code}",
        again=start_path(*_codes(visit.request)),
        back_to="/sign-in",  # after a change of language; the present address holds the provider's answer
    )
