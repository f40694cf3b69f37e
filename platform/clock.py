"""Time that tests can set. Every moment in Forecourt has a zone; inside it is UTC."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a unit of work reads the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self.at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self.at

    @contextmanager
    def moved_to(self, at: datetime) -> Iterator[None]:
        """Stand at another moment for a while."""
        before, self.at = self.at, at.astimezone(UTC)
        try:
            yield
        finally:
            self.at = before


SYSTEM_CLOCK = SystemClock()
