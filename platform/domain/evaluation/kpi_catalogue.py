"""The KPIs that a month close computes, in the order of its report (docs/interchange.md section 7, domain KPI list)."""

from dataclasses import dataclass
from enum import StrEnum

from .measure_rules import Statistic


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "HIGHER"
    LOWER = "LOWER"
    BAND = "BAND"


class Base(StrEnum):
    """What very satisfied customers are counted over (考核基数, contradiction C2)."""

    INVOICED_DELIVERED = "INVOICED_DELIVERED"
    PLATED_DELIVERED = "PLATED_DELIVERED"
    RESPONDED = "RESPONDED"


@dataclass(frozen=True, slots=True)
class KpiDef:
    """A KPI: its code, how it is made, which way is better, and which of x and d a report shows besides n and value.

    ``shown_places`` are the decimals of x and d there; ``None`` shows a whole number.
    """

    code: str
    statistic: Statistic
    direction: Direction
    shows: str = "x"
    shown_places: int | None = None


_UP, _DOWN, _PCT = Direction.HIGHER, Direction.LOWER, Statistic.PERCENT

KPIS: dict[str, KpiDef] = {
    kpi.code: kpi
    for kpi in (
        KpiDef("DELIVERED", Statistic.COUNT, _UP, shows=""),  # deliveries 交车数
        KpiDef("S01", _PCT, _UP),  # very satisfied over all 非常满意度
        KpiDef("S01_PLATED", _PCT, _UP),  # the same over the plated 已上牌
        KpiDef("S02", _PCT, _UP),  # very satisfied among respondents
        KpiDef("S03", _PCT, _UP),  # satisfied or better 满意率
        KpiDef("S07", _PCT, _UP),  # response rate 回收率
        KpiDef("F01A", _PCT, _UP),  # delivery call within 24 h 24小时回访
        KpiDef("F01B", _PCT, _UP),  # delivery call after 1-2 h
        KpiDef("F02", _PCT, _UP),  # care call within 72 h, as the customer says
        KpiDef("F03", _PCT, _UP),  # delivery questionnaire complete 问卷完整
        KpiDef("F04", _PCT, _UP),  # recovery in time
        KpiDef("C01", _PCT, _DOWN),  # valid sales complaints per 100 deliveries 投诉率
        KpiDef("C02", _PCT, _DOWN),  # valid service complaints per 100 hand-overs
        KpiDef("C03", _PCT, _UP),  # acknowledged within 24 h 24小时响应
        KpiDef("C04", _PCT, _UP),  # confirmed within 168 h 投诉解决率
        KpiDef("C04_SERVICE", _PCT, _UP),
        KpiDef("S02_SERVICE", _PCT, _UP),
        KpiDef("S03_SERVICE", _PCT, _UP),
        KpiDef("A01", Statistic.MEAN_HOURS, _DOWN),  # mean repair cycle 故障维修周期; x in seconds
        KpiDef("A02", _PCT, _DOWN),  # rework rate 返修率
        KpiDef("A05", _PCT, _UP),  # parts in time 供应及时性
        KpiDef("A06", _PCT, _DOWN),  # parts defect rate
        KpiDef("A07", _PCT, Direction.BAND, shows="xd", shown_places=4),  # labour utilisation 工时利用率
        KpiDef("A09", Statistic.MEDIAN_MINUTES, _DOWN, shows=""),  # reception 接待效率
        KpiDef("A12", Statistic.SUM, _UP, shows=""),  # service revenue 收入额
        KpiDef("A12_ATTAINMENT", _PCT, _UP, shows=""),  # of the target
        KpiDef("A13", _PCT, _UP, shows="xd", shown_places=4),  # service margin 利润率
    )
}

PERSONAL_CALL_RATE = KpiDef("F01", _PCT, _UP)
"""The delivery calls of one person in the window of their scheme; on sales cards only."""
