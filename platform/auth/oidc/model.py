"""Identity providers of a group, and who their people are here. Rows of the control schema: they decide who signs in."""

from datetime import datetime
from typing import Any
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
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id
from ...tenancy.control import one_of
from ...tenancy.security import REGISTRY, Grants

PROVIDER_STATES = ("DRAFT", "ACTIVE", "DISABLED")


class IdentityProvider(ControlTable):
    """A group's identity provider 身份提供方. `code` names it within the group, such as ``corp``.

    `client_secret_enc` is sealed for the row. `claim_names` says under which claim the provider gives what
    (``{"email": "email", "name": "name", "roles": "groups", "employee_no": "employee_no"}``);
    `role_rules` turn values of claims into memberships (`mapping`). `version` counts changes: caches are kept per version.

    `issuer` and `client_id` say whose subjects the provider's people are, so they never change after the first activation.
    What may change waits in `proposal`, while sign-in goes on with what is active, until somebody other than `changed_by`
    activates it (docs/decisions/0018-provider-accounts.md).
    """

    __tablename__ = "identity_provider"
    __table_args__ = (
        UniqueConstraint("id", "group_id"),
        UniqueConstraint("group_id", "code"),
        CheckConstraint("code ~ '^[a-z0-9][a-z0-9-]*$'", name="code"),
        CheckConstraint(one_of("state", *PROVIDER_STATES), name="state"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"), index=True)
    code: Mapped[str]
    name: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    client_secret_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    has_secret: Mapped[bool] = mapped_column(Computed("client_secret_enc is not null", persisted=True))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    claim_names: Mapped[dict[str, Any]]
    role_rules: Mapped[list[Any]]
    #: make an account at the first sign-in of somebody unknown
    creates_accounts: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(server_default="DRAFT")
    version: Mapped[int] = mapped_column(server_default=text("1"))
    #: what was changed since the last activation, and waits for the next: the columns that may change, by name
    proposal: Mapped[dict[str, Any] | None]
    #: keys of the actors who last changed it and last activated it
    changed_by: Mapped[str]
    activated_by: Mapped[str | None]
    activated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class EmailDomain(ControlTable):
    """An e-mail domain whose people sign in at a provider. Counts once it is confirmed: a group could claim another's.

    `confirmed_at` is set by the installation's operator.
    """

    __tablename__ = "email_domain"
    __table_args__ = (
        ForeignKeyConstraint(
            ["provider_id", "group_id"], ["control.identity_provider.id", "control.identity_provider.group_id"]
        ),
        UniqueConstraint("provider_id", "domain"),
        Index("uq_email_domain_confirmed", "domain", unique=True, postgresql_where=text("confirmed_at is not null")),
        CheckConstraint("domain = lower(domain)", name="domain"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(index=True)
    provider_id: Mapped[UUID]
    domain: Mapped[str]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class ExternalIdentity(ControlTable):
    """Who a provider's subject (`sub`) is here. The pair is the only thing that recognises a person: addresses are reused."""

    __tablename__ = "external_identity"
    __table_args__ = (
        ForeignKeyConstraint(
            ["provider_id", "group_id"], ["control.identity_provider.id", "control.identity_provider.group_id"]
        ),
        ForeignKeyConstraint(["account_id", "group_id"], ["control.account.id", "control.account.group_id"]),
        UniqueConstraint("provider_id", "subject"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(index=True)
    provider_id: Mapped[UUID]
    account_id: Mapped[UUID] = mapped_column(index=True)
    subject: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class SeenTokenId(ControlTable):
    """A `jti` that was used up, until it has expired: of logout tokens and of client assertions. `issuer_key` parts the makers."""

    __tablename__ = "seen_token_id"
    __table_args__ = (
        CheckConstraint("length(jti_hash) = 32", name="jti_hash"),
        Index("ix_seen_token_id_expires_at", "expires_at"),
    )

    issuer_key: Mapped[UUID] = mapped_column(primary_key=True)
    jti_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime]


REGISTRY.declare(
    Grants(
        "identity_provider",
        group=(
            "select (id, group_id, code, name, issuer, client_id, scopes, claim_names, role_rules, creates_accounts, state,"
            " version, proposal, changed_by, activated_by, activated_at, created_at, updated_at, has_secret)",
            "insert",
            "update (name, issuer, client_id, client_secret_enc, scopes, claim_names, role_rules, creates_accounts, state,"
            " version, proposal, changed_by, activated_by, activated_at, updated_at)",
        ),
        control=("select",),
    ),
    Grants(
        "email_domain",
        group=("select", "insert (id, group_id, provider_id, domain, created_at)", "delete"),
        control=("select", "update (confirmed_at)"),
    ),
    Grants("external_identity", group=("select", "insert", "update (last_seen_at)", "delete"), control=("select",)),
    Grants("seen_token_id", control=("select", "insert", "delete"), group_column=None),
)
