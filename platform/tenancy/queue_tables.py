"""Tables of the background jobs, and who may touch which row.

`control.job`       waiting and leased work. Carries ids only, never personal data.
`control.dead_job`  work that was given up: headquarters lists it and may replay it.
`control.schedule`  when which job is due (see `tenancy/schedule.py`).
`control.worker`    heartbeat of the worker processes.

Row-level security, in words (the statements are in `SECURITY_SQL`):

- `forecourt_control` (the workers' login) leases, acknowledges and schedules: every row of the four tables.
- `forecourt_tenant` (inherited by every store role) may only INSERT into `control.job`, only the columns a producer
  fills, and only jobs of its own store (`current_user`) and of the group whose login it came through (`session_user`).
  It cannot read the table: not even the jobs it has just written.
- `forecourt_group` (taken by a group's login for its control rows) reads and adds the jobs of its own group, reads and
  replays its dead jobs, and keeps its schedules. The group is recognised by `session_user`, which SET ROLE cannot
  change.
- Nobody else sees anything. The table owner is not bound by policies and is used for migrations only.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .base import ControlTable, Id
from .control import one_of
from .names import CONTROL, GROUP_ROLE, TENANT_ROLE
from .security import REGISTRY

#: What a producer fills in; everything else is the consumer's.
PRODUCER_COLUMNS = (
    "id",
    "group_id",
    "store_id",
    "queue",
    "actor",
    "args",
    "run_at",
    "dedupe_key",
    "traceparent",
)


class JobRow(ControlTable):
    """One job 任务, waiting or leased. A finished job has no row."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(one_of("state", "QUEUED", "LEASED"), name="state"),
        CheckConstraint("(state = 'LEASED') = (token is not null and lease_until is not null)", name="lease"),
        CheckConstraint("group_id is not null or store_id is null", name="tenant"),
        Index("ix_job_due", "queue", "run_at", "id", postgresql_where=text("state = 'QUEUED'")),
        Index("ix_job_lease_until", "lease_until", postgresql_where=text("state = 'LEASED'")),
        # One undelivered job per key. `deliveries` only grows, so a retried job never collides on its way back.
        Index(
            "uq_job_dedupe",
            text("coalesce(store_id, group_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key is not null and deliveries = 0"),
        ),
        {
            # The table is small and hot: room for in-place updates, and vacuum long before it bloats.
            "postgresql_with": {
                "fillfactor": "70",
                "autovacuum_vacuum_scale_factor": "0.02",
                "autovacuum_vacuum_threshold": "200",
            }
        },
    )

    id: Mapped[Id]
    group_id: Mapped[UUID | None]
    store_id: Mapped[UUID | None]
    queue: Mapped[str]
    actor: Mapped[str]
    args: Mapped[dict[str, Any]]
    run_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    dedupe_key: Mapped[str | None]
    traceparent: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="QUEUED")
    lease_until: Mapped[datetime | None]
    token: Mapped[UUID | None]
    deliveries: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    crashes: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class DeadJobRow(ControlTable):
    """A job that was given up, with the reason. Its job keeps its id, so a replay has the effect of once."""

    __tablename__ = "dead_job"
    __table_args__ = (Index("ix_dead_job_group", "group_id", "died_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    job_id: Mapped[UUID]
    group_id: Mapped[UUID | None]
    store_id: Mapped[UUID | None]
    queue: Mapped[str]
    actor: Mapped[str]
    args: Mapped[dict[str, Any]]
    traceparent: Mapped[str | None]
    attempts: Mapped[int]
    error: Mapped[str]
    created_at: Mapped[datetime]
    died_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    replayed_at: Mapped[datetime | None]


class ScheduleRow(ControlTable):
    """When a job is due, in the time zone of its group; a platform schedule (`group_id` null) runs in UTC."""

    __tablename__ = "schedule"
    __table_args__ = (
        Index(
            "uq_schedule_name",
            text("coalesce(group_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "name",
            unique=True,
        ),
        Index("ix_schedule_next_run_at", "next_run_at", postgresql_where=text("enabled")),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID | None]
    name: Mapped[str]
    queue: Mapped[str] = mapped_column(server_default="default")
    actor: Mapped[str]
    args: Mapped[dict[str, Any]]
    rule: Mapped[dict[str, Any]]
    time_zone: Mapped[str]
    next_run_at: Mapped[datetime]
    last_run_at: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))


class WorkerRow(ControlTable):
    """Heartbeat of a worker process."""

    __tablename__ = "worker"

    id: Mapped[Id]
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    state: Mapped[str] = mapped_column(server_default="RUNNING")
    started_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    seen_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


#: The group whose login opened the connection; null for every other login, and null equals nothing.
_GROUP = "case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end"
#: The store whose role is taken; null for every other role.
_STORE = "case when current_user::text ~ '^s_[0-9a-f]{32}$' then substr(current_user::text, 3)::uuid end"

_OWN_GROUP = f"group_id = {_GROUP}"
_OWN_STORE = f"{_OWN_GROUP} and store_id = {_STORE}"
_ALL = "select, insert, update, delete"


def _control_has_all(table: str) -> tuple[str, ...]:
    return (
        f"alter table control.{table} enable row level security",
        f"revoke all on control.{table} from public",
        f"grant {_ALL} on control.{table} to {CONTROL}",
        f"create policy {table}_control on control.{table} to {CONTROL} using (true) with check (true)",
    )


#: Run once by the owner after the tables exist, each statement by itself.
SECURITY_SQL: tuple[str, ...] = (
    *_control_has_all("job"),
    *_control_has_all("dead_job"),
    *_control_has_all("schedule"),
    *_control_has_all("worker"),
    f"grant insert ({', '.join(PRODUCER_COLUMNS)}) on control.job to {TENANT_ROLE}, {GROUP_ROLE}",
    f"create policy job_store_adds on control.job for insert to {TENANT_ROLE} with check ({_OWN_STORE})",
    f"create policy job_group_adds on control.job for insert to {GROUP_ROLE} with check ({_OWN_GROUP})",
    f"grant select on control.job, control.dead_job, control.schedule to {GROUP_ROLE}",
    f"create policy job_group_reads on control.job for select to {GROUP_ROLE} using ({_OWN_GROUP})",
    f"create policy dead_job_group_reads on control.dead_job for select to {GROUP_ROLE} using ({_OWN_GROUP})",
    f"grant update (replayed_at) on control.dead_job to {GROUP_ROLE}",
    f"create policy dead_job_group_replays on control.dead_job for update to {GROUP_ROLE} using ({_OWN_GROUP})",
    f"grant insert, update on control.schedule to {GROUP_ROLE}",
    f"create policy schedule_group_reads on control.schedule for select to {GROUP_ROLE} using ({_OWN_GROUP})",
    f"create policy schedule_group_adds on control.schedule for insert to {GROUP_ROLE} with check ({_OWN_GROUP})",
    f"create policy schedule_group_changes on control.schedule for update to {GROUP_ROLE} using ({_OWN_GROUP})",
)

REGISTRY.declare_sql(SECURITY_SQL, tables=("job", "dead_job", "schedule", "worker"))
