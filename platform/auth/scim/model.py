"""What a directory told us by SCIM, and who may tell it. Rows of the control schema: they decide who signs in, with which role.

A person of the directory is an account of the group; `ScimUser` keeps what accounts do not have. A connection is a credential and
owns nothing: when a second one takes over, the people and groups are the same.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id
from ...tenancy.control import one_of
from ...tenancy.security import REGISTRY, Grants

#: What of a SCIM group a mapping names.
MAPPING_KEYS = ("DISPLAY_NAME", "EXTERNAL_ID")


def _group() -> Mapped[UUID]:
    return mapped_column(ForeignKey("control.dealer_group.id"), index=True)


def _of_account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id", "group_id"], ["control.account.id", "control.account.group_id"])


class ScimConnection(ControlTable):
    """A bearer token with which a directory provisions the group's people. Only the SHA-256 of the token is kept.

    `created_by` is the account of the person who made it; null: the command line.
    """

    __tablename__ = "scim_connection"
    __table_args__ = (
        CheckConstraint("length(token_hash) = 32", name="token_hash"),
        CheckConstraint("expires_at > created_at", name="period"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = _group()
    label: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    #: written at most once in `connections.USE_INTERVAL`
    last_used_at: Mapped[datetime | None]


class ScimUser(ControlTable):
    """A person of the directory; its SCIM id is the account's. The row goes when the directory deletes the person, the account stays.

    `attributes` holds what was given and accounts do not keep: parts of the name, addresses with their kinds. With
    `employee_no` the person is that employee at the stores where mappings give a role. `active` is the directory's word;
    the account may be disabled here besides. `version` is the ETag.
    """

    __tablename__ = "scim_user"
    __table_args__ = (_of_account(), Index("ix_scim_user_external_id", "group_id", "external_id"))

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    external_id: Mapped[str | None]
    employee_no: Mapped[str | None]
    attributes: Mapped[dict[str, Any]]
    active: Mapped[bool | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ScimGroup(ControlTable):
    """A group of the directory. It gives nothing by itself: `ScimMapping` says what its people may do."""

    __tablename__ = "scim_group"
    __table_args__ = (
        UniqueConstraint("id", "group_id"),
        Index("ix_scim_group_display_name", "group_id", "display_name"),
        Index("ix_scim_group_external_id", "group_id", "external_id"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = _group()
    external_id: Mapped[str | None]
    display_name: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ScimMember(ControlTable):
    """An account in a group of the directory. `added_by` is the account that made the connection through which it came."""

    __tablename__ = "scim_member"
    __table_args__ = (
        ForeignKeyConstraint(["scim_group_id", "group_id"], ["control.scim_group.id", "control.scim_group.group_id"]),
        _of_account(),
    )

    scim_group_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    added_by: Mapped[UUID | None]


class ScimMapping(ControlTable):
    """What the people of a directory group may do: a role at a store, at the stores of a region, or (neither) of the group."""

    __tablename__ = "scim_mapping"
    __table_args__ = (
        CheckConstraint(one_of("by", *MAPPING_KEYS), name="by"),
        CheckConstraint("store_id is null or region is null", name="place"),
        UniqueConstraint(
            "group_id",
            "by",
            "value",
            "role",
            "store_id",
            "region",
            name="uq_scim_mapping",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = _group()
    by: Mapped[str]
    value: Mapped[str]
    role: Mapped[str]
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.store.id"))
    region: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]


class ScimMembership(ControlTable):
    """Marks a membership that a mapping gave: these, and no others, are taken away again when the directory's groups change."""

    __tablename__ = "scim_membership"

    membership_id: Mapped[UUID] = mapped_column(ForeignKey("control.membership.id"), primary_key=True)
    group_id: Mapped[UUID] = _group()


_CONNECTION_SHOWN = "id, group_id, label, created_at, created_by, expires_at, revoked_at, last_used_at"
REGISTRY.declare(
    Grants(
        "scim_connection",
        group=(f"select ({_CONNECTION_SHOWN})", "insert", "update (revoked_at)"),
        control=("select", "update (last_used_at)"),
    ),
    Grants(
        "scim_user",
        group=(
            "select",
            "insert",
            "update (external_id, employee_no, attributes, active, version, updated_at)",
            "delete",
        ),
    ),
    Grants(
        "scim_group",
        group=("select", "insert", "update (external_id, display_name, version, updated_at)", "delete"),
    ),
    Grants("scim_member", group=("select", "insert", "delete")),
    Grants("scim_mapping", group=("select", "insert", "delete")),
    Grants("scim_membership", group=("select", "insert")),
)
