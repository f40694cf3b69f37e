"""Signing in and out, the language, and the way home."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from ..auth.oidc.relying_party import TRANSACTION
from ..auth.steps import OpenedStep
from ..auth.web_sessions import COOKIE, OpenedSession
from ..errors import Invalid, NotFound, Throttled, Unauthenticated
from . import language as languages
from .cookies import with_session, with_step, with_value, without
from .visit import Visit, safe_next, see_other

#: What comes back from an identity provider with a browser that signed out there.
LEFT = "__Host-forecourt-left"
_YEAR = 365 * 24 * 3600


async def show_sign_in(visit: Visit) -> Response:
    """The sign-in form."""
    return sign_in_form(visit, problem=None, name="", back=visit.request.query_params.get("next"))


async def do_sign_in(visit: Visit) -> Response:
    """Check name and password; a fresh session every time, whatever cookie the browser brought (no fixation)."""
    fields = await visit.form()
    name, back = fields.get("name", ""), fields.get("next")
    try:
        opened = await visit.desk.sign_in(name=name, password=fields.get("password", ""), by=visit.browser)
    except Unauthenticated:
        return sign_in_form(visit, problem="wrong", name=name, back=back, status=401)
    except Throttled as error:
        response = sign_in_form(visit, problem="throttled", name=name, back=back, status=429, wait=error.retry_after)
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return response
    await _end_session(visit)
    if isinstance(opened, OpenedStep):
        page = "/sign-in/code" if opened.kind == "CODE" else "/sign-in/enrol"
        return with_step(see_other(page, next=safe_next(back)), opened)
    return with_session(see_other(safe_next(back)), opened)


async def enter(visit: Visit, opened: OpenedSession, back: str) -> Response:
    """Begin a session in this browser, end the one it had, and go where the person wanted to go."""
    await _end_session(visit)
    return with_session(see_other(safe_next(back)), opened)


async def do_sign_out(visit: Visit) -> Response:
    """End the session on the server and forget the cookie; go on to the identity provider where the session began, if any."""
    await visit.form()
    onward = await visit.desk.leave(visit.request.cookies.get(COOKIE, ""), language=visit.language)
    if onward is None:
        return without(see_other("/sign-in", done="signed-out"), COOKIE)
    visit.session = None
    response = visit.page("sso_onward.html", onward=onward, leaving=True)
    return without(with_value(response, LEFT, onward.state, TRANSACTION), COOKIE)


async def set_language(visit: Visit) -> Response:
    """Remember the reader's language in this browser. Needs nobody signed in and changes nothing else."""
    fields = await visit.form()
    wanted = fields.get("language", "")
    if wanted not in languages.LANGUAGES:
        raise NotFound("no such language")
    response = see_other(safe_next(fields.get("next")))
    response.set_cookie(languages.COOKIE, wanted, max_age=_YEAR, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def home(visit: Visit) -> Response:
    """Send the visitor to the page that matters to their role: HQ, then store management, then the own month."""
    hq = visit.may("benchmark:result:read")
    # looking as a role, one is sent where the role is sent
    offered = replace(visit.who, viewing=None)
    stores = [item for item in visit.who.memberships if item.store_id is not None]
    managed = [item for item in stores if offered.can("evaluation:kpi:read", item.store_id)]
    people = visit.people()
    if not hq and not managed and not people:
        return visit.page("welcome.html")
    code = await _code_of(visit, managed[0].store_id) if managed and not hq else None
    data = await visit.ask("home", hq=hq, people=people, storeCode=code or "", atStore=code is not None)
    if hq:
        months = [item["month"] for item in data["group"]["months"]]
        return see_other(f"/months/{max(months)}") if months else visit.page("welcome.html")
    if code is not None and data["store"]:
        months = [edge["node"]["month"] for edge in _edges(data["store"]["evaluationRuns"])]
        return see_other(f"/stores/{code}/months/{max(months)}") if months else visit.page("welcome.html")
    months = [
        edge["node"]["run"]["month"]
        for person in data["nodes"]
        if person
        for edge in _edges(person["scorecards"])
        if edge["node"]["run"]
    ]
    return see_other(f"/me/{max(months)}") if months else visit.page("welcome.html")


async def _code_of(visit: Visit, store_id: Any) -> str | None:
    await visit.ask("places")
    return next((place.code for place in visit.places if place.store_id == store_id), None)


def _edges(connection: Any) -> list[Any]:
    return [edge for edge in (connection or {}).get("edges", ()) if edge["node"]]


async def _end_session(visit: Visit) -> None:
    cookie = visit.request.cookies.get(COOKIE)
    if cookie:
        await visit.desk.sign_out(cookie)


def sign_in_form(
    visit: Visit,
    *,
    problem: str | None,
    name: str,
    back: str | None,
    status: int = 200,
    wait: float = 0,
    ways: Sequence[tuple[str, str]] = (),
) -> Response:
    """The form; `ways` are addresses and names of identity providers that are offered beside it."""
    minutes = max(1, -(-int(wait) // 60))
    done = visit.request.query_params.get("done")
    return visit.page(
        "sign_in.html",
        status=status,
        problem=problem,
        given=name[:200],
        back=safe_next(back),
        minutes=minutes,
        seconds=max(1, round(wait)),
        done=done,
        ways=ways,
    )


def month_of(visit: Visit) -> str:
    """The month in the address.

    Raises:
        NotFound: it is none.
    """
    from ..domain.evaluation.calendar_rules import Month

    text = str(visit.request.path_params["month"])
    try:
        return str(Month.parse(text))
    except Invalid as error:
        raise NotFound("no such month") from error
