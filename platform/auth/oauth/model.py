"""Programs that call the API, and the keys that sign their tokens: rows of the control schema.

A client belongs to one group. Signing keys and revoked tokens belong to the installation, which is one issuer; no group's
login sees them. Secrets are 256 random bits and kept as SHA-256; private keys are sealed.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id
from ...tenancy.control import one_of
from ...tenancy.security import REGISTRY, Grants

SECRET_BASIC, PRIVATE_KEY_JWT = "client_secret_basic", "private_key_jwt"
#: How a client proves who it is at the token endpoint, by the names of RFC 7591.
AUTH_METHODS = (SECRET_BASIC, PRIVATE_KEY_JWT)
CLIENT_STATES = ("ACTIVE", "DISABLED")
KEY_STATES = ("NEXT", "ACTIVE", "RETIRED")


def _of_client() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["client_id", "group_id"], ["control.oauth_client.id", "control.oauth_client.group_id"])


class OAuthClient(ControlTable):
    """A program of a third party 集成应用. `client_id` is its public name in the installation.

    `scopes` are the permissions it may ask for; it sees the stores listed in `oauth_client_store`, or with `all_stores`
    every store of the group and the group's own rows. `generation` is written into its tokens: counting up ends them all.
    Its public keys stand in `jwks`, or are fetched from `jwks_uri`.
    """

    __tablename__ = "oauth_client"
    __table_args__ = (
        UniqueConstraint("id", "group_id"),
        UniqueConstraint("client_id"),
        CheckConstraint("client_id ~ '^[a-z0-9_-]+$'", name="client_id"),
        CheckConstraint(one_of("auth_method", *AUTH_METHODS), name="auth_method"),
        CheckConstraint(one_of("state", *CLIENT_STATES), name="state"),
        CheckConstraint("jwks is null or jwks_uri is null", name="keys"),
        CheckConstraint("auth_method = 'private_key_jwt' or (jwks is null and jwks_uri is null)", name="method"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"), index=True)
    client_id: Mapped[str]
    name: Mapped[str]
    auth_method: Mapped[str]
    jwks: Mapped[dict[str, Any] | None]
    jwks_uri: Mapped[str | None]
    all_stores: Mapped[bool] = mapped_column(server_default=text("false"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    state: Mapped[str] = mapped_column(server_default="ACTIVE")
    generation: Mapped[int] = mapped_column(server_default=text("1"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    #: key of the actor who made it
    created_by: Mapped[str]
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    #: when it last got a token; written at most once in `service.USE_INTERVAL`
    last_used_at: Mapped[datetime | None]


class OAuthClientStore(ControlTable):
    """A store that a client may see."""

    __tablename__ = "oauth_client_store"
    __table_args__ = (_of_client(),)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("control.store.id"), primary_key=True, index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)


class OAuthClientSecret(ControlTable):
    """A client's secret. Two count at once while one takes the other's place; `expires_at` ends the older."""

    __tablename__ = "oauth_client_secret"
    __table_args__ = (
        _of_client(),
        CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
        CheckConstraint("expires_at is null or expires_at >= created_at", name="period"),
    )

    id: Mapped[Id]
    client_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class OAuthSigningKey(ControlTable):
    """A key of the installation that signs access tokens: ES256, RFC 7518 §3.4.

    NEXT is published and not used yet; ACTIVE signs; RETIRED signs no more, its private part is gone, and it stays
    published until `published_until`, when the last token it signed has ended.
    """

    __tablename__ = "oauth_signing_key"
    __table_args__ = (
        UniqueConstraint("kid"),
        CheckConstraint(one_of("state", *KEY_STATES), name="state"),
        CheckConstraint("(state = 'RETIRED') = (private_enc is null)", name="private"),
        CheckConstraint("(state = 'RETIRED') = (published_until is not null)", name="published"),
        Index("uq_oauth_signing_key_state", "state", unique=True, postgresql_where=text("state <> 'RETIRED'")),
    )

    id: Mapped[Id]
    kid: Mapped[str]
    public_jwk: Mapped[dict[str, Any]]
    private_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str]
    created_at: Mapped[datetime]
    active_from: Mapped[datetime | None]
    published_until: Mapped[datetime | None]


class OAuthRevokedToken(ControlTable):
    """A token that ended before its time (RFC 7009), by the SHA-256 of its `jti`, until it would have ended by itself."""

    __tablename__ = "oauth_revoked_token"
    __table_args__ = (
        CheckConstraint("length(jti_hash) = 32", name="jti_hash"),
        Index("ix_oauth_revoked_token_expires_at", "expires_at"),
    )

    jti_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime]


REGISTRY.declare(
    Grants(
        "oauth_client",
        group=(
            "select",
            "insert",
            "update (name, jwks, jwks_uri, all_stores, scopes, state, generation, version, expires_at, updated_at)",
        ),
        control=("select", "update (last_used_at)"),
    ),
    Grants("oauth_client_store", group=("select", "insert", "delete"), control=("select",)),
    Grants(
        "oauth_client_secret",
        group=(
            "select (id, client_id, group_id, created_at, expires_at, last_used_at)",
            "insert",
            "update (expires_at)",
        ),
        control=("select", "update (last_used_at)"),
    ),
    Grants("oauth_signing_key", control=("select", "insert", "update", "delete"), group_column=None),
    Grants("oauth_revoked_token", control=("select", "insert", "delete"), group_column=None),
)
