-- What a tenant asks of its users beyond what the service asks of everybody.

create table platform_auth.tenant_policy (
  tenant_id               uuid not null default current_setting('platform.tenant_id')::uuid,
  -- Grows with every change, so that who changes what has changed meanwhile is told.
  version                 bigint not null check (version >= 1),
  -- Null in each column is what the service says. A value can only be stricter; the program takes the stricter one of the two.
  session_idle_s          integer check (session_idle_s between 60 and 31536000),
  session_absolute_s      integer check (session_absolute_s between 300 and 31536000),
  registration_open       boolean,
  verified_email          boolean,
  second_factor           text check (second_factor in ('admins', 'all')),
  password_chars_min      smallint check (password_chars_min between 8 and 64),
  password_score_min      smallint check (password_score_min between 2 and 4),
  -- In lower case, as addresses are looked up; empty lets every domain register.
  email_domains           text[] not null default '{}' check (cardinality(email_domains) <= 50),
  api_key_lifetime_max_s  integer check (api_key_lifetime_max_s between 3600 and 315360000),
  updated_at              timestamptz not null,
  -- Null where a job of the service changed it.
  updated_by              uuid,
  primary key (tenant_id),
  constraint tenant_policy_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id),
  check (session_idle_s <= session_absolute_s)
);
comment on table platform_auth.tenant_policy is 'A row is what one tenant asks of its users; a tenant without one asks what the service asks';
select platform_core.tenant_table('platform_auth.tenant_policy', 'select, insert, update');
select platform_audit.protect('platform_auth.tenant_policy');
