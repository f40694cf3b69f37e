"""The control schema. Generated from the metadata by migrations/make_base.py."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(text(SCHEMA.replace(":", r"\:")))  # a colon in SQL is no parameter


SCHEMA = r"""
create schema control;
CREATE TABLE control.audit_anchor (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    store_id UUID,
    run_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit_anchor PRIMARY KEY (id)
);
CREATE INDEX ix_audit_anchor_chain ON control.audit_anchor (group_id, store_id, seq);
CREATE INDEX ix_audit_anchor_run ON control.audit_anchor (run_id);
CREATE TABLE control.audit_event (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
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
    CONSTRAINT pk_audit_event PRIMARY KEY (id)
);
CREATE INDEX ix_group_audit_event_at ON control.audit_event (group_id, at);
CREATE INDEX ix_group_audit_event_entity ON control.audit_event (group_id, entity_id);
CREATE UNIQUE INDEX ix_group_audit_event_seq ON control.audit_event (group_id, seq);
CREATE TABLE control.audit_head (
    group_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_head PRIMARY KEY (group_id)
);
CREATE TABLE control.audit_verification (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    store_id UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    rows BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    first_bad BIGINT,
    fault_count INTEGER NOT NULL,
    faults JSONB NOT NULL,
    CONSTRAINT pk_audit_verification PRIMARY KEY (id)
);
CREATE INDEX ix_audit_verification_chain ON control.audit_verification (group_id, store_id, at);
CREATE TABLE control.dead_job (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    job_id UUID NOT NULL,
    group_id UUID,
    store_id UUID,
    queue TEXT NOT NULL,
    actor TEXT NOT NULL,
    args JSONB NOT NULL,
    traceparent TEXT,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    died_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    replayed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_dead_job PRIMARY KEY (id)
);
CREATE INDEX ix_dead_job_group ON control.dead_job (group_id, died_at);
CREATE TABLE control.dealer_group (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    key_version INTEGER DEFAULT 1 NOT NULL,
    second_factor TEXT DEFAULT 'OPTIONAL' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dealer_group PRIMARY KEY (id),
    CONSTRAINT ck_dealer_group_second_factor CHECK (second_factor in ('OPTIONAL', 'REQUIRED')),
    CONSTRAINT uq_dealer_group_code UNIQUE (code)
);
CREATE TABLE control.idempotency_key (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    request BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (id)
);
CREATE INDEX ix_idempotency_key_expires_at ON control.idempotency_key (expires_at);
CREATE TABLE control.inbox (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_inbox PRIMARY KEY (id)
);
CREATE TABLE control.job (
    id UUID NOT NULL,
    group_id UUID,
    store_id UUID,
    queue TEXT NOT NULL,
    actor TEXT NOT NULL,
    args JSONB NOT NULL,
    run_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    dedupe_key TEXT,
    traceparent TEXT,
    state TEXT DEFAULT 'QUEUED' NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    token UUID,
    deliveries INTEGER DEFAULT 0 NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    crashes INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT ck_job_state CHECK (state in ('QUEUED', 'LEASED')),
    CONSTRAINT ck_job_lease CHECK ((state = 'LEASED') = (token is not null and lease_until is not null)),
    CONSTRAINT ck_job_tenant CHECK (group_id is not null or store_id is null)
)
 WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX ix_job_due ON control.job (queue, run_at, id) WHERE state = 'QUEUED';
CREATE INDEX ix_job_lease_until ON control.job (lease_until) WHERE state = 'LEASED';
CREATE UNIQUE INDEX uq_job_dedupe ON control.job (coalesce(store_id, group_id, '00000000-0000-0000-0000-000000000000'::uuid), dedupe_key) WHERE dedupe_key is not null and deliveries = 0;
CREATE TABLE control.kept_answer (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    answer BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_kept_answer PRIMARY KEY (id)
);
CREATE INDEX ix_group_kept_answer_expires_at ON control.kept_answer (expires_at);
CREATE TABLE control.oauth_revoked_token (
    jti_hash BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_oauth_revoked_token PRIMARY KEY (jti_hash),
    CONSTRAINT ck_oauth_revoked_token_jti_hash CHECK (length(jti_hash) = 32)
);
CREATE INDEX ix_oauth_revoked_token_expires_at ON control.oauth_revoked_token (expires_at);
CREATE TABLE control.oauth_signing_key (
    id UUID NOT NULL,
    kid TEXT NOT NULL,
    public_jwk JSONB NOT NULL,
    private_enc BYTEA,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    active_from TIMESTAMP WITH TIME ZONE,
    published_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_oauth_signing_key PRIMARY KEY (id),
    CONSTRAINT uq_oauth_signing_key_kid UNIQUE (kid),
    CONSTRAINT ck_oauth_signing_key_state CHECK (state in ('NEXT', 'ACTIVE', 'RETIRED')),
    CONSTRAINT ck_oauth_signing_key_private CHECK ((state = 'RETIRED') = (private_enc is null)),
    CONSTRAINT ck_oauth_signing_key_published CHECK ((state = 'RETIRED') = (published_until is not null))
);
CREATE UNIQUE INDEX uq_oauth_signing_key_state ON control.oauth_signing_key (state) WHERE state <> 'RETIRED';
CREATE TABLE control.rate_bucket (
    key TEXT NOT NULL,
    group_id UUID NOT NULL,
    capacity FLOAT NOT NULL,
    restore_rate FLOAT NOT NULL,
    used FLOAT NOT NULL,
    granted FLOAT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_rate_bucket PRIMARY KEY (key)
);
CREATE INDEX ix_rate_bucket_group_id ON control.rate_bucket (group_id);
CREATE TABLE control.schedule (
    id UUID NOT NULL,
    group_id UUID,
    name TEXT NOT NULL,
    queue TEXT DEFAULT 'default' NOT NULL,
    actor TEXT NOT NULL,
    args JSONB NOT NULL,
    rule JSONB NOT NULL,
    time_zone TEXT NOT NULL,
    next_run_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_run_at TIMESTAMP WITH TIME ZONE,
    enabled BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_schedule PRIMARY KEY (id)
);
CREATE INDEX ix_schedule_next_run_at ON control.schedule (next_run_at) WHERE enabled;
CREATE UNIQUE INDEX uq_schedule_name ON control.schedule (coalesce(group_id, '00000000-0000-0000-0000-000000000000'::uuid), name);
CREATE TABLE control.schema_revision (
    tree TEXT NOT NULL,
    revision TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_schema_revision PRIMARY KEY (tree),
    CONSTRAINT ck_schema_revision_tree CHECK (tree in ('control', 'tenant'))
);
CREATE TABLE control.seen_token_id (
    issuer_key UUID NOT NULL,
    jti_hash BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_seen_token_id PRIMARY KEY (issuer_key, jti_hash),
    CONSTRAINT ck_seen_token_id_jti_hash CHECK (length(jti_hash) = 32)
);
CREATE INDEX ix_seen_token_id_expires_at ON control.seen_token_id (expires_at);
CREATE TABLE control.sign_in_attempt (
    name_hash BYTEA NOT NULL,
    address TEXT NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    last_failed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_succeeded_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_sign_in_attempt PRIMARY KEY (name_hash, address),
    CONSTRAINT ck_sign_in_attempt_name_hash CHECK (length(name_hash) = 32)
);
CREATE INDEX ix_sign_in_attempt_address ON control.sign_in_attempt (address, last_failed_at);
CREATE INDEX ix_sign_in_attempt_last_failed_at ON control.sign_in_attempt (last_failed_at);
CREATE TABLE control.worker (
    id UUID NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    queues TEXT[] NOT NULL,
    state TEXT DEFAULT 'RUNNING' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_worker PRIMARY KEY (id)
);
CREATE TABLE control.account (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    email TEXT,
    password_hash TEXT,
    has_password BOOLEAN GENERATED ALWAYS AS (password_hash is not null) STORED NOT NULL,
    state TEXT DEFAULT 'ACTIVE' NOT NULL,
    language TEXT DEFAULT 'zh-CN' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_sign_in_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_id_group_id UNIQUE (id, group_id),
    CONSTRAINT uq_account_name UNIQUE (name),
    CONSTRAINT ck_account_name CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]*$'),
    CONSTRAINT ck_account_state CHECK (state in ('ACTIVE', 'DISABLED')),
    CONSTRAINT ck_account_language CHECK (language in ('en', 'zh-CN')),
    CONSTRAINT fk_account_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_account_email ON control.account (lower(email));
