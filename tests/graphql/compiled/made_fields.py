"""Entities of real tables with fields made in Python that fail in every way, and what their functions were called with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forecourt.domain.people.model import Employee
from forecourt.domain.people.reach import about
from forecourt.domain.workshop.model import LabourLine, RepairOrder
from forecourt.errors import Unavailable
from forecourt.graphql.context import Context
from forecourt.graphql.schema import build
from forecourt.tenancy.reader.entity import (
    Asker,
    Entities,
    Grant,
    Key,
    Kind,
    When,
    Words,
    batched,
    computed,
    entity,
    many,
    one,
    value,
)
from tests.graphql.compiled.conftest import Both

READ, KPI, PEOPLE = "workshop:order:read", "evaluation:kpi:read", "people:employee:read"
SIZE = Words("LineSize", "How large.", {"SMALL": "Small.", "LARGE": "Large."})


@dataclass
class Calls:
    """What the functions were called with: (name, keys or values)."""

    loads: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)


CALLS = Calls()


def _counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        CALLS.computed.append(name)
        return function(*values)

    return call


def _broken(number: int) -> int:
    """Fails for every second line."""
    if number % 2:
        raise ZeroDivisionError("secret detail")
    return number


def _loader(name: str, give: Callable[[Asker, Sequence[Key]], Any]) -> Any:
    async def load(asker: Asker, keys: Sequence[Key]) -> Any:
        CALLS.loads.append((name, asker.store.code, tuple(sorted(map(repr, keys)))))
        return give(asker, keys)

    return load


def _fail(asker: Asker, keys: Sequence[Key]) -> Any:
    raise Unavailable("secret detail")


def _partly(asker: Asker, keys: Sequence[Key]) -> Mapping[Key, Any]:
    """A value, a fault, a value of another kind, or nothing, by the key's last digit."""
    odd: tuple[Any, ...] = ("fine", ValueError("secret detail"), 12, None)
    return {key: odd[int(key[0][-1]) % 4] for key in keys if not key[0].endswith("5")}


LABOUR = entity(
    LabourLine,
    "Labour.",
    plural="labourLines",
    grants=(Grant(READ, about("technician_id")),),
    fields=(
        value("lineNo", LabourLine.line_no, "Number."),
        value("cost", LabourLine.cost, "Cost.", permission=KPI),
        computed(
            "got",
            Kind.TEXT,
            (
                *(LabourLine.line_no, LabourLine.technician_id, LabourLine.work_date, LabourLine.hours_worked),
                LabourLine.created_at,
            ),
            "What a function gets, with the moment.",
            _counted("got", lambda *values: repr(values)),
            when=When.NOW,
            nullable=False,
        ),
        computed(
            "margin",
            Kind.DECIMAL,
            (LabourLine.amount, LabourLine.cost),
            "For who sees the cost.",
            _counted("margin", lambda amount, cost: amount - cost),
            permission=KPI,
        ),
        computed("broken", Kind.INT, (LabourLine.line_no,), "Fails for some.", _broken),
        computed("strict", Kind.INT, (LabourLine.line_no,), "Never null, fails for some.", _broken, nullable=False),
        computed("gone", Kind.INT, (LabourLine.line_no,), "Never null, and null.", lambda _: None, nullable=False),
        computed("wrong", Kind.INT, (LabourLine.work_date,), "Of another kind.", lambda day: day),
        computed("large", Kind.INT, (LabourLine.line_no,), "Too large for some.", lambda number: 10 ** (number * 4)),
        computed("size", Kind.WORD, (LabourLine.line_no,), "A word, or none.", lambda n: _size(n), words=SIZE),
        computed(
            "day", Kind.DATE, (LabourLine.work_date,), "A day.", lambda day, today: max(day, today), when=When.TODAY
        ),
        computed("hours", Kind.FLOAT, (LabourLine.hours_worked,), "A number.", float),
        computed("at", Kind.MOMENT, (LabourLine.created_at,), "A moment.", lambda at: at),
        computed("who", Kind.UUID, (LabourLine.technician_id,), "An id.", lambda id_: id_),
        computed("month", Kind.MONTH, (LabourLine.work_date,), "A month.", lambda day: f"{day:%Y-%m}"),
        computed("constant", Kind.BOOL, (), "Of nothing.", lambda: True),
        batched(
            "name", Kind.TEXT, (LabourLine.technician_id,), "By key.", _loader("name", lambda _, keys: _named(keys))
        ),
        batched(
            "order",
            Kind.TEXT,
            (LabourLine.repair_order_id, LabourLine.work_date, LabourLine.hours_worked),
            "One for each key.",
            _loader("order", lambda asker, keys: [f"{asker.language} {key!r}" for key in keys]),
        ),
        batched("down", Kind.TEXT, (LabourLine.line_no,), "Fails.", _loader("down", _fail)),
        batched("never", Kind.TEXT, (LabourLine.line_no,), "Fails.", _loader("never", _fail), nullable=False),
        batched(
            "short", Kind.TEXT, (LabourLine.technician_id,), "Too few.", _loader("short", lambda _, keys: keys[1:] or 1)
        ),
        batched(
            "private",
            Kind.TEXT,
            (LabourLine.cost,),
            "For who sees the cost.",
            _loader("private", lambda _, keys: {key: str(key[0]) for key in keys}),
            permission=KPI,
        ),
    ),
    relations=(
        one("repairOrder", "RepairOrder", "repair_order_id", "The order."),
        one("technician", "Employee", "technician_id", "Who."),
    ),
)


def _size(number: int) -> str:
    return ("SMALL", "LARGE", "HUGE")[number % 3]


def _named(keys: Sequence[Key]) -> dict[Key, str]:
    return {key: f"technician {key[0]}" for key in keys}


REPAIR = entity(
    RepairOrder,
    "A repair order.",
    plural="repairOrders",
    grants=(Grant(READ),),
    fields=(
        value("roNo", RepairOrder.ro_no, "Number."),
        computed(
            "got",
            Kind.TEXT,
            (RepairOrder.booked, RepairOrder.promised_at, RepairOrder.qc, RepairOrder.rework_of_id),
            "What a function gets of columns that may be null.",
            lambda *values: repr(values),
        ),
        batched(
            "note",
            Kind.TEXT,
            (RepairOrder.rework_of_id, RepairOrder.promised_at),
            "By a key that may be null.",
            _loader("note", lambda _, keys: {key: repr(key) for key in keys}),
        ),
        batched("odd", Kind.TEXT, (RepairOrder.ro_no,), "Fails for some.", _loader("odd", _partly)),
    ),
    relations=(
        many("labourLines", "LabourLine", "repair_order_id", "Labour."),
        one("reworkOf", "RepairOrder", "rework_of_id", "The order repeated."),
        many("reworks", "RepairOrder", "rework_of_id", "Orders that repeat it."),
    ),
)
PERSON = entity(
    Employee,
    "Somebody.",
    plural="employees",
    grants=(Grant(PEOPLE),),
    fields=(value("employeeNo", Employee.employee_no, "Number."),),
    relations=(many("labourLines", "LabourLine", "technician_id", "Labour."),),
)
MADE = Entities(PERSON, REPAIR, LABOUR)


class BothMade(Both):
    """Both engines over these entities."""

    def context(self, engine: str, actor: Any) -> Context:
        found = super().context(engine, actor)
        found.entities = MADE
        return found


def both_made(both: Both) -> BothMade:
    """The same world, another schema."""
    return BothMade(both.world, both.platforms, build(MADE), both.rows, both.runner)
