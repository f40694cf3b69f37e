"""Between password and session: the code, or setting up the second factor that the group wants. Nobody is signed in here.

The pages know a half-finished sign-in by its own cookie. Their forms are guarded by Fetch Metadata (`guard.py`); a form token
would belong to a session, and there is none yet.
"""

from starlette.responses import Response

from ..auth import steps
from ..auth.steps import VerifiedStep, WrongCode
from ..errors import Refused, Throttled, Unauthenticated
from .account import device_form
from .account_desk import AccountDesk
from .cookies import with_session, without
from .visit import Visit, safe_next, see_other


async def show_code(visit: Visit, desk: AccountDesk) -> Response:
    """Asks for the code. Who has no half-finished sign-in is sent to sign in (`visit`)."""
    await _step(visit, desk, "CODE")
    return _code_form(visit, visit.request.query_params.get("next"))


async def take_code(visit: Visit, desk: AccountDesk) -> Response:
    """Takes the code: a session, or another try."""
    fields = await visit.form()
    back = fields.get("next")
    try:
        opened = await desk.finish(_cookie(visit), code=fields.get("code", ""), by=visit.browser)
    except WrongCode:
        return _code_form(visit, back, problem="wrong", status=401)
    except Throttled as error:
        response = _code_form(visit, back, problem="throttled", status=429, wait=error.retry_after)
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return response
    return with_session(without(see_other(safe_next(back)), steps.COOKIE), opened)


async def show_enrol(visit: Visit, desk: AccountDesk) -> Response:
    """The device to set up before the first session."""
    step = await _step(visit, desk, "ENROL")
    return await _enrol_form(visit, desk, step, visit.request.query_params.get("next"))


async def take_enrol(visit: Visit, desk: AccountDesk) -> Response:
    """Takes the first code of the device: a session, and the recovery codes."""
    fields = await visit.form()
    back = fields.get("next")
    step = await _step(visit, desk, "ENROL")
    try:
        opened, codes = await desk.step_confirm(step, code=fields.get("code", ""), by=visit.browser)
    except Throttled as error:
        return await _enrol_form(visit, desk, step, back, problem="THROTTLED", status=429, wait=error.retry_after)
    except Refused as error:
        return await _enrol_form(visit, desk, step, back, problem=error.code, status=422)
    page = visit.page("account/codes.html", codes=codes, back=safe_next(back), signed_in=True)
    return with_session(without(page, steps.COOKIE), opened)


async def _step(visit: Visit, desk: AccountDesk, kind: str) -> VerifiedStep:
    step = await desk.step(_cookie(visit), visit.browser)
    if step.kind != kind:
        raise Unauthenticated("sign in again")
    return step


def _cookie(visit: Visit) -> str:
    return visit.request.cookies.get(steps.COOKIE, "")


def _code_form(
    visit: Visit, back: str | None, *, problem: str | None = None, status: int = 200, wait: float = 0
) -> Response:
    return visit.page(
        "account/code.html", status=status, back=safe_next(back), problem=problem, seconds=max(1, round(wait))
    )


async def _enrol_form(
    visit: Visit,
    desk: AccountDesk,
    step: VerifiedStep,
    back: str | None,
    *,
    problem: str | None = None,
    status: int = 200,
    wait: float = 0,
) -> Response:
    picture = await desk.step_picture(step)
    return device_form(
        visit, picture, action="/sign-in/enrol", back=safe_next(back), problem=problem, status=status, wait=wait
    )
