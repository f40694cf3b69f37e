"""The settings of requirements A14 that a month close uses (C1 to C6), and the freeze, typed.

The defaults are those of docs/interchange.md Part B. Schemes carry their own variants of C1, C2, C3, C5 and C6; a
setting that is given (group or store level, resolved before it comes here) overrides the variant in every sales
scheme of the store, and one that is not given leaves each scheme as it is. The catalogue's KPIs F01A, F01B, S01 and
S01_PLATED never change: they are what stores are compared by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from ..care.rules import CallWindow
from .calendar_rules import DEFAULT_FREEZE, FreezeRule
from .kpi_catalogue import Base
from .scheme_specs import DEDUCTION_RULES, JOINT_RULE, ROLES, Deduction, SalesScheme, read_excluded
from .strict_json import (
    Path,
    as_bool,
    as_decimal,
    as_duration,
    as_int,
    as_list,
    as_object,
    as_word,
    refuse,
)

ANSWER_CLASSES = {
    "VERY_DISSATISFIED": 1,
    "DISSATISFIED": 2,
    "NEUTRAL": 3,
    "SATISFIED": 4,
    "VERY_SATISFIED": 5,
}
"""The five-level words (非常不满意 … 非常满意) and their answer to ``q_overall``."""

WINDOW_MIN, WINDOW_MAX = "followup.delivery_call.window_min", "followup.delivery_call.window_max"
DENOMINATOR = "vs_rate.denominator"
EXCLUDE = "participants.exclude_statuses"
RECOVERY = "recovery_rules"
DEDUCTIONS = "deduction_rules"
PARTLY = "complaint.partly_counts"
FREEZE_MONTHS, FREEZE_DAY = "period.freeze.months", "period.freeze.day"

KEYS = frozenset(
    {WINDOW_MIN, WINDOW_MAX, DENOMINATOR, EXCLUDE, RECOVERY, DEDUCTIONS, PARTLY, FREEZE_MONTHS, FREEZE_DAY}
)
"""Every key ``MonthSettings.from_dict`` understands."""


@dataclass(frozen=True, slots=True)
class RecoveryRule:
    """Who follows up an answer of a class, within what time (C4; requirements 18-20)."""

    answer_class: str
    role: str
    within: timedelta
    home_visit: bool = False


DEFAULT_RECOVERY = (
    RecoveryRule("VERY_DISSATISFIED", "SALES_MANAGER", timedelta(hours=48), home_visit=True),
    RecoveryRule("DISSATISFIED", "SALES_SUPERVISOR", timedelta(hours=48)),
)


@dataclass(frozen=True, slots=True)
class DeductionSetting:
    """What a store changes about a deduction rule; ``None`` leaves the scheme's."""

    enabled: bool | None = None
    points: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MonthSettings:
    """Settings of one store for one month. ``None`` = each scheme's own."""

    call_opens: timedelta | None = None
    call_closes: timedelta | None = None
    denominator: Base | None = None
    excluded: tuple[tuple[str, str], ...] | None = None
    recovery: tuple[RecoveryRule, ...] = DEFAULT_RECOVERY
    deductions: tuple[tuple[str, DeductionSetting], ...] = ()
    partly_counts: bool = False
    freeze: FreezeRule = DEFAULT_FREEZE

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "MonthSettings":
        """Read resolved settings by their keys.

        ``followup.delivery_call.window_min/max`` durations (``1h``) · ``vs_rate.denominator`` a base ·
        ``participants.exclude_statuses`` list of {role, status} · ``recovery_rules`` object of answer class → {role,
        within, home_visit} · ``deduction_rules`` object of rule → {enabled, points}, and ``joint`` true or false ·
        ``complaint.partly_counts`` · ``period.freeze.months``, ``period.freeze.day``. Errors: ``Invalid`` with the
        path of what is wrong, also for a key that is not known.
        """
        found = as_object(data, (), optional=KEYS)
        at = {key: as_duration(found[key], (key,)) for key in (WINDOW_MIN, WINDOW_MAX) if key in found}
        if WINDOW_MIN in at and WINDOW_MAX in at and at[WINDOW_MIN] > at[WINDOW_MAX]:
            raise refuse((WINDOW_MAX,), "closes before it opens")
        return cls(
            call_opens=at.get(WINDOW_MIN),
            call_closes=at.get(WINDOW_MAX),
            denominator=Base(as_word(found[DENOMINATOR], (DENOMINATOR,), list(Base))) if DENOMINATOR in found else None,
            excluded=_excluded(found[EXCLUDE]) if EXCLUDE in found else None,
            recovery=_recovery(found[RECOVERY]) if RECOVERY in found else DEFAULT_RECOVERY,
            deductions=_deductions(found[DEDUCTIONS]) if DEDUCTIONS in found else (),
            partly_counts=as_bool(found.get(PARTLY, False), (PARTLY,)),
            freeze=FreezeRule(
                as_int(found.get(FREEZE_MONTHS, DEFAULT_FREEZE.months), (FREEZE_MONTHS,), 1, 24),
                as_int(found.get(FREEZE_DAY, DEFAULT_FREEZE.day), (FREEZE_DAY,), 1, 28),
            ),
        )

    def recovery_for(self, q_overall: int | None) -> RecoveryRule | None:
        """The rule for an answer; ``None`` when it makes no task."""
        return next((rule for rule in self.recovery if ANSWER_CLASSES[rule.answer_class] == q_overall), None)

    def applied_to(self, scheme: SalesScheme) -> SalesScheme:
        """The scheme as it holds in this store."""
        own = {deduction.rule: deduction for deduction in scheme.deductions}
        for rule, change in self.deductions:
            before = own.get(rule, Deduction(rule, enabled=False))
            own[rule] = Deduction(
                rule,
                before.enabled if change.enabled is None else change.enabled,
                before.points if change.points is None else change.points,
            )
        if own.get("D-CMP") is None or not own["D-CMP"].enabled:
            own.pop(JOINT_RULE, None)  # nothing leads to it any more
        return replace(
            scheme,
            base=scheme.base if self.denominator is None else self.denominator,
            excluded=scheme.excluded if self.excluded is None else self.excluded,
            call_window=CallWindow(
                scheme.call_window.opens if self.call_opens is None else self.call_opens,
                scheme.call_window.closes if self.call_closes is None else self.call_closes,
            ),
            deductions=tuple(own[rule] for rule in DEDUCTION_RULES if rule in own),
        )


