"""Tables of local accounts: the history of sign-ins, second factors, half-finished sign-ins, letters to an account's person.

What only has to be recognised is kept as SHA-256 of at least 120 random bits (ASVS 5.0, 6.5.2); the seed of one-time codes
must be read back and is sealed for its account (`tenancy/sealing.py`).
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from ..tenancy.base import ControlTable, Id
from ..tenancy.control import one_of
from ..tenancy.security import REGISTRY, Grants
from .model import SIGN_IN_METHODS, of_account

#: How an attempt to sign in ended. CODE_ASKED: the password was right, and the code is still to come. REFUSED: everything
#: may have been right, but the account is disabled or the way of signing in is not allowed to it.
OUTCOMES = ("SUCCEEDED", "CODE_ASKED", "WRONG_PASSWORD", "WRONG_CODE", "THROTTLED", "REFUSED")

#: Why somebody is between password and session: a code is asked for, or the group wants a second factor set up first.
STEPS = ("CODE", "ENROL")

#: Letters that carry a link, and those that only tell.
LINKS = ("INVITATION", "RESET")
NOTICES = (
    "CODES_GUESSED",
    "FACTOR_ADDED",
    "FACTOR_REMOVED",
    "PASSWORD_CHANGED",
    "PROVIDER_ONLY",
    "RECOVERY_CODES_MADE",
    "RECOVERY_CODE_USED",
)


class SignInEvent(ControlTable):
    """Somebody tried to sign in to an account that exists. What was typed is never kept; rows go after a while."""

    __tablename__ = "sign_in_event"
    __table_args__ = (
        of_account(),
        CheckConstraint(one_of("method", *SIGN_IN_METHODS), name="method"),
        CheckConstraint(one_of("outcome", *OUTCOMES), name="outcome"),
        Index("ix_sign_in_event_account_id", "account_id", "at"),
        Index("ix_sign_in_event_at", "at"),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID]
    group_id: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime]
    method: Mapped[str]
    outcome: Mapped[str]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    provider_id: Mapped[UUID | None]


class SecondFactor(ControlTable):
    """A device that makes one-time codes (TOTP, RFC 6238). An account has at most one that counts and one being set up.

    `last_step` is the time step of the newest code that was taken: none is taken twice (RFC 6238, section 5.2).
    """

    __tablename__ = "second_factor"
    __table_args__ = (
        of_account(),
        Index(
            "uq_second_factor_confirmed", "account_id", unique=True, postgresql_where=text("confirmed_at is not null")
        ),
        Index("uq_second_factor_pending", "account_id", unique=True, postgresql_where=text("confirmed_at is null")),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID]
    group_id: Mapped[UUID] = mapped_column(index=True)
    seed_enc: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(server_default=text("0"))


class RecoveryCode(ControlTable):
    """A code that replaces the device once. Shown when it is made, kept as SHA-256."""

    __tablename__ = "recovery_code"
    __table_args__ = (of_account(), CheckConstraint("length(code_hash) = 32", name="code_hash"))

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInStep(ControlTable):
    """A browser whose password was right and whose second factor is to come. It has no rights and lives for minutes."""

    __tablename__ = "sign_in_step"
    __table_args__ = (
        of_account(),
        CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
        CheckConstraint(one_of("kind", *STEPS), name="kind"),
        Index("ix_sign_in_step_expires_at", "expires_at"),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID]
    group_id: Mapped[UUID]
    kind: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class AccountLetter(ControlTable):
    """A letter to the person of an account, by mail: a link to set a password, or a notice that something changed.

    The link's token is derived from the row's id under a key of the installation and kept as SHA-256, so that a repeated
    sending carries the same link and neither row nor job holds one.
    """

    __tablename__ = "account_letter"
    __table_args__ = (
        of_account(),
        CheckConstraint(one_of("kind", *LINKS, *NOTICES), name="kind"),
        CheckConstraint(f"({one_of('kind', *LINKS)}) = (token_hash is not null)", name="token_hash"),
        CheckConstraint("(token_hash is null) = (expires_at is null)", name="expires_at"),
        Index("ix_account_letter_account_id", "account_id", "created_at"),
        Index("ix_account_letter_created_at", "created_at"),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID]
    group_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    #: used, or overtaken by another change of the password
    ended_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]


REGISTRY.declare(
    Grants("sign_in_event", group=("select", "insert", "delete"), control=("select", "insert", "delete")),
    Grants(
        "second_factor",
        group=(
            "select (id, account_id, group_id, created_at, confirmed_at)",
            "insert",
            "update (confirmed_at, last_step)",
            "delete",
        ),
        control=("select", "update (last_step)"),
    ),
    Grants(
        "recovery_code",
        group=("select (id, account_id, group_id, created_at, used_at)", "insert", "delete"),
        control=("select", "update (used_at)"),
    ),
    Grants(
        "sign_in_step",
        group=("select (id, account_id, group_id)", "delete"),
        control=("select", "insert", "update", "delete"),
    ),
    Grants(
        "account_letter",
        group=(
            "select (id, account_id, group_id, kind, created_at, expires_at, ended_at, sent_at)",
            "insert",
            "update (ended_at, sent_at)",
            "delete",
        ),
        control=("select", "update (ended_at)"),
    ),
)
