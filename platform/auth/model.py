"""Accounts, memberships, tokens and web sessions: rows of the control schema, because they decide which store is meant.

Secrets are kept as hashes: passwords with argon2id, everything random with SHA-256 (256 random bits cannot be tried).
`group_id` is repeated in every row, tied to the account's by a composite foreign key, so that row-level security can guard
each table by itself.

Who needs what, to be declared with `tenancy/security.py` (rows of a group are recognised by the login):

    Grants("account",
           group=("select (id, group_id, name, display_name, email, has_password, state, language, created_at,"
                  " last_sign_in_at)", "insert",
                  "update (name, display_name, email, password_hash, state, language, last_sign_in_at)"),
           control=("select", "update (password_hash, last_sign_in_at)"))
    Grants("membership", group=("select", "insert", "update (valid_to)"), control=("select",))
    Grants("access_token",
           group=("select (id, account_id, group_id, label, created_at, expires_at, revoked_at, last_used_at)", "insert",
                  "update (revoked_at)"),
           control=("select", "update (last_used_at)"))
    Grants("web_session",
           group=("select (id, account_id, group_id, created_at, last_seen_at, idle_expires_at, absolute_expires_at,"
                  " revoked_at, method, address, user_agent, provider_id)", "update (revoked_at)"),
           control=("select", "insert", "update", "delete"))
    Grants("sign_in_attempt", control=("select", "insert", "update", "delete"), group_column=None)

`forecourt_control` signs in and looks up; `forecourt_group` manages its own rows and never reads a password or token hash.
Stores (`forecourt_tenant`) get nothing of any of them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..tenancy.base import ControlTable, Id
from ..tenancy.control import one_of
from ..tenancy.security import REGISTRY, Grants

ACCOUNT_STATES = ("ACTIVE", "DISABLED")
LANGUAGES = ("en", "zh-CN")
#: How somebody proved who they are: a password, a password and a one-time code, or the group's identity provider.
SIGN_IN_METHODS = ("PASSWORD", "PASSWORD_AND_CODE", "PROVIDER")


#: The longest delegation: a long leave; whoever is away longer is replaced.
DELEGATION_DAYS = 60
#: The longest break-glass: a working day.
BREAK_GLASS_HOURS = 8


def _limited(unless: str, most: str) -> str:
    """SQL of a CHECK: unless `unless`, a membership has a reason and an end, at most `most` after its beginning."""
    ends = f"valid_to is not null and valid_to <= valid_from + interval '{most}'"
    return f"{unless} or (reason is not null and {ends})"


def of_account() -> ForeignKeyConstraint:
    """Ties a row's account and group together: a row cannot name the account of another group."""
    return ForeignKeyConstraint(["account_id", "group_id"], ["control.account.id", "control.account.group_id"])


