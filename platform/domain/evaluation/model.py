"""Tables of evaluation: schemes (control), and in each store targets, runs, KPI values, cards, ledger, appeals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id, StoreTable
from ...tenancy.columns import Amount, Imported, Recorded, month_check, to, words
from ...tenancy.security import REGISTRY, Grants

RUN_STATES = ("REVIEW", "APPROVED", "PUBLISHED", "SUPERSEDED")
ENTRY_STATES = ("PROPOSED", "POSTED", "REVERSED", "REJECTED")


class Scheme(ControlTable):
    """One version of an evaluation scheme 考核方案 of a group, as data (`evaluation/seed_schemes.py` ships three)."""

    __tablename__ = "scheme"
    __table_args__ = (
        UniqueConstraint("group_id", "code", "number"),
        words("state", "DRAFT", "ACTIVE", "SUPERSEDED"),
        CheckConstraint("approved_by is null or approved_by <> created_by", name="second_person"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    code: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    created_by: Mapped[str]
    approved_by: Mapped[str | None]


class Target(StoreTable, Recorded, Imported):
    """A monthly target 月度目标 of the store: net money or a count."""

    __tablename__ = "target"
    __table_args__ = (
        UniqueConstraint("month", "metric"),
        words("metric", "SERVICE_REVENUE", "DELIVERIES"),
        month_check(),
    )

    month: Mapped[str]
    metric: Mapped[str]
    value: Mapped[Amount]


class EvaluationRun(StoreTable, Recorded):
    """One calculation of a month 月度考核. A restated month is a new run with the next `number`; a run's figures never change.

    `inputs_hash` and `result_hash` are SHA-256: the same inputs must give the same bytes (requirement 242).
    """

    __tablename__ = "evaluation_run"
    __table_args__ = (UniqueConstraint("month", "number"), words("state", *RUN_STATES), month_check())

    month: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    provisional: Mapped[bool]
    as_of: Mapped[datetime]
    frozen_at: Mapped[datetime]
    inputs_hash: Mapped[bytes]
    result_hash: Mapped[bytes]
    report: Mapped[dict[str, Any]]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]
    published_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    restates_id: Mapped[UUID | None] = mapped_column(to("evaluation_run"))


class KpiValue(StoreTable):
    """A KPI 指标 of a run: of the store (`team_code` null) or one team. `value` null means: no denominator."""

    __tablename__ = "kpi_value"
    __table_args__ = (UniqueConstraint("run_id", "kpi", "team_code", postgresql_nulls_not_distinct=True),)

    run_id: Mapped[UUID] = mapped_column(to("evaluation_run"))
    kpi: Mapped[str]
    team_code: Mapped[str | None]
    x: Mapped[Amount | None]
    n: Mapped[int]
    d: Mapped[Amount | None]
    value: Mapped[Amount | None]


class KpiRecord(StoreTable):
    """One record that a figure counted, with the record that proves it: the explanation of every score.

    `card_id` null: of the store's KPI; else of a person's card. `part` says where the record counts; `amount` what it
    adds (1, hours, seconds, money).
    """

    __tablename__ = "kpi_record"
    __table_args__ = (
        Index("ix_kpi_record_value", "run_id", "kpi", "id", postgresql_where=text("card_id is null")),
        Index("ix_kpi_record_card", "card_id", "kpi", "id", postgresql_where=text("card_id is not null")),
        words("part", "NUMERATOR", "DENOMINATOR", "CASE"),
    )

    run_id: Mapped[UUID] = mapped_column(to("evaluation_run"))
    card_id: Mapped[UUID | None] = mapped_column(to("scorecard"))
    kpi: Mapped[str]
    part: Mapped[str]
    record_kind: Mapped[str]
    record_key: Mapped[str]
    record_id: Mapped[UUID | None]
    amount: Mapped[Amount]
    proof_kind: Mapped[str | None]
    proof_key: Mapped[str | None]
    proof_id: Mapped[UUID | None]


class Scorecard(StoreTable, Recorded):
    """A person's card 考核评分卡 of one scheme and run. Values are percent with 6 decimals, totals points with 2."""

    __tablename__ = "scorecard"
    __table_args__ = (
        UniqueConstraint("run_id", "scheme", "employee_id"),
        words("verdict", "PASS", "FAIL", "NO_DATA"),
    )

    run_id: Mapped[UUID] = mapped_column(to("evaluation_run"))
    scheme: Mapped[str]
    employee_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    role: Mapped[str]
    team_code: Mapped[str | None]
    supervisor_id: Mapped[UUID | None] = mapped_column(to("employee"), index=True)
    employment: Mapped[str]
    n: Mapped[int]
    x: Mapped[int]
    s01: Mapped[Amount | None]
    s01_pass: Mapped[bool | None]
    responses: Mapped[int]
    s02: Mapped[Amount | None]
    #: exact, as a fraction such as 300/7: a later reversal must not build on a rounded figure
    score: Mapped[str | None]
    pass_mark: Mapped[Amount]
    ledger_points: Mapped[Amount]
    total: Mapped[Amount | None]
    verdict: Mapped[str]


