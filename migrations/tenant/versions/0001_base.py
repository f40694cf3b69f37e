"""Every store's schema. Generated from the metadata by migrations/make_base.py."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(text(SCHEMA.replace(":", r"\:")))  # a colon in SQL is no parameter


SCHEMA = r"""
create schema tenant;
grant usage on schema tenant to tenant;
CREATE TABLE tenant.audit_event (
    chain UUID NOT NULL,
    seq BIGINT NOT NULL,
    format INTEGER NOT NULL,
    key_version INTEGER NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id UUID,
    reason TEXT,
    before JSONB,
    after JSONB,
    request_id TEXT,
    session_id UUID,
    id UUID NOT NULL,
    CONSTRAINT pk_audit_event PRIMARY KEY (id)
);
CREATE INDEX ix_audit_event_at ON tenant.audit_event (at);
CREATE INDEX ix_audit_event_entity ON tenant.audit_event (entity, entity_id);
CREATE UNIQUE INDEX ix_audit_event_seq ON tenant.audit_event (seq);
CREATE TABLE tenant.audit_head (
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_audit_head PRIMARY KEY (id)
);
CREATE TABLE tenant.change_event (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    event TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id UUID NOT NULL,
    actor TEXT NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_change_event PRIMARY KEY (id)
);
CREATE INDEX ix_change_event_entity ON tenant.change_event (entity_id);
CREATE INDEX ix_change_event_feed ON tenant.change_event (xid, id);
CREATE TABLE tenant.customer (
    customer_no TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    consent_survey BOOLEAN,
    consent_marketing BOOLEAN,
    do_not_contact BOOLEAN,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_customer PRIMARY KEY (id),
    CONSTRAINT uq_customer_customer_no UNIQUE (customer_no),
    CONSTRAINT ck_customer_type CHECK (type in ('PERSON', 'ORG'))
);
CREATE TABLE tenant.employee (
    employee_no TEXT NOT NULL,
    name TEXT NOT NULL,
    name_sort TEXT NOT NULL,
    phone_enc BYTEA,
    phone_hash BYTEA,
    phone_masked TEXT,
    phone_key INTEGER,
    status TEXT NOT NULL,
    hired_on DATE NOT NULL,
    confirmed_on DATE,
    left_on DATE,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_employee PRIMARY KEY (id),
    CONSTRAINT uq_employee_employee_no UNIQUE (employee_no),
    CONSTRAINT ck_employee_status CHECK (status in ('PROBATION', 'CONFIRMED', 'LEFT'))
);
CREATE TABLE tenant.evaluation_run (
    month TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    provisional BOOLEAN NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    frozen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    inputs_hash BYTEA NOT NULL,
    result_hash BYTEA NOT NULL,
    report JSONB NOT NULL,
    approved_by TEXT,
    approved_at TIMESTAMP WITH TIME ZONE,
    published_by TEXT,
    published_at TIMESTAMP WITH TIME ZONE,
    restates_id UUID,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_evaluation_run PRIMARY KEY (id),
    CONSTRAINT uq_evaluation_run_month_number UNIQUE (month, number),
    CONSTRAINT ck_evaluation_run_state CHECK (state in ('REVIEW', 'APPROVED', 'PUBLISHED', 'SUPERSEDED')),
    CONSTRAINT ck_evaluation_run_month CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT fk_evaluation_run_restates_id FOREIGN KEY(restates_id) REFERENCES tenant.evaluation_run (id)
);
CREATE TABLE tenant.feed_state (
    epoch UUID NOT NULL,
    xid xid8 DEFAULT '0' NOT NULL,
    event_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_feed_state PRIMARY KEY (id)
);
CREATE TABLE tenant.import_batch (
    state TEXT NOT NULL,
    exported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    on_row_error TEXT NOT NULL,
    live_since DATE,
    refusal JSONB,
    counts JSONB DEFAULT '{}' NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_import_batch PRIMARY KEY (id),
    CONSTRAINT ck_import_batch_state CHECK (state in ('RECEIVED', 'CHECKED', 'MERGED', 'REFUSED', 'FAILED')),
    CONSTRAINT ck_import_batch_on_row_error CHECK (on_row_error in ('SKIP', 'ABORT'))
);
CREATE TABLE tenant.inbox (
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_inbox PRIMARY KEY (id)
);
CREATE TABLE tenant.kept_answer (
    answer BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_kept_answer PRIMARY KEY (id)
);
CREATE INDEX ix_kept_answer_expires_at ON tenant.kept_answer (expires_at);
CREATE TABLE tenant.target (
    month TEXT NOT NULL,
    metric TEXT NOT NULL,
    value NUMERIC NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_target PRIMARY KEY (id),
    CONSTRAINT uq_target_month_metric UNIQUE (month, metric),
    CONSTRAINT ck_target_metric CHECK (metric in ('SERVICE_REVENUE', 'DELIVERIES')),
    CONSTRAINT ck_target_month CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$')
);
CREATE TABLE tenant.team (
    team_code TEXT NOT NULL,
    team_name TEXT NOT NULL,
    department TEXT NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_team PRIMARY KEY (id),
    CONSTRAINT uq_team_team_code UNIQUE (team_code),
    CONSTRAINT ck_team_department CHECK (department in ('SALES', 'SERVICE', 'CUSTOMER_SERVICE', 'MANAGEMENT'))
);
CREATE TABLE tenant.attendance (
    employee_id UUID NOT NULL,
    work_date DATE NOT NULL,
    hours NUMERIC NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_attendance PRIMARY KEY (id),
    CONSTRAINT uq_attendance_employee_id_work_date UNIQUE (employee_id, work_date),
    CONSTRAINT fk_attendance_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_attendance_work_date ON tenant.attendance (work_date);
CREATE TABLE tenant.consent_event (
    customer_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    decision TEXT NOT NULL,
    text_version TEXT NOT NULL,
    channel TEXT NOT NULL,
    evidence TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_consent_event PRIMARY KEY (id),
    CONSTRAINT ck_consent_event_purpose CHECK (purpose in ('SURVEY', 'MARKETING', 'CONTACT')),
    CONSTRAINT ck_consent_event_decision CHECK (decision in ('GIVEN', 'WITHDRAWN')),
    CONSTRAINT fk_consent_event_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id)
);
CREATE INDEX ix_consent_event_customer_id ON tenant.consent_event (customer_id);
CREATE TABLE tenant.contact_point (
    customer_id UUID NOT NULL,
    kind TEXT NOT NULL,
    value_enc BYTEA NOT NULL,
    value_hash BYTEA NOT NULL,
    value_masked TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    is_primary BOOLEAN DEFAULT true NOT NULL,
    source TEXT DEFAULT 'IMPORT' NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_contact_point PRIMARY KEY (id),
    CONSTRAINT uq_contact_point_customer_id_kind_value_hash UNIQUE (customer_id, kind, value_hash),
    CONSTRAINT ck_contact_point_kind CHECK (kind in ('PHONE', 'EMAIL', 'WECHAT')),
    CONSTRAINT fk_contact_point_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id)
);
CREATE INDEX ix_contact_point_match ON tenant.contact_point (kind, value_hash);
CREATE TABLE tenant.department_card (
    run_id UUID NOT NULL,
    scheme TEXT NOT NULL,
    total NUMERIC,
    id UUID NOT NULL,
    CONSTRAINT pk_department_card PRIMARY KEY (id),
    CONSTRAINT uq_department_card_run_id_scheme UNIQUE (run_id, scheme),
    CONSTRAINT fk_department_card_run_id FOREIGN KEY(run_id) REFERENCES tenant.evaluation_run (id)
);
CREATE TABLE tenant.import_chunk (
    batch_id UUID NOT NULL,
    file TEXT NOT NULL,
    number INTEGER NOT NULL,
    content BYTEA NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_import_chunk PRIMARY KEY (id),
    CONSTRAINT uq_import_chunk_batch_id_file_number UNIQUE (batch_id, file, number),
    CONSTRAINT fk_import_chunk_batch_id FOREIGN KEY(batch_id) REFERENCES tenant.import_batch (id)
);
CREATE TABLE tenant.import_finding (
    batch_id UUID NOT NULL,
    number INTEGER NOT NULL,
    severity TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    code TEXT NOT NULL,
    message_zh TEXT NOT NULL,
    message_en TEXT NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_import_finding PRIMARY KEY (id),
    CONSTRAINT uq_import_finding_batch_id_number UNIQUE (batch_id, number),
    CONSTRAINT ck_import_finding_severity CHECK (severity in ('ERROR', 'WARNING')),
    CONSTRAINT fk_import_finding_batch_id FOREIGN KEY(batch_id) REFERENCES tenant.import_batch (id)
);
CREATE TABLE tenant.import_row (
    batch_id UUID NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    key TEXT NOT NULL,
    cells JSONB NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_import_row PRIMARY KEY (id),
    CONSTRAINT uq_import_row_key_file_batch_id UNIQUE (key, file, batch_id),
    CONSTRAINT fk_import_row_batch_id FOREIGN KEY(batch_id) REFERENCES tenant.import_batch (id)
);
CREATE INDEX ix_import_row_line ON tenant.import_row (batch_id, file, line);
CREATE TABLE tenant.kpi_value (
    run_id UUID NOT NULL,
    kpi TEXT NOT NULL,
    team_code TEXT,
    x NUMERIC,
    n INTEGER NOT NULL,
    d NUMERIC,
    value NUMERIC,
    id UUID NOT NULL,
    CONSTRAINT pk_kpi_value PRIMARY KEY (id),
    CONSTRAINT uq_kpi_value_run_id_kpi_team_code UNIQUE NULLS NOT DISTINCT (run_id, kpi, team_code),
    CONSTRAINT fk_kpi_value_run_id FOREIGN KEY(run_id) REFERENCES tenant.evaluation_run (id)
);
CREATE TABLE tenant.ledger_entry (
    run_id UUID NOT NULL,
    scheme TEXT NOT NULL,
    rule TEXT NOT NULL,
    employee_id UUID NOT NULL,
    points NUMERIC NOT NULL,
    evidence_kind TEXT NOT NULL,
    evidence_id UUID,
    evidence_key TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    period TEXT NOT NULL,
    cause TEXT NOT NULL,
    parent_id UUID,
    reverses_id UUID,
    state TEXT NOT NULL,
    reason TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_ledger_entry PRIMARY KEY (id),
    CONSTRAINT ck_ledger_entry_cause CHECK (cause in ('DIRECT', 'JOINT', 'REVERSAL')),
    CONSTRAINT ck_ledger_entry_state CHECK (state in ('PROPOSED', 'POSTED', 'REVERSED', 'REJECTED')),
    CONSTRAINT ck_ledger_entry_period CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT uq_ledger_entry_run_id_scheme_rule_evidence_key_employe_ff11 UNIQUE (run_id, scheme, rule, evidence_key, employee_id, cause),
    CONSTRAINT fk_ledger_entry_run_id FOREIGN KEY(run_id) REFERENCES tenant.evaluation_run (id),
    CONSTRAINT fk_ledger_entry_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id),
    CONSTRAINT fk_ledger_entry_parent_id FOREIGN KEY(parent_id) REFERENCES tenant.ledger_entry (id),
    CONSTRAINT fk_ledger_entry_reverses_id FOREIGN KEY(reverses_id) REFERENCES tenant.ledger_entry (id)
);
CREATE INDEX ix_ledger_entry_employee_id ON tenant.ledger_entry (employee_id);
CREATE INDEX ix_ledger_entry_parent_id ON tenant.ledger_entry (parent_id);
CREATE UNIQUE INDEX uq_ledger_entry_reverses ON tenant.ledger_entry (reverses_id) WHERE reverses_id is not null;
CREATE TABLE tenant.position (
    employee_id UUID NOT NULL,
    role TEXT NOT NULL,
    team_id UUID NOT NULL,
    supervisor_id UUID,
    valid_from DATE NOT NULL,
    valid_to DATE,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_position PRIMARY KEY (id),
    CONSTRAINT uq_position_employee_id_valid_from UNIQUE (employee_id, valid_from),
    CONSTRAINT ck_position_role CHECK (role in ('SALES_CONSULTANT', 'SALES_ASSISTANT', 'SALES_SUPERVISOR', 'SALES_MANAGER', 'SERVICE_ADVISOR', 'TECHNICIAN', 'WORKSHOP_CONTROLLER', 'PARTS_CLERK', 'SERVICE_MANAGER', 'CS_AGENT', 'CS_MANAGER', 'STORE_GM')),
    CONSTRAINT ck_position_period CHECK (valid_to is null or valid_to > valid_from),
    CONSTRAINT fk_position_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id),
    CONSTRAINT fk_position_team_id FOREIGN KEY(team_id) REFERENCES tenant.team (id),
    CONSTRAINT fk_position_supervisor_id FOREIGN KEY(supervisor_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_position_supervisor_id ON tenant.position (supervisor_id);
CREATE INDEX ix_position_team_id ON tenant.position (team_id);
CREATE TABLE tenant.scorecard (
    run_id UUID NOT NULL,
    scheme TEXT NOT NULL,
    employee_id UUID NOT NULL,
    role TEXT NOT NULL,
    team_code TEXT,
    supervisor_id UUID,
    employment TEXT NOT NULL,
    n INTEGER NOT NULL,
    x INTEGER NOT NULL,
    s01 NUMERIC,
    s01_pass BOOLEAN,
    responses INTEGER NOT NULL,
    s02 NUMERIC,
    score TEXT,
    pass_mark NUMERIC NOT NULL,
    ledger_points NUMERIC NOT NULL,
    total NUMERIC,
    verdict TEXT NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_scorecard PRIMARY KEY (id),
    CONSTRAINT uq_scorecard_run_id_scheme_employee_id UNIQUE (run_id, scheme, employee_id),
    CONSTRAINT ck_scorecard_verdict CHECK (verdict in ('PASS', 'FAIL', 'NO_DATA')),
    CONSTRAINT fk_scorecard_run_id FOREIGN KEY(run_id) REFERENCES tenant.evaluation_run (id),
    CONSTRAINT fk_scorecard_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id),
    CONSTRAINT fk_scorecard_supervisor_id FOREIGN KEY(supervisor_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_scorecard_employee_id ON tenant.scorecard (employee_id);
CREATE INDEX ix_scorecard_supervisor_id ON tenant.scorecard (supervisor_id);
CREATE TABLE tenant.vehicle (
    vin TEXT NOT NULL,
    vin_check_ok BOOLEAN NOT NULL,
    customer_id UUID,
    plate TEXT,
    brand TEXT,
    model TEXT,
    model_year INTEGER,
    powertrain TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_vehicle PRIMARY KEY (id),
    CONSTRAINT uq_vehicle_vin UNIQUE (vin),
    CONSTRAINT ck_vehicle_powertrain CHECK (powertrain in ('ICE', 'HEV', 'PHEV', 'BEV')),
    CONSTRAINT fk_vehicle_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id)
);
CREATE INDEX ix_vehicle_customer_id ON tenant.vehicle (customer_id);
CREATE TABLE tenant.appeal (
    entry_id UUID NOT NULL,
    employee_id UUID NOT NULL,
    filed_by TEXT NOT NULL,
    filed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    decision TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_appeal PRIMARY KEY (id),
    CONSTRAINT ck_appeal_state CHECK (state in ('SUBMITTED', 'UPHELD', 'DENIED')),
    CONSTRAINT ck_appeal_second_person CHECK (decided_by is null or decided_by <> filed_by),
    CONSTRAINT fk_appeal_entry_id FOREIGN KEY(entry_id) REFERENCES tenant.ledger_entry (id),
    CONSTRAINT fk_appeal_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_appeal_employee_id ON tenant.appeal (employee_id);
CREATE UNIQUE INDEX uq_appeal_open ON tenant.appeal (entry_id) WHERE state <> 'DENIED';
CREATE TABLE tenant.department_card_item (
    card_id UUID NOT NULL,
    position INTEGER NOT NULL,
    category TEXT NOT NULL,
    weight NUMERIC NOT NULL,
    category_score NUMERIC,
    kpi TEXT NOT NULL,
    n INTEGER NOT NULL,
    value NUMERIC,
    missing BOOLEAN NOT NULL,
    score NUMERIC,
    id UUID NOT NULL,
    CONSTRAINT pk_department_card_item PRIMARY KEY (id),
    CONSTRAINT uq_department_card_item_card_id_position UNIQUE (card_id, position),
    CONSTRAINT fk_department_card_item_card_id FOREIGN KEY(card_id) REFERENCES tenant.department_card (id)
);
CREATE TABLE tenant.kpi_record (
    run_id UUID NOT NULL,
    card_id UUID,
    kpi TEXT NOT NULL,
    part TEXT NOT NULL,
    record_kind TEXT NOT NULL,
    record_key TEXT NOT NULL,
    record_id UUID,
    amount NUMERIC NOT NULL,
    proof_kind TEXT,
    proof_key TEXT,
    proof_id UUID,
    id UUID NOT NULL,
    CONSTRAINT pk_kpi_record PRIMARY KEY (id),
    CONSTRAINT ck_kpi_record_part CHECK (part in ('NUMERATOR', 'DENOMINATOR', 'CASE')),
    CONSTRAINT fk_kpi_record_run_id FOREIGN KEY(run_id) REFERENCES tenant.evaluation_run (id),
    CONSTRAINT fk_kpi_record_card_id FOREIGN KEY(card_id) REFERENCES tenant.scorecard (id)
);
CREATE INDEX ix_kpi_record_card ON tenant.kpi_record (card_id, kpi, id) WHERE card_id is not null;
CREATE INDEX ix_kpi_record_value ON tenant.kpi_record (run_id, kpi, id) WHERE card_id is null;
CREATE TABLE tenant.repair_order (
    ro_no TEXT NOT NULL,
    customer_id UUID NOT NULL,
    vehicle_id UUID NOT NULL,
    advisor_id UUID NOT NULL,
    type TEXT NOT NULL,
    booked BOOLEAN,
    arrived_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    promised_at TIMESTAMP WITH TIME ZONE,
    done_at TIMESTAMP WITH TIME ZONE,
    qc TEXT,
    qc_at TIMESTAMP WITH TIME ZONE,
    customer_signed BOOLEAN,
    invoiced_at TIMESTAMP WITH TIME ZONE,
    handed_over_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    rework_of_id UUID,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_repair_order PRIMARY KEY (id),
    CONSTRAINT uq_repair_order_ro_no UNIQUE (ro_no),
    CONSTRAINT ck_repair_order_type CHECK (type in ('MAINTENANCE', 'REPAIR', 'WARRANTY', 'BODY', 'RECALL', 'INTERNAL')),
    CONSTRAINT ck_repair_order_qc CHECK (qc in ('PASSED', 'FAILED')),
    CONSTRAINT fk_repair_order_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id),
    CONSTRAINT fk_repair_order_vehicle_id FOREIGN KEY(vehicle_id) REFERENCES tenant.vehicle (id),
    CONSTRAINT fk_repair_order_advisor_id FOREIGN KEY(advisor_id) REFERENCES tenant.employee (id),
    CONSTRAINT fk_repair_order_rework_of_id FOREIGN KEY(rework_of_id) REFERENCES tenant.repair_order (id)
);
CREATE INDEX ix_repair_order_advisor_id ON tenant.repair_order (advisor_id);
CREATE INDEX ix_repair_order_arrived_at ON tenant.repair_order (arrived_at);
CREATE INDEX ix_repair_order_customer_id ON tenant.repair_order (customer_id);
CREATE INDEX ix_repair_order_handed_over_at ON tenant.repair_order (handed_over_at);
CREATE INDEX ix_repair_order_invoiced_at ON tenant.repair_order (invoiced_at);
CREATE INDEX ix_repair_order_rework_of_id ON tenant.repair_order (rework_of_id);
CREATE INDEX ix_repair_order_vehicle_id ON tenant.repair_order (vehicle_id);
CREATE TABLE tenant.sales_order (
    order_no TEXT NOT NULL,
    customer_id UUID NOT NULL,
    vehicle_id UUID NOT NULL,
    consultant_id UUID NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    invoiced_at TIMESTAMP WITH TIME ZONE,
    delivered_at TIMESTAMP WITH TIME ZONE,
    plated_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    form_complete BOOLEAN,
    delivery_signed BOOLEAN,
    net_amount NUMERIC,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_sales_order PRIMARY KEY (id),
    CONSTRAINT uq_sales_order_order_no UNIQUE (order_no),
    CONSTRAINT fk_sales_order_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id),
    CONSTRAINT fk_sales_order_vehicle_id FOREIGN KEY(vehicle_id) REFERENCES tenant.vehicle (id),
    CONSTRAINT fk_sales_order_consultant_id FOREIGN KEY(consultant_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_sales_order_consultant_id ON tenant.sales_order (consultant_id);
CREATE INDEX ix_sales_order_customer_id ON tenant.sales_order (customer_id);
CREATE INDEX ix_sales_order_delivered_at ON tenant.sales_order (delivered_at);
CREATE INDEX ix_sales_order_vehicle_id ON tenant.sales_order (vehicle_id);
CREATE TABLE tenant.complaint (
    complaint_no TEXT NOT NULL,
    record TEXT NOT NULL,
    area TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT,
    customer_id UUID,
    order_id UUID,
    repair_order_id UUID,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    validity TEXT NOT NULL,
    validity_decided_at TIMESTAMP WITH TIME ZONE,
    validity_decided_by TEXT,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    status TEXT NOT NULL,
    text TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_complaint PRIMARY KEY (id),
    CONSTRAINT uq_complaint_complaint_no UNIQUE (complaint_no),
    CONSTRAINT ck_complaint_record CHECK (record in ('COMPLAINT', 'ENQUIRY')),
    CONSTRAINT ck_complaint_area CHECK (area in ('SALES', 'SERVICE')),
    CONSTRAINT ck_complaint_kind CHECK (kind in ('PRODUCT', 'SERVICE', 'COMMUNICATION', 'PRICE', 'CONTRACT', 'PARTS', 'DELIVERY', 'SAFETY', 'PRIVACY', 'OTHER')),
    CONSTRAINT ck_complaint_severity CHECK (severity in ('P1', 'P2', 'P3', 'P4')),
    CONSTRAINT ck_complaint_validity CHECK (validity in ('UNDECIDED', 'VALID', 'PARTLY', 'INVALID')),
    CONSTRAINT ck_complaint_status CHECK (status in ('OPEN', 'CLOSED', 'WITHDRAWN', 'DUPLICATE')),
    CONSTRAINT fk_complaint_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id),
    CONSTRAINT fk_complaint_order_id FOREIGN KEY(order_id) REFERENCES tenant.sales_order (id),
    CONSTRAINT fk_complaint_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id)
);
CREATE INDEX ix_complaint_customer_id ON tenant.complaint (customer_id);
CREATE INDEX ix_complaint_order_id ON tenant.complaint (order_id);
CREATE INDEX ix_complaint_received_at ON tenant.complaint (received_at);
CREATE INDEX ix_complaint_repair_order_id ON tenant.complaint (repair_order_id);
CREATE INDEX ix_complaint_validity_decided_at ON tenant.complaint (validity_decided_at);
CREATE TABLE tenant.labour_line (
    repair_order_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    technician_id UUID NOT NULL,
    work_date DATE NOT NULL,
    hours_worked NUMERIC NOT NULL,
    hours_sold NUMERIC NOT NULL,
    amount NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_labour_line PRIMARY KEY (id),
    CONSTRAINT uq_labour_line_repair_order_id_line_no UNIQUE (repair_order_id, line_no),
    CONSTRAINT fk_labour_line_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id),
    CONSTRAINT fk_labour_line_technician_id FOREIGN KEY(technician_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_labour_line_technician_id ON tenant.labour_line (technician_id);
CREATE INDEX ix_labour_line_work_date ON tenant.labour_line (work_date);
CREATE TABLE tenant.part_line (
    repair_order_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    part_no TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    needed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE,
    defective BOOLEAN,
    amount NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_part_line PRIMARY KEY (id),
    CONSTRAINT uq_part_line_repair_order_id_line_no UNIQUE (repair_order_id, line_no),
    CONSTRAINT fk_part_line_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id)
);
CREATE INDEX ix_part_line_issued_at ON tenant.part_line (issued_at);
CREATE INDEX ix_part_line_needed_at ON tenant.part_line (needed_at);
CREATE TABLE tenant.complaint_accused (
    complaint_id UUID NOT NULL,
    employee_id UUID NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_complaint_accused PRIMARY KEY (id),
    CONSTRAINT uq_complaint_accused_complaint_id_employee_id UNIQUE (complaint_id, employee_id),
    CONSTRAINT fk_complaint_accused_complaint_id FOREIGN KEY(complaint_id) REFERENCES tenant.complaint (id),
    CONSTRAINT fk_complaint_accused_employee_id FOREIGN KEY(employee_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_complaint_accused_employee_id ON tenant.complaint_accused (employee_id);
CREATE TABLE tenant.invitation (
    survey_no TEXT NOT NULL,
    template TEXT NOT NULL,
    template_id UUID,
    order_id UUID,
    repair_order_id UUID,
    complaint_id UUID,
    customer_id UUID,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT,
    contact_hash BYTEA,
    planned_for TIMESTAMP WITH TIME ZONE,
    sent_at TIMESTAMP WITH TIME ZONE,
    bounced BOOLEAN DEFAULT false NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE,
    started_at TIMESTAMP WITH TIME ZONE,
    reminders INTEGER DEFAULT 0 NOT NULL,
    reminded_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    suppressed_reason TEXT,
    token_hash BYTEA,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_invitation PRIMARY KEY (id),
    CONSTRAINT uq_invitation_survey_no UNIQUE (survey_no),
    CONSTRAINT ck_invitation_state CHECK (state in ('SCHEDULED', 'SUPPRESSED', 'SENT', 'OPENED', 'STARTED', 'COMPLETED', 'EXPIRED', 'BOUNCED', 'OPTED_OUT', 'CANCELLED')),
    CONSTRAINT ck_invitation_channel CHECK (channel in ('SMS', 'WECHAT', 'EMAIL', 'PHONE', 'PAPER')),
    CONSTRAINT ck_invitation_origin CHECK (origin in ('IMPORT', 'LIVE')),
    CONSTRAINT ck_invitation_suppressed CHECK (state <> 'SUPPRESSED' or suppressed_reason is not null),
    CONSTRAINT fk_invitation_order_id FOREIGN KEY(order_id) REFERENCES tenant.sales_order (id),
    CONSTRAINT fk_invitation_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id),
    CONSTRAINT fk_invitation_complaint_id FOREIGN KEY(complaint_id) REFERENCES tenant.complaint (id),
    CONSTRAINT fk_invitation_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id)
);
CREATE INDEX ix_invitation_complaint_id ON tenant.invitation (complaint_id);
CREATE INDEX ix_invitation_contact_hash ON tenant.invitation (contact_hash);
CREATE INDEX ix_invitation_customer_id ON tenant.invitation (customer_id);
CREATE INDEX ix_invitation_due ON tenant.invitation (state, planned_for);
CREATE INDEX ix_invitation_order_id ON tenant.invitation (order_id);
CREATE INDEX ix_invitation_repair_order_id ON tenant.invitation (repair_order_id);
CREATE INDEX ix_invitation_sent_at ON tenant.invitation (sent_at);
CREATE UNIQUE INDEX uq_invitation_complaint ON tenant.invitation (template, complaint_id) WHERE origin = 'LIVE' and complaint_id is not null;
CREATE UNIQUE INDEX uq_invitation_order ON tenant.invitation (template, order_id) WHERE origin = 'LIVE' and order_id is not null;
CREATE UNIQUE INDEX uq_invitation_ro ON tenant.invitation (template, repair_order_id) WHERE origin = 'LIVE' and repair_order_id is not null;
CREATE UNIQUE INDEX uq_invitation_token_hash ON tenant.invitation (token_hash) WHERE token_hash is not null;
CREATE TABLE tenant.call (
    call_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    order_id UUID,
    repair_order_id UUID,
    invitation_id UUID,
    caller_id UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_s BIGINT,
    connected BOOLEAN NOT NULL,
    result TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    source_hash BYTEA,
    CONSTRAINT pk_call PRIMARY KEY (id),
    CONSTRAINT uq_call_call_no UNIQUE (call_no),
    CONSTRAINT ck_call_kind CHECK (kind in ('DELIVERY_CALL', 'CARE_CALL', 'RECOVERY', 'SERVICE_FOLLOWUP')),
    CONSTRAINT ck_call_result CHECK (result in ('OK', 'NO_ANSWER', 'REFUSED', 'INVALID_NUMBER', 'SOLVED', 'NOT_SOLVED')),
    CONSTRAINT fk_call_order_id FOREIGN KEY(order_id) REFERENCES tenant.sales_order (id),
    CONSTRAINT fk_call_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id),
    CONSTRAINT fk_call_invitation_id FOREIGN KEY(invitation_id) REFERENCES tenant.invitation (id),
    CONSTRAINT fk_call_caller_id FOREIGN KEY(caller_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_call_caller_id ON tenant.call (caller_id);
CREATE INDEX ix_call_invitation_id ON tenant.call (invitation_id);
CREATE INDEX ix_call_order_id ON tenant.call (order_id);
CREATE INDEX ix_call_repair_order_id ON tenant.call (repair_order_id);
CREATE INDEX ix_call_started_at ON tenant.call (started_at);
CREATE TABLE tenant.response (
    invitation_id UUID NOT NULL,
    mode TEXT NOT NULL,
    interviewer_id UUID,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    integrity TEXT DEFAULT 'OK' NOT NULL,
    integrity_by TEXT,
    integrity_reason TEXT,
    q_overall INTEGER,
    q_care_call_72h BOOLEAN,
    q_influenced BOOLEAN,
    q_recommend INTEGER,
    q_comment TEXT,
    language TEXT,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_response PRIMARY KEY (id),
    CONSTRAINT uq_response_invitation_id UNIQUE (invitation_id),
    CONSTRAINT ck_response_mode CHECK (mode in ('SELF_ONLINE', 'SMS', 'WECHAT', 'PHONE_INTERVIEW', 'PAPER', 'FACE_TO_FACE', 'ASSISTED_AT_DELIVERY')),
    CONSTRAINT ck_response_integrity CHECK (integrity in ('OK', 'QUARANTINED', 'VOID')),
    CONSTRAINT ck_response_q_overall CHECK (q_overall between 1 and 5),
    CONSTRAINT ck_response_q_recommend CHECK (q_recommend between 0 and 10),
    CONSTRAINT fk_response_invitation_id FOREIGN KEY(invitation_id) REFERENCES tenant.invitation (id),
    CONSTRAINT fk_response_interviewer_id FOREIGN KEY(interviewer_id) REFERENCES tenant.employee (id)
);
CREATE INDEX ix_response_interviewer_id ON tenant.response (interviewer_id);
CREATE INDEX ix_response_submitted_at ON tenant.response (submitted_at);
CREATE TABLE tenant.response_draft (
    invitation_id UUID NOT NULL,
    answers JSONB NOT NULL,
    language TEXT NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_response_draft PRIMARY KEY (id),
    CONSTRAINT uq_response_draft_invitation_id UNIQUE (invitation_id),
    CONSTRAINT fk_response_draft_invitation_id FOREIGN KEY(invitation_id) REFERENCES tenant.invitation (id)
);
CREATE INDEX ix_response_draft_saved_at ON tenant.response_draft (saved_at);
CREATE TABLE tenant.answer (
    response_id UUID NOT NULL,
    question TEXT NOT NULL,
    value JSONB NOT NULL,
    id UUID NOT NULL,
    CONSTRAINT pk_answer PRIMARY KEY (id),
    CONSTRAINT uq_answer_response_id_question UNIQUE (response_id, question),
    CONSTRAINT fk_answer_response_id FOREIGN KEY(response_id) REFERENCES tenant.response (id)
);
CREATE TABLE tenant.follow_up_task (
    kind TEXT NOT NULL,
    cause_id UUID NOT NULL,
    order_id UUID,
    repair_order_id UUID,
    invitation_id UUID,
    customer_id UUID,
    assignee_id UUID,
    assignee_role TEXT,
    not_before TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    evidence_call_id UUID,
    outcome TEXT,
    closed_at TIMESTAMP WITH TIME ZONE,
    id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT DEFAULT 'system' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_by TEXT DEFAULT 'system' NOT NULL,
    CONSTRAINT pk_follow_up_task PRIMARY KEY (id),
    CONSTRAINT ck_follow_up_task_kind CHECK (kind in ('DELIVERY_CALL', 'CARE_CALL_72H', 'RECOVERY', 'HOME_VISIT', 'SERVICE_FOLLOWUP')),
    CONSTRAINT ck_follow_up_task_state CHECK (state in ('PLANNED', 'OPEN', 'OVERDUE', 'DONE_ON_TIME', 'DONE_LATE', 'UNREACHABLE', 'CANCELLED')),
    CONSTRAINT uq_follow_up_task_kind_cause_id_assignee_role UNIQUE NULLS NOT DISTINCT (kind, cause_id, assignee_role),
    CONSTRAINT fk_follow_up_task_order_id FOREIGN KEY(order_id) REFERENCES tenant.sales_order (id),
    CONSTRAINT fk_follow_up_task_repair_order_id FOREIGN KEY(repair_order_id) REFERENCES tenant.repair_order (id),
    CONSTRAINT fk_follow_up_task_invitation_id FOREIGN KEY(invitation_id) REFERENCES tenant.invitation (id),
    CONSTRAINT fk_follow_up_task_customer_id FOREIGN KEY(customer_id) REFERENCES tenant.customer (id),
    CONSTRAINT fk_follow_up_task_assignee_id FOREIGN KEY(assignee_id) REFERENCES tenant.employee (id),
    CONSTRAINT fk_follow_up_task_evidence_call_id FOREIGN KEY(evidence_call_id) REFERENCES tenant.call (id)
);
CREATE INDEX ix_follow_up_task_assignee_id ON tenant.follow_up_task (assignee_id);
CREATE INDEX ix_follow_up_task_customer_id ON tenant.follow_up_task (customer_id);
CREATE INDEX ix_follow_up_task_due ON tenant.follow_up_task (state, due_at);
CREATE INDEX ix_follow_up_task_invitation_id ON tenant.follow_up_task (invitation_id);
CREATE INDEX ix_follow_up_task_order_id ON tenant.follow_up_task (order_id);
CREATE INDEX ix_follow_up_task_repair_order_id ON tenant.follow_up_task (repair_order_id);
grant select, insert on tenant.audit_event to tenant;
grant select, insert, update (seq, hash) on tenant.audit_head to tenant;
grant select, insert, delete on tenant.change_event to tenant;
grant select, insert, update, delete on tenant.customer to tenant;
grant select, insert, update, delete on tenant.employee to tenant;
grant select, insert, update, delete on tenant.evaluation_run to tenant;
grant select, insert, update on tenant.feed_state to tenant;
grant select, insert, update, delete on tenant.import_batch to tenant;
grant select, insert, update, delete on tenant.inbox to tenant;
grant select, insert, delete on tenant.kept_answer to tenant;
grant select, insert, update, delete on tenant.target to tenant;
grant select, insert, update, delete on tenant.team to tenant;
grant select, insert, update, delete on tenant.attendance to tenant;
grant select, insert, update, delete on tenant.consent_event to tenant;
grant select, insert, update, delete on tenant.contact_point to tenant;
grant select, insert, update, delete on tenant.department_card to tenant;
grant select, insert, update, delete on tenant.import_chunk to tenant;
grant select, insert, update, delete on tenant.import_finding to tenant;
grant select, insert, update, delete on tenant.import_row to tenant;
grant select, insert, update, delete on tenant.kpi_value to tenant;
grant select, insert, update, delete on tenant.ledger_entry to tenant;
grant select, insert, update, delete on tenant.position to tenant;
grant select, insert, update, delete on tenant.scorecard to tenant;
grant select, insert, update, delete on tenant.vehicle to tenant;
grant select, insert, update, delete on tenant.appeal to tenant;
grant select, insert, update, delete on tenant.department_card_item to tenant;
grant select, insert, update, delete on tenant.kpi_record to tenant;
grant select, insert, update, delete on tenant.repair_order to tenant;
grant select, insert, update, delete on tenant.sales_order to tenant;
grant select, insert, update, delete on tenant.complaint to tenant;
grant select, insert, update, delete on tenant.labour_line to tenant;
grant select, insert, update, delete on tenant.part_line to tenant;
grant select, insert, update, delete on tenant.complaint_accused to tenant;
grant select, insert, update, delete on tenant.invitation to tenant;
grant select, insert, update, delete on tenant.call to tenant;
grant select, insert, update, delete on tenant.response to tenant;
grant select, insert, update, delete on tenant.response_draft to tenant;
grant select, insert, update, delete on tenant.answer to tenant;
grant select, insert, update, delete on tenant.follow_up_task to tenant;
"""
