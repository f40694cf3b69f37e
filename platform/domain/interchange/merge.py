"""Merging staged rows into a store's tables: set-based, one statement per file and table, in one transaction.

A staged row's id becomes the id of the row it creates. `source_hash` decides between unchanged (no write, no event) and
updated. Every created or updated row leaves one change-feed entry. Nothing here plans anything for a customer: an import
is historical (docs/interchange.md section 3).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Integer,
    Text,
    Uuid,
    all_,
    and_,
    any_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from ..complaints.model import Complaint, ComplaintAccused
from ..customers.model import ContactPoint, Customer
from ..feed import ChangeEvent
from ..people.model import Employee, Position
from ..sales.model import SalesOrder
from ..surveys.model import Invitation, Response
from ..workshop.model import RepairOrder
from .merge_map import Merge, Ref, Xid, from_hex, written_now
from .model import ImportRow


class Stamp(TypedDict):
    """When a merge happens and who does it."""

    now: datetime
    actor: str


@dataclass(slots=True)
class Counts:
    """What a merge did to the rows of one file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


async def merge_file(session: AsyncSession, merge: Merge, batch_id: UUID, *, now: datetime, actor: str) -> Counts:
    """Merge one file's staged rows of a batch; the change feed is written by the same statement."""
    table = merge.table
    hashed = hasattr(table, "source_hash")
    names, query = _staged(merge, batch_id)
    stamps = {"created_at": now, "updated_at": now, "created_by": actor, "updated_by": actor}
    for name, value in (stamps | dict(merge.fixed)).items():
        names.append(name)
        query = query.add_columns(literal(value).label(name))
    statement = pg_insert(table).from_select(names, query, include_defaults=False)
    kept = {*merge.key, "id", "created_at", "created_by"}
    changes: dict[str, Any] = {name: statement.excluded[name] for name in names if name not in kept}
    changes["version"] = table.version + 1
    differs = (
        table.source_hash.is_distinct_from(statement.excluded.source_hash)
        if hashed
        else or_(
            *(
                getattr(table, name).is_distinct_from(statement.excluded[name])
                for name in merge.columns
                if name not in kept
            )
        )
    )
    merged = (
        statement.on_conflict_do_update(
            index_elements=[getattr(table, name) for name in merge.key], set_=changes, where=differs
        )
        .returning(table.id.label("id"), literal_column("(xmax = 0)", Boolean).label("created"))
        .cte("merged")
    )
    event = case((merged.c.created, "Imported"), else_="Corrected")
    fed = _feed(merged, event, table, now, actor)
    total = select(func.count()).select_from(ImportRow).where(*_of(merge, ImportRow, batch_id)).scalar_subquery()
    counted = select(func.count().filter(merged.c.created), func.count().filter(~merged.c.created), total).select_from(
        merged
    )
    created, updated, rows = (await session.execute(counted.add_cte(fed))).one()
    return Counts(created, updated, rows - created - updated)


def _feed(changed: Any, event: Any, table: type[Any], now: datetime, actor: str) -> Any:
    """The change-feed entries of the rows that the statement `changed` returns, as a part of the same statement."""
    names = ["id", "at", "event", "entity", "entity_id", "actor"]
    rows = select(uuid7(), literal(now), event, literal(table.__name__), changed.c.id, literal(actor))
    return insert(ChangeEvent).from_select(names, rows, include_defaults=False).cte("fed")


def _texts(values: list[str]) -> Any:
    return cast(values, ARRAY(Text))


def uuid7() -> Any:
    """A UUIDv7 made by the server, for rows that a set-based statement creates (RFC 9562, section 5.7)."""
    moment = func.lpad(func.to_hex(cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)), 12, "0")
    noise = func.replace(cast(func.gen_random_uuid(), Text), "-", "")
    return cast(moment + "7" + func.substr(noise, 1, 3) + "8" + func.substr(noise, 18, 15), Uuid)


def _of(merge: Merge, stage: Any, batch_id: UUID) -> list[Any]:
    conditions = [stage.batch_id == batch_id, stage.file == merge.file]
    return [*conditions, merge.only(stage)] if merge.only else conditions