class DepartmentCard(StoreTable):
    """A department's card of one run, such as AFTERSALES-20/25/15/20/20 (requirement 28)."""

    __tablename__ = "department_card"
    __table_args__ = (UniqueConstraint("run_id", "scheme"),)

    run_id: Mapped[UUID] = mapped_column(to("evaluation_run"))
    scheme: Mapped[str]
    total: Mapped[Amount | None]


class DepartmentCardItem(StoreTable):
    """One sub-KPI of a department's card with its category."""

    __tablename__ = "department_card_item"
    __table_args__ = (UniqueConstraint("card_id", "position"),)

    card_id: Mapped[UUID] = mapped_column(to("department_card"))
    position: Mapped[int]
    category: Mapped[str]
    weight: Mapped[Amount]
    category_score: Mapped[Amount | None]
    kpi: Mapped[str]
    n: Mapped[int]
    value: Mapped[Amount | None]
    missing: Mapped[bool]
    score: Mapped[Amount | None]


class LedgerEntry(StoreTable, Recorded):
    """An entry of the deductions ledger 扣分台账: append-only; a reversal is an opposite entry (domain section 3.10)."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        words("cause", "DIRECT", "JOINT", "REVERSAL"),
        words("state", *ENTRY_STATES),
        month_check("period"),
        # no double punishment: one entry per run, scheme, rule, evidence and person, one reversal per entry
        UniqueConstraint("run_id", "scheme", "rule", "evidence_key", "employee_id", "cause"),
        Index("uq_ledger_entry_reverses", "reverses_id", unique=True, postgresql_where=text("reverses_id is not null")),
    )

    run_id: Mapped[UUID] = mapped_column(to("evaluation_run"))
    scheme: Mapped[str]
    rule: Mapped[str]
    employee_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    points: Mapped[Amount]
    evidence_kind: Mapped[str]
    evidence_id: Mapped[UUID | None]
    evidence_key: Mapped[str]
    occurred_at: Mapped[datetime]
    period: Mapped[str]
    cause: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(to("ledger_entry"), index=True)
    reverses_id: Mapped[UUID | None] = mapped_column(to("ledger_entry"))
    state: Mapped[str]
    reason: Mapped[str | None]


class Appeal(StoreTable, Recorded):
    """An appeal 申诉 against a ledger entry, decided by another person than the one who approved it."""

    __tablename__ = "appeal"
    __table_args__ = (
        words("state", "SUBMITTED", "UPHELD", "DENIED"),
        CheckConstraint("decided_by is null or decided_by <> filed_by", name="second_person"),
        Index("uq_appeal_open", "entry_id", unique=True, postgresql_where=text("state <> 'DENIED'")),
    )

    entry_id: Mapped[UUID] = mapped_column(to("ledger_entry"))
    employee_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    filed_by: Mapped[str]
    filed_at: Mapped[datetime]
    text: Mapped[str]
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]


REGISTRY.declare(Grants("scheme", tenant=("select",), group=("select", "insert", "update")))
