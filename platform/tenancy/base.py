"""How tables are declared: two metadata objects, one naming convention, the column types everybody uses."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .ids import new_id
from .names import TENANT_PLACEHOLDER

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

TYPES: dict[Any, Any] = {
    str: Text(),
    datetime: DateTime(timezone=True),
    UUID: Uuid(),
    dict[str, Any]: JSONB(none_as_null=True),
    list[Any]: JSONB(none_as_null=True),
}

#: Key of a table's ``info``: what the store's role may do with it, where that is not everything.
RIGHTS = "rights"

Id = Annotated[UUID, mapped_column(Uuid(), primary_key=True, default=new_id)]


class ControlTable(DeclarativeBase):
    """A table of the control schema: what belongs to no single store, and never personal data of customers."""

    metadata = MetaData(schema="control", naming_convention=NAMING)
    type_annotation_map = TYPES


class StoreTable(DeclarativeBase):
    """A table that every store's schema has. The schema name is a placeholder, translated per transaction."""

    metadata = MetaData(schema=TENANT_PLACEHOLDER, naming_convention=NAMING)
    type_annotation_map = TYPES

    id: Mapped[Id]
