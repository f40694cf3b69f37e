"""The store's survey settings, typed (C12 and A16). Pure: resolved values come in, a `SurveyPolicy` goes out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from ...errors import Invalid

CHANNEL_ORDER = ("SMS", "EMAIL")
_DURATION = re.compile(r"([0-9]{1,4})(m|h|d)", re.ASCII)
_UNIT = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Local hours in which nobody is written to or called: from ``start`` (in) to ``end`` (out), over midnight or not."""

    start: time = time(21)
    end: time = time(8)

    def has(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    @property
    def length(self) -> timedelta:
        """How long the quiet hours last."""
        minutes = (self.end.hour * 60 + self.end.minute) - (self.start.hour * 60 + self.start.minute)
        return timedelta(minutes=minutes % 1440)


@dataclass(frozen=True, slots=True)
class SurveyPolicy:
    """When customers are asked, and how often at most.

    Defaults are those of domain section 3.7; `opt_in` False also asks customers who were never asked for consent.
    """

    purchase_months: int = 1
    purchase_spread_days: int = 7
    service_delay: timedelta = timedelta(hours=4)
    incident_delay: timedelta = timedelta(days=1)
    quiet: Quiet = Quiet()
    min_gap: timedelta = timedelta(days=30)
    yearly_cap: int = 4
    open_for: timedelta = timedelta(days=14)
    incident_open_for: timedelta = timedelta(days=7)
    grace: timedelta = timedelta(hours=48)
    stale_after: timedelta = timedelta(days=7)
    reminder_days: tuple[int, ...] = (3, 7)
    reminder_pause: timedelta = timedelta(hours=24)
    channels: tuple[str, ...] = CHANNEL_ORDER
    opt_in: bool = True
    language: str = "zh-CN"

    def __post_init__(self) -> None:
        if self.service_delay + self.quiet.length > timedelta(hours=24):
            # requirement 55: within a day of the visit, and not at night; both must be possible
            raise Invalid("the delay and the quiet hours together exceed a day", path=(SERVICE_DELAY,))

    def expires_after(self, template: str) -> timedelta:
        """How long an invitation is open, from sending."""
        return self.incident_open_for if template == "T4" else self.open_for


GAP, YEARLY = "surveys.fatigue.min_gap", "surveys.fatigue.yearly_cap"
PURCHASE_MONTHS, PURCHASE_SPREAD = "surveys.purchase.months", "surveys.purchase.spread_days"
SERVICE_DELAY, INCIDENT_DELAY = "surveys.service.delay", "surveys.incident.delay"
OPEN_FOR, INCIDENT_OPEN_FOR = "surveys.open_for", "surveys.incident.open_for"
QUIET_FROM, QUIET_UNTIL = "quiet_hours.from", "quiet_hours.until"
CHANNELS, OPT_IN, LANGUAGE = "surveys.channels", "surveys.consent.opt_in", "surveys.language"

#: Every key that `policy_from` understands.
KEYS = frozenset(
    {
        GAP,
        YEARLY,
        PURCHASE_MONTHS,
        PURCHASE_SPREAD,
        SERVICE_DELAY,
        INCIDENT_DELAY,
        OPEN_FOR,
        INCIDENT_OPEN_FOR,
        QUIET_FROM,
        QUIET_UNTIL,
        CHANNELS,
        OPT_IN,
        LANGUAGE,
    }
)


def policy_from(found: Mapping[str, object]) -> SurveyPolicy:
    """Read resolved settings; what is not set keeps its default.

    Raises:
        Invalid: a value is not what its key needs; the path is the key.
    """
    default = SurveyPolicy()

    def span(key: str, otherwise: timedelta) -> timedelta:
        return duration(found[key], key) if key in found else otherwise

    def whole(key: str, otherwise: int, low: int, high: int) -> int:
        value = found.get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Invalid(f"{key}: a whole number from {low} to {high}", path=(key,))
        return value

    return SurveyPolicy(
        purchase_months=whole(PURCHASE_MONTHS, default.purchase_months, 0, 12),
        purchase_spread_days=whole(PURCHASE_SPREAD, default.purchase_spread_days, 0, 28),
        service_delay=span(SERVICE_DELAY, default.service_delay),
        incident_delay=span(INCIDENT_DELAY, default.incident_delay),
        quiet=quiet_from(found),
        min_gap=span(GAP, default.min_gap),
        yearly_cap=whole(YEARLY, default.yearly_cap, 1, 52),
        open_for=span(OPEN_FOR, default.open_for),
        incident_open_for=span(INCIDENT_OPEN_FOR, default.incident_open_for),
        channels=_channels(found.get(CHANNELS, default.channels)),
        opt_in=_flag(found.get(OPT_IN, default.opt_in), OPT_IN),
        language=_language(found.get(LANGUAGE, default.language)),
    )


def quiet_from(found: Mapping[str, object]) -> Quiet:
    """The quiet hours of resolved settings."""
    default = Quiet()
    return Quiet(
        _clock(found.get(QUIET_FROM, default.start), QUIET_FROM),
        _clock(found.get(QUIET_UNTIL, default.end), QUIET_UNTIL),
    )


def duration(value: object, key: str) -> timedelta:
    """``90m``, ``48h`` or ``14d``."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Invalid(f"{key}: a duration such as 90m, 48h or 14d", path=(key,))
    return int(match[1]) * _UNIT[match[2]]


def _clock(value: object, key: str) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Invalid(f"{key}: a time of day such as 21:00", path=(key,))
    return time.fromisoformat(value)


def _channels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not set(value) <= set(CHANNEL_ORDER):
        raise Invalid(f"{CHANNELS}: a list of {', '.join(CHANNEL_ORDER)}", path=(CHANNELS,))
    return tuple(dict.fromkeys(str(item) for item in value))


def _flag(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f"{key}: true or false", path=(key,))
    return value


def _language(value: object) -> str:
    if value not in ("zh-CN", "en"):
        raise Invalid(f"{LANGUAGE}: zh-CN or en", path=(LANGUAGE,))
    return str(value)
