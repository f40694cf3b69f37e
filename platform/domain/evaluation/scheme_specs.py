"""Evaluation schemes (考核方案) as data: what a store or group writes down, and the rules read (docs/interchange.md
section 8, requirements 1-13, 21, 22, 28-31).

A specification is immutable and valid: building one that makes no sense raises ``Invalid`` with the path of the fault.
``to_json`` gives plain JSON values, ``parse_scheme`` reads them back strictly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ..care.rules import CallWindow
from .kpi_catalogue import KPIS, Base, Direction
from .strict_json import (
    Path,
    as_bool,
    as_decimal,
    as_duration,
    as_int,
    as_list,
    as_object,
    as_text,
    as_word,
    decimal_text,
    duration_text,
    refuse,
)

ROLES = (
    "SALES_CONSULTANT",
    "SALES_ASSISTANT",
    "SALES_SUPERVISOR",
    "SALES_MANAGER",
    "SERVICE_ADVISOR",
    "TECHNICIAN",
    "WORKSHOP_CONTROLLER",
    "PARTS_CLERK",
    "SERVICE_MANAGER",
    "CS_AGENT",
    "CS_MANAGER",
    "STORE_GM",
)
STATUSES = ("PROBATION", "CONFIRMED", "LEFT")
SALES_ROLES = ROLES[:4]

PERSONAL_KPIS = ("S01", "S02", "S03", "F01", "F03")
"""What a sales card can score, over the person's own orders: F01 is the call rate in the scheme's own window."""

DEDUCTION_RULES = ("D-Q", "D-CALL", "D-CMP", "D-CMP-J")
JOINT_RULE = "D-CMP-J"


@dataclass(frozen=True, slots=True)
class Scorer:
    """Points from 0 to 100 out of a value: the smallest of its LINEAR segments, each clipped to [0, 100].

    A segment runs from a floor (0 points) to a target (100 points), either way. Two segments make a band: full between
    two targets, falling to both sides (A07: 50 → 75 and 115 → 95).
    """

    segments: tuple[tuple[Decimal, Decimal], ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise refuse(("scorer",), "needs a segment")
        for floor, target in self.segments:
            if floor == target:
                raise refuse(("scorer",), f"floor and target are both {floor}")

    @classmethod
    def linear(cls, floor: str | int, target: str | int) -> "Scorer":
        """One segment."""
        return cls(((Decimal(floor), Decimal(target)),))

    @classmethod
    def band(cls, floor: str | int, full_from: str | int, full_to: str | int, zero_at: str | int) -> "Scorer":
        """Rising to ``full_from``, full to ``full_to``, falling to nothing at ``zero_at``."""
        rising, falling = (Decimal(floor), Decimal(full_from)), (Decimal(zero_at), Decimal(full_to))
        if not rising[0] < rising[1] <= falling[1] < falling[0]:
            raise refuse(("scorer",), "a band rises, stays and falls: floor < target <= full_to < zero_at")
        return cls((rising, falling))

    def points(self, value: Fraction) -> Fraction:
        """The sub-score of a value, exact."""
        scores = (100 * (value - Fraction(floor)) / Fraction(target - floor) for floor, target in self.segments)
        return min(max(Fraction(0), min(Fraction(100), score)) for score in scores)

    def goes(self, direction: Direction) -> bool:
        """Whether it rewards the KPI's better side."""
        if direction is Direction.BAND:
            return True
        return all((target > floor) is (direction is Direction.HIGHER) for floor, target in self.segments)

    def to_json(self) -> dict[str, object]:
        floor, target = (decimal_text(number) for number in self.segments[0])
        if len(self.segments) == 1:
            return {"kind": "LINEAR", "floor": floor, "target": target}
        zero_at, full_to = (decimal_text(number) for number in self.segments[1])
        return {"kind": "BAND", "floor": floor, "target": target, "full_to": full_to, "zero_at": zero_at}

    @classmethod
    def from_json(cls, data: object, path: Path) -> "Scorer":
        if isinstance(data, Mapping) and data.get("kind") == "BAND":
            found = as_object(data, path, required=("kind", "floor", "target", "full_to", "zero_at"))
            keys = ("floor", "target", "full_to", "zero_at")
            floor, target, full_to, zero_at = (as_decimal(found[key], (*path, key)) for key in keys)
            return cls.band(*(str(number) for number in (floor, target, full_to, zero_at)))
        found = as_object(data, path, required=("kind", "floor", "target"))
        as_word(found["kind"], (*path, "kind"), ("LINEAR", "BAND"))
        return cls(((as_decimal(found["floor"], (*path, "floor")), as_decimal(found["target"], (*path, "target"))),))


