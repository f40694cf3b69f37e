"""One store with people, customers and orders, a clock that stands still, and units of work in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from forecourt.auth.actor import Actor, Membership
from forecourt.clock import SetClock
from forecourt.domain import tables
from forecourt.domain.customers.model import ContactPoint, Customer, Vehicle
from forecourt.domain.people.model import Employee, Position, Team
from forecourt.domain.sales.model import SalesOrder
from forecourt.domain.surveys.model import Invitation
from forecourt.domain.surveys.publishing import install_seed_templates
from forecourt.domain.work import Platform, Work, open_group_work, open_work
from forecourt.domain.workshop.model import RepairOrder
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.crypto import mask
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.queue import Job
from forecourt.tenancy.session import ResolvedGroup, ResolvedStore

assert tables.MODULES  # imported so that every foreign key finds its table

#: Monday, 10:00 in Shanghai.
START = datetime(2026, 9, 7, 2, tzinfo=UTC)

Row = TypeVar("Row", bound=StoreTable)


@dataclass
class Desk:
    """A store at work. `jobs` holds what units of work asked the queue to do, newest last."""

    platform: Platform
    clock: SetClock
    group: ResolvedGroup
    store: ResolvedStore
    jobs: list[Job] = field(default_factory=list)
    people: dict[str, UUID] = field(default_factory=dict)
    _number: int = 0

    @property
    def system(self) -> Actor:
        return Actor.for_system("test", self.store.group_id)

    def person(self, role: str, key: str | None = None) -> Actor:
        """Somebody who signed in, with a role at the store; `key` names the employee."""
        member = Membership(role, self.store.id, self.people.get(key) if key else None)
        return Actor(
            f"account:{key or role}", key or role, self.store.group_id, account_id=new_id(), memberships=(member,)
        )

    @asynccontextmanager
    async def work(self, actor: Actor | None = None) -> AsyncIterator[Work]:
        """A unit of work in the store, by default of the product itself."""
        async with open_work(self.platform, self.store, actor or self.system) as work:
            yield work
        self.jobs += work.jobs

    async def add(self, row: Row) -> Row:
        async with self.work() as work:
            work.session.add(row)
        return row

    async def get(self, kind: type[Row], row_id: UUID) -> Row:
        async with self.work() as work:
            return await work.session.get_one(kind, row_id)

    async def all(self, kind: type[Row], /, **equal: Any) -> list[Row]:
        async with self.work() as work:
            return list(await work.session.scalars(select(kind).filter_by(**equal).order_by(kind.id)))

    def pass_time(self, **span: float) -> datetime:
        self.clock.at += timedelta(**span)
        return self.clock.at

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def staff(self) -> None:
        """A sales team: consultant, second, supervisor, advisor, agent; and the management's, in which the manager is."""
        async with self.work() as work:
            team = Team(id=new_id(), team_code="S1", team_name="销售一组", department="SALES")
            management = Team(id=new_id(), team_code="MG", team_name="管理层", department="MANAGEMENT")
            work.session.add_all((team, management))
            await work.session.flush()
            roles = {
                "consultant": "SALES_CONSULTANT",
                "second": "SALES_CONSULTANT",
                "supervisor": "SALES_SUPERVISOR",
                "manager": "SALES_MANAGER",
                "advisor": "SERVICE_ADVISOR",
                "agent": "CS_AGENT",
                "cs_manager": "CS_MANAGER",
            }
            for number, name in enumerate(roles):
                self.people[name] = new_id()
                work.session.add(
                    Employee(
                        id=self.people[name],
                        employee_no=f"E{number}",
                        name=name,
                        name_sort=name,
                        status="CONFIRMED",
                        hired_on=date(2020, 1, 1),
                    )
                )
            await work.session.flush()
            for name, role in roles.items():
                leader = {"consultant": "supervisor", "second": "supervisor", "supervisor": "manager"}.get(name)
                work.session.add(
                    Position(
                        id=new_id(),
                        employee_id=self.people[name],
                        role=role,
                        team_id=management.id if name == "manager" else team.id,
                        supervisor_id=self.people[leader] if leader else None,
                        valid_from=date(2020, 1, 1),
                    )
                )

    async def customer(
        self, *, phone: str | None = None, email: str | None = None, consent: bool | None = True, **more: Any
    ) -> UUID:
        """A customer with contact points; by default with a number of its own and consent."""
        number = self._next()
        points = {"PHONE": f"1390000{number:04d}" if phone is None else phone, "EMAIL": email}
        async with self.work() as work:
            customer = Customer(
                id=new_id(),
                customer_no=f"C{number}",
                type="PERSON",
                name="顾客",
                name_sort="gu ke",
                consent_survey=consent,
                **more,
            )
            work.session.add(customer)
            await work.session.flush()
            for kind, value in points.items():
                if value:
                    work.session.add(
                        ContactPoint(
                            id=new_id(),
                            customer_id=customer.id,
                            kind=kind,
                            value_enc=work.cipher.encrypt(kind, value),
                            value_hash=work.cipher.match_hash(kind, value),
                            value_masked=mask(kind, value),
                            key_version=1,
                        )
                    )
        return customer.id

    async def vehicle(self, customer: UUID) -> UUID:
        return (
            await self.add(Vehicle(id=new_id(), vin=f"V{self._next():016d}", vin_check_ok=True, customer_id=customer))
        ).id

    async def order(self, customer: UUID, *, delivered_at: datetime | None = START) -> UUID:
        """A delivered order of the consultant."""
        row = SalesOrder(
            id=new_id(),
            order_no=f"SO{self._next()}",
            customer_id=customer,
            vehicle_id=await self.vehicle(customer),
            consultant_id=self.people["consultant"],
            signed_at=START - timedelta(days=20),
            delivered_at=delivered_at,
        )
        return (await self.add(row)).id

    async def visit(self, customer: UUID, *, handed_over_at: datetime | None = START, type_: str = "REPAIR") -> UUID:
        """A workshop visit of the advisor."""
        row = RepairOrder(
            id=new_id(),
            ro_no=f"RO{self._next()}",
            customer_id=customer,
            vehicle_id=await self.vehicle(customer),
            advisor_id=self.people["advisor"],
            type=type_,
            opened_at=START - timedelta(days=1),
            handed_over_at=handed_over_at,
        )
        return (await self.add(row)).id

    async def invitation(self, invitation_id: UUID | None) -> Invitation:
        assert invitation_id is not None
        return await self.get(Invitation, invitation_id)


async def make_desk(engines: Engines, group: ResolvedGroup, store: ResolvedStore) -> Desk:
    """A desk in an empty store whose group has the shipped questionnaires."""
    clock = SetClock(START)
    desk = Desk(Platform(engines, clock), clock, group, store)
    async with open_group_work(desk.platform, group, Actor.for_system("test", group.id)) as work:
        await install_seed_templates(work)
    await desk.staff()
    return desk
