"""The error tree. An error carries a stable code and data; words for people are made at the doors.

ForecourtError
├── Refused            a rule says no: shown to the caller as a ``userError`` with this code
│   ├── AllRefused     several such reasons, each with its place in the input
│   ├── Invalid        input that cannot be understood; says where (``path``)
│   ├── StaleVersion   somebody changed the row since the caller read it
│   └── WrongState     the transition does not exist from the present state
├── NotFound           the row does not exist *for this actor* (never says which of the two)
├── Forbidden          the actor sees the thing but may not do this to it
│   └── ViewOnly       the actor looks as a role, and nothing may be changed meanwhile
├── Unauthenticated    nobody is signed in, or the token is not valid
├── Throttled          too many requests; ``retry_after`` seconds
└── Fault              something broke that the caller did not cause
    ├── Unavailable    a store or the database cannot answer now
    └── Misconfigured  a setting or the server's set-up is wrong; says what to do
"""

from collections.abc import Sequence
from typing import Any


class ForecourtError(Exception):
    """Base of every error Forecourt raises on purpose."""

    code = "INTERNAL"

    def __init__(self, message: str = "", /, **data: Any) -> None:
        super().__init__(message or self.code)
        self.message = message or self.code
        self.data = data


class Refused(ForecourtError):
    """A rule says no. ``code`` is stable; ``path`` points into the input."""

    code = "REFUSED"

    def __init__(self, code: str, message: str = "", /, *, path: tuple[str, ...] = (), **data: Any) -> None:
        self.code = code
        self.path = path
        super().__init__(message or code, **data)


class Invalid(Refused):
    """Input that cannot be understood."""

    def __init__(self, message: str = "", /, *, path: tuple[str, ...] = (), **data: Any) -> None:
        super().__init__("INVALID", message, path=path, **data)


class AllRefused(Refused):
    """Several reasons, each with its place in the input, for which all of it is refused."""

    def __init__(self, reasons: Sequence[Refused]) -> None:
        super().__init__(reasons[0].code, reasons[0].message, path=reasons[0].path)
        self.reasons = tuple(reasons)


class StaleVersion(Refused):
    """Somebody changed the row since the caller read it (optimistic lock)."""

    def __init__(self, message: str = "", /, **data: Any) -> None:
        super().__init__("STALE_VERSION", message, path=("expectedVersion",), **data)


class WrongState(Refused):
    """The transition does not exist from the present state."""

    def __init__(self, message: str = "", /, **data: Any) -> None:
        super().__init__("WRONG_STATE", message, **data)


class NotFound(ForecourtError):
    """The row does not exist for this actor."""

    code = "NOT_FOUND"


class Forbidden(ForecourtError):
    """The actor may see the thing but not do this to it."""

    code = "FORBIDDEN"


class ViewOnly(Forbidden):
    """The actor looks at the product as a role: nothing may be changed meanwhile."""

    code = "VIEW_ONLY"


class Unauthenticated(ForecourtError):
    """Nobody is signed in, or the token is not valid."""

    code = "UNAUTHENTICATED"


class Throttled(ForecourtError):
    """Too many requests; try again after ``retry_after`` seconds."""

    code = "THROTTLED"

    def __init__(self, message: str = "", /, *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class Fault(ForecourtError):
    """Something broke that the caller did not cause."""


class Unavailable(Fault):
    """A store or the database cannot answer now; trying again later may help."""

    code = "UNAVAILABLE"


class Misconfigured(Fault):
    """A setting or the server's set-up is wrong; the message says what to do."""

    code = "MISCONFIGURED"
