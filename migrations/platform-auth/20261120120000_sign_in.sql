-- Users of a tenant, their passwords and their sessions.

create table platform_auth.subject (
  tenant_id         uuid not null default current_setting('platform.tenant_id')::uuid,
  id                uuid not null,
  -- Services become subjects later; the check is widened then.
  kind              text not null default 'human' check (kind in ('human')),
  -- As entered, for display.
  email             text not null check (char_length(email) between 3 and 254),
  -- Lower case, for look-up and uniqueness.
  email_normalized  text not null check (char_length(email_normalized) between 3 and 254),
  first_name        text check (char_length(first_name) between 1 and 100),
  last_name         text check (char_length(last_name) between 1 and 100),
  role              text not null check (role in ('user', 'admin')),
  status            text not null default 'active' check (status in ('active', 'disabled')),
  created_at        timestamptz not null,
  primary key (tenant_id, id),
  -- Within the tenant only: the same person may be known to two tenants, and neither can learn of the other.
  constraint subject_email_key unique (tenant_id, email_normalized),
  constraint subject_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id)
);
comment on table platform_auth.subject is 'A row is a user of one tenant.';
select platform_core.tenant_table('platform_auth.subject', 'select, insert, update');

create table platform_auth.password_credential (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  subject_id  uuid not null,
  -- The hash with its algorithm, parameters and salt as a PHC string; the password itself is nowhere.
  phc         text not null check (char_length(phc) between 32 and 512),
  -- When the user chose the password. Hashing it anew with stronger parameters does not count.
  changed_at  timestamptz not null,
  primary key (tenant_id, subject_id),
  constraint password_credential_subject_fkey
    foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id)
);
comment on table platform_auth.password_credential is 'A row is the password of one user.';
select platform_core.tenant_table('platform_auth.password_credential', 'select, insert, update');

create table platform_auth.session (
  tenant_id        uuid not null default current_setting('platform.tenant_id')::uuid,
  id               uuid not null,
  subject_id       uuid not null,
  -- SHA-256 of the token: 32 random bytes in the token need no slow hash.
  token_hash       bytea not null check (octet_length(token_hash) = 32),
  created_at       timestamptz not null,
  last_seen_at     timestamptz not null,
  -- A session is refused from these instants on, whichever comes first.
  idle_expires_at  timestamptz not null,
  expires_at       timestamptz not null,
  ended_at         timestamptz,
  end_reason       text check (end_reason in ('signed_out', 'replaced')),
  source_address   text check (char_length(source_address) between 2 and 45),
  user_agent       text check (char_length(user_agent) <= 256),
  primary key (tenant_id, id),
  constraint session_token_hash_key unique (tenant_id, token_hash),
  constraint session_subject_fkey foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  check ((ended_at is null) = (end_reason is null)),
  check (idle_expires_at <= expires_at)
);
comment on table platform_auth.session is 'A row is one sign-in of a user, until it ends or expires.';
create index session_subject on platform_auth.session (tenant_id, subject_id);
select platform_core.tenant_table('platform_auth.session', 'select, insert, update');
