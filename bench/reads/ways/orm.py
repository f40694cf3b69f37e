"""Way (a): strawberry with SQLAlchemy's async ORM and DataLoaders, as a competent team would write it.

Parser and validation are cached, answers are encoded by orjson, there is no authentication, no permission and no telemetry.
"""

import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import strawberry
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from bench.reads.global_ids import parsed
from bench.reads.ways.orm_data import Moment, Stores, Tenant, write_moment
from bench.reads.ways.orm_types import (
    Complaint,
    Customer,
    CustomerConnection,
    CustomerEdge,
    Node,
    PageInfo,
    RepairOrder,
    RepairOrderConnection,
    RepairOrderEdge,
    cursor_of,
)
from bench.reads.ways.process import arguments, joined, serve
from bench.reads.world import BenchStore, World
from forecourt.domain.complaints import model as complaints
from forecourt.domain.customers import model as customers
from forecourt.domain.feed import AuditEvent, ChangeEvent
from forecourt.domain.workshop import model as workshop
from forecourt.tenancy.ids import new_id


class Context:
    """One request: its stores' sessions, closed at the end."""

    def __init__(self, stores: Stores, actor: str) -> None:
        self.stores, self.actor = stores, actor
        self._opened: dict[str, Tenant] = {}

    def tenant(self, store: BenchStore) -> Tenant:
        found = self._opened.get(store.code)
        if found is None:
            found = self._opened[store.code] = Tenant(UUID(store.id), self.stores.session(store))
        return found

    async def aclose(self) -> None:
        for tenant in self._opened.values():
            await tenant.session.close()


Info = strawberry.Info[Context, None]


@strawberry.type
class Store:
    """A store."""

    tenant: strawberry.Private[Tenant]
    code: str
    #: one of many: its connection is given back after each list, so that the pool suffices for all stores
    one_of_many: strawberry.Private[bool] = False

    @strawberry.field
    async def customers(self, first: int) -> CustomerConnection:
        query = select(customers.Customer).order_by(customers.Customer.id).limit(first + 1)
        rows = (await self.tenant.session.scalars(query)).all()
        if self.one_of_many:
            await self.tenant.session.close()
        page = rows[:first]
        return CustomerConnection(
            edges=[CustomerEdge(node=Customer.of(self.tenant, row)) for row in page],
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=cursor_of(page[-1]) if page else None),
        )

    @strawberry.field
    async def repair_orders(self, first: int) -> RepairOrderConnection:
        query = select(workshop.RepairOrder).order_by(workshop.RepairOrder.id).limit(first)
        rows = await self.tenant.session.scalars(query)
        return RepairOrderConnection(edges=[RepairOrderEdge(node=RepairOrder.of(self.tenant, row)) for row in rows])


@strawberry.type
class StoreEdge:
    """A store in a list."""

    node: Store


@strawberry.type
class StoreConnection:
    """A page of stores."""

    edges: list[StoreEdge]


@strawberry.type
class Group:
    """The group."""

    @strawberry.field
    def stores(self, info: Info, first: int) -> StoreConnection:
        chosen = sorted(info.context.stores.by_code)[:first]
        return StoreConnection(edges=[StoreEdge(node=_store(info, code, one_of_many=True)) for code in chosen])


def _store(info: Info, code: str, *, one_of_many: bool = False) -> Store:
    tenant = info.context.tenant(info.context.stores.by_code[code])
    return Store(tenant=tenant, code=code, one_of_many=one_of_many)


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    def store(self, info: Info, code: str) -> Store:
        return _store(info, code)

    @strawberry.field
    def group(self) -> Group:
        return Group()

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002  (the argument's name)
        store, row_id = parsed(id)
        tenant = info.context.tenant(info.context.stores.by_id[store])
        row = await tenant.session.get(customers.Customer, row_id)
        return None if row is None else Customer.of(tenant, row)


@strawberry.input
class FileComplaintInput:
    """A complaint as it came."""

    store_id: strawberry.ID
    record: str
    area: str
    kind: str
    severity: str | None
    received_at: Moment
    customer_id: strawberry.ID
    text: str


@strawberry.type
class FileComplaintPayload:
    """What was filed."""

    complaint: Complaint


@strawberry.type
class Mutation:
    """What can be changed."""

    @strawberry.mutation
    async def file_complaint(self, info: Info, input: FileComplaintInput) -> FileComplaintPayload:  # noqa: A002
        tenant = info.context.tenant(info.context.stores.by_id[parsed(input.store_id)[0]])
        row = _filed(input, tenant.store, info.context.actor)
        tenant.session.add_all(row)
        await tenant.session.commit()
        return FileComplaintPayload(complaint=Complaint.of(tenant, row[0]))


def _filed(given: FileComplaintInput, store: UUID, actor: str) -> tuple[Any, ...]:
    """The complaint, its event in the audit (unchained) and in the change feed."""
    now, row_id = datetime.now(UTC), new_id()
    said = {"record": given.record, "area": given.area, "kind": given.kind}
    about: dict[str, Any] = {"at": now, "actor": actor, "entity": "Complaint", "entity_id": row_id}
    complaint = complaints.Complaint(
        id=row_id,
        complaint_no=f"L-{row_id.hex}",
        record=given.record,
        area=given.area,
        kind=given.kind,
        severity=given.severity,
        customer_id=parsed(given.customer_id)[1],
        received_at=given.received_at,
        validity="UNDECIDED",
        status="OPEN",
        text=given.text,
        created_by=actor,
        updated_by=actor,
    )
    audit = AuditEvent(
        id=new_id(),
        chain=store,
        seq=secrets.randbits(62),
        format=1,
        key_version=1,
        prev_hash=b"",
        hash=b"",
        actor_name="Bench",
        action="complaints.file",
        after=said,
        **about,
    )
    return complaint, audit, ChangeEvent(id=new_id(), event="ComplaintReceived", data=said, **about)


schema = strawberry.Schema(
    Query,
    Mutation,
    types=[Customer, RepairOrder],
    extensions=[lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)],
    config=StrawberryConfig(
        scalar_map={
            Moment: strawberry.scalar(name="Moment", serialize=write_moment, parse_value=datetime.fromisoformat),
        }
    ),
)


class View(GraphQL[Context, None]):
    """Strawberry's own ASGI application with a context of ours."""

    def __init__(self, stores: Stores, actor: str) -> None:
        super().__init__(schema, graphql_ide=None)
        self._stores, self._actor = stores, actor

    async def get_context(self, request: Any, response: Any) -> Context:
        request.state.context = Context(self._stores, self._actor)
        found: Context = request.state.context
        return found

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    async def run(self, request: Request, *given: Any, **named: Any) -> Response:  # type: ignore[override]
        try:
            return await super().run(request, *given, **named)
        finally:
            context = getattr(request.state, "context", None)
            if context is not None:
                await context.aclose()


def build_app(world: World) -> Starlette:
    """The application."""
    stores = Stores(joined(world, owner=True), world.stores)
    return Starlette(routes=[Route("/graphql", View(stores, f"account:{world.account}"), methods=["POST"])])


def main() -> None:
    """Serve."""
    world, port = arguments()
    serve(build_app(world), port)


if __name__ == "__main__":
    main()