CREATE INDEX ix_account_group_id ON control.account (group_id);
CREATE TABLE control.group_import (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    exported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    covers_from TEXT NOT NULL,
    covers_to TEXT NOT NULL,
    group_errors JSONB NOT NULL,
    stores JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_group_import PRIMARY KEY (id),
    CONSTRAINT fk_group_import_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_group_import_group_id ON control.group_import (group_id);
CREATE TABLE control.identity_provider (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret_enc BYTEA,
    has_secret BOOLEAN GENERATED ALWAYS AS (client_secret_enc is not null) STORED NOT NULL,
    scopes TEXT[] NOT NULL,
    claim_names JSONB NOT NULL,
    role_rules JSONB NOT NULL,
    creates_accounts BOOLEAN DEFAULT false NOT NULL,
    state TEXT DEFAULT 'DRAFT' NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    proposal JSONB,
    changed_by TEXT NOT NULL,
    activated_by TEXT,
    activated_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_identity_provider PRIMARY KEY (id),
    CONSTRAINT uq_identity_provider_id_group_id UNIQUE (id, group_id),
    CONSTRAINT uq_identity_provider_group_id_code UNIQUE (group_id, code),
    CONSTRAINT ck_identity_provider_code CHECK (code ~ '^[a-z0-9][a-z0-9-]*$'),
    CONSTRAINT ck_identity_provider_state CHECK (state in ('DRAFT', 'ACTIVE', 'DISABLED')),
    CONSTRAINT fk_identity_provider_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_identity_provider_group_id ON control.identity_provider (group_id);
CREATE TABLE control.month_close (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    month TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deadline TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_month_close PRIMARY KEY (id),
    CONSTRAINT uq_month_close_group_id_month_number UNIQUE (group_id, month, number),
    CONSTRAINT ck_month_close_state CHECK (state in ('RUNNING', 'DONE')),
    CONSTRAINT ck_month_close_month CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT fk_month_close_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE TABLE control.oauth_client (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    client_id TEXT NOT NULL,
    name TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    jwks JSONB,
    jwks_uri TEXT,
    all_stores BOOLEAN DEFAULT false NOT NULL,
    scopes TEXT[] NOT NULL,
    state TEXT DEFAULT 'ACTIVE' NOT NULL,
    generation INTEGER DEFAULT 1 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_oauth_client PRIMARY KEY (id),
    CONSTRAINT uq_oauth_client_id_group_id UNIQUE (id, group_id),
    CONSTRAINT uq_oauth_client_client_id UNIQUE (client_id),
    CONSTRAINT ck_oauth_client_client_id CHECK (client_id ~ '^[a-z0-9_-]+$'),
    CONSTRAINT ck_oauth_client_auth_method CHECK (auth_method in ('client_secret_basic', 'private_key_jwt')),
    CONSTRAINT ck_oauth_client_state CHECK (state in ('ACTIVE', 'DISABLED')),
    CONSTRAINT ck_oauth_client_keys CHECK (jwks is null or jwks_uri is null),
    CONSTRAINT ck_oauth_client_method CHECK (auth_method = 'private_key_jwt' or (jwks is null and jwks_uri is null)),
    CONSTRAINT fk_oauth_client_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_oauth_client_group_id ON control.oauth_client (group_id);
CREATE TABLE control.scheme (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    code TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT NOT NULL,
    approved_by TEXT,
    CONSTRAINT pk_scheme PRIMARY KEY (id),
    CONSTRAINT uq_scheme_group_id_code_number UNIQUE (group_id, code, number),
    CONSTRAINT ck_scheme_state CHECK (state in ('DRAFT', 'ACTIVE', 'SUPERSEDED')),
    CONSTRAINT ck_scheme_second_person CHECK (approved_by is null or approved_by <> created_by),
    CONSTRAINT fk_scheme_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE TABLE control.scim_connection (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    label TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_scim_connection PRIMARY KEY (id),
    CONSTRAINT ck_scim_connection_token_hash CHECK (length(token_hash) = 32),
    CONSTRAINT ck_scim_connection_period CHECK (expires_at > created_at),
    CONSTRAINT fk_scim_connection_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT uq_scim_connection_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_scim_connection_group_id ON control.scim_connection (group_id);
CREATE TABLE control.scim_group (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    external_id TEXT,
    display_name TEXT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_scim_group PRIMARY KEY (id),
    CONSTRAINT uq_scim_group_id_group_id UNIQUE (id, group_id),
    CONSTRAINT fk_scim_group_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_scim_group_display_name ON control.scim_group (group_id, display_name);
CREATE INDEX ix_scim_group_external_id ON control.scim_group (group_id, external_id);
CREATE INDEX ix_scim_group_group_id ON control.scim_group (group_id);
CREATE TABLE control.store (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    brand TEXT NOT NULL,
    region TEXT,
    grade TEXT,
    city_tier INTEGER,
    opened_on DATE,
    time_zone TEXT NOT NULL,
    status TEXT DEFAULT 'ACTIVE' NOT NULL,
    state TEXT DEFAULT 'PROVISIONING' NOT NULL,
    revision TEXT DEFAULT '' NOT NULL,
    public_id TEXT NOT NULL,
    failure TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT uq_store_group_id_code UNIQUE (group_id, code),
    CONSTRAINT ck_store_state CHECK (state in ('PROVISIONING', 'ACTIVE', 'SUSPENDED', 'CLOSING', 'ARCHIVED', 'DELETED', 'FAILED')),
    CONSTRAINT ck_store_status CHECK (status in ('ACTIVE', 'SUSPENDED', 'CLOSING')),
    CONSTRAINT ck_store_grade CHECK (grade is null or grade in ('A', 'B', 'C')),
    CONSTRAINT fk_store_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT uq_store_public_id UNIQUE (public_id)
);
CREATE TABLE control.survey_template (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    code TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    purpose TEXT NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT NOT NULL,
    approved_by TEXT,
    published_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_survey_template PRIMARY KEY (id),
    CONSTRAINT uq_survey_template_group_id_code_number UNIQUE (group_id, code, number),
    CONSTRAINT ck_survey_template_state CHECK (state in ('DRAFT', 'IN_REVIEW', 'PUBLISHED', 'RETIRED')),
    CONSTRAINT fk_survey_template_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE TABLE control.access_token (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    label TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_access_token PRIMARY KEY (id),
    CONSTRAINT fk_access_token_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_access_token_token_hash CHECK (length(token_hash) = 32),
    CONSTRAINT ck_access_token_period CHECK (expires_at > created_at),
    CONSTRAINT uq_access_token_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_access_token_account_id ON control.access_token (account_id);
CREATE INDEX ix_access_token_group_id ON control.access_token (group_id);
CREATE TABLE control.account_letter (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    kind TEXT NOT NULL,
    token_hash BYTEA,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    sent_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_account_letter PRIMARY KEY (id),
    CONSTRAINT fk_account_letter_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_account_letter_kind CHECK (kind in ('INVITATION', 'RESET', 'CODES_GUESSED', 'FACTOR_ADDED', 'FACTOR_REMOVED', 'PASSWORD_CHANGED', 'PROVIDER_ONLY', 'RECOVERY_CODES_MADE', 'RECOVERY_CODE_USED')),
    CONSTRAINT ck_account_letter_token_hash CHECK ((kind in ('INVITATION', 'RESET')) = (token_hash is not null)),
    CONSTRAINT ck_account_letter_expires_at CHECK ((token_hash is null) = (expires_at is null)),
    CONSTRAINT uq_account_letter_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_account_letter_account_id ON control.account_letter (account_id, created_at);
CREATE INDEX ix_account_letter_created_at ON control.account_letter (created_at);
CREATE INDEX ix_account_letter_group_id ON control.account_letter (group_id);
CREATE TABLE control.benchmark_run (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    close_id UUID NOT NULL,
    month TEXT NOT NULL,
    kpi TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    computed BOOLEAN NOT NULL,
    x INTEGER NOT NULL,
    n INTEGER NOT NULL,
    pooled DOUBLE PRECISION,
    m DOUBLE PRECISION,
    theta DOUBLE PRECISION,
    tau DOUBLE PRECISION,
    phi DOUBLE PRECISION,
    report JSONB NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_benchmark_run PRIMARY KEY (id),
    CONSTRAINT uq_benchmark_run_group_id_month_kpi_number UNIQUE (group_id, month, kpi, number),
    CONSTRAINT ck_benchmark_run_state CHECK (state in ('PUBLISHED', 'SUPERSEDED')),
    CONSTRAINT ck_benchmark_run_month CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT fk_benchmark_run_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_benchmark_run_close_id FOREIGN KEY(close_id) REFERENCES control.month_close (id)
);
CREATE TABLE control.config_setting (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    store_id UUID,
    key TEXT NOT NULL,
    value JSONB NOT NULL,
    locked BOOLEAN DEFAULT false NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_config_setting PRIMARY KEY (id),
    CONSTRAINT ck_config_setting_period CHECK (valid_to is null or valid_to > valid_from),
    CONSTRAINT fk_config_setting_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_config_setting_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE INDEX ix_config_setting_lookup ON control.config_setting (group_id, key, valid_from);
CREATE TABLE control.email_domain (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    provider_id UUID NOT NULL,
    domain TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_email_domain PRIMARY KEY (id),
    CONSTRAINT fk_email_domain_provider_id_group_id FOREIGN KEY(provider_id, group_id) REFERENCES control.identity_provider (id, group_id),
    CONSTRAINT uq_email_domain_provider_id_domain UNIQUE (provider_id, domain),
    CONSTRAINT ck_email_domain_domain CHECK (domain = lower(domain))
);
CREATE INDEX ix_email_domain_group_id ON control.email_domain (group_id);
CREATE UNIQUE INDEX uq_email_domain_confirmed ON control.email_domain (domain) WHERE confirmed_at is not null;
CREATE TABLE control.external_identity (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    provider_id UUID NOT NULL,
    account_id UUID NOT NULL,
    subject TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_external_identity PRIMARY KEY (id),
    CONSTRAINT fk_external_identity_provider_id_group_id FOREIGN KEY(provider_id, group_id) REFERENCES control.identity_provider (id, group_id),
    CONSTRAINT fk_external_identity_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT uq_external_identity_provider_id_subject UNIQUE (provider_id, subject)
);
CREATE INDEX ix_external_identity_account_id ON control.external_identity (account_id);
CREATE INDEX ix_external_identity_group_id ON control.external_identity (group_id);
CREATE TABLE control.membership (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    store_id UUID,
    region TEXT,
    role TEXT NOT NULL,
    employee_id UUID,
    provider_id UUID,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_to TIMESTAMP WITH TIME ZONE,
    delegated_from UUID,
    reason TEXT,
    CONSTRAINT pk_membership PRIMARY KEY (id),
    CONSTRAINT fk_membership_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT fk_membership_provider_id_group_id FOREIGN KEY(provider_id, group_id) REFERENCES control.identity_provider (id, group_id),
    CONSTRAINT ck_membership_period CHECK (valid_to is null or valid_to >= valid_from),
    CONSTRAINT ck_membership_employee CHECK (employee_id is null or store_id is not null),
    CONSTRAINT ck_membership_place CHECK (store_id is null or region is null),
    CONSTRAINT ck_membership_delegation CHECK (delegated_from is null or (reason is not null and valid_to is not null and valid_to <= valid_from + interval '60 days')),
    CONSTRAINT ck_membership_break_glass CHECK (role <> 'PLATFORM_OPERATOR' or (reason is not null and valid_to is not null and valid_to <= valid_from + interval '8 hours')),
    CONSTRAINT fk_membership_store_id FOREIGN KEY(store_id) REFERENCES control.store (id),
    CONSTRAINT fk_membership_delegated_from FOREIGN KEY(delegated_from) REFERENCES control.membership (id)
);
CREATE INDEX ix_membership_account_id ON control.membership (account_id);
CREATE INDEX ix_membership_delegated_from ON control.membership (delegated_from) WHERE delegated_from is not null;
CREATE INDEX ix_membership_group_id ON control.membership (group_id);
CREATE INDEX ix_membership_provider_id ON control.membership (provider_id);
CREATE INDEX ix_membership_store_id ON control.membership (store_id);
CREATE UNIQUE INDEX uq_membership_open ON control.membership (account_id, role, store_id, provider_id, region) NULLS NOT DISTINCT WHERE valid_to is null;
CREATE TABLE control.oauth_client_secret (
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    group_id UUID NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_oauth_client_secret PRIMARY KEY (id),
    CONSTRAINT fk_oauth_client_secret_client_id_group_id FOREIGN KEY(client_id, group_id) REFERENCES control.oauth_client (id, group_id),
    CONSTRAINT ck_oauth_client_secret_secret_hash CHECK (length(secret_hash) = 32),
    CONSTRAINT ck_oauth_client_secret_period CHECK (expires_at is null or expires_at >= created_at)
);
CREATE INDEX ix_oauth_client_secret_client_id ON control.oauth_client_secret (client_id);
CREATE INDEX ix_oauth_client_secret_group_id ON control.oauth_client_secret (group_id);
CREATE TABLE control.oauth_client_store (
    client_id UUID NOT NULL,
    store_id UUID NOT NULL,
    group_id UUID NOT NULL,
    CONSTRAINT pk_oauth_client_store PRIMARY KEY (client_id, store_id),
    CONSTRAINT fk_oauth_client_store_client_id_group_id FOREIGN KEY(client_id, group_id) REFERENCES control.oauth_client (id, group_id),
    CONSTRAINT fk_oauth_client_store_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE INDEX ix_oauth_client_store_group_id ON control.oauth_client_store (group_id);
CREATE INDEX ix_oauth_client_store_store_id ON control.oauth_client_store (store_id);
CREATE TABLE control.recovery_code (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_recovery_code PRIMARY KEY (id),
    CONSTRAINT fk_recovery_code_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_recovery_code_code_hash CHECK (length(code_hash) = 32),
    CONSTRAINT uq_recovery_code_code_hash UNIQUE (code_hash)
);
CREATE INDEX ix_recovery_code_account_id ON control.recovery_code (account_id);
CREATE INDEX ix_recovery_code_group_id ON control.recovery_code (group_id);
CREATE TABLE control.scim_mapping (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    by TEXT NOT NULL,
    value TEXT NOT NULL,
    role TEXT NOT NULL,
    store_id UUID,
    region TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    CONSTRAINT pk_scim_mapping PRIMARY KEY (id),
    CONSTRAINT ck_scim_mapping_by CHECK (by in ('DISPLAY_NAME', 'EXTERNAL_ID')),
    CONSTRAINT ck_scim_mapping_place CHECK (store_id is null or region is null),
    CONSTRAINT uq_scim_mapping UNIQUE NULLS NOT DISTINCT (group_id, by, value, role, store_id, region),
    CONSTRAINT fk_scim_mapping_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_scim_mapping_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE INDEX ix_scim_mapping_group_id ON control.scim_mapping (group_id);
CREATE TABLE control.scim_member (
    scim_group_id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    added_by UUID,
    CONSTRAINT pk_scim_member PRIMARY KEY (scim_group_id, account_id),
    CONSTRAINT fk_scim_member_scim_group_id_group_id FOREIGN KEY(scim_group_id, group_id) REFERENCES control.scim_group (id, group_id),
    CONSTRAINT fk_scim_member_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id)
);
CREATE INDEX ix_scim_member_account_id ON control.scim_member (account_id);
CREATE INDEX ix_scim_member_group_id ON control.scim_member (group_id);
CREATE TABLE control.scim_user (
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    external_id TEXT,
    employee_no TEXT,
    attributes JSONB NOT NULL,
    active BOOLEAN,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_scim_user PRIMARY KEY (account_id),
    CONSTRAINT fk_scim_user_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id)
);
CREATE INDEX ix_scim_user_external_id ON control.scim_user (group_id, external_id);
CREATE INDEX ix_scim_user_group_id ON control.scim_user (group_id);
CREATE TABLE control.second_factor (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    seed_enc BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    last_step INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_second_factor PRIMARY KEY (id),
    CONSTRAINT fk_second_factor_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id)
);
CREATE INDEX ix_second_factor_group_id ON control.second_factor (group_id);
CREATE UNIQUE INDEX uq_second_factor_confirmed ON control.second_factor (account_id) WHERE confirmed_at is not null;
CREATE UNIQUE INDEX uq_second_factor_pending ON control.second_factor (account_id) WHERE confirmed_at is null;
CREATE TABLE control.sign_in_event (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    method TEXT NOT NULL,
    outcome TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    provider_id UUID,
    CONSTRAINT pk_sign_in_event PRIMARY KEY (id),
    CONSTRAINT fk_sign_in_event_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_sign_in_event_method CHECK (method in ('PASSWORD', 'PASSWORD_AND_CODE', 'PROVIDER')),
    CONSTRAINT ck_sign_in_event_outcome CHECK (outcome in ('SUCCEEDED', 'CODE_ASKED', 'WRONG_PASSWORD', 'WRONG_CODE', 'THROTTLED', 'REFUSED'))
);
CREATE INDEX ix_sign_in_event_account_id ON control.sign_in_event (account_id, at);
CREATE INDEX ix_sign_in_event_at ON control.sign_in_event (at);
CREATE INDEX ix_sign_in_event_group_id ON control.sign_in_event (group_id);
CREATE TABLE control.sign_in_step (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    kind TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tries INTEGER DEFAULT 0 NOT NULL,
    address TEXT,
    user_agent TEXT,
    CONSTRAINT pk_sign_in_step PRIMARY KEY (id),
    CONSTRAINT fk_sign_in_step_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_sign_in_step_secret_hash CHECK (length(secret_hash) = 32),
    CONSTRAINT ck_sign_in_step_kind CHECK (kind in ('CODE', 'ENROL')),
    CONSTRAINT uq_sign_in_step_secret_hash UNIQUE (secret_hash)
);
CREATE INDEX ix_sign_in_step_expires_at ON control.sign_in_step (expires_at);
CREATE TABLE control.store_close (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    close_id UUID NOT NULL,
    store_id UUID NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    run_id UUID,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_store_close PRIMARY KEY (id),
    CONSTRAINT uq_store_close_close_id_store_id UNIQUE (close_id, store_id),
    CONSTRAINT ck_store_close_state CHECK (state in ('WAITING', 'RUNNING', 'DONE', 'FAILED', 'MISSING')),
    CONSTRAINT fk_store_close_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_store_close_close_id FOREIGN KEY(close_id) REFERENCES control.month_close (id),
    CONSTRAINT fk_store_close_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE TABLE control.store_stat (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    store_id UUID NOT NULL,
    month TEXT NOT NULL,
    kpi TEXT NOT NULL,
    x INTEGER,
    n INTEGER NOT NULL,
    run_id UUID NOT NULL,
    run_number INTEGER NOT NULL,
    provisional BOOLEAN NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_store_stat PRIMARY KEY (id),
    CONSTRAINT uq_store_stat_store_id_month_kpi UNIQUE (store_id, month, kpi),
    CONSTRAINT ck_store_stat_month CHECK (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    CONSTRAINT fk_store_stat_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_store_stat_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE TABLE control.web_session (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    secret_hash BYTEA NOT NULL,
    csrf_secret BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    idle_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    absolute_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    proved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    method TEXT DEFAULT 'PASSWORD' NOT NULL,
    address TEXT,
    user_agent TEXT,
    provider_id UUID,
    provider_subject TEXT,
    provider_sid TEXT,
    id_token_enc BYTEA,
    CONSTRAINT pk_web_session PRIMARY KEY (id),
    CONSTRAINT fk_web_session_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_web_session_secret_hash CHECK (length(secret_hash) = 32),
    CONSTRAINT ck_web_session_period CHECK (idle_expires_at <= absolute_expires_at),
    CONSTRAINT ck_web_session_method CHECK (method in ('PASSWORD', 'PASSWORD_AND_CODE', 'PROVIDER')),
    CONSTRAINT ck_web_session_provider CHECK ((method = 'PROVIDER') = (provider_id is not null)),
    CONSTRAINT uq_web_session_secret_hash UNIQUE (secret_hash)
);
CREATE INDEX ix_web_session_absolute_expires_at ON control.web_session (absolute_expires_at);
CREATE INDEX ix_web_session_account_id ON control.web_session (account_id);
CREATE INDEX ix_web_session_group_id ON control.web_session (group_id);
CREATE INDEX ix_web_session_provider ON control.web_session (provider_id, provider_sid) WHERE provider_id is not null;
CREATE TABLE control.benchmark_share (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    run_id UUID NOT NULL,
    store_id UUID NOT NULL,
    month TEXT NOT NULL,
    kpi TEXT NOT NULL,
    view JSONB NOT NULL,
    CONSTRAINT pk_benchmark_share PRIMARY KEY (id),
    CONSTRAINT uq_benchmark_share_run_id_store_id UNIQUE (run_id, store_id),
    CONSTRAINT fk_benchmark_share_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_benchmark_share_run_id FOREIGN KEY(run_id) REFERENCES control.benchmark_run (id),
    CONSTRAINT fk_benchmark_share_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE TABLE control.benchmark_store (
    id UUID NOT NULL,
    group_id UUID NOT NULL,
    run_id UUID NOT NULL,
    store_id UUID NOT NULL,
    missing TEXT,
    n INTEGER,
    x INTEGER,
    value DOUBLE PRECISION,
    lo DOUBLE PRECISION,
    hi DOUBLE PRECISION,
    eb DOUBLE PRECISION,
    verdict TEXT,
    lo998 DOUBLE PRECISION,
    lo95 DOUBLE PRECISION,
    hi95 DOUBLE PRECISION,
    hi998 DOUBLE PRECISION,
    suppressed BOOLEAN DEFAULT false NOT NULL,
    rankable BOOLEAN DEFAULT false NOT NULL,
    rank INTEGER,
    rank_lo INTEGER,
    rank_hi INTEGER,
    gap DOUBLE PRECISION,
    CONSTRAINT pk_benchmark_store PRIMARY KEY (id),
    CONSTRAINT uq_benchmark_store_run_id_store_id UNIQUE (run_id, store_id),
    CONSTRAINT fk_benchmark_store_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT fk_benchmark_store_run_id FOREIGN KEY(run_id) REFERENCES control.benchmark_run (id),
    CONSTRAINT fk_benchmark_store_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE TABLE control.scim_membership (
    membership_id UUID NOT NULL,
    group_id UUID NOT NULL,
    CONSTRAINT pk_scim_membership PRIMARY KEY (membership_id),
    CONSTRAINT fk_scim_membership_membership_id FOREIGN KEY(membership_id) REFERENCES control.membership (id),
    CONSTRAINT fk_scim_membership_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id)
);
CREATE INDEX ix_scim_membership_group_id ON control.scim_membership (group_id);
CREATE TABLE control.view_as (
    id UUID NOT NULL,
    account_id UUID NOT NULL,
    group_id UUID NOT NULL,
    session_id UUID,
    role TEXT NOT NULL,
    store_id UUID,
    region TEXT,
    employee_id UUID,
    reason TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_view_as PRIMARY KEY (id),
    CONSTRAINT fk_view_as_account_id_group_id FOREIGN KEY(account_id, group_id) REFERENCES control.account (id, group_id),
    CONSTRAINT ck_view_as_period CHECK (expires_at > started_at and expires_at <= started_at + interval '30 minutes'),
    CONSTRAINT ck_view_as_place CHECK (store_id is null or region is null),
    CONSTRAINT fk_view_as_session_id FOREIGN KEY(session_id) REFERENCES control.web_session (id) ON DELETE CASCADE,
    CONSTRAINT fk_view_as_store_id FOREIGN KEY(store_id) REFERENCES control.store (id)
);
CREATE INDEX ix_view_as_account_id ON control.view_as (account_id);
CREATE INDEX ix_view_as_group_id ON control.view_as (group_id);
CREATE UNIQUE INDEX uq_view_as_open ON control.view_as (session_id) WHERE ended_at is null;
grant usage on schema control to forecourt_tenant, forecourt_group, forecourt_control;
alter table control.access_token enable row level security;
revoke all on control.access_token from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id, label, created_at, expires_at, revoked_at, last_used_at) on control.access_token to forecourt_group;
grant insert on control.access_token to forecourt_group;
grant update (revoked_at) on control.access_token to forecourt_group;
grant select on control.access_token to forecourt_control;
grant update (last_used_at) on control.access_token to forecourt_control;
drop policy if exists select_by_group on control.access_token;
create policy select_by_group on control.access_token for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.access_token;
create policy insert_by_group on control.access_token for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.access_token;
create policy update_by_group on control.access_token for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.access_token;
create policy select_by_control on control.access_token for select to forecourt_control using (true);
drop policy if exists update_by_control on control.access_token;
create policy update_by_control on control.access_token for update to forecourt_control using (true) with check (true);
alter table control.account enable row level security;
revoke all on control.account from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, group_id, name, display_name, email, has_password, state, language, created_at, last_sign_in_at) on control.account to forecourt_group;
grant insert on control.account to forecourt_group;
grant update (name, display_name, email, password_hash, state, language, last_sign_in_at) on control.account to forecourt_group;
grant select on control.account to forecourt_control;
grant update (password_hash, last_sign_in_at) on control.account to forecourt_control;
drop policy if exists select_by_group on control.account;
create policy select_by_group on control.account for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.account;
create policy insert_by_group on control.account for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.account;
create policy update_by_group on control.account for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.account;
create policy select_by_control on control.account for select to forecourt_control using (true);
drop policy if exists update_by_control on control.account;
create policy update_by_control on control.account for update to forecourt_control using (true) with check (true);
alter table control.account_letter enable row level security;
revoke all on control.account_letter from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id, kind, created_at, expires_at, ended_at, sent_at) on control.account_letter to forecourt_group;
grant insert on control.account_letter to forecourt_group;
grant update (ended_at, sent_at) on control.account_letter to forecourt_group;
grant delete on control.account_letter to forecourt_group;
grant select on control.account_letter to forecourt_control;
grant update (ended_at) on control.account_letter to forecourt_control;
drop policy if exists select_by_group on control.account_letter;
create policy select_by_group on control.account_letter for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.account_letter;
create policy insert_by_group on control.account_letter for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.account_letter;
create policy update_by_group on control.account_letter for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.account_letter;
create policy delete_by_group on control.account_letter for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.account_letter;
create policy select_by_control on control.account_letter for select to forecourt_control using (true);
drop policy if exists update_by_control on control.account_letter;
create policy update_by_control on control.account_letter for update to forecourt_control using (true) with check (true);
alter table control.audit_anchor enable row level security;
revoke all on control.audit_anchor from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.audit_anchor to forecourt_group;
grant insert on control.audit_anchor to forecourt_group;
drop policy if exists select_by_group on control.audit_anchor;
create policy select_by_group on control.audit_anchor for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.audit_anchor;
create policy insert_by_group on control.audit_anchor for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.audit_event enable row level security;
revoke all on control.audit_event from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.audit_event to forecourt_group;
grant insert on control.audit_event to forecourt_group;
drop policy if exists select_by_group on control.audit_event;
create policy select_by_group on control.audit_event for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.audit_event;
create policy insert_by_group on control.audit_event for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.audit_head enable row level security;
revoke all on control.audit_head from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.audit_head to forecourt_group;
grant insert on control.audit_head to forecourt_group;
grant update (seq, hash) on control.audit_head to forecourt_group;
drop policy if exists select_by_group on control.audit_head;
create policy select_by_group on control.audit_head for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.audit_head;
create policy insert_by_group on control.audit_head for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.audit_head;
create policy update_by_group on control.audit_head for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.audit_verification enable row level security;
revoke all on control.audit_verification from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.audit_verification to forecourt_group;
grant insert on control.audit_verification to forecourt_group;
drop policy if exists select_by_group on control.audit_verification;
create policy select_by_group on control.audit_verification for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.audit_verification;
create policy insert_by_group on control.audit_verification for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.benchmark_run enable row level security;
revoke all on control.benchmark_run from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.benchmark_run to forecourt_group;
grant insert on control.benchmark_run to forecourt_group;
grant update on control.benchmark_run to forecourt_group;
drop policy if exists select_by_group on control.benchmark_run;
create policy select_by_group on control.benchmark_run for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.benchmark_run;
create policy insert_by_group on control.benchmark_run for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.benchmark_run;
create policy update_by_group on control.benchmark_run for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.benchmark_share enable row level security;
revoke all on control.benchmark_share from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.benchmark_share to forecourt_tenant;
grant select on control.benchmark_share to forecourt_group;
grant insert on control.benchmark_share to forecourt_group;
grant delete on control.benchmark_share to forecourt_group;
drop policy if exists select_by_tenant on control.benchmark_share;
create policy select_by_tenant on control.benchmark_share for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end) and (store_id is null or store_id = (select case when current_user ~ '^s_[0-9a-f]{32}$' then substr(current_user::text, 3)::uuid end)));
drop policy if exists select_by_group on control.benchmark_share;
create policy select_by_group on control.benchmark_share for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.benchmark_share;
create policy insert_by_group on control.benchmark_share for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.benchmark_share;
create policy delete_by_group on control.benchmark_share for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.benchmark_store enable row level security;
revoke all on control.benchmark_store from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.benchmark_store to forecourt_group;
grant insert on control.benchmark_store to forecourt_group;
drop policy if exists select_by_group on control.benchmark_store;
create policy select_by_group on control.benchmark_store for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.benchmark_store;
create policy insert_by_group on control.benchmark_store for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.config_setting enable row level security;
revoke all on control.config_setting from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.config_setting to forecourt_tenant;
grant select on control.config_setting to forecourt_group;
grant insert on control.config_setting to forecourt_group;
grant update on control.config_setting to forecourt_group;
grant delete on control.config_setting to forecourt_group;
drop policy if exists select_by_tenant on control.config_setting;
create policy select_by_tenant on control.config_setting for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end) and (store_id is null or store_id = (select case when current_user ~ '^s_[0-9a-f]{32}$' then substr(current_user::text, 3)::uuid end)));
drop policy if exists select_by_group on control.config_setting;
create policy select_by_group on control.config_setting for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.config_setting;
create policy insert_by_group on control.config_setting for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.config_setting;
create policy update_by_group on control.config_setting for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.config_setting;
create policy delete_by_group on control.config_setting for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.dealer_group enable row level security;
revoke all on control.dealer_group from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.dealer_group to forecourt_tenant;
grant select on control.dealer_group to forecourt_group;
grant update (second_factor) on control.dealer_group to forecourt_group;
grant select on control.dealer_group to forecourt_control;
drop policy if exists select_by_tenant on control.dealer_group;
create policy select_by_tenant on control.dealer_group for select to forecourt_tenant using (id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.dealer_group;
create policy select_by_group on control.dealer_group for select to forecourt_group using (id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.dealer_group;
create policy update_by_group on control.dealer_group for update to forecourt_group using (id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.dealer_group;
create policy select_by_control on control.dealer_group for select to forecourt_control using (true);
alter table control.email_domain enable row level security;
revoke all on control.email_domain from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.email_domain to forecourt_group;
grant insert (id, group_id, provider_id, domain, created_at) on control.email_domain to forecourt_group;
grant delete on control.email_domain to forecourt_group;
grant select on control.email_domain to forecourt_control;
grant update (confirmed_at) on control.email_domain to forecourt_control;
drop policy if exists select_by_group on control.email_domain;
create policy select_by_group on control.email_domain for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.email_domain;
create policy insert_by_group on control.email_domain for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.email_domain;
create policy delete_by_group on control.email_domain for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.email_domain;
create policy select_by_control on control.email_domain for select to forecourt_control using (true);
drop policy if exists update_by_control on control.email_domain;
create policy update_by_control on control.email_domain for update to forecourt_control using (true) with check (true);
alter table control.external_identity enable row level security;
revoke all on control.external_identity from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.external_identity to forecourt_group;
grant insert on control.external_identity to forecourt_group;
grant update (last_seen_at) on control.external_identity to forecourt_group;
grant delete on control.external_identity to forecourt_group;
grant select on control.external_identity to forecourt_control;
drop policy if exists select_by_group on control.external_identity;
create policy select_by_group on control.external_identity for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.external_identity;
create policy insert_by_group on control.external_identity for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.external_identity;
create policy update_by_group on control.external_identity for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.external_identity;
create policy delete_by_group on control.external_identity for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.external_identity;
create policy select_by_control on control.external_identity for select to forecourt_control using (true);
alter table control.group_import enable row level security;
revoke all on control.group_import from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.group_import to forecourt_group;
grant insert on control.group_import to forecourt_group;
drop policy if exists select_by_group on control.group_import;
create policy select_by_group on control.group_import for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.group_import;
create policy insert_by_group on control.group_import for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.idempotency_key enable row level security;
revoke all on control.idempotency_key from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.idempotency_key to forecourt_tenant;
grant insert on control.idempotency_key to forecourt_tenant;
grant update (request, expires_at) on control.idempotency_key to forecourt_tenant;
grant select on control.idempotency_key to forecourt_group;
grant insert on control.idempotency_key to forecourt_group;
grant update (request, expires_at) on control.idempotency_key to forecourt_group;
grant select (id, expires_at) on control.idempotency_key to forecourt_control;
grant delete on control.idempotency_key to forecourt_control;
drop policy if exists select_by_tenant on control.idempotency_key;
create policy select_by_tenant on control.idempotency_key for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_tenant on control.idempotency_key;
create policy insert_by_tenant on control.idempotency_key for insert to forecourt_tenant with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_tenant on control.idempotency_key;
create policy update_by_tenant on control.idempotency_key for update to forecourt_tenant using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.idempotency_key;
create policy select_by_group on control.idempotency_key for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.idempotency_key;
create policy insert_by_group on control.idempotency_key for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.idempotency_key;
create policy update_by_group on control.idempotency_key for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.idempotency_key;
create policy select_by_control on control.idempotency_key for select to forecourt_control using (true);
drop policy if exists delete_by_control on control.idempotency_key;
create policy delete_by_control on control.idempotency_key for delete to forecourt_control using (true);
alter table control.identity_provider enable row level security;
revoke all on control.identity_provider from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, group_id, code, name, issuer, client_id, scopes, claim_names, role_rules, creates_accounts, state, version, proposal, changed_by, activated_by, activated_at, created_at, updated_at, has_secret) on control.identity_provider to forecourt_group;
grant insert on control.identity_provider to forecourt_group;
grant update (name, issuer, client_id, client_secret_enc, scopes, claim_names, role_rules, creates_accounts, state, version, proposal, changed_by, activated_by, activated_at, updated_at) on control.identity_provider to forecourt_group;
grant select on control.identity_provider to forecourt_control;
drop policy if exists select_by_group on control.identity_provider;
create policy select_by_group on control.identity_provider for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.identity_provider;
create policy insert_by_group on control.identity_provider for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.identity_provider;
create policy update_by_group on control.identity_provider for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.identity_provider;
create policy select_by_control on control.identity_provider for select to forecourt_control using (true);
alter table control.inbox enable row level security;
revoke all on control.inbox from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.inbox to forecourt_group;
grant insert on control.inbox to forecourt_group;
drop policy if exists select_by_group on control.inbox;
create policy select_by_group on control.inbox for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.inbox;
create policy insert_by_group on control.inbox for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.job enable row level security;
revoke all on control.job from public;
grant select, insert, update, delete on control.job to forecourt_control;
create policy job_control on control.job to forecourt_control using (true) with check (true);
alter table control.dead_job enable row level security;
revoke all on control.dead_job from public;
grant select, insert, update, delete on control.dead_job to forecourt_control;
create policy dead_job_control on control.dead_job to forecourt_control using (true) with check (true);
alter table control.schedule enable row level security;
revoke all on control.schedule from public;
grant select, insert, update, delete on control.schedule to forecourt_control;
create policy schedule_control on control.schedule to forecourt_control using (true) with check (true);
alter table control.worker enable row level security;
revoke all on control.worker from public;
grant select, insert, update, delete on control.worker to forecourt_control;
create policy worker_control on control.worker to forecourt_control using (true) with check (true);
grant insert (id, group_id, store_id, queue, actor, args, run_at, dedupe_key, traceparent) on control.job to forecourt_tenant, forecourt_group;
create policy job_store_adds on control.job for insert to forecourt_tenant with check (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end and store_id = case when current_user::text ~ '^s_[0-9a-f]{32}$' then substr(current_user::text, 3)::uuid end);
create policy job_group_adds on control.job for insert to forecourt_group with check (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
grant select on control.job, control.dead_job, control.schedule to forecourt_group;
create policy job_group_reads on control.job for select to forecourt_group using (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
create policy dead_job_group_reads on control.dead_job for select to forecourt_group using (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
grant update (replayed_at) on control.dead_job to forecourt_group;
create policy dead_job_group_replays on control.dead_job for update to forecourt_group using (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
grant insert, update on control.schedule to forecourt_group;
create policy schedule_group_reads on control.schedule for select to forecourt_group using (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
create policy schedule_group_adds on control.schedule for insert to forecourt_group with check (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
create policy schedule_group_changes on control.schedule for update to forecourt_group using (group_id = case when session_user::text ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end);
alter table control.kept_answer enable row level security;
revoke all on control.kept_answer from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.kept_answer to forecourt_group;
grant insert on control.kept_answer to forecourt_group;
grant delete on control.kept_answer to forecourt_group;
grant select (id, expires_at) on control.kept_answer to forecourt_control;
grant delete on control.kept_answer to forecourt_control;
drop policy if exists select_by_group on control.kept_answer;
create policy select_by_group on control.kept_answer for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.kept_answer;
create policy insert_by_group on control.kept_answer for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.kept_answer;
create policy delete_by_group on control.kept_answer for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.kept_answer;
create policy select_by_control on control.kept_answer for select to forecourt_control using (true);
drop policy if exists delete_by_control on control.kept_answer;
create policy delete_by_control on control.kept_answer for delete to forecourt_control using (true);
alter table control.membership enable row level security;
revoke all on control.membership from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.membership to forecourt_group;
grant insert on control.membership to forecourt_group;
grant update (valid_to) on control.membership to forecourt_group;
grant select on control.membership to forecourt_control;
drop policy if exists select_by_group on control.membership;
create policy select_by_group on control.membership for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.membership;
create policy insert_by_group on control.membership for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.membership;
create policy update_by_group on control.membership for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.membership;
create policy select_by_control on control.membership for select to forecourt_control using (true);
alter table control.month_close enable row level security;
revoke all on control.month_close from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.month_close to forecourt_group;
grant insert on control.month_close to forecourt_group;
grant update on control.month_close to forecourt_group;
drop policy if exists select_by_group on control.month_close;
create policy select_by_group on control.month_close for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.month_close;
create policy insert_by_group on control.month_close for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.month_close;
create policy update_by_group on control.month_close for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.oauth_client enable row level security;
revoke all on control.oauth_client from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.oauth_client to forecourt_group;
grant insert on control.oauth_client to forecourt_group;
grant update (name, jwks, jwks_uri, all_stores, scopes, state, generation, version, expires_at, updated_at) on control.oauth_client to forecourt_group;
grant select on control.oauth_client to forecourt_control;
grant update (last_used_at) on control.oauth_client to forecourt_control;
drop policy if exists select_by_group on control.oauth_client;
create policy select_by_group on control.oauth_client for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.oauth_client;
create policy insert_by_group on control.oauth_client for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.oauth_client;
create policy update_by_group on control.oauth_client for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.oauth_client;
create policy select_by_control on control.oauth_client for select to forecourt_control using (true);
drop policy if exists update_by_control on control.oauth_client;
create policy update_by_control on control.oauth_client for update to forecourt_control using (true) with check (true);
alter table control.oauth_client_secret enable row level security;
revoke all on control.oauth_client_secret from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, client_id, group_id, created_at, expires_at, last_used_at) on control.oauth_client_secret to forecourt_group;
grant insert on control.oauth_client_secret to forecourt_group;
grant update (expires_at) on control.oauth_client_secret to forecourt_group;
grant select on control.oauth_client_secret to forecourt_control;
grant update (last_used_at) on control.oauth_client_secret to forecourt_control;
drop policy if exists select_by_group on control.oauth_client_secret;
create policy select_by_group on control.oauth_client_secret for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.oauth_client_secret;
create policy insert_by_group on control.oauth_client_secret for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.oauth_client_secret;
create policy update_by_group on control.oauth_client_secret for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.oauth_client_secret;
create policy select_by_control on control.oauth_client_secret for select to forecourt_control using (true);
drop policy if exists update_by_control on control.oauth_client_secret;
create policy update_by_control on control.oauth_client_secret for update to forecourt_control using (true) with check (true);
alter table control.oauth_client_store enable row level security;
revoke all on control.oauth_client_store from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.oauth_client_store to forecourt_group;
grant insert on control.oauth_client_store to forecourt_group;
grant delete on control.oauth_client_store to forecourt_group;
grant select on control.oauth_client_store to forecourt_control;
drop policy if exists select_by_group on control.oauth_client_store;
create policy select_by_group on control.oauth_client_store for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.oauth_client_store;
create policy insert_by_group on control.oauth_client_store for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.oauth_client_store;
create policy delete_by_group on control.oauth_client_store for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.oauth_client_store;
create policy select_by_control on control.oauth_client_store for select to forecourt_control using (true);
alter table control.oauth_revoked_token enable row level security;
revoke all on control.oauth_revoked_token from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.oauth_revoked_token to forecourt_control;
grant insert on control.oauth_revoked_token to forecourt_control;
grant delete on control.oauth_revoked_token to forecourt_control;
drop policy if exists select_by_control on control.oauth_revoked_token;
create policy select_by_control on control.oauth_revoked_token for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.oauth_revoked_token;
create policy insert_by_control on control.oauth_revoked_token for insert to forecourt_control with check (true);
drop policy if exists delete_by_control on control.oauth_revoked_token;
create policy delete_by_control on control.oauth_revoked_token for delete to forecourt_control using (true);
alter table control.oauth_signing_key enable row level security;
revoke all on control.oauth_signing_key from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.oauth_signing_key to forecourt_control;
grant insert on control.oauth_signing_key to forecourt_control;
grant update on control.oauth_signing_key to forecourt_control;
grant delete on control.oauth_signing_key to forecourt_control;
drop policy if exists select_by_control on control.oauth_signing_key;
create policy select_by_control on control.oauth_signing_key for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.oauth_signing_key;
create policy insert_by_control on control.oauth_signing_key for insert to forecourt_control with check (true);
drop policy if exists update_by_control on control.oauth_signing_key;
create policy update_by_control on control.oauth_signing_key for update to forecourt_control using (true) with check (true);
drop policy if exists delete_by_control on control.oauth_signing_key;
create policy delete_by_control on control.oauth_signing_key for delete to forecourt_control using (true);
alter table control.rate_bucket enable row level security;
revoke all on control.rate_bucket from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.rate_bucket to forecourt_control;
grant insert on control.rate_bucket to forecourt_control;
grant update on control.rate_bucket to forecourt_control;
grant delete on control.rate_bucket to forecourt_control;
drop policy if exists select_by_control on control.rate_bucket;
create policy select_by_control on control.rate_bucket for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.rate_bucket;
create policy insert_by_control on control.rate_bucket for insert to forecourt_control with check (true);
drop policy if exists update_by_control on control.rate_bucket;
create policy update_by_control on control.rate_bucket for update to forecourt_control using (true) with check (true);
drop policy if exists delete_by_control on control.rate_bucket;
create policy delete_by_control on control.rate_bucket for delete to forecourt_control using (true);
alter table control.recovery_code enable row level security;
revoke all on control.recovery_code from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id, created_at, used_at) on control.recovery_code to forecourt_group;
grant insert on control.recovery_code to forecourt_group;
grant delete on control.recovery_code to forecourt_group;
grant select on control.recovery_code to forecourt_control;
grant update (used_at) on control.recovery_code to forecourt_control;
drop policy if exists select_by_group on control.recovery_code;
create policy select_by_group on control.recovery_code for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.recovery_code;
create policy insert_by_group on control.recovery_code for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.recovery_code;
create policy delete_by_group on control.recovery_code for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.recovery_code;
create policy select_by_control on control.recovery_code for select to forecourt_control using (true);
drop policy if exists update_by_control on control.recovery_code;
create policy update_by_control on control.recovery_code for update to forecourt_control using (true) with check (true);
alter table control.schema_revision enable row level security;
revoke all on control.schema_revision from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.schema_revision to forecourt_control;
drop policy if exists select_by_control on control.schema_revision;
create policy select_by_control on control.schema_revision for select to forecourt_control using (true);
alter table control.scheme enable row level security;
revoke all on control.scheme from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scheme to forecourt_tenant;
grant select on control.scheme to forecourt_group;
grant insert on control.scheme to forecourt_group;
grant update on control.scheme to forecourt_group;
drop policy if exists select_by_tenant on control.scheme;
create policy select_by_tenant on control.scheme for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.scheme;
create policy select_by_group on control.scheme for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scheme;
create policy insert_by_group on control.scheme for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.scheme;
create policy update_by_group on control.scheme for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.scim_connection enable row level security;
revoke all on control.scim_connection from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, group_id, label, created_at, created_by, expires_at, revoked_at, last_used_at) on control.scim_connection to forecourt_group;
grant insert on control.scim_connection to forecourt_group;
grant update (revoked_at) on control.scim_connection to forecourt_group;
grant select on control.scim_connection to forecourt_control;
grant update (last_used_at) on control.scim_connection to forecourt_control;
drop policy if exists select_by_group on control.scim_connection;
create policy select_by_group on control.scim_connection for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_connection;
create policy insert_by_group on control.scim_connection for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.scim_connection;
create policy update_by_group on control.scim_connection for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.scim_connection;
create policy select_by_control on control.scim_connection for select to forecourt_control using (true);
drop policy if exists update_by_control on control.scim_connection;
create policy update_by_control on control.scim_connection for update to forecourt_control using (true) with check (true);
alter table control.scim_group enable row level security;
revoke all on control.scim_group from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scim_group to forecourt_group;
grant insert on control.scim_group to forecourt_group;
grant update (external_id, display_name, version, updated_at) on control.scim_group to forecourt_group;
grant delete on control.scim_group to forecourt_group;
drop policy if exists select_by_group on control.scim_group;
create policy select_by_group on control.scim_group for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_group;
create policy insert_by_group on control.scim_group for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.scim_group;
create policy update_by_group on control.scim_group for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.scim_group;
create policy delete_by_group on control.scim_group for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.scim_mapping enable row level security;
revoke all on control.scim_mapping from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scim_mapping to forecourt_group;
grant insert on control.scim_mapping to forecourt_group;
grant delete on control.scim_mapping to forecourt_group;
drop policy if exists select_by_group on control.scim_mapping;
create policy select_by_group on control.scim_mapping for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_mapping;
create policy insert_by_group on control.scim_mapping for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.scim_mapping;
create policy delete_by_group on control.scim_mapping for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.scim_member enable row level security;
revoke all on control.scim_member from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scim_member to forecourt_group;
grant insert on control.scim_member to forecourt_group;
grant delete on control.scim_member to forecourt_group;
drop policy if exists select_by_group on control.scim_member;
create policy select_by_group on control.scim_member for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_member;
create policy insert_by_group on control.scim_member for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.scim_member;
create policy delete_by_group on control.scim_member for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.scim_membership enable row level security;
revoke all on control.scim_membership from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scim_membership to forecourt_group;
grant insert on control.scim_membership to forecourt_group;
drop policy if exists select_by_group on control.scim_membership;
create policy select_by_group on control.scim_membership for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_membership;
create policy insert_by_group on control.scim_membership for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.scim_user enable row level security;
revoke all on control.scim_user from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.scim_user to forecourt_group;
grant insert on control.scim_user to forecourt_group;
grant update (external_id, employee_no, attributes, active, version, updated_at) on control.scim_user to forecourt_group;
grant delete on control.scim_user to forecourt_group;
drop policy if exists select_by_group on control.scim_user;
create policy select_by_group on control.scim_user for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.scim_user;
create policy insert_by_group on control.scim_user for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.scim_user;
create policy update_by_group on control.scim_user for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.scim_user;
create policy delete_by_group on control.scim_user for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.second_factor enable row level security;
revoke all on control.second_factor from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id, created_at, confirmed_at) on control.second_factor to forecourt_group;
grant insert on control.second_factor to forecourt_group;
grant update (confirmed_at, last_step) on control.second_factor to forecourt_group;
grant delete on control.second_factor to forecourt_group;
grant select on control.second_factor to forecourt_control;
grant update (last_step) on control.second_factor to forecourt_control;
drop policy if exists select_by_group on control.second_factor;
create policy select_by_group on control.second_factor for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.second_factor;
create policy insert_by_group on control.second_factor for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.second_factor;
create policy update_by_group on control.second_factor for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.second_factor;
create policy delete_by_group on control.second_factor for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.second_factor;
create policy select_by_control on control.second_factor for select to forecourt_control using (true);
drop policy if exists update_by_control on control.second_factor;
create policy update_by_control on control.second_factor for update to forecourt_control using (true) with check (true);
alter table control.seen_token_id enable row level security;
revoke all on control.seen_token_id from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.seen_token_id to forecourt_control;
grant insert on control.seen_token_id to forecourt_control;
grant delete on control.seen_token_id to forecourt_control;
drop policy if exists select_by_control on control.seen_token_id;
create policy select_by_control on control.seen_token_id for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.seen_token_id;
create policy insert_by_control on control.seen_token_id for insert to forecourt_control with check (true);
drop policy if exists delete_by_control on control.seen_token_id;
create policy delete_by_control on control.seen_token_id for delete to forecourt_control using (true);
alter table control.sign_in_attempt enable row level security;
revoke all on control.sign_in_attempt from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.sign_in_attempt to forecourt_control;
grant insert on control.sign_in_attempt to forecourt_control;
grant update on control.sign_in_attempt to forecourt_control;
grant delete on control.sign_in_attempt to forecourt_control;
drop policy if exists select_by_control on control.sign_in_attempt;
create policy select_by_control on control.sign_in_attempt for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.sign_in_attempt;
create policy insert_by_control on control.sign_in_attempt for insert to forecourt_control with check (true);
drop policy if exists update_by_control on control.sign_in_attempt;
create policy update_by_control on control.sign_in_attempt for update to forecourt_control using (true) with check (true);
drop policy if exists delete_by_control on control.sign_in_attempt;
create policy delete_by_control on control.sign_in_attempt for delete to forecourt_control using (true);
alter table control.sign_in_event enable row level security;
revoke all on control.sign_in_event from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.sign_in_event to forecourt_group;
grant insert on control.sign_in_event to forecourt_group;
grant delete on control.sign_in_event to forecourt_group;
grant select on control.sign_in_event to forecourt_control;
grant insert on control.sign_in_event to forecourt_control;
grant delete on control.sign_in_event to forecourt_control;
drop policy if exists select_by_group on control.sign_in_event;
create policy select_by_group on control.sign_in_event for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.sign_in_event;
create policy insert_by_group on control.sign_in_event for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.sign_in_event;
create policy delete_by_group on control.sign_in_event for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.sign_in_event;
create policy select_by_control on control.sign_in_event for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.sign_in_event;
create policy insert_by_control on control.sign_in_event for insert to forecourt_control with check (true);
drop policy if exists delete_by_control on control.sign_in_event;
create policy delete_by_control on control.sign_in_event for delete to forecourt_control using (true);
alter table control.sign_in_step enable row level security;
revoke all on control.sign_in_step from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id) on control.sign_in_step to forecourt_group;
grant delete on control.sign_in_step to forecourt_group;
grant select on control.sign_in_step to forecourt_control;
grant insert on control.sign_in_step to forecourt_control;
grant update on control.sign_in_step to forecourt_control;
grant delete on control.sign_in_step to forecourt_control;
drop policy if exists select_by_group on control.sign_in_step;
create policy select_by_group on control.sign_in_step for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists delete_by_group on control.sign_in_step;
create policy delete_by_group on control.sign_in_step for delete to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.sign_in_step;
create policy select_by_control on control.sign_in_step for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.sign_in_step;
create policy insert_by_control on control.sign_in_step for insert to forecourt_control with check (true);
drop policy if exists update_by_control on control.sign_in_step;
create policy update_by_control on control.sign_in_step for update to forecourt_control using (true) with check (true);
drop policy if exists delete_by_control on control.sign_in_step;
create policy delete_by_control on control.sign_in_step for delete to forecourt_control using (true);
alter table control.store enable row level security;
revoke all on control.store from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, group_id, code, name, brand, region, grade, city_tier, opened_on, time_zone, status, state, public_id) on control.store to forecourt_tenant;
grant select on control.store to forecourt_group;
grant update (name, brand, region, grade, city_tier, opened_on, time_zone, status, updated_at) on control.store to forecourt_group;
grant select on control.store to forecourt_control;
drop policy if exists select_by_tenant on control.store;
create policy select_by_tenant on control.store for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.store;
create policy select_by_group on control.store for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.store;
create policy update_by_group on control.store for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.store;
create policy select_by_control on control.store for select to forecourt_control using (true);
alter table control.store_close enable row level security;
revoke all on control.store_close from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.store_close to forecourt_group;
grant insert on control.store_close to forecourt_group;
grant update on control.store_close to forecourt_group;
drop policy if exists select_by_group on control.store_close;
create policy select_by_group on control.store_close for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.store_close;
create policy insert_by_group on control.store_close for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.store_close;
create policy update_by_group on control.store_close for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.store_stat enable row level security;
revoke all on control.store_stat from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.store_stat to forecourt_group;
grant insert on control.store_stat to forecourt_group;
grant update on control.store_stat to forecourt_group;
drop policy if exists select_by_group on control.store_stat;
create policy select_by_group on control.store_stat for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.store_stat;
create policy insert_by_group on control.store_stat for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.store_stat;
create policy update_by_group on control.store_stat for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.survey_template enable row level security;
revoke all on control.survey_template from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.survey_template to forecourt_tenant;
grant select on control.survey_template to forecourt_group;
grant insert on control.survey_template to forecourt_group;
grant update on control.survey_template to forecourt_group;
drop policy if exists select_by_tenant on control.survey_template;
create policy select_by_tenant on control.survey_template for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.survey_template;
create policy select_by_group on control.survey_template for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.survey_template;
create policy insert_by_group on control.survey_template for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.survey_template;
create policy update_by_group on control.survey_template for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
alter table control.view_as enable row level security;
revoke all on control.view_as from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.view_as to forecourt_group;
grant insert on control.view_as to forecourt_group;
grant update (ended_at) on control.view_as to forecourt_group;
grant select on control.view_as to forecourt_control;
drop policy if exists select_by_group on control.view_as;
create policy select_by_group on control.view_as for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists insert_by_group on control.view_as;
create policy insert_by_group on control.view_as for insert to forecourt_group with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.view_as;
create policy update_by_group on control.view_as for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.view_as;
create policy select_by_control on control.view_as for select to forecourt_control using (true);
alter table control.web_session enable row level security;
revoke all on control.web_session from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, account_id, group_id, created_at, last_seen_at, idle_expires_at, absolute_expires_at, revoked_at, method, address, user_agent, provider_id) on control.web_session to forecourt_group;
grant update (revoked_at) on control.web_session to forecourt_group;
grant select on control.web_session to forecourt_control;
grant insert on control.web_session to forecourt_control;
grant update on control.web_session to forecourt_control;
grant delete on control.web_session to forecourt_control;
drop policy if exists select_by_group on control.web_session;
create policy select_by_group on control.web_session for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.web_session;
create policy update_by_group on control.web_session for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.web_session;
create policy select_by_control on control.web_session for select to forecourt_control using (true);
drop policy if exists insert_by_control on control.web_session;
create policy insert_by_control on control.web_session for insert to forecourt_control with check (true);
drop policy if exists update_by_control on control.web_session;
create policy update_by_control on control.web_session for update to forecourt_control using (true) with check (true);
drop policy if exists delete_by_control on control.web_session;
create policy delete_by_control on control.web_session for delete to forecourt_control using (true);
"""
