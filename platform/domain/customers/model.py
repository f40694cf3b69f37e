"""Tables of customers 客户, their contact points, consent, and vehicles 车辆."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Imported, Recorded, to, words


class Customer(StoreTable, Recorded, Imported):
    """A customer 客户: a person or an organisation. NULL consent means: never asked."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("customer_no"), words("type", "PERSON", "ORG"))

    customer_no: Mapped[str]
    type: Mapped[str]
    name: Mapped[str]
    name_sort: Mapped[str]
    consent_survey: Mapped[bool | None]
    consent_marketing: Mapped[bool | None]
    do_not_contact: Mapped[bool | None]


class ContactPoint(StoreTable, Recorded):
    """A phone number or address of a customer: encrypted, matched by a keyed hash, shown masked (138****8000)."""

    __tablename__ = "contact_point"
    __table_args__ = (
        UniqueConstraint("customer_id", "kind", "value_hash"),
        words("kind", "PHONE", "EMAIL", "WECHAT"),
        Index("ix_contact_point_match", "kind", "value_hash"),
    )

    customer_id: Mapped[UUID] = mapped_column(to("customer"))
    kind: Mapped[str]
    value_enc: Mapped[bytes]
    value_hash: Mapped[bytes]
    value_masked: Mapped[str]
    key_version: Mapped[int]
    is_primary: Mapped[bool] = mapped_column(server_default=text("true"))
    source: Mapped[str] = mapped_column(server_default="IMPORT")


class ConsentEvent(StoreTable):
    """Evidence of a consent given or withdrawn: purpose, version of the text, when, by which channel (PIPL 13-17)."""

    __tablename__ = "consent_event"
    __table_args__ = (words("purpose", "SURVEY", "MARKETING", "CONTACT"), words("decision", "GIVEN", "WITHDRAWN"))

    customer_id: Mapped[UUID] = mapped_column(to("customer"), index=True)
    purpose: Mapped[str]
    decision: Mapped[str]
    text_version: Mapped[str]
    channel: Mapped[str]
    evidence: Mapped[str]
    at: Mapped[datetime]


class Vehicle(StoreTable, Recorded, Imported):
    """A vehicle 车辆 by its VIN 车架号. A wrong check digit is stored, not refused: some imports fail it."""

    __tablename__ = "vehicle"
    __table_args__ = (UniqueConstraint("vin"), words("powertrain", "ICE", "HEV", "PHEV", "BEV"))

    vin: Mapped[str]
    vin_check_ok: Mapped[bool]
    customer_id: Mapped[UUID | None] = mapped_column(to("customer"), index=True)
    plate: Mapped[str | None]
    brand: Mapped[str | None]
    model: Mapped[str | None]
    model_year: Mapped[int | None]
    powertrain: Mapped[str | None]
