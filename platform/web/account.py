"""One's own account: sessions, history and tokens by stored documents; password and second factor by the account desk.

What changes how somebody signs in, and ending sessions, wants a proof that is not older than `web_sessions.FRESH` (ASVS 5.0,
7.5.1 and 7.5.2): the password again, and the code where there is a second factor.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import segno
from markupsafe import Markup
from starlette.responses import Response

from ..auth import second_factor
from ..auth.password_rules import LONGEST, SHORTEST
from ..auth.web_sessions import COOKIE
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import NotFound, Refused, Throttled, Unauthenticated
from .account_desk import AccountDesk, Picture
from .cookies import with_session
from .visit import Handler, Visit, safe_next, see_other

HOME: Final = "/account"

AccountHandler = Callable[[Visit, AccountDesk], Awaitable[Response]]


def with_desk(desk: AccountDesk, handler: AccountHandler) -> Handler:
    """The handler with its desk."""

    async def handle(visit: Visit) -> Response:
        return await handler(visit, desk)

    return handle


def sensitive(desk: AccountDesk, handler: AccountHandler, *, clock: Clock = SYSTEM_CLOCK) -> Handler:
    """The same for what wants a fresh proof; who has none is asked for one, and comes back."""

    async def handle(visit: Visit) -> Response:
        if visit.session is None or not visit.session.is_fresh(clock.now()):
            back = visit.request.url.path if visit.request.method in ("GET", "HEAD") else HOME
            return see_other("/account/prove", next=back)
        return await handler(visit, desk)

    return handle


async def show(visit: Visit, desk: AccountDesk) -> Response:
    """Everything of one's own account on one page."""
    data = await visit.ask("account")
    viewer = data["viewer"]
    now = SYSTEM_CLOCK.now().isoformat()
    return visit.page(
        "account.html",
        account=viewer["account"],
        factor=viewer["secondFactor"],
        sessions=viewer["sessions"],
        sign_ins=viewer["signIns"],
        tokens=[item for item in viewer["tokens"] if not item["revokedAt"] and item["expiresAt"] > now],
        done=visit.request.query_params.get("done"),
        refused=visit.request.query_params.get("refused"),
    )


async def set_language(visit: Visit, desk: AccountDesk) -> Response:
    """The account's language; the cookie of the browser, which goes before it, is forgotten."""
    fields = await visit.form()
    response = await _act(visit, "set_own_language", "setOwnLanguage", "language", language=fields.get("language", ""))
    response.delete_cookie("forecourt-language", path="/", secure=True, httponly=True, samesite="lax")
    return response


async def end_session(visit: Visit, desk: AccountDesk) -> Response:
    """End one of one's own sessions."""
    fields = await visit.form()
    return await _act(visit, "end_session", "endSession", "session-ended", id=fields.get("id", ""))


async def end_others(visit: Visit, desk: AccountDesk) -> Response:
    """End every other session."""
    await visit.form()
    return await _act(visit, "end_other_sessions", "endOtherSessions", "sessions-ended")


async def revoke_token(visit: Visit, desk: AccountDesk) -> Response:
    """End one of one's own bearer tokens."""
    fields = await visit.form()
    return await _act(visit, "revoke_token", "revokeToken", "token-ended", id=fields.get("id", ""))


async def _act(visit: Visit, document: str, mutation: str, done: str, **given: Any) -> Response:
    data = await visit.ask(document, input=given)
    errors = data[mutation]["userErrors"]
    return see_other(HOME, refused=str(errors[0]["code"])) if errors else see_other(HOME, done=done)


# --- proving ---------------------------------------------------------------------------------------------------------


async def show_prove(visit: Visit, desk: AccountDesk) -> Response:
    """Asks again who it is."""
    return await _prove_form(visit, desk, visit.request.query_params.get("next"))


async def prove(visit: Visit, desk: AccountDesk) -> Response:
    """Takes the password, and the code; the session goes on under a new cookie."""
    fields = await visit.form()
    back = fields.get("next")
    try:
        opened = await desk.prove(
            visit.who,
            visit.request.cookies.get(COOKIE, ""),
            password=fields.get("password", ""),
            code=fields.get("code", ""),
            by=visit.browser,
        )
    except Unauthenticated:
        return await _prove_form(visit, desk, back, problem="wrong", status=401)
    except Throttled as error:
        return await _prove_form(visit, desk, back, problem="throttled", status=429, wait=error.retry_after)
    return with_session(see_other(safe_next(back)), opened)


async def _prove_form(
    visit: Visit,
    desk: AccountDesk,
    back: str | None,
    *,
    problem: str | None = None,
    status: int = 200,
    wait: float = 0,
) -> Response:
    return visit.page(
        "account/prove.html",
        status=status,
        name=await desk.sign_in_name(visit.who),
        back=safe_next(back),
        problem=problem,
        seconds=max(1, round(wait)),
        wants_code=await desk.wants_code(visit.who),
        by_provider=visit.session is not None and visit.session.method == "PROVIDER",
    )


