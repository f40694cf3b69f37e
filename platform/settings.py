"""Typed settings, from environment variables `FORECOURT_*`. The only place that reads the environment."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _budget(text: str) -> str:
    capacity, _, restore = text.partition("/")
    if not (capacity.isdecimal() and restore.isdecimal() and int(capacity) >= 200_000 and int(restore) > 0):
        raise ValueError("a budget is written as 400000/8000, at least 200000 at once")
    return text


#: Points at once / points per second.
Budget = Annotated[str, AfterValidator(_budget)]


class Settings(BaseSettings):
    """Everything an operator may set. Each field is the variable `FORECOURT_<NAME>`, unless it names another."""

    #: An empty variable is one that is not set: compose files and unit files cannot leave one out.
    model_config = SettingsConfigDict(env_prefix="FORECOURT_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(
        default=Path(".forecourt"), description="Folder of the embedded server, secrets, mail and SMS files."
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 to 18; empty = the embedded server."
    )
    master_secret: SecretStr | None = Field(
        default=None, description="Passwords of group logins and data keys derive from it."
    )
    owner_password: SecretStr | None = Field(
        default=None, description="Of forecourt_owner; only for migrations and provisioning."
    )
    hardening: Literal["full", "reduced"] = Field(
        default="full", description="'reduced' starts without a superuser's REVOKEs."
    )
    transaction_pooling: bool = Field(
        default=False, description="PgBouncer in transaction mode: no prepared statements."
    )
    statement_timeout_ms: int = Field(default=15_000, ge=100)
    deadline_ms: int = Field(default=20_000, ge=100, description="What one operation of the API may take.")
    budget_app_store: Budget = Field(
        default="200000/4000",
        description="Points of cost that a program may use at one store: at once / per second after that.",
    )
    budget_app: Budget = Field(default="400000/8000", description="The same of a program in its group.")
    budget_group: Budget = Field(
        default="2000000/40000",
        description="The same of a group; half of it is kept for operations that read one store.",
    )
    most_connections: int = Field(
        default=5_000, ge=10, description="Connections to one process; more are answered 503."
    )
    pool_size: int = Field(default=5, ge=1, le=100, description="Connections per group login and process.")
    reader: Literal["compiled", "interpreted"] = Field(
        default="compiled", description="How operations run: compiled, or graphql-core for all of them."
    )
    explain: bool = Field(
        default=False,
        description="For developers: a request with the extension 'explain' is told how it was answered, with its SQL.",
    )
    introspection: Literal["everybody", "administrators", "nobody"] = Field(
        default="everybody", description="Who may ask the API for its schema; administrators: of the group."
    )
    get_queries: bool = Field(default=True, description="Whether the API answers queries by GET.")
    broker: Literal["postgresql", "rabbitmq", "redis"] = "postgresql"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="How browsers reach this installation: in survey links, and where providers send people back.",
    )
    smtp_url: str | None = Field(
        default=None, description="smtp://user:password@host:port; empty = mail is written to files."
    )
    mail_from: str = "survey@forecourt.invalid"
    password_list: Path | None = Field(
        default=None, description="File of leaked or common passwords to refuse, one a line; none is shipped."
    )
    lease_seconds: float = Field(default=30.0, gt=0)
    feed_days: int = Field(
        default=30, ge=1, le=3650, description="Days for which change feeds are kept; an older cursor is refused."
    )
    outgoing_loopback: bool = Field(
        default=False,
        description="For development and tests: allows http and any port to loopback (identity providers, webhooks).",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector (the standard variable); empty = traces are not recorded.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