def _staged(merge: Merge, batch_id: UUID) -> tuple[list[str], Any]:
    """Names of the columns, and the query that gives them: natural keys joined to the ids they name."""
    stage = aliased(ImportRow, name="stage")
    names, columns, joins = ["id"], [stage.id], []
    for name, source in merge.columns.items():
        names.append(name)
        if not isinstance(source, Ref):
            columns.append(source(stage).label(name))
            continue
        named = aliased(source.table, name=f"named_{name}")
        key: InstrumentedAttribute[str] = getattr(named, source.key)
        joins.append((named, key == stage.cells[source.cell].astext, source.optional))
        column: Any = named.id
        if source.table is merge.table:
            # rework_of may name a row of the same batch: it gets its staged id, unless it exists already. A sub-select
            # and not a join, so that only rows without a stored original look, and each by the key's index.
            twin = aliased(ImportRow, name=f"twin_{name}")
            same = and_(twin.batch_id == batch_id, twin.file == merge.file, twin.key == stage.cells[source.cell].astext)
            column = func.coalesce(named.id, select(twin.id).where(same).correlate(stage).scalar_subquery())
        columns.append(column.label(name))
    query = select(*columns).select_from(stage).where(*_of(merge, stage, batch_id)).order_by(stage.line)
    for target, condition, optional in joins:
        query = query.join(target, condition, isouter=optional)
    if not hasattr(merge.table, "source_hash"):
        return names, query
    # Unchanged rows are left out before the insert: its conflict would lock, that is write, each of them.
    own, content = aliased(merge.table, name="own"), from_hex("source_hash")(stage)
    values = dict(zip(names, columns, strict=True))
    same_key = and_(*(getattr(own, name) == getattr(values[name], "element", values[name]) for name in merge.key))
    query = query.join(own, same_key, isouter=True).where(
        or_(own.id.is_(None), own.source_hash.is_distinct_from(content))
    )
    return [*names, "source_hash"], query.add_columns(content.label("source_hash"))


async def stored(session: AsyncSession, merge: Merge, batch_id: UUID) -> dict[str, tuple[UUID, bool]]:
    """The rows that a batch's staged keys name now: key → id, and whether this transaction wrote it."""
    stage, own = aliased(ImportRow, name="stage"), aliased(merge.table, name="own")
    mine = cast(literal_column("own.xmin", Text), Text) == cast(cast(func.pg_current_xact_id(), Xid), Text)
    query = select(stage.key, own.id, mine).select_from(stage).where(*_of(merge, stage, batch_id))
    conditions = []
    for name in merge.key:
        source = merge.columns[name]
        if isinstance(source, Ref):
            named = aliased(source.table, name=f"named_{name}")
            query = query.join(named, getattr(named, source.key) == stage.cells[source.cell].astext)
            conditions.append(getattr(own, name) == named.id)
        else:
            conditions.append(getattr(own, name) == source(stage))
    query = query.join(own, and_(*conditions))
    return {key: (id_, written) for key, id_, written in await session.execute(query)}


# --- what does not fit one row, one table ----------------------------------------------------------------------------


async def drop_other_periods(
    session: AsyncSession, batch_id: UUID, *, named: set[str], kept: set[tuple[str, str]], now: datetime, actor: str
) -> int:
    """Drop the stored periods of people whom positions.csv names, except those in the file; returns how many.

    Args:
        named: employee numbers that the file names.
        kept: (employee number, valid_from as YYYY-MM-DD) of the file's rows: a refused one keeps what is stored.
    """
    if not named:
        return 0
    period = func.concat(Employee.employee_no, "\x1f", func.to_char(Position.valid_from, "YYYY-MM-DD"))
    in_file = [f"{number}\x1f{start}" for number, start in sorted(kept)]
    doomed = (
        select(Position.id)
        .join(Employee, Employee.id == Position.employee_id)
        .where(Employee.employee_no == any_(_texts(sorted(named))), period != all_(_texts(in_file)))
    )
    dropped = delete(Position).where(Position.id.in_(doomed)).returning(Position.id).cte("dropped")
    fed = _feed(dropped, literal("Dropped"), Position, now, actor)
    return (await session.execute(select(func.count()).select_from(dropped).add_cte(fed))).scalar_one()


