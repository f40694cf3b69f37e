"""The cookies of signing in: bound to this host and to https, out of reach of scripts, not sent along from other sites."""

from datetime import timedelta

from starlette.responses import Response

from ..auth import steps, web_sessions
from ..auth.steps import OpenedStep
from ..auth.web_sessions import OpenedSession


def with_session(response: Response, opened: OpenedSession) -> Response:
    """The answer, with the cookie of a session."""
    return with_value(response, web_sessions.COOKIE, opened.cookie, web_sessions.ABSOLUTE)


def with_step(response: Response, opened: OpenedStep) -> Response:
    """The answer, with the cookie of a half-finished sign-in."""
    return with_value(response, steps.COOKIE, opened.cookie, steps.LIFETIME)


def without(response: Response, name: str) -> Response:
    """The answer, with the order to forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
    return response


def with_value(response: Response, name: str, value: str, lifetime: timedelta) -> Response:
    """The answer, with a cookie of these flags."""
    seconds = int(lifetime.total_seconds())
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
    return response