DEFAULT_SETTINGS = MonthSettings()


def _excluded(value: object) -> tuple[tuple[str, str], ...]:
    return tuple(read_excluded(item, (EXCLUDE, str(at))) for at, item in enumerate(as_list(value, (EXCLUDE,))))


def _recovery(value: object) -> tuple[RecoveryRule, ...]:
    rules = []
    for answer_class, item in as_object(value, (RECOVERY,), optional=ANSWER_CLASSES).items():
        path: Path = (RECOVERY, answer_class)
        found = as_object(item, path, required=("role", "within"), optional=("home_visit",))
        rules.append(
            RecoveryRule(
                answer_class,
                as_word(found["role"], (*path, "role"), ROLES),
                as_duration(found["within"], (*path, "within")),
                as_bool(found.get("home_visit", False), (*path, "home_visit")),
            )
        )
    return tuple(rules)


def _deductions(value: object) -> tuple[tuple[str, DeductionSetting], ...]:
    changes: dict[str, DeductionSetting] = {}
    found = as_object(value, (DEDUCTIONS,), optional=(*DEDUCTION_RULES, "joint"))
    for rule in DEDUCTION_RULES:
        if rule not in found:
            continue
        path: Path = (DEDUCTIONS, rule)
        item = as_object(found[rule], path, optional=("enabled", "points"))
        points = as_decimal(item["points"], (*path, "points")) if "points" in item else None
        if points is not None and not -100 <= points <= 0:
            raise refuse((*path, "points"), "must be from -100 to 0")
        enabled = as_bool(item["enabled"], (*path, "enabled")) if "enabled" in item else None
        changes[rule] = DeductionSetting(enabled, points)
    if "joint" in found:
        joint = as_bool(found["joint"], (DEDUCTIONS, "joint"))
        before = changes.get(JOINT_RULE, DeductionSetting())
        if before.enabled is not None and before.enabled is not joint:
            raise refuse((DEDUCTIONS, "joint"), f"says otherwise than {JOINT_RULE}")
        changes[JOINT_RULE] = replace(before, enabled=joint)
    return tuple(changes.items())
