"""The GraphQL types of the way (a): plain strawberry types over the rows of an ORM."""

import strawberry
from strawberry import Private

from bench.reads.global_ids import global_id
from bench.reads.ways.orm_data import Moment, Tenant
from forecourt.domain.complaints import model as complaints
from forecourt.domain.customers import model as customers
from forecourt.domain.workshop import model as workshop


@strawberry.interface
class Node:
    """Something with a global id."""

    id: strawberry.ID


@strawberry.type
class PageInfo:
    """Where a page stands."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class RepairOrder(Node):
    """A repair order."""

    ro_no: str
    type: str
    booked: bool | None
    arrived_at: Moment | None
    opened_at: Moment
    promised_at: Moment | None
    done_at: Moment | None
    qc: str | None
    customer_signed: bool | None
    invoiced_at: Moment | None
    version: int

    @classmethod
    def of(cls, tenant: Tenant, row: workshop.RepairOrder) -> "RepairOrder":
        return cls(
            id=strawberry.ID(global_id("RepairOrder", tenant.store, row.id)),
            ro_no=row.ro_no,
            type=row.type,
            booked=row.booked,
            arrived_at=row.arrived_at,
            opened_at=row.opened_at,
            promised_at=row.promised_at,
            done_at=row.done_at,
            qc=row.qc,
            customer_signed=row.customer_signed,
            invoiced_at=row.invoiced_at,
            version=row.version,
        )


@strawberry.type
class RepairOrderEdge:
    """A repair order in a list."""

    node: RepairOrder


@strawberry.type
class RepairOrderConnection:
    """A page of repair orders."""

    edges: list[RepairOrderEdge]


@strawberry.type
class Vehicle(Node):
    """A vehicle."""

    tenant: Private[Tenant]
    row: Private[customers.Vehicle]
    vin: str
    vin_check_ok: bool
    plate: str | None
    brand: str | None
    model: str | None
    model_year: int | None
    powertrain: str | None

    @classmethod
    def of(cls, tenant: Tenant, row: customers.Vehicle) -> "Vehicle":
        return cls(
            id=strawberry.ID(global_id("Vehicle", tenant.store, row.id)),
            tenant=tenant,
            row=row,
            vin=row.vin,
            vin_check_ok=row.vin_check_ok,
            plate=row.plate,
            brand=row.brand,
            model=row.model,
            model_year=row.model_year,
            powertrain=row.powertrain,
        )

    @strawberry.field
    async def repair_orders(self, last: int) -> RepairOrderConnection:
        rows = await self.tenant.last_orders.load((self.row.id, last))
        return RepairOrderConnection(edges=[RepairOrderEdge(node=RepairOrder.of(self.tenant, row)) for row in rows])


@strawberry.type
class VehicleEdge:
    """A vehicle in a list."""

    node: Vehicle


@strawberry.type
class VehicleConnection:
    """A page of vehicles."""

    edges: list[VehicleEdge]


@strawberry.type
class Customer(Node):
    """A customer."""

    tenant: Private[Tenant]
    row: Private[customers.Customer]
    customer_no: str
    type: str
    name: str
    name_sort: str
    consent_survey: bool | None
    consent_marketing: bool | None
    do_not_contact: bool | None
    version: int
    created_at: Moment

    @classmethod
    def of(cls, tenant: Tenant, row: customers.Customer) -> "Customer":
        return cls(
            id=strawberry.ID(global_id("Customer", tenant.store, row.id)),
            tenant=tenant,
            row=row,
            customer_no=row.customer_no,
            type=row.type,
            name=row.name,
            name_sort=row.name_sort,
            consent_survey=row.consent_survey,
            consent_marketing=row.consent_marketing,
            do_not_contact=row.do_not_contact,
            version=row.version,
            created_at=row.created_at,
        )

    @strawberry.field
    async def vehicles(self, first: int) -> VehicleConnection:
        rows = await self.tenant.vehicles.load(self.row.id)
        return VehicleConnection(edges=[VehicleEdge(node=Vehicle.of(self.tenant, row)) for row in rows[:first]])


@strawberry.type
class CustomerEdge:
    """A customer in a list."""

    node: Customer

    @strawberry.field
    def cursor(self) -> str:
        return cursor_of(self.node.row)


@strawberry.type
class CustomerConnection:
    """A page of customers."""

    edges: list[CustomerEdge]
    page_info: PageInfo


@strawberry.type
class Complaint(Node):
    """A complaint."""

    complaint_no: str
    record: str
    area: str
    kind: str
    severity: str | None
    validity: str
    status: str
    text: str | None
    received_at: Moment

    @classmethod
    def of(cls, tenant: Tenant, row: complaints.Complaint) -> "Complaint":
        return cls(
            id=strawberry.ID(global_id("Complaint", tenant.store, row.id)),
            complaint_no=row.complaint_no,
            record=row.record,
            area=row.area,
            kind=row.kind,
            severity=row.severity,
            validity=row.validity,
            status=row.status,
            text=row.text,
            received_at=row.received_at,
        )


def cursor_of(row: customers.Customer) -> str:
    """The cursor that the product gives a customer in the order of ids."""
    return Tenant.cursor([str(row.id)])