class Account(ControlTable):
    """A person or program that may sign in. `name` is lower-case and unique in the whole installation."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("id", "group_id"),
        UniqueConstraint("name"),
        Index("ix_account_email", text("lower(email)")),
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._@+-]*$'", name="name"),
        CheckConstraint(one_of("state", *ACCOUNT_STATES), name="state"),
        CheckConstraint(one_of("language", *LANGUAGES), name="language"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"), index=True)
    name: Mapped[str]
    display_name: Mapped[str]
    email: Mapped[str | None]
    password_hash: Mapped[str | None]
    #: what a group may know of a password: that there is one
    has_password: Mapped[bool] = mapped_column(Computed("password_hash is not null", persisted=True))
    state: Mapped[str] = mapped_column(server_default="ACTIVE")
    language: Mapped[str] = mapped_column(server_default="zh-CN")
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]


class AccountMembership(ControlTable):
    """A role 角色 of an account at a store, in the stores of a region, or of the group when both are null.

    `employee_id` is the person in that store's schema (no foreign key crosses schemas). Valid from `valid_from`, up to and
    without `valid_to`. One open membership per account, role, place and giver: an administrator (`provider_id` null) or an
    identity provider, whose memberships are computed anew at each sign-in.

    `delegated_from` is the membership that this one covers for a holiday 代理: it ends with it, and by itself. A role of
    break-glass, and a delegation, always have a reason and an end; the database refuses any other row.
    """

    __tablename__ = "membership"
    __table_args__ = (
        of_account(),
        ForeignKeyConstraint(
            ["provider_id", "group_id"], ["control.identity_provider.id", "control.identity_provider.group_id"]
        ),
        Index(
            "uq_membership_open",
            "account_id",
            "role",
            "store_id",
            "provider_id",
            "region",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("valid_to is null"),
        ),
        CheckConstraint("valid_to is null or valid_to >= valid_from", name="period"),
        CheckConstraint("employee_id is null or store_id is not null", name="employee"),
        CheckConstraint("store_id is null or region is null", name="place"),
        CheckConstraint(_limited("delegated_from is null", f"{DELEGATION_DAYS} days"), name="delegation"),
        CheckConstraint(_limited("role <> 'PLATFORM_OPERATOR'", f"{BREAK_GLASS_HOURS} hours"), name="break_glass"),
        Index("ix_membership_delegated_from", "delegated_from", postgresql_where=text("delegated_from is not null")),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.store.id"), index=True)
    #: the stores of the group whose `region` is this, whichever they are then
    region: Mapped[str | None]
    role: Mapped[str]
    employee_id: Mapped[UUID | None]
    provider_id: Mapped[UUID | None] = mapped_column(index=True)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    delegated_from: Mapped[UUID | None] = mapped_column(ForeignKey("control.membership.id"))
    reason: Mapped[str | None]


class AccessToken(ControlTable):
    """A bearer token of an account. Only the SHA-256 of it is kept."""

    __tablename__ = "access_token"
    __table_args__ = (
        of_account(),
        CheckConstraint("length(token_hash) = 32", name="token_hash"),
        CheckConstraint("expires_at > created_at", name="period"),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    label: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    #: written at most once in `tokens.USE_INTERVAL`
    last_used_at: Mapped[datetime | None]


class WebSession(ControlTable):
    """A browser that is signed in. The cookie's value is kept as SHA-256 and changes with every rotation.

    `method` says how the person proved who they are. Of a sign-in by an identity provider, `provider_sid` and
    `provider_subject` are what the provider will name when it ends the session (OpenID Connect Back-Channel Logout 1.0),
    and `id_token_enc` is the sealed hint for ending it there (RP-Initiated Logout 1.0).
    """

    __tablename__ = "web_session"
    __table_args__ = (
        of_account(),
        CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
        CheckConstraint("idle_expires_at <= absolute_expires_at", name="period"),
        CheckConstraint(one_of("method", *SIGN_IN_METHODS), name="method"),
        CheckConstraint("(method = 'PROVIDER') = (provider_id is not null)", name="provider"),
        Index("ix_web_session_absolute_expires_at", "absolute_expires_at"),
        Index(
            "ix_web_session_provider", "provider_id", "provider_sid", postgresql_where=text("provider_id is not null")
        ),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    csrf_secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    absolute_expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    #: when its person last proved who they are, by signing in or when asked again
    proved_at: Mapped[datetime]
    method: Mapped[str] = mapped_column(server_default="PASSWORD")
    #: where the sign-in came from, for its person to recognise it
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    provider_id: Mapped[UUID | None]
    provider_subject: Mapped[str | None]
    provider_sid: Mapped[str | None]
    id_token_enc: Mapped[bytes | None] = mapped_column(LargeBinary)


class SignInAttempt(ControlTable):
    """Failed sign-ins with one name from one address, counted. The name is hashed: people type passwords there too."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        CheckConstraint("length(name_hash) = 32", name="name_hash"),
        Index("ix_sign_in_attempt_address", "address", "last_failed_at"),
        Index("ix_sign_in_attempt_last_failed_at", "last_failed_at"),
    )

    name_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    last_failed_at: Mapped[datetime]
    last_succeeded_at: Mapped[datetime | None]


REGISTRY.declare(
    Grants(
        "account",
        group=(
            "select (id, group_id, name, display_name, email, has_password, state, language, created_at,"
            " last_sign_in_at)",
            "insert",
            "update (name, display_name, email, password_hash, state, language, last_sign_in_at)",
        ),
        control=("select", "update (password_hash, last_sign_in_at)"),
    ),
    Grants("membership", group=("select", "insert", "update (valid_to)"), control=("select",)),
    Grants(
        "access_token",
        group=(
            "select (id, account_id, group_id, label, created_at, expires_at, revoked_at, last_used_at)",
            "insert",
            "update (revoked_at)",
        ),
        control=("select", "update (last_used_at)"),
    ),
    Grants(
        "web_session",
        group=(
            "select (id, account_id, group_id, created_at, last_seen_at, idle_expires_at, absolute_expires_at, revoked_at,"
            " method, address, user_agent, provider_id)",
            "update (revoked_at)",
        ),
        control=("select", "insert", "update", "delete"),
    ),
    Grants("sign_in_attempt", control=("select", "insert", "update", "delete"), group_column=None),
)