async def sync_phones(session: AsyncSession, batch_id: UUID, *, now: datetime, actor: str) -> None:
    """Give customers whose row changed its phone number; a number that an earlier import brought goes."""
    stage = aliased(ImportRow, name="stage")
    mine = [stage.batch_id == batch_id, stage.file == "customers.csv", written_now(Customer)]
    number = from_hex("phone_hash")(stage)
    outdated = (
        select(ContactPoint.id)
        .join(Customer, Customer.id == ContactPoint.customer_id)
        .join(stage, stage.key == Customer.customer_no)
        .where(
            *mine,
            ContactPoint.kind == "PHONE",
            ContactPoint.source == "IMPORT",
            ContactPoint.value_hash.is_distinct_from(number),
        )
    )
    await session.execute(delete(ContactPoint).where(ContactPoint.id.in_(outdated)))
    rows = (
        select(
            uuid7(),
            Customer.id,
            literal("PHONE"),
            from_hex("phone_enc")(stage),
            number,
            stage.cells["phone_masked"].astext,
            cast(stage.cells["phone_key"].astext, Integer),
            literal(now),
            literal(now),
            literal(actor),
            literal(actor),
        )
        .join(stage, stage.key == Customer.customer_no)
        .where(*mine, stage.cells["phone_enc"].astext.is_not(None))
    )
    names = ["id", "customer_id", "kind", "value_enc", "value_hash", "value_masked", "key_version"]
    stamps = ["created_at", "updated_at", "created_by", "updated_by"]
    statement = pg_insert(ContactPoint).from_select([*names, *stamps], rows, include_defaults=False)
    await session.execute(statement.on_conflict_do_nothing())


async def sync_accused(session: AsyncSession, batch_id: UUID) -> None:
    """Make the accused of each complaint whose row changed those that the row names."""
    stage = aliased(ImportRow, name="stage")
    mine = [stage.batch_id == batch_id, stage.file == "complaints.csv", written_now(Complaint)]
    number = func.jsonb_array_elements_text(stage.cells["accused_nos"]).table_valued("value").lateral("accused")
    named = (
        select(Complaint.id.label("complaint_id"), Employee.id.label("employee_id"))
        .select_from(stage)
        .join(Complaint, Complaint.complaint_no == stage.key)
        .join(number, literal(True))
        .join(Employee, Employee.employee_no == number.c.value)
        .where(*mine, func.jsonb_typeof(stage.cells["accused_nos"]) == "array")
        .subquery()
    )
    staged = select(Complaint.id).join(stage, stage.key == Complaint.complaint_no).where(*mine)
    still = and_(
        named.c.complaint_id == ComplaintAccused.complaint_id, named.c.employee_id == ComplaintAccused.employee_id
    )
    await session.execute(
        delete(ComplaintAccused).where(
            ComplaintAccused.complaint_id.in_(staged), ~select(named.c.complaint_id).where(still).exists()
        )
    )
    rows = select(uuid7(), named.c.complaint_id, named.c.employee_id)
    statement = pg_insert(ComplaintAccused).from_select(
        ["id", "complaint_id", "employee_id"], rows, include_defaults=False
    )
    await session.execute(statement.on_conflict_do_nothing())


async def finish_surveys(session: AsyncSession, batch_id: UUID) -> None:
    """Give invitations the customer of their transaction, and drop answers that a corrected row no longer has."""
    stage = aliased(ImportRow, name="stage")
    mine = [stage.batch_id == batch_id, stage.file == "surveys.csv"]
    gone = (
        select(Invitation.id)
        .join(stage, stage.key == Invitation.survey_no)
        .where(*mine, stage.cells["submitted_at"].astext.is_(None))
    )
    await session.execute(delete(Response).where(Response.invitation_id.in_(gone)))
    of_order = select(SalesOrder.customer_id).where(SalesOrder.id == Invitation.order_id).scalar_subquery()
    of_repair = select(RepairOrder.customer_id).where(RepairOrder.id == Invitation.repair_order_id).scalar_subquery()
    staged = select(stage.key).where(*mine)
    await session.execute(
        update(Invitation)
        .where(Invitation.survey_no.in_(staged), Invitation.origin == "IMPORT")
        .where(Invitation.customer_id.is_distinct_from(func.coalesce(of_order, of_repair)))
        .values(customer_id=func.coalesce(of_order, of_repair))
        .execution_options(synchronize_session=False)
    )
