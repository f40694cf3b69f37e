"""Numbers and times as people read them. A missing number is a dash, never zero."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from ..domain.evaluation.kpi_catalogue import KPIS, PERSONAL_CALL_RATE, Direction, KpiDef
from ..domain.evaluation.measure_rules import Statistic
from .language import LANGUAGES

DASH: Final = "–"


def kpi_definition(code: str) -> KpiDef | None:
    """What the catalogue says of a KPI; None for a code it does not know."""
    return PERSONAL_CALL_RATE if code == PERSONAL_CALL_RATE.code else KPIS.get(code)


def lower_is_better(code: str) -> bool:
    """Is a low value of this KPI the good one?"""
    known = kpi_definition(code)
    return known is not None and known.direction is Direction.LOWER


@dataclass(frozen=True, slots=True)
class Figures:
    """Formats for one language and one time zone (IANA name)."""

    language: str
    zone: str = "Asia/Shanghai"

    @property
    def locale(self) -> str:
        """The name under which Babel knows the language."""
        return LANGUAGES[self.language]

    def number(self, value: Any, places: int = 0) -> str:
        """A number with up to ``places`` decimals and separators; a dash for None."""
        if value is None:
            return DASH
        pattern = "#,##0" + ("." + "#" * places if places else "")
        return str(format_decimal(Decimal(str(value)), format=pattern, locale=self.locale))

    def points(self, value: Any) -> str:
        """Points of a card with two decimals."""
        return DASH if value is None else str(format_decimal(Decimal(str(value)), format="0.00", locale=self.locale))

    def deduction(self, value: Any) -> str:
        """Points of the ledger with their sign, such as −1."""
        if value is None:
            return DASH
        amount = Decimal(str(value)).normalize()
        sign = "−" if amount < 0 else "+" if amount > 0 else ""
        return sign + format(abs(amount), "f")

    def share(self, value: Any) -> str:
        """A share from 0 to 1 as per cent with one decimal."""
        return DASH if value is None else str(format_percent(Decimal(str(value)), format="0.0%", locale=self.locale))

    def gap(self, value: Any) -> str:
        """A difference of shares (0.032) in percentage points with one decimal (3.2)."""
        return (
            DASH if value is None else str(format_decimal(Decimal(str(value)) * 100, format="0.0", locale=self.locale))
        )

    def kpi(self, code: str, value: Any) -> str:
        """A KPI's value in its unit; a value that the catalogue does not know is a plain number."""
        if value is None:
            return DASH
        known = kpi_definition(code)
        match known.statistic if known else None:
            case Statistic.PERCENT:
                return self.share(Decimal(str(value)) / 100)
            case Statistic.MEAN_HOURS:
                return f"{self.number(value, 1)} h"
            case Statistic.MEDIAN_MINUTES:
                return f"{self.number(value, 1)} min"
            case Statistic.SUM:
                return self.number(value, 2)
            case Statistic.COUNT:
                return self.number(value)
            case _:
                return self.number(value, 2)

    def moment(self, text: str | None, form: str = "medium") -> str:
        """A moment of the API (UTC) as local date and time."""
        if text is None:
            return DASH
        when = datetime.fromisoformat(text)
        pattern = "yyyy-MM-dd HH:mm" if self.language == "zh-CN" else "d MMM yyyy, HH:mm"
        if form == "short":
            pattern = "MM-dd HH:mm" if self.language == "zh-CN" else "d MMM, HH:mm"
        return str(format_datetime(when, pattern, tzinfo=ZoneInfo(self.zone), locale=self.locale))

    def month(self, text: str) -> str:
        """A month such as 2026-09 in words."""
        first = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
        return str(format_date(first, "y年M月" if self.language == "zh-CN" else "MMMM y", locale=self.locale))
