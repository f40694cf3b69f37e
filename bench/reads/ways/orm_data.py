"""What the way (a) reads with: an async ORM session per store and request, and its DataLoaders.

The tenant costs this way the least by translated schema names: no statement more than the query itself, and a login that may
read every store, so that no role is taken. The product's own table classes are its ORM classes: the same columns.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, NewType
from uuid import UUID

from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import aliased
from strawberry.dataloader import DataLoader

from bench.reads.world import BenchStore
from forecourt.domain import tables
from forecourt.domain.customers.model import Vehicle
from forecourt.domain.workshop.model import RepairOrder
from forecourt.tenancy.names import OWNER, TENANT_PLACEHOLDER
from forecourt.tenancy.reader.cursor import packer
from forecourt.tenancy.server import Server

assert tables.MODULES

POOL = 16
#: A moment as the API writes it.
Moment = NewType("Moment", datetime)


def write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Stores:
    """One pool, and an engine with every store's schema."""

    def __init__(self, server: Server, stores: Sequence[BenchStore]) -> None:
        engine = create_async_engine(
            server.url(OWNER),
            pool_size=POOL,
            max_overflow=0,
            connect_args={"options": "-c search_path= -c timezone=UTC"},
        )
        event.listen(engine.sync_engine, "connect", _keep_statements)
        self.by_code = {store.code: store for store in stores}
        self.by_id = {UUID(store.id): store for store in stores}
        self._engines: dict[str, AsyncEngine] = {
            store.code: engine.execution_options(schema_translate_map={TENANT_PLACEHOLDER: store.schema})
            for store in stores
        }

    def session(self, store: BenchStore) -> AsyncSession:
        return AsyncSession(self._engines[store.code], expire_on_commit=False)


def _keep_statements(connection: Any, _record: Any) -> None:
    """Every store has statements of its own; psycopg would keep a hundred."""
    connection.driver_connection.prepared_max = 2_000


class Tenant:
    """One store within one request."""

    cursor: ClassVar = staticmethod(packer("Customer", ()))

    def __init__(self, store: UUID, session: AsyncSession) -> None:
        self.store, self.session = store, session
        self.vehicles: DataLoader[UUID, list[Vehicle]] = DataLoader(self._vehicles)
        self.last_orders: DataLoader[tuple[UUID, int], list[RepairOrder]] = DataLoader(self._last_orders)

    async def _vehicles(self, owners: list[UUID]) -> list[list[Vehicle]]:
        query = select(Vehicle).where(Vehicle.customer_id.in_(owners)).order_by(Vehicle.customer_id, Vehicle.id)
        found: dict[UUID | None, list[Vehicle]] = defaultdict(list)
        for row in await self.session.scalars(query):
            found[row.customer_id].append(row)
        return [found[owner] for owner in owners]

    async def _last_orders(self, keys: list[tuple[UUID, int]]) -> list[list[RepairOrder]]:
        place = func.row_number().over(partition_by=RepairOrder.vehicle_id, order_by=RepairOrder.id.desc())
        vehicles = [vehicle for vehicle, _ in keys]
        ranked = select(RepairOrder, place.label("place")).where(RepairOrder.vehicle_id.in_(vehicles)).subquery()
        row_of = aliased(RepairOrder, ranked)
        query = select(row_of).where(ranked.c.place <= keys[0][1]).order_by(ranked.c.vehicle_id, ranked.c.id)
        found: dict[UUID, list[RepairOrder]] = defaultdict(list)
        for row in await self.session.scalars(query):
            found[row.vehicle_id].append(row)
        return [found[vehicle] for vehicle in vehicles]
