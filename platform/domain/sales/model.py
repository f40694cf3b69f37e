"""Tables of sales: orders from signature to delivery and plating."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Amount, Imported, Recorded, to


class SalesOrder(StoreTable, Recorded, Imported):
    """A sales order 销售订单 with its delivery 交车. `cancelled_at` set: it exists for no figure."""

    __tablename__ = "sales_order"
    __table_args__ = (UniqueConstraint("order_no"),)

    order_no: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(to("customer"), index=True)
    vehicle_id: Mapped[UUID] = mapped_column(to("vehicle"), index=True)
    consultant_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    signed_at: Mapped[datetime]
    invoiced_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None] = mapped_column(index=True)
    plated_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    form_complete: Mapped[bool | None]
    delivery_signed: Mapped[bool | None]
    net_amount: Mapped[Amount | None]
