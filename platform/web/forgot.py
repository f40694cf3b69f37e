"""Forgotten and first passwords: asking for a letter, and choosing a password with the link in it.

The link's secret is part of the path, which the access log knows as ``/password/{token}`` only; these pages send no referrer,
so that it does not reach other addresses either.
"""

from starlette.responses import Response

from ..auth.password_rules import LONGEST, SHORTEST
from ..errors import NotFound, Refused, Throttled
from .account_desk import AccountDesk
from .visit import Visit, see_other


async def show_forgot(visit: Visit, desk: AccountDesk) -> Response:
    """Asks for the name or the mail address."""
    return visit.page("account/forgot.html", sent=False)


async def forgot(visit: Visit, desk: AccountDesk) -> Response:
    """Says the same, after the same time, whatever was typed."""
    fields = await visit.form()
    await desk.forgot(fields.get("name", ""), visit.browser)
    return visit.page("account/forgot.html", sent=True)


async def show_choose(visit: Visit, desk: AccountDesk) -> Response:
    """The form for the new password. Looking at it uses nothing up: mail scanners look first."""
    try:
        link = await desk.link(str(visit.request.path_params["token"]))
    except NotFound:
        return _private(visit.page("account/link_over.html", status=404))
    return _form(visit, link.name, link.kind)


async def choose(visit: Visit, desk: AccountDesk) -> Response:
    """Sets the password and sends its person to sign in, where a second factor is asked for as ever."""
    token = str(visit.request.path_params["token"])
    fields = await visit.form()
    try:
        link = await desk.link(token)
        if fields.get("password", "") != fields.get("again", ""):
            return _form(visit, link.name, link.kind, problem="DIFFERENT", status=422)
        await desk.set_password(token, password=fields.get("password", ""), by=visit.browser)
    except NotFound:
        return _private(visit.page("account/link_over.html", status=404))
    except Throttled as error:
        return _form(visit, link.name, link.kind, problem="THROTTLED", status=429, wait=error.retry_after)
    except Refused as error:
        return _form(visit, link.name, link.kind, problem=error.code, status=422)
    return _private(see_other("/sign-in", done="password"))


def _form(
    visit: Visit, name: str, kind: str, *, problem: str | None = None, status: int = 200, wait: float = 0
) -> Response:
    page = visit.page(
        "account/choose.html",
        status=status,
        name=name,
        kind=kind,
        problem=problem,
        seconds=max(1, round(wait)),
        shortest=SHORTEST,
        longest=LONGEST,
    )
    return _private(page)


def _private(response: Response) -> Response:
    # Not "no-referrer": with it Firefox and Safari send "Origin: null" with the form, and the guard would refuse it.
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response