# --- password --------------------------------------------------------------------------------------------------------


async def show_password(visit: Visit, desk: AccountDesk) -> Response:
    """The form for a new password."""
    return await _password_form(visit, desk)


async def change_password(visit: Visit, desk: AccountDesk) -> Response:
    """Takes the present and the new password."""
    fields = await visit.form()
    if fields.get("password", "") != fields.get("again", ""):
        return await _password_form(visit, desk, problem="DIFFERENT", status=422)
    try:
        opened = await desk.change_password(
            visit.who,
            visit.request.cookies.get(COOKIE, ""),
            current=fields.get("current", ""),
            password=fields.get("password", ""),
            end_tokens=fields.get("tokens") == "end",
            by=visit.browser,
        )
    except Unauthenticated:
        return await _password_form(visit, desk, problem="WRONG_PASSWORD", status=401)
    except Throttled as error:
        return await _password_form(visit, desk, problem="THROTTLED", status=429, wait=error.retry_after)
    except Refused as error:
        return await _password_form(visit, desk, problem=error.code, status=422)
    return with_session(see_other(HOME, done="password"), opened)


async def _password_form(
    visit: Visit, desk: AccountDesk, *, problem: str | None = None, status: int = 200, wait: float = 0
) -> Response:
    return visit.page(
        "account/password.html",
        status=status,
        name=await desk.sign_in_name(visit.who),
        problem=problem,
        seconds=max(1, round(wait)),
        shortest=SHORTEST,
        longest=LONGEST,
    )


# --- second factor ---------------------------------------------------------------------------------------------------


async def begin_factor(visit: Visit, desk: AccountDesk) -> Response:
    """Makes a fresh seed and shows it."""
    await visit.form()
    await desk.begin_factor(visit.who)
    return see_other("/account/second-factor")


async def show_factor(visit: Visit, desk: AccountDesk) -> Response:
    """The picture and the key of the device that is being set up."""
    return await _factor_form(visit, desk)


async def confirm_factor(visit: Visit, desk: AccountDesk) -> Response:
    """Takes the first code; shows the recovery codes."""
    fields = await visit.form()
    try:
        opened, codes = await desk.confirm_factor(
            visit.who, visit.request.cookies.get(COOKIE, ""), code=fields.get("code", ""), by=visit.browser
        )
    except Throttled as error:
        return await _factor_form(visit, desk, problem="THROTTLED", status=429, wait=error.retry_after)
    except Refused as error:
        if error.code != "WRONG_CODE":
            return see_other(HOME, refused=error.code)
        return await _factor_form(visit, desk, problem=error.code, status=422)
    # The page's forms carry the token of the session as it is from now on.
    visit.session = (await visit.desk.identify(opened.cookie))[1]
    return with_session(visit.page("account/codes.html", codes=codes, back=HOME, signed_in=False), opened)


async def remove_factor(visit: Visit, desk: AccountDesk) -> Response:
    """Goes back to the password alone."""
    await visit.form()
    try:
        opened = await desk.remove_factor(visit.who, visit.request.cookies.get(COOKIE, ""))
    except Refused as error:
        return see_other(HOME, refused=error.code)
    return with_session(see_other(HOME, done="factor-removed"), opened)


async def renew_codes(visit: Visit, desk: AccountDesk) -> Response:
    """New recovery codes, shown this once."""
    await visit.form()
    try:
        codes = await desk.renew_codes(visit.who)
    except Refused as error:
        return see_other(HOME, refused=error.code)
    return visit.page("account/codes.html", codes=codes, back=HOME, signed_in=False)


async def _factor_form(
    visit: Visit, desk: AccountDesk, *, problem: str | None = None, status: int = 200, wait: float = 0
) -> Response:
    picture = await desk.picture(visit.who)
    if picture is None:
        raise NotFound("no device is being set up")
    return device_form(
        visit, picture, action="/account/second-factor", back=HOME, problem=problem, status=status, wait=wait
    )


def device_form(
    visit: Visit, picture: Picture, *, action: str, back: str, problem: str | None, status: int, wait: float
) -> Response:
    """The page that shows a new device's picture and asks for its first code, at sign-in and in the account."""
    return visit.page(
        "account/factor.html",
        status=status,
        problem=problem,
        seconds=max(1, round(wait)),
        picture=qr(picture.uri),
        key=picture.key,
        action=action,
        digits=second_factor.DIGITS,
        back=back,
    )


def qr(text: str) -> Markup:
    """A QR code as SVG inside the page: paths without style attributes, as the policy wants it."""
    return Markup(segno.make_qr(text, error="m").svg_inline(scale=5, border=4, omitsize=True))  # noqa: S704  (made here)
