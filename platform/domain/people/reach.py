"""Which rows a person's reach covers: own rows, those of the people they lead today, those of their departments today.

A person's departments are those of the teams in which they or people whom they lead have a position: a sales manager is often in the
management's team and leads the supervisors of the sales department.

Row rules of every feature are made from these. People and their positions are looked up inside the same statement, so the
rule and the rows belong to one snapshot. Tables of higher features are named by their table name, as foreign keys do.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, FromClause, Select, Uuid, and_, any_, bindparam, or_, select

from ...tenancy.reader.entity import Reach, RowRule, Viewer, table
from .model import Position, Team

Predicate = ColumnElement[bool]


def among(viewer: Viewer, reach: Reach, person: ColumnElement[UUID]) -> Predicate:
    """`person` is the viewer, or with a wider reach one of the people they lead or of their departments, today.

    Whoever has no position today (left, not started) belongs to no team and no department.
    """
    own = person == _own(viewer)
    if reach is Reach.OWN:
        return own
    # Tables, not their classes: a statement over these compiles in much less time.
    position, team = Position.__table__, Team.__table__
    led = select(position.c.employee_id).where(position.c.supervisor_id == _own(viewer), _today(viewer, position))
    if reach is Reach.TEAM:
        return or_(own, person.in_(led))
    mine, my_team = position.alias(), team.alias()
    departments = (
        select(my_team.c.department)
        .join_from(mine, my_team, mine.c.team_id == my_team.c.id)
        .where(or_(mine.c.employee_id == _own(viewer), mine.c.supervisor_id == _own(viewer)), _today(viewer, mine))
    )
    colleagues = (
        select(position.c.employee_id)
        .join_from(position, team, position.c.team_id == team.c.id)
        .where(team.c.department.in_(departments), _today(viewer, position))
    )
    return or_(own, person.in_(led), person.in_(colleagues))


def about(*columns: str) -> RowRule:
    """Rows in which one of these columns names a person within reach."""

    def rule(viewer: Viewer, reach: Reach, row: FromClause) -> Predicate:
        return or_(*(among(viewer, reach, row.c[name]) for name in columns))

    return rule


def orders_about(viewer: Viewer, reach: Reach, column: str = "id") -> Select[UUID]:
    """One column of the sales orders whose consultant is within reach."""
    order = table("sales_order").alias()
    return select(order.c[column]).where(among(viewer, reach, order.c.consultant_id))


def repair_orders_about(viewer: Viewer, reach: Reach, column: str = "id") -> Select[UUID]:
    """One column of the repair orders whose advisor or one of whose technicians is within reach."""
    order, labour = table("repair_order").alias(), table("labour_line").alias()
    worked = select(labour.c.repair_order_id).where(among(viewer, reach, labour.c.technician_id))
    return select(order.c[column]).where(or_(among(viewer, reach, order.c.advisor_id), order.c.id.in_(worked)))


def transaction_about(viewer: Viewer, reach: Reach, row: FromClause) -> Predicate:
    """The row's order or repair order is about a person within reach (columns `order_id`, `repair_order_id`)."""
    return or_(
        row.c.order_id.in_(orders_about(viewer, reach)),
        row.c.repair_order_id.in_(repair_orders_about(viewer, reach)),
    )


def _own(viewer: Viewer) -> ColumnElement[Any]:
    return any_(bindparam(None, sorted(viewer.employees), type_=ARRAY(Uuid())))


def _today(viewer: Viewer, position: FromClause) -> Predicate:
    return and_(
        position.c.valid_from <= viewer.today,
        or_(position.c.valid_to.is_(None), position.c.valid_to > viewer.today),
    )
