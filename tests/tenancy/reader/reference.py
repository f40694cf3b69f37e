"""The naive reader: all rows in Python, no SQL. It says what the interpreter must answer."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.reader.entity import Computed, Entity, Field, Kind, Reach, Relation, Viewer, When
from forecourt.tenancy.reader.shape import (
    DEFAULT_PAGE,
    Compare,
    Condition,
    Every,
    Negate,
    Operator,
    Order,
    Related,
    Shape,
    Some,
)
from tests.stores import Row, ScratchStore

Rule = Callable[["Naive", Reach, Row], bool]


#: The moment of every read, as the API's tests set their clock.
NOW = datetime(2026, 9, 15, 4, tzinfo=UTC)


@dataclass
class Naive:
    """A viewer and the rows of one store."""

    store: ScratchStore
    viewer: Viewer
    _people: dict[Reach, set[UUID]] = field(default_factory=dict)
    _visible: dict[str, list[Row]] = field(default_factory=dict)
    _rows: dict[str, dict[UUID, Row]] = field(default_factory=dict)

    def row(self, table: str, id_: UUID | None) -> Row | None:
        if table not in self._rows:
            self._rows[table] = {row["id"]: row for row in self.store.rows[table]}
        return None if id_ is None else self._rows[table].get(id_)

    def positions_today(self) -> list[Row]:
        today: date = self.viewer.today
        return [
            row
            for row in self.store.rows["position"]
            if row["valid_from"] <= today and (row["valid_to"] is None or today < row["valid_to"])
        ]

    def people(self, reach: Reach) -> set[UUID]:
        if reach not in self._people:
            self._people[reach] = self._find_people(reach)
        return self._people[reach]

    def _find_people(self, reach: Reach) -> set[UUID]:
        found = set(self.viewer.employees)
        now = self.positions_today()
        if reach >= Reach.TEAM:
            found |= {row["employee_id"] for row in now if row["supervisor_id"] in self.viewer.employees}
        if reach >= Reach.DEPARTMENT:
            department = {row["id"]: row["department"] for row in self.store.rows["team"]}
            mine = {
                department[row["team_id"]]
                for row in now
                if {row["employee_id"], row["supervisor_id"]} & self.viewer.employees
            }
            found |= {row["employee_id"] for row in now if department[row["team_id"]] in mine}
        return found

    def visible(self, entity: Entity, row: Row) -> bool:
        within = self.viewer.within
        return self.granted(entity, row) and (within is None or Naive(self.store, within).visible(entity, row))

    def granted(self, entity: Entity, row: Row) -> bool:
        only = ONLY.get(entity.name)
        if only is not None and not only(row):
            return False
        for grant in entity.grants:
            reach = self.viewer.reach.get(grant.permission)
            if reach is None:
                continue
            if reach >= Reach.STORE:
                narrowed = NARROWED.get((entity.name, grant.permission))
                if narrowed is None or narrowed(row):
                    return True
                continue
            rule = RULES.get((entity.name, grant.permission))
            if rule is not None and rule(self, Reach(reach), row):
                return True
        return False

    def existing(self, entity: Entity) -> list[Row]:
        """The rows that exist for the viewer."""
        if entity.name not in self._visible:
            rows = self.store.rows[entity.table.name]
            self._visible[entity.name] = [row for row in rows if self.visible(entity, row)]
        return self._visible[entity.name]

    # -- shapes ----------------------------------------------------------------------------------------------------

    def value(self, entity: Entity, name: str, row: Row) -> Any:
        if name == "id":
            return row["id"]
        item = entity.field_by_name[name]
        if isinstance(item.made, Computed):
            return self.made(entity, item, item.made, row)
        column = entity.shown_column(item, self.viewer)
        if column is None and item.least is not None and row[item.least[0]] >= item.least[1]:
            column = item.column
        value = None if column is None else row[column]
        return value.hex() if item.kind is Kind.DIGEST and value is not None else value

    def made(self, entity: Entity, item: Field, how: Computed, row: Row) -> Any:
        if item.permission is not None and not entity.shows(item, self.viewer):
            return None
        more = () if how.when is None else (NOW,) if how.when is When.NOW else (self.viewer.today,)
        return how.function(*(row[need.column] for need in how.needs), *more)

    def holds(self, entity: Entity, row: Row, asked: Condition) -> bool:
        match asked:
            case Every(parts):
                return all(self.holds(entity, row, part) for part in parts)
            case Some(parts):
                return any(self.holds(entity, row, part) for part in parts)
            case Negate(part):
                return not self.holds(entity, row, part)
            case Related(name, part):
                relation = entity.relation_by_name[name]
                target = ENTITIES[relation.target]
                return any(self.holds(target, far, part) for far in self.behind(relation, row))
            case Compare(name, operator, wanted):
                return _compare(self.value(entity, name, row), operator, wanted)

    def behind(self, relation: Relation, row: Row) -> list[Row]:
        target = ENTITIES[relation.target]
        value = row[relation.local]
        rows = self.existing(target)
        if relation.through is None:
            return [far for far in rows if value is not None and far[relation.remote] == value]
        through = relation.through
        linked = {link[through.far] for link in self.store.rows[through.table] if link[through.near] == value}
        return [far for far in rows if far[relation.remote] in linked]

    def listed(self, shape: Shape, rows: Sequence[Row]) -> list[Row]:
        """The rows of a list in order, without its page."""
        entity = ENTITIES[shape.entity]
        kept = [row for row in rows if shape.where is None or self.holds(entity, row, shape.where)]

        def compare(one: Row, two: Row) -> int:
            return self._order(entity, shape.order, one, two)

        return sorted(kept, key=functools.cmp_to_key(compare))

    def _order(self, entity: Entity, order: Sequence[Order], a: Row, b: Row) -> int:
        sign = 1
        for key in order:
            sign = -1 if key.descending else 1
            one, two = (_rank(self.value(entity, key.field, row)) for row in (a, b))
            if one != two:
                return sign * (1 if one > two else -1)
        return sign * (1 if a["id"] > b["id"] else -1)

    def answer(self, shape: Shape, rows: Sequence[Row]) -> dict[str, Any]:
        """What a connection answers, without cursors; pages without cursors only."""
        listed = self.listed(shape, rows)
        page = shape.page
        size = page.last if page.last is not None else DEFAULT_PAGE if page.first is None else page.first
        shown = listed[max(len(listed) - size, 0) :] if page.last is not None else listed[:size]
        more = len(listed) > size
        return {
            "nodes": [self.node(shape, row) for row in shown] if shape.rows else [],
            "next": more and page.last is None and shape.rows,
            "previous": more and page.last is not None and shape.rows,
            "total": len(listed) if shape.total else None,
        }

    def node(self, shape: Shape, row: Row) -> dict[str, Any]:
        entity = ENTITIES[shape.entity]
        children: dict[str, Any] = {}
        for key, child in shape.children.items():
            relation = entity.relation_by_name[child.relation]
            rows = self.behind(relation, row)
            if relation.many:
                children[key] = self.answer(child.shape, rows)
            else:
                children[key] = self.node(child.shape, rows[0]) if rows else None
        return {
            "id": row["id"],
            "values": {name: self.value(entity, name, row) for name in shape.fields},
            "children": children,
        }

    def root(self, shape: Shape) -> dict[str, Any]:
        entity = ENTITIES[shape.entity]
        return self.answer(shape, self.existing(entity))


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


def _compare(value: Any, operator: Operator, wanted: Any) -> bool:
    if operator is Operator.IS_NULL:
        return bool((value is None) == wanted)
    if value is None:
        return False
    match operator:
        case Operator.EQ:
            return bool(value == wanted)
        case Operator.IN:
            return bool(value in wanted)
        case Operator.CONTAINS:
            return bool(wanted in value)
        case Operator.GT:
            return bool(value > wanted)
        case Operator.GTE:
            return bool(value >= wanted)
        case Operator.LT:
            return bool(value < wanted)
        case Operator.LTE:
            return bool(value <= wanted)


# -- row rules, written a second time ----------------------------------------------------------------------------------


def _about(*columns: str) -> Rule:
    return lambda naive, reach, row: any(row[column] in naive.people(reach) for column in columns)


def _order(naive: Naive, reach: Reach, id_: UUID | None) -> bool:
    row = naive.row("sales_order", id_)
    return row is not None and row["consultant_id"] in naive.people(reach)


def _repair(naive: Naive, reach: Reach, id_: UUID | None) -> bool:
    row = naive.row("repair_order", id_)
    if row is None:
        return False
    people = naive.people(reach)
    lines = [line for line in naive.store.rows["labour_line"] if line["repair_order_id"] == id_]
    return row["advisor_id"] in people or any(line["technician_id"] in people for line in lines)


def _transaction(naive: Naive, reach: Reach, row: Row | None) -> bool:
    return row is not None and (_order(naive, reach, row["order_id"]) or _repair(naive, reach, row["repair_order_id"]))


def _served(column: str, mine: str, *tables: str) -> Rule:
    def rule(naive: Naive, reach: Reach, row: Row) -> bool:
        checks = {"sales_order": _order, "repair_order": _repair}
        return any(
            order[column] == row[mine] and checks[table](naive, reach, order["id"])
            for table in tables
            for order in naive.store.rows[table]
        )

    return rule


def _task(naive: Naive, reach: Reach, row: Row) -> bool:
    if row["assignee_id"] in naive.people(reach):
        return True
    return reach > Reach.OWN and _transaction(naive, reach, row)


def _complaint(naive: Naive, reach: Reach, row: Row) -> bool:
    people = naive.people(reach)
    accused = naive.store.rows["complaint_accused"]
    named = any(link["complaint_id"] == row["id"] and link["employee_id"] in people for link in accused)
    return named or _transaction(naive, reach, row)


def _response(naive: Naive, reach: Reach, row: Row | None) -> bool:
    return row is not None and _transaction(naive, reach, naive.row("invitation", row["invitation_id"]))


def _shown(naive: Naive, run_id: UUID) -> bool:
    run = naive.row("evaluation_run", run_id)
    return run is not None and (run["published_at"] is not None or run["provisional"])


def _entry(naive: Naive, reach: Reach, row: Row) -> bool:
    if row["employee_id"] in naive.viewer.covered:
        return False
    if row["employee_id"] in naive.people(Reach.OWN):
        return _shown(naive, row["run_id"])
    run = naive.row("evaluation_run", row["run_id"])
    return (
        row["employee_id"] in naive.people(reach)
        and run is not None
        and run["published_at"] is not None
        and row["state"] in ("POSTED", "REVERSED")
    )


_SALES, _WORKSHOP, _CUSTOMERS = "sales:order:read", "workshop:order:read", "customers:customer:read"
_RESPONSES, _CARDS = "surveys:response:read", "evaluation:scorecard:read"

RULES: dict[tuple[str, str], Rule] = {
    ("Employee", "people:employee:read"): _about("id"),
    ("Position", "people:employee:read"): _about("employee_id"),
    ("Customer", _CUSTOMERS): _served("customer_id", "id", "sales_order", "repair_order"),
    ("ContactPoint", _CUSTOMERS): _served("customer_id", "customer_id", "sales_order", "repair_order"),
    ("Vehicle", _SALES): _served("vehicle_id", "id", "sales_order"),
    ("Vehicle", _WORKSHOP): _served("vehicle_id", "id", "repair_order"),
    ("SalesOrder", _SALES): _about("consultant_id"),
    ("RepairOrder", _WORKSHOP): lambda naive, reach, row: _repair(naive, reach, row["id"]),
    ("LabourLine", _WORKSHOP): _about("technician_id"),
    ("PartLine", _WORKSHOP): lambda naive, reach, row: _repair(naive, reach, row["repair_order_id"]),
    ("Attendance", _WORKSHOP): _about("employee_id"),
    ("Call", "care:call:read"): _about("caller_id"),
    ("FollowUpTask", "care:task:read"): _task,
    ("Invitation", "surveys:invitation:read"): _transaction,
    ("Response", _RESPONSES): _response,
    ("Answer", _RESPONSES): lambda naive, reach, row: _response(
        naive, reach, naive.row("response", row["response_id"])
    ),
    ("Complaint", "complaints:complaint:read"): _complaint,
    ("EvaluationRun", _CARDS): lambda naive, _reach, row: _shown(naive, row["id"]),
    ("Scorecard", _CARDS): lambda naive, reach, row: _card(naive, reach, row),
    ("ScorecardRecord", _CARDS): lambda naive, reach, row: _card(naive, reach, naive.row("scorecard", row["card_id"])),
    ("LedgerEntry", "evaluation:ledger:read"): _entry,
    ("Appeal", "evaluation:appeal:read"): lambda naive, reach, row: (
        row["employee_id"] in naive.people(reach) - naive.viewer.covered
    ),
}


def _card(naive: Naive, reach: Reach, row: Row | None) -> bool:
    people = naive.people(reach) - naive.viewer.covered
    return row is not None and row["employee_id"] in people and _shown(naive, row["run_id"])


#: What a grant leaves out at every reach.
NARROWED: dict[tuple[str, str], Callable[[Row], bool]] = {
    ("KpiValue", "evaluation:figure:read"): lambda row: row["team_code"] is None,
}

#: Entities that are only some rows of their table.
ONLY: dict[str, Callable[[Row], bool]] = {
    "KpiRecord": lambda row: row["card_id"] is None,
    "ScorecardRecord": lambda row: row["card_id"] is not None,
}