@dataclass(frozen=True, slots=True)
class Item:
    """A KPI in a scheme: its weight among its neighbours, its scorer, and the least n that makes it count."""

    kpi: str
    weight: Decimal
    scorer: Scorer
    min_n: int = 1

    def to_json(self) -> dict[str, object]:
        return {
            "kpi": self.kpi,
            "weight": decimal_text(self.weight),
            "scorer": self.scorer.to_json(),
            "min_n": self.min_n,
        }

    @classmethod
    def from_json(cls, data: object, path: Path) -> "Item":
        found = as_object(data, path, required=("kpi", "weight", "scorer"), optional=("min_n",))
        return cls(
            as_text(found["kpi"], (*path, "kpi")),
            as_decimal(found["weight"], (*path, "weight")),
            Scorer.from_json(found["scorer"], (*path, "scorer")),
            as_int(found.get("min_n", 1), (*path, "min_n"), 1, 1_000_000),
        )


def _items(data: object, path: Path) -> tuple[Item, ...]:
    return tuple(Item.from_json(item, (*path, str(at))) for at, item in enumerate(as_list(data, path)))


def _full(weights: list[Decimal], path: Path) -> None:
    """Weights are positive and sum to 100 exactly."""
    if any(weight <= 0 for weight in weights):
        raise refuse(path, "a weight must be above 0")
    if sum(weights) != 100:
        raise refuse(path, f"the weights sum to {sum(weights)}, not to 100")


def _sound(items: tuple[Item, ...], known: Mapping[str, Direction], path: Path) -> None:
    _full([item.weight for item in items], path)
    for at, item in enumerate(items):
        here = (*path, str(at))
        if item.kpi not in known:
            raise refuse((*here, "kpi"), f"{item.kpi!r} is not one of {', '.join(known)}")
        if item.min_n < 1:
            raise refuse((*here, "min_n"), "must be at least 1")
        if not item.scorer.goes(known[item.kpi]):
            raise refuse((*here, "scorer"), f"rewards the worse side of {item.kpi}")
    if len({item.kpi for item in items}) != len(items):
        raise refuse(path, "a KPI stands there twice")


def _named(code: str, version: int) -> None:
    if not code or len(code) > 64:
        raise refuse(("code",), "must have 1 to 64 characters")
    if version < 1:
        raise refuse(("version",), "must be at least 1")


@dataclass(frozen=True, slots=True)
class Deduction:
    """A deduction rule (扣分规则) of a scheme: on or off, and its points (not above 0)."""

    rule: str
    enabled: bool
    points: Decimal = Decimal(-1)

    def __post_init__(self) -> None:
        if self.rule not in DEDUCTION_RULES:
            raise refuse(("deductions",), f"{self.rule!r} is not one of {', '.join(DEDUCTION_RULES)}")
        if not -100 <= self.points <= 0:
            raise refuse(("deductions", self.rule), "points must be from -100 to 0")


@dataclass(frozen=True, slots=True)
class SalesScheme:
    """A scheme for the people of the sales department (销售考核), one card a person.

    ``excluded`` are (role, status) combinations on the reference day that do not take part (C3). ``call_window`` is
    the scheme's delivery call (C1), ``base`` its denominator (C2). A rule that ``deductions`` does not name is off.
    """

    code: str
    version: int
    roles: tuple[str, ...]
    base: Base
    call_window: CallWindow
    items: tuple[Item, ...]
    pass_mark: Decimal
    excluded: tuple[tuple[str, str], ...] = ()
    deductions: tuple[Deduction, ...] = ()

    def __post_init__(self) -> None:
        _named(self.code, self.version)
        if not self.roles:
            raise refuse(("roles",), "names nobody")
        for role in (*self.roles, *(role for role, _ in self.excluded)):
            as_word(role, ("roles",), ROLES)
        for _, status in self.excluded:
            as_word(status, ("excluded",), STATUSES)
        _sound(self.items, dict.fromkeys(PERSONAL_KPIS, Direction.HIGHER), ("items",))
        if not 0 <= self.pass_mark <= 100:
            raise refuse(("pass_mark",), "must be from 0 to 100")
        rules = [deduction.rule for deduction in self.deductions]
        if len(set(rules)) != len(rules):
            raise refuse(("deductions",), "a rule stands there twice")
        if self.points_of(JOINT_RULE) is not None and self.points_of("D-CMP") is None:
            raise refuse(("deductions", JOINT_RULE), "needs D-CMP, which leads to it")

    def points_of(self, rule: str) -> Decimal | None:
        """The points of a rule that is on; ``None`` when it is off."""
        return next((item.points for item in self.deductions if item.rule == rule and item.enabled), None)

    def to_json(self) -> dict[str, object]:
        return {
            "kind": "SALES",
            "code": self.code,
            "version": self.version,
            "participants": {
                "roles": list(self.roles),
                "excluded": [{"role": role, "status": status} for role, status in self.excluded],
            },
            "base": self.base.value,
            "call_window": {
                "min": duration_text(self.call_window.opens),
                "max": duration_text(self.call_window.closes),
            },
            "items": [item.to_json() for item in self.items],
            "pass_mark": decimal_text(self.pass_mark),
            "deductions": [
                {"rule": item.rule, "enabled": item.enabled, "points": decimal_text(item.points)}
                for item in self.deductions
            ],
        }

    @classmethod
    def from_json(cls, data: object) -> "SalesScheme":
        keys = ("kind", "code", "version", "participants", "base", "call_window", "items", "pass_mark", "deductions")
        found = as_object(data, (), required=keys)
        as_word(found["kind"], ("kind",), ("SALES",))
        who = as_object(found["participants"], ("participants",), required=("roles", "excluded"))
        window = as_object(found["call_window"], ("call_window",), required=("min", "max"))
        return cls(
            code=as_text(found["code"], ("code",)),
            version=as_int(found["version"], ("version",), 1, 1_000_000),
            roles=tuple(
                as_word(role, ("participants", "roles"), ROLES)
                for role in as_list(who["roles"], ("participants", "roles"))
            ),
            excluded=tuple(
                read_excluded(item, ("participants", "excluded", str(at)))
                for at, item in enumerate(as_list(who["excluded"], ("participants", "excluded")))
            ),
            base=Base(as_word(found["base"], ("base",), [base.value for base in Base])),
            call_window=CallWindow(
                as_duration(window["min"], ("call_window", "min")), as_duration(window["max"], ("call_window", "max"))
            ),
            items=_items(found["items"], ("items",)),
            pass_mark=as_decimal(found["pass_mark"], ("pass_mark",)),
            deductions=tuple(
                _deduction(item, ("deductions", str(at)))
                for at, item in enumerate(as_list(found["deductions"], ("deductions",)))
            ),
        )


