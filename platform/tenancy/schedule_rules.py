"""When a recurring job is due next. Arithmetic only: no database, clock or settings.

A rule speaks of local time; each local day (or month) yields exactly one moment. Where the clocks change:

- a time that does not exist (spring) runs as much later as the clocks jumped: 02:30 becomes 03:30;
- a time that exists twice (autumn) runs once, the first time.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from ..errors import Invalid

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Monthly:
    """Once a month, on ``day`` (1 to 31; in a shorter month its last day) at local time ``at``."""

    day: int
    at: time

    def __post_init__(self) -> None:
        _require(1 <= self.day <= 31, "a month has days 1 to 31", "day")
        _require_local(self.at)


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day at local time ``at``."""

    at: time

    def __post_init__(self) -> None:
        _require_local(self.at)


@dataclass(frozen=True, slots=True)
class Hourly:
    """Once an hour, at local minute ``minute``."""

    minute: int = 0

    def __post_init__(self) -> None:
        _require(0 <= self.minute <= 59, "an hour has minutes 0 to 59", "minute")


@dataclass(frozen=True, slots=True)
class Every:
    """Every ``minutes`` minutes (1 to 1440) of elapsed time, whatever the clocks on the wall do."""

    minutes: int

    def __post_init__(self) -> None:
        _require(1 <= self.minutes <= 1440, "between 1 minute and a day", "minutes")


Rule: TypeAlias = Monthly | Daily | Hourly | Every


def next_run(rule: Rule, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment later than ``after`` at which ``rule`` is due, in UTC."""
    if after.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    after = after.astimezone(UTC)
    if isinstance(rule, Every):
        step = timedelta(minutes=rule.minutes)
        return _EPOCH + ((after - _EPOCH) // step + 1) * step
    if isinstance(rule, Hourly):
        return _next_minute(rule.minute, after, zone)
    # From the day before: a zone may have skipped or repeated a date, and the candidate may lie just behind.
    day = after.astimezone(zone).date() - timedelta(days=1)
    if isinstance(rule, Monthly):
        day = day.replace(day=1)
    while (due := _moment(rule, day, zone)) <= after:
        day = _following(rule, day)
    return due


def as_json(rule: Rule) -> dict[str, Any]:
    """The rule as it is stored."""
    match rule:
        case Monthly(day, at):
            return {"kind": "monthly", "day": day, "at": at.isoformat()}
        case Daily(at):
            return {"kind": "daily", "at": at.isoformat()}
        case Hourly(minute):
            return {"kind": "hourly", "minute": minute}
        case Every(minutes):
            return {"kind": "every", "minutes": minutes}


def from_json(stored: dict[str, Any]) -> Rule:
    """The rule that was stored.

    Raises:
        Invalid: it is none.
    """
    try:
        match stored:
            case {"kind": "monthly", "day": int(day), "at": str(at)}:
                return Monthly(day, time.fromisoformat(at))
            case {"kind": "daily", "at": str(at)}:
                return Daily(time.fromisoformat(at))
            case {"kind": "hourly", "minute": int(minute)}:
                return Hourly(minute)
            case {"kind": "every", "minutes": int(minutes)}:
                return Every(minutes)
    except ValueError as error:
        raise Invalid("not a time of day", path=("at",)) from error
    raise Invalid("not a rule of a schedule", path=("kind",))


def _moment(rule: Monthly | Daily, day: date, zone: ZoneInfo) -> datetime:
    if isinstance(rule, Monthly):
        day = day.replace(day=min(rule.day, monthrange(day.year, day.month)[1]))
    # fold=0: before a gap the old offset counts (so the moment slides forward), in an overlap the first pass.
    return datetime.combine(day, rule.at, tzinfo=zone).replace(fold=0).astimezone(UTC)


def _following(rule: Monthly | Daily, day: date) -> date:
    if isinstance(rule, Daily):
        return day + timedelta(days=1)
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _next_minute(minute: int, after: datetime, zone: ZoneInfo) -> datetime:
    # Minute by minute, because zones exist with offsets and clock changes of half an hour.
    moment = after.replace(second=0, microsecond=0) + _MINUTE
    while moment.astimezone(zone).minute != minute:
        moment += _MINUTE
    return moment


def _require(holds: bool, message: str, field: str) -> None:
    if not holds:
        raise Invalid(message, path=(field,))


def _require_local(at: time) -> None:
    _require(at.tzinfo is None, "a local time of day has no zone", "at")
