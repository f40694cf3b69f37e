"""Months in a store's time zone, the freeze, and what a person was on a day (docs/interchange.md section 5).

Everything here is arithmetic on dates: no clock, no database. Moments come in as aware datetimes and are compared as
instants in UTC, so that 24 hours are 86,400 seconds whatever the clocks of the zone do.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import Invalid


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone of this name; ``Invalid`` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"no such time zone: {name!r}", path=("time_zone",)) from error


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """00:00:00 of a local day, as an instant in UTC. A midnight that the clocks skip is the moment they skip it."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date a clock on the store's wall shows at this moment."""
    return moment.astimezone(zone).date()


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, ``2026-09``."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.month <= 12 and 1900 <= self.year <= 9000):
            raise Invalid(f"no such month: {self.year}-{self.month}", path=("month",))

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read ``YYYY-MM``."""
        year, dash, month = text.partition("-")
        if not (dash and len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdigit()):
            raise Invalid(f"a month is written YYYY-MM, not {text!r}", path=("month",))
        return cls(int(year), int(month))

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> "Month":
        """The month a moment belongs to: that of its local date."""
        day = local_date(moment, zone)
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def plus(self, months: int) -> "Month":
        """This many months later (earlier when negative)."""
        years, index = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(years, index + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def end_day(self) -> date:
        """The first day that no longer belongs to it."""
        return self.first_day + timedelta(days=calendar.monthrange(self.year, self.month)[1])

    def has_day(self, day: date) -> bool:
        """Whether a store-local day lies in the month."""
        return day.month == self.month and day.year == self.year


@dataclass(frozen=True, slots=True)
class FreezeRule:
    """When a month is frozen: 00:00:00 local on ``day`` of the month ``months`` later (default the 22nd of M+2)."""

    months: int = 2
    day: int = 22

    def __post_init__(self) -> None:
        if not 1 <= self.months <= 24:
            raise Invalid("a month freezes 1 to 24 months later", path=("period.freeze.months",))
        if not 1 <= self.day <= 28:
            raise Invalid("the day of the freeze is 1 to 28, so that every month has it", path=("period.freeze.day",))

    def of(self, month: Month, zone: ZoneInfo) -> datetime:
        """F(M), as an instant in UTC."""
        later = month.plus(self.months)
        return start_of_day(date(later.year, later.month, self.day), zone)


DEFAULT_FREEZE = FreezeRule()


@dataclass(frozen=True, slots=True)
class Period:
    """One month of one store: [``start``, ``end``) in UTC, and the moment ``frozen_at`` from which it is final."""

    month: Month
    zone: ZoneInfo
    start: datetime
    end: datetime
    frozen_at: datetime

    @classmethod
    def of(cls, month: Month, zone: ZoneInfo, freeze: FreezeRule = DEFAULT_FREEZE) -> "Period":
        start, end = start_of_day(month.first_day, zone), start_of_day(month.end_day, zone)
        return cls(month, zone, start, end, freeze.of(month, zone))

    def has(self, moment: datetime | None) -> bool:
        """Whether the moment lies in the month; an unknown one does not."""
        return moment is not None and self.start <= moment < self.end


class PositionSpan(Protocol):
    """One period of a position history (岗位履历): first day, first day no longer valid (``None`` = open)."""

    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


class Employment(Protocol):
    """The dates that decide a person's status."""

    @property
    def hired_on(self) -> date: ...
    @property
    def confirmed_on(self) -> date | None: ...
    @property
    def left_on(self) -> date | None: ...


def status_on(person: Employment, day: date) -> str:
    """LEFT, CONFIRMED or PROBATION (离职, 转正, 试用) on a day; the dates decide, never the exported word."""
    if person.left_on is not None and person.left_on <= day:
        return "LEFT"
    if person.confirmed_on is not None and person.confirmed_on <= day:
        return "CONFIRMED"
    return "PROBATION"


def covers(span: PositionSpan, day: date) -> bool:
    """Whether the position is held on the day."""
    return span.valid_from <= day and (span.valid_to is None or day < span.valid_to)


Span = TypeVar("Span", bound=PositionSpan)


def position_on(spans: Sequence[Span], day: date) -> Span | None:
    """The one position held on a day; none = unknown. A history is a handful of rows, so it is simply walked."""
    return next((span for span in spans if covers(span, day)), None)


def last_day_of(span: PositionSpan, person: Employment, month: Month) -> date | None:
    """The last day of the month on which a person holds the position while employed (``hired_on`` to ``left_on``)."""
    first = max(month.first_day, person.hired_on, span.valid_from)
    ends = [month.end_day, person.left_on, span.valid_to]
    last = min(end for end in ends if end is not None) - timedelta(days=1)
    return last if first <= last else None