def read_excluded(data: object, path: Path) -> tuple[str, str]:
    """``{"role": …, "status": …}``: who does not take part."""
    found = as_object(data, path, required=("role", "status"))
    return as_word(found["role"], (*path, "role"), ROLES), as_word(found["status"], (*path, "status"), STATUSES)


def _deduction(data: object, path: Path) -> Deduction:
    found = as_object(data, path, required=("rule", "enabled", "points"))
    return Deduction(
        as_word(found["rule"], (*path, "rule"), DEDUCTION_RULES),
        as_bool(found["enabled"], (*path, "enabled")),
        as_decimal(found["points"], (*path, "points")),
    )


@dataclass(frozen=True, slots=True)
class Category:
    """A category of a store scheme: its weight of 100, and its KPIs with theirs."""

    code: str
    weight: Decimal
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class StoreScheme:
    """A scheme for a store (售后KPI考核), one card a store, categories of KPIs; missing parts are REDISTRIBUTEd."""

    code: str
    version: int
    categories: tuple[Category, ...]

    def __post_init__(self) -> None:
        _named(self.code, self.version)
        _full([category.weight for category in self.categories], ("categories",))
        known = {code: kpi.direction for code, kpi in KPIS.items()}
        for category in self.categories:
            _sound(category.items, known, ("categories", category.code, "items"))
        if len({category.code for category in self.categories}) != len(self.categories):
            raise refuse(("categories",), "a category stands there twice")

    def to_json(self) -> dict[str, object]:
        return {
            "kind": "STORE",
            "code": self.code,
            "version": self.version,
            "missing": "REDISTRIBUTE",
            "categories": [
                {
                    "code": category.code,
                    "weight": decimal_text(category.weight),
                    "items": [item.to_json() for item in category.items],
                }
                for category in self.categories
            ],
        }

    @classmethod
    def from_json(cls, data: object) -> "StoreScheme":
        found = as_object(data, (), required=("kind", "code", "version", "missing", "categories"))
        as_word(found["kind"], ("kind",), ("STORE",))
        as_word(found["missing"], ("missing",), ("REDISTRIBUTE",))
        categories = []
        for at, item in enumerate(as_list(found["categories"], ("categories",))):
            path = ("categories", str(at))
            category = as_object(item, path, required=("code", "weight", "items"))
            categories.append(
                Category(
                    as_text(category["code"], (*path, "code")),
                    as_decimal(category["weight"], (*path, "weight")),
                    _items(category["items"], (*path, "items")),
                )
            )
        code, version = as_text(found["code"], ("code",)), as_int(found["version"], ("version",), 1, 1_000_000)
        return cls(code, version, tuple(categories))


Scheme = SalesScheme | StoreScheme


def parse_scheme(data: object) -> Scheme:
    """Read a scheme of either kind from JSON values; ``Invalid`` says where it is wrong."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    as_word(kind, ("kind",), ("SALES", "STORE"))
    return SalesScheme.from_json(data) if kind == "SALES" else StoreScheme.from_json(data)
