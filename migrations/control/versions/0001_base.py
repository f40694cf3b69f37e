"""The control schema. Generated from the metadata by migrations/make_base.py."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(text(SCHEMA.replace(":", r"\:")))  # a colon in SQL is no parameter


SCHEMA = r"""
create schema control;
CREATE TABLE control.dealer_group (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    key_version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dealer_group PRIMARY KEY (id),
    CONSTRAINT uq_dealer_group_code UNIQUE (code)
);
CREATE TABLE control.schema_revision (
    tree TEXT NOT NULL,
    revision TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_schema_revision PRIMARY KEY (tree),
    CONSTRAINT ck_schema_revision_tree CHECK (tree in ('control', 'tenant'))
);
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
    state TEXT DEFAULT 'PROVISIONING' NOT NULL,
    revision TEXT DEFAULT '' NOT NULL,
    public_id TEXT NOT NULL,
    failure TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_store PRIMARY KEY (id),
    CONSTRAINT uq_store_group_id_code UNIQUE (group_id, code),
    CONSTRAINT ck_store_state CHECK (state in ('PROVISIONING', 'ACTIVE', 'SUSPENDED', 'CLOSING', 'ARCHIVED', 'DELETED', 'FAILED')),
    CONSTRAINT ck_store_grade CHECK (grade is null or grade in ('A', 'B', 'C')),
    CONSTRAINT fk_store_group_id FOREIGN KEY(group_id) REFERENCES control.dealer_group (id),
    CONSTRAINT uq_store_public_id UNIQUE (public_id)
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
grant usage on schema control to forecourt_tenant, forecourt_group, forecourt_control;
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
grant select on control.dealer_group to forecourt_control;
drop policy if exists select_by_tenant on control.dealer_group;
create policy select_by_tenant on control.dealer_group for select to forecourt_tenant using (id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.dealer_group;
create policy select_by_group on control.dealer_group for select to forecourt_group using (id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.dealer_group;
create policy select_by_control on control.dealer_group for select to forecourt_control using (true);
alter table control.schema_revision enable row level security;
revoke all on control.schema_revision from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select on control.schema_revision to forecourt_control;
drop policy if exists select_by_control on control.schema_revision;
create policy select_by_control on control.schema_revision for select to forecourt_control using (true);
alter table control.store enable row level security;
revoke all on control.store from public, forecourt_tenant, forecourt_group, forecourt_control;
grant select (id, group_id, code, name, brand, region, grade, city_tier, opened_on, time_zone, state) on control.store to forecourt_tenant;
grant select on control.store to forecourt_group;
grant update (name, brand, region, grade, city_tier, opened_on, updated_at) on control.store to forecourt_group;
grant select on control.store to forecourt_control;
drop policy if exists select_by_tenant on control.store;
create policy select_by_tenant on control.store for select to forecourt_tenant using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_group on control.store;
create policy select_by_group on control.store for select to forecourt_group using (group_id = (select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists update_by_group on control.store;
create policy update_by_group on control.store for update to forecourt_group using (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)) with check (group_id = (select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end));
drop policy if exists select_by_control on control.store;
create policy select_by_control on control.store for select to forecourt_control using (true);
"""
