"""The control schema: groups, stores, settings. Row-level security guards each row (see `tenancy/security.py`)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import ControlTable, Id

STORE_STATES = ("PROVISIONING", "ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED", "DELETED", "FAILED")


def one_of(column: str, *words: str) -> str:
    """SQL of a CHECK that allows only ``words`` in ``column`` (text + CHECK instead of enum types)."""
    return f"{column} in ({', '.join(repr(word) for word in words)})"


class DealerGroup(ControlTable):
    """A dealer group 经销商集团: the paying customer.

    `second_factor` says whether people with a password must have a device for one-time codes as well.
    """

    __tablename__ = "dealer_group"
    __table_args__ = (CheckConstraint("second_factor in ('OPTIONAL', 'REQUIRED')", name="second_factor"),)

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    currency: Mapped[str]
    time_zone: Mapped[str]
    key_version: Mapped[int] = mapped_column(server_default=text("1"))
    second_factor: Mapped[str] = mapped_column(server_default="OPTIONAL")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class Store(ControlTable):
    """A 4S store 4S店: the tenant. Its data live in the schema `names.store_schema(id)`."""

    __tablename__ = "store"
    __table_args__ = (
        UniqueConstraint("group_id", "code"),
        CheckConstraint(one_of("state", *STORE_STATES), name="state"),
        CheckConstraint(one_of("status", "ACTIVE", "SUSPENDED", "CLOSING"), name="status"),
        CheckConstraint("grade is null or " + one_of("grade", "A", "B", "C"), name="grade"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    code: Mapped[str]
    name: Mapped[str]
    brand: Mapped[str]
    region: Mapped[str | None]
    grade: Mapped[str | None]
    city_tier: Mapped[int | None]
    opened_on: Mapped[date | None]
    time_zone: Mapped[str]
    #: how the store trades, as the group says (only ACTIVE stores are compared); `state` is the tenant's life cycle
    status: Mapped[str] = mapped_column(server_default="ACTIVE")
    state: Mapped[str] = mapped_column(server_default="PROVISIONING")
    revision: Mapped[str] = mapped_column(server_default="")
    public_id: Mapped[str] = mapped_column(unique=True)
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class ConfigSetting(ControlTable):
    """A configuration value of a group (`store_id` null) or one store, valid for a period (requirements A14)."""

    __tablename__ = "config_setting"
    __table_args__ = (
        Index("ix_config_setting_lookup", "group_id", "key", "valid_from"),
        CheckConstraint("valid_to is null or valid_to > valid_from", name="period"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.store.id"))
    key: Mapped[str]
    value: Mapped[dict[str, Any]]
    locked: Mapped[bool] = mapped_column(server_default=text("false"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    created_by: Mapped[str]


class SchemaRevision(ControlTable):
    """The revision a migration tree stands at: ``control`` itself, and the one every store should have (``tenant``)."""

    __tablename__ = "schema_revision"
    __table_args__ = (CheckConstraint(one_of("tree", "control", "tenant"), name="tree"),)

    tree: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
