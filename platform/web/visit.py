"""One request of one person: who they are, what language they read, the document they run, the page they get."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from ..auth.actor import Actor
from ..auth.web_sessions import COOKIE, SignInBy, VerifiedSession
from ..errors import Fault, Forbidden, ForecourtError, NotFound, Throttled, Unauthenticated, Unavailable, ViewOnly
from ..telemetry import LASTING, logger
from . import language as languages
from .desk import WebDesk
from .figures import Figures
from .render import render
from .stored import DOCUMENTS, operation_name

_LOG = logger("forecourt.web")

_RAISED: Final[Mapping[str, type[ForecourtError]]] = {
    "FORBIDDEN": Forbidden,
    "VIEW_ONLY": ViewOnly,
    "NOT_FOUND": NotFound,
    "UNAUTHENTICATED": Unauthenticated,
    "BAD_USER_INPUT": NotFound,  # an address that nobody was given
}


@dataclass(frozen=True, slots=True)
class Place:
    """A role of the visitor: at a store (id and code), or of the group (both None)."""

    role: str
    store_id: UUID | None
    code: str | None


@dataclass
class Visit:
    """A request being answered. `actor` and `session` are None on pages that need nobody signed in."""

    request: Request
    desk: WebDesk
    language: str
    actor: Actor | None = None
    session: VerifiedSession | None = None
    places: tuple[Place, ...] = ()
    name: str = ""
    #: paths of the answer that could not be read, with the code of the error
    gaps: list[tuple[str, str]] = field(default_factory=list)

    @property
    def who(self) -> Actor:
        """The signed-in actor."""
        if self.actor is None:
            raise Unauthenticated("sign in first")
        return self.actor

    def gettext(self, message: str) -> str:
        """The message in the visitor's language."""
        return str(languages.translations(self.language).ugettext(message))

    async def ask(self, document: str, **variables: Any) -> Mapping[str, Any]:
        """Run the page's document and give its data.

        Raises:
            the error of the answer when a root field could not be read; what fails deeper is noted in `gaps`.
        """
        operation = operation_name(document)
        answer = await self.desk.execute(operation, DOCUMENTS[document], variables, self.who, language=self.language)
        errors: Sequence[Mapping[str, Any]] = answer.get("errors") or ()
        data = answer.get("data")
        for error in errors:
            code = str((error.get("extensions") or {}).get("code", "INTERNAL"))
            path = [str(part) for part in error.get("path") or ()]
            if data is None or len(path) <= 1:
                if code not in _RAISED:
                    _LOG.error("document failed", document=document, code=code)
                raise _RAISED.get(code, Unavailable)(str(error.get("message", "")))
            self.gaps.append((path[-1], code))
        if not data:
            raise Unavailable("no answer")
        self._settle(data.get("viewer"))
        return dict(data)

    async def follow(self, document: str, **variables: Any) -> AsyncGenerator[Mapping[str, Any], None]:
        """Follow the page's document: the data of each event. It ends with an error's code, or with the session."""
        cookie = self.request.cookies.get(COOKIE, "")
        operation = operation_name(document)
        found = self.desk.follow(operation, DOCUMENTS[document], variables, cookie, language=self.language)
        async with aclosing(found):
            async for answer in found:
                data = answer.get("data")
                if not data:
                    codes = [str((one.get("extensions") or {}).get("code")) for one in answer.get("errors") or ()]
                    raise _RAISED.get(codes[0] if codes else "", Unavailable)("nothing can be followed")
                yield data

    def _settle(self, viewer: Mapping[str, Any] | None) -> None:
        if viewer is None:
            return
        self.name = str(viewer["name"])
        # The API lists memberships in the order in which the actor holds them.
        held = zip(self.who.memberships, viewer["memberships"], strict=True)
        self.places = tuple(Place(mine.role, mine.store_id, said["storeCode"]) for mine, said in held)

    def people(self) -> list[str]:
        """The ids of the employees that the visitor is."""
        return [
            self.desk.global_id("Employee", item.store_id, item.employee_id)
            for item in self.who.memberships
            if item.store_id is not None and item.employee_id is not None and item.delegated_by is None
        ]

    def may(self, permission: str, code: str | None = None) -> bool:
        """Does the visitor hold a permission at the store with this code, or of the group? For what a page offers only.

        Whoever looks as a role is offered what the role is offered.
        """
        offered = replace(self.who, viewing=None)
        if code is None:
            return offered.can(permission, None)
        at = {place.store_id for place in self.places if place.code == code}
        return any(offered.can(permission, store) for store in at)

    def may_look(self) -> bool:
        """Could the visitor begin to look as a role, somewhere?"""
        stores = (item.store_id for item in self.who.memberships)
        return self.who.viewing is None and any(self.who.can("accounts:view:start", store) for store in (None, *stores))

    def page(self, template: str, *, status: int = 200, zone: str | None = None, **values: Any) -> Response:
        """The page made from a template."""
        text = self.text(template, zone=zone, **values)
        return HTMLResponse(text, status_code=status, headers={"Content-Language": self.language, "Vary": "Cookie"})

    def text(self, template: str, *, zone: str | None = None, **values: Any) -> str:
        """The text made from a template."""
        figures = Figures(self.language, zone) if zone else Figures(self.language)
        return render(template, self.language, visit=self, f=figures, **values)

    async def stream(self, events: AsyncGenerator[tuple[str, str], None]) -> Response:
        """An event stream for this page's script, of names and texts. What goes wrong before the first is an error page."""
        first = await anext(events)
        self.request.scope.setdefault("state", {})[LASTING] = True

        async def written() -> AsyncGenerator[str, None]:
            async with aclosing(events):
                yield _event(*first)
                with suppress(ForecourtError):  # the stream ends: the browser comes back, and is told then
                    async for one in events:
                        yield _event(*one)

        headers = {"X-Accel-Buffering": "no", "Vary": "Cookie"}
        return StreamingResponse(written(), media_type="text/event-stream", headers=headers)

    @property
    def browser(self) -> SignInBy:
        """What this request says of where it comes from."""
        address = self.request.client.host if self.request.client else None
        return SignInBy(address=address, user_agent=self.request.headers.get("user-agent"))

    @property
    def request_id(self) -> str:
        """The id under which the logs know this request."""
        return str(getattr(self.request.state, "request_id", ""))

    @property
    def here(self) -> str:
        """The present address, for coming back."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    async def form(self) -> Mapping[str, str]:
        """The form of a POST, after its token was found to be the session's.

        Raises:
            Forbidden: the token is missing or another session's.
        """
        given = await self.request.form(max_files=0, max_fields=30)
        fields = {name: value for name, value in given.items() if isinstance(value, str)}
        if self.session is not None and not self.session.csrf_matches(fields.get("csrf", "")):
            raise Forbidden("this form belongs to another session")
        return fields


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\n{lines}\n"


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def safe_next(wish: str | None) -> str:
    """Where to go after signing in: only a path of this host, never another address."""
    wish = wish or "/"
    if not wish.startswith("/") or wish.startswith("//") or any(ord(c) < 33 or c == "\\" for c in wish):
        return "/"
    parts = urlsplit(wish)
    return wish if not parts.scheme and not parts.netloc and len(wish) <= 500 else "/"


def see_other(path: str, **query: str | None) -> Response:
    """A redirect after a POST."""
    given = {name: value for name, value in query.items() if value}
    if given:
        path += ("&" if "?" in path else "?") + urlencode(given)
    return RedirectResponse(path, status_code=303)


def visit_of(request: Request, desk: WebDesk, actor: Actor | None = None) -> Visit:
    """A visit in the language of the reader."""
    wanted = languages.choose_language(
        cookie=request.cookies.get(languages.COOKIE),
        own=actor.language if actor else None,
        accept=request.headers.get("accept-language"),
    )
    return Visit(request, desk, wanted, actor)


def open_page(desk: WebDesk, handler: Handler) -> Endpoint:
    """An endpoint that needs nobody signed in."""

    async def endpoint(request: Request) -> Response:
        return await _answered(visit_of(request, desk), handler)

    return endpoint


def staff_page(desk: WebDesk, handler: Handler) -> Endpoint:
    """An endpoint for people who are signed in; others are sent to sign in, and come back."""

    async def endpoint(request: Request) -> Response:
        visit = visit_of(request, desk)
        try:
            actor, session = await desk.identify(request.cookies.get(COOKIE, ""))
        except Unauthenticated:
            back = visit.here if request.method in ("GET", "HEAD") else "/"
            return RedirectResponse(f"/sign-in?next={quote(safe_next(back), safe='')}", status_code=303)
        except ForecourtError as error:
            return error_page(visit, error)
        visit = visit_of(request, desk, actor)
        visit.session, visit.name = session, actor.name
        return await _answered(visit, handler)

    return endpoint


async def _answered(visit: Visit, handler: Handler) -> Response:
    try:
        return await handler(visit)
    except Unauthenticated:
        return see_other("/sign-in", next=safe_next(visit.here if visit.request.method == "GET" else "/"))
    except ForecourtError as error:
        return error_page(visit, error)
    except Exception as error:
        _LOG.exception("page failed", error=type(error).__qualname__)
        return error_page(visit, Fault("the page failed"))


def error_page(visit: Visit, error: ForecourtError) -> Response:
    """A page that says in plain words what is wrong and what to do, with the request's id."""
    match error:
        case NotFound():
            kind, status = "not-found", 404
        case ViewOnly():
            kind, status = "view-only", 403
        case Forbidden():
            kind, status = "forbidden", 403
        case Throttled():
            kind, status = "throttled", 429
        case Unavailable():
            kind, status = "unavailable", 503
        case _:
            kind, status = "failed", 500
    response = visit.page("error.html", status=status, kind=kind)
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    elif isinstance(error, Unavailable):
        response.headers["Retry-After"] = "10"
    return response
