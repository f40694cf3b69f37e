"""The statements of the hand-written routes: PostgreSQL builds the JSON that the API answers, each with its store's schema."""

from uuid import UUID

from bench.reads.global_ids import global_id_sql
from bench.reads.queries import (
    COMPLAINT,
    CUSTOMER,
    CUSTOMER_ABOVE,
    LONG,
    ORDER,
    ORDER_BELOW,
    ORDERS,
    PAGE,
    SHORT,
    VEHICLE,
    VEHICLES,
)
from bench.reads.world import BenchStore
from forecourt.tenancy.reader.cursor import before_id

#: What stands before the row's id in a cursor.
_CURSOR_MARK = before_id("Customer", ())


def _column(field: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)


def _moment(column: str) -> str:
    """As the API writes it. The bench's moments are whole seconds, so no fraction has to be trimmed."""
    return f"""to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


def _fields(type_: str, fields: str, store: BenchStore, row: str) -> str:
    """The select list whose rows `row_to_json` writes as the API does."""
    parts = []
    for field in fields.split():
        column = f"{row}.{_column(field)}"
        if field == "id":
            column = global_id_sql(type_, UUID(store.id), column)
        elif field.endswith("At"):
            column = _moment(column)
        parts.append(f'{column} as "{field}"')
    return ", ".join(parts)


def _cursor(column: str) -> str:
    return f"'{_CURSOR_MARK}' || {column}::text"


def _edges(rows: str, order: str) -> str:
    """A list of edges from a subselect of `node`."""
    return f"""(select json_build_object('edges', coalesce(json_agg(json_build_object('node', node) order by {order}), '[]'))
        from ({rows}) listed)"""


def one_customer(store: BenchStore) -> str:
    """Q1: `$1` is the row's id."""
    return f"""select row_to_json(node)::text from (
        select {_fields("Customer", CUSTOMER, store, "c")} from {store.schema}.customer c where c.id = $1) node"""


def customers(store: BenchStore) -> str:
    """Q2."""
    return f"""with page as (select * from {store.schema}.customer order by id limit {PAGE + 1}),
        shown as (select c.id, {_cursor("c.id")} as cursor, row_to_json(node) as node
          from (select * from page order by id limit {PAGE}) c
          cross join lateral (select {_fields("Customer", CUSTOMER, store, "c")}) node)
        select json_build_object(
          'edges', coalesce(json_agg(json_build_object('cursor', cursor, 'node', node) order by id), '[]'),
          'pageInfo', json_build_object('hasNextPage', (select count(*) > {PAGE} from page),
            'endCursor', (array_agg(cursor order by id desc))[1]))::text from shown"""


def three_levels(store: BenchStore) -> str:
    """Q3."""
    s = store.schema
    orders = f"""select o.id as place, row_to_json(n) as node from
        (select * from {s}.repair_order where vehicle_id = v.id order by id desc limit {ORDERS}) o
        cross join lateral (select {_fields("RepairOrder", ORDER_BELOW, store, "o")}) n"""
    vehicles = f"""select v.id as place, row_to_json(n) as node from
        (select * from {s}.vehicle where customer_id = c.id order by id limit {VEHICLES}) v
        cross join lateral (select {_fields("Vehicle", VEHICLE, store, "v")}, {_edges(orders, "place")} as "repairOrders") n"""
    owners = f"""select c.id as place, row_to_json(n) as node from
        (select * from {s}.customer order by id limit {PAGE}) c cross join lateral (
        select {_fields("Customer", CUSTOMER_ABOVE, store, "c")}, {_edges(vehicles, "place")} as "vehicles") n"""
    return f"select {_edges(owners, 'place')}::text"


def repair_orders(store: BenchStore) -> str:
    """Q4."""
    rows = f"""select o.id as place, row_to_json(n) as node from
        (select * from {store.schema}.repair_order order by id limit {LONG}) o
        cross join lateral (select {_fields("RepairOrder", ORDER, store, "o")}) n"""
    return f"select {_edges(rows, 'place')}::text"


def few_customers(store: BenchStore) -> str:
    """A store's part of Q6."""
    rows = f"""select c.id as place, row_to_json(n) as node from
        (select * from {store.schema}.customer order by id limit {SHORT}) c
        cross join lateral (select {_fields("Customer", "id customerNo name createdAt", store, "c")}) n"""
    return f"select {_edges(rows, 'place')}::text"


#: The values of Q5's statement, in their order.
FILING = (
    "id",
    "customer_id",
    "record",
    "area",
    "kind",
    "severity",
    "received_at",
    "text",
    "actor",
    "audit_id",
    "event_id",
    "seq",
    "actor_name",
    "said",
)


def file_complaint(store: BenchStore) -> str:
    """Q5: complaint, audit (unchained) and change event in one statement. `$1` … are `FILING`."""
    s = store.schema
    n = {name: f"${place}" for place, name in enumerate(FILING, 1)}
    return f"""with filed as (
        insert into {s}.complaint (id, complaint_no, customer_id, record, area, kind, severity, received_at, validity, status,
          text, created_by, updated_by)
        values ({n["id"]}::uuid, 'L-' || replace({n["id"]}::text, '-', ''), {n["customer_id"]}, {n["record"]}, {n["area"]},
          {n["kind"]}, {n["severity"]}, {n["received_at"]}::timestamptz, 'UNDECIDED', 'OPEN', {n["text"]}, {n["actor"]}, {n["actor"]})
        returning *),
      audited as (
        insert into {s}.audit_event (id, chain, seq, format, key_version, prev_hash, hash, at, actor, actor_name, action, entity,
          entity_id, after)
        values ({n["audit_id"]}, '{store.id}', {n["seq"]}, 1, 1, '', '', now(), {n["actor"]}, {n["actor_name"]},
          'complaints.file', 'Complaint', {n["id"]}::uuid, {n["said"]}::jsonb)),
      told as (
        insert into {s}.change_event (id, at, event, entity, entity_id, actor, data)
        values ({n["event_id"]}, now(), 'ComplaintReceived', 'Complaint', {n["id"]}::uuid, {n["actor"]}, {n["said"]}::jsonb))
      select row_to_json(node)::text from (select {_fields("Complaint", COMPLAINT, store, "filed")} from filed) node"""
