-- revision: 0001
create schema tenant;
grant usage on schema tenant to tenant;
