"""Two groups with two stores each, and short cuts to act in them."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import argon2
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from forecourt.auth.accounts import add_membership, create_account, set_password
from forecourt.auth.actor import Actor
from forecourt.auth.passwords import Passwords
from forecourt.clock import SetClock
from forecourt.tenancy.base import ControlTable
from forecourt.tenancy.control import DealerGroup, Store
from forecourt.tenancy.ids import new_id

NOON = datetime(2026, 9, 1, 4, tzinfo=UTC)
PASSWORD = "correct horse battery"

#: The real algorithm with the least cost: tests prove behaviour, not strength.
CHEAP = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass
class World:
    """The database of a test."""

    engine: AsyncEngine
    clock: SetClock = field(default_factory=lambda: SetClock(NOON))
    north: UUID = field(default_factory=new_id)
    south: UUID = field(default_factory=new_id)
    stores: dict[str, UUID] = field(default_factory=dict)

    def sessions(self) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction that commits at the end."""
        return async_sessionmaker(self.engine, expire_on_commit=False).begin()

    def system(self, group: UUID | None = None) -> Actor:
        return Actor.for_system("test", group or self.north)

    def later(self, **span: float) -> None:
        self.clock.at += timedelta(**span)

    async def build(self) -> None:
        async with self.sessions() as session:
            for table in reversed(ControlTable.metadata.sorted_tables):
                await session.execute(table.delete())  # a hundred times faster than truncate on small tables
            for group, code in ((self.north, "NORTH"), (self.south, "SOUTH")):
                session.add(DealerGroup(id=group, code=code, name=code, currency="CNY", time_zone="Asia/Shanghai"))
            await session.flush()
            for group, name in ((self.north, "N1"), (self.north, "N2"), (self.south, "S1"), (self.south, "S2")):
                self.stores[name] = new_id()
                session.add(
                    Store(
                        id=self.stores[name],
                        group_id=group,
                        code=f"HX0{name[1]}",
                        name=name,
                        brand="X",
                        time_zone="Asia/Shanghai",
                        state="ACTIVE",
                        public_id=f"public-{name}",
                    )
                )

    async def account(
        self, name: str, *roles: tuple[str, str | None], group: UUID | None = None, password: str | None = None
    ) -> UUID:
        """An account with roles at stores (None: of the group)."""
        actor = self.system(group)
        async with self.sessions() as session:
            made = await create_account(session, actor, name=name, display_name=name.title(), clock=self.clock)
            for role, store in roles:
                store_id = self.stores[store] if store else None
                await add_membership(session, actor, made, role=role, store_id=store_id, clock=self.clock)
            if password is not None:
                await set_password(session, actor, made, password=password, clock=self.clock, passwords=CHEAP)
        return made

    async def count(self, sql: str) -> int:
        async with self.sessions() as session:
            return int((await session.execute(text(sql))).scalar_one())
