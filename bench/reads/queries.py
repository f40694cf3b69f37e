"""What is asked: the documents, PostGraphile's own form of each, and one call after another that names another store."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bench.reads.global_ids import global_id
from bench.reads.world import BenchStore, World

CUSTOMER = "id customerNo type name nameSort consentSurvey consentMarketing doNotContact version createdAt"
CUSTOMER_ABOVE = "id customerNo type name nameSort consentSurvey version createdAt"
VEHICLE = "id vin vinCheckOk plate brand model modelYear powertrain"
ORDER_BELOW = "id roNo type openedAt promisedAt doneAt customerSigned version"
ORDER = "id roNo type booked arrivedAt openedAt promisedAt doneAt qc customerSigned invoicedAt version"
COMPLAINT = "id complaintNo record area kind severity validity status text receivedAt"

#: rows of Q2 and Q3 · vehicles of a customer and repair orders of a vehicle in Q3 · rows of Q4 · customers per store in Q6
PAGE, VEHICLES, ORDERS, LONG, SHORT = 50, 10, 3, 1_000, 10
#: how many stores Q6 asks for
GROUPS = (10, 25, 50, 100)

#: What is filed in Q5; `check.py` compares all of it but the new complaint's id and number.
FILED = {
    "record": "COMPLAINT",
    "area": "SERVICE",
    "kind": "SERVICE",
    "severity": "P3",
    "receivedAt": "2025-01-01T08:00:00Z",
    "text": "刹车异响，已第二次来店 (second visit).",
}
#: The load writes another value here in each request: PostGraphile wants keys from its clients.
NEW_ID, NEW_ID_2, NEW_ID_3, NEW_NUMBER = "@@ID1@@", "@@ID2@@", "@@ID3@@", "@@NUMBER@@"


@dataclass(frozen=True)
class Call:
    """One request: its variables for a document of ours, and for PostGraphile's."""

    store: BenchStore
    variables: dict[str, Any]
    plain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One query. `plain` is PostGraphile's document, None where it cannot answer."""

    name: str
    title: str
    document: str
    calls: Callable[[World], list[Call]]
    plain: str | None = None


def _shuffled(world: World) -> list[BenchStore]:
    """The stores so that the large ones do not stand together."""
    stores = list(world.stores)
    random.Random(1).shuffle(stores)
    return stores


def _each_customer(world: World) -> list[Call]:
    stores = _shuffled(world)
    sample = range(min(len(store.customers) for store in stores))
    return [
        Call(
            store,
            {"id": global_id("Customer", UUID(store.id), UUID(store.customers[n]))},
            {"id": store.customers[n]},
        )
        for n in sample
        for store in stores
    ]


def _each_store(world: World) -> list[Call]:
    return [Call(store, {"code": store.code}) for store in _shuffled(world)]


def _filed(world: World) -> list[Call]:
    calls = []
    for store in _shuffled(world):
        customer = store.customers[0]
        ours = {
            **FILED,
            "storeId": global_id("Store", UUID(store.id), UUID(store.id)),
            "customerId": global_id("Customer", UUID(store.id), UUID(customer)),
        }
        calls.append(Call(store, {"input": ours}, _plain_rows(world, store, customer)))
    return calls


def _plain_rows(world: World, store: BenchStore, customer: str) -> dict[str, Any]:
    """The three rows of Q5 as a client of PostGraphile has to send them."""
    now, actor = "2026-01-01T00:00:00Z", f"account:{world.account}"
    complaint = {
        **FILED,
        "rowId": NEW_ID,
        "complaintNo": f"L-{NEW_ID}",
        "customerId": customer,
        "validity": "UNDECIDED",
        "status": "OPEN",
        "createdBy": actor,
        "updatedBy": actor,
    }
    audit = {
        "rowId": NEW_ID_2,
        "chain": store.id,
        "seq": NEW_NUMBER,
        "format": 1,
        "keyVersion": 1,
        "prevHash": "",
        "hash": "",
        "at": now,
        "actor": actor,
        "actorName": "Bench",
        "action": "complaints.file",
        "entity": "Complaint",
        "entityId": NEW_ID,
        "after": '{"record": "COMPLAINT"}',
    }
    event = {
        "rowId": NEW_ID_3,
        "at": now,
        "event": "ComplaintReceived",
        "entity": "Complaint",
        "entityId": NEW_ID,
        "actor": actor,
        "data": '{"record": "COMPLAINT"}',
    }
    return {"complaint": complaint, "audit": audit, "event": event}


def _groups(count: int) -> Callable[[World], list[Call]]:
    return lambda world: [Call(world.stores[0], {"first": count})]


def _row(fields: str) -> str:
    """The same fields in PostGraphile, where `id` is something else."""
    return fields.replace("id ", "id: rowId ", 1)


CASES = [
    Case(
        "Q1",
        "one customer by id, 10 fields",
        f"query Q1($id: ID!) {{ node(id: $id) {{ id ... on Customer {{ {CUSTOMER.removeprefix('id ')} }} }} }}",
        _each_customer,
        f"query Q1($id: UUID!) {{ node: customerByRowId(rowId: $id) {{ {_row(CUSTOMER)} }} }}",
    ),
    Case(
        "Q2",
        f"{PAGE} customers, 10 fields, cursors, pageInfo",
        f"""query Q2($code: String!) {{ store(code: $code) {{ customers(first: {PAGE}) {{
        edges {{ cursor node {{ {CUSTOMER} }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}""",
        _each_store,
        f"""query Q2 {{ customers: allCustomers(first: {PAGE}) {{
        edges {{ cursor node {{ {_row(CUSTOMER)} }} }} pageInfo {{ hasNextPage endCursor }} }} }}""",
    ),
    Case(
        "Q3",
        f"{PAGE} customers, their vehicles, last {ORDERS} repair orders of each; 8 fields each",
        f"""query Q3($code: String!) {{ store(code: $code) {{ customers(first: {PAGE}) {{ edges {{ node {{ {CUSTOMER_ABOVE}
        vehicles(first: {VEHICLES}) {{ edges {{ node {{ {VEHICLE}
        repairOrders(last: {ORDERS}) {{ edges {{ node {{ {ORDER_BELOW} }} }} }} }} }} }} }} }} }} }} }}""",
        _each_store,
        f"""query Q3 {{ customers: allCustomers(first: {PAGE}) {{ edges {{ node {{ {_row(CUSTOMER_ABOVE)}
        vehicles: vehiclesByCustomerId(first: {VEHICLES}) {{ edges {{ node {{ {_row(VEHICLE)}
        repairOrders: repairOrdersByVehicleId(last: {ORDERS}) {{ edges {{ node {{ {_row(ORDER_BELOW)} }} }} }} }} }} }} }} }} }} }}""",
    ),
    Case(
        "Q4",
        f"{LONG:,} repair orders, 12 fields",
        f"query Q4($code: String!) {{ store(code: $code) {{ repairOrders(first: {LONG}) {{ edges {{ node {{ {ORDER} }} }} }} }} }}",
        _each_store,
        f"query Q4 {{ repairOrders: allRepairOrders(first: {LONG}) {{ edges {{ node {{ {_row(ORDER)} }} }} }} }}",
    ),
    Case(
        "Q5",
        "file a complaint: complaint, audit and change event; 10 fields",
        f"mutation Q5($input: FileComplaintInput!) {{ fileComplaint(input: $input) {{ complaint {{ {COMPLAINT} }} }} }}",
        _filed,
        f"""mutation Q5($complaint: ComplaintInput!, $audit: AuditEventInput!, $event: ChangeEventInput!) {{
        fileComplaint: createComplaint(input: {{complaint: $complaint}}) {{ complaint {{ {_row(COMPLAINT)} }} }}
        createAuditEvent(input: {{auditEvent: $audit}}) {{ clientMutationId }}
        createChangeEvent(input: {{changeEvent: $event}}) {{ clientMutationId }} }}""",
    ),
    *(
        Case(
            f"Q6/{count}",
            f"{SHORT} customers of each of {count} stores",
            f"""query Q6($first: Int!) {{ group {{ stores(first: $first) {{ edges {{ node {{ code
            customers(first: {SHORT}) {{ edges {{ node {{ id customerNo name createdAt }} }} }} }} }} }} }} }}""",
            _groups(count),
        )
        for count in GROUPS
    ),
]
