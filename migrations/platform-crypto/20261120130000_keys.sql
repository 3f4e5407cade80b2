-- Root keys and the tenants' keys that are wrapped under them.

create table platform_crypto.root_key (
  -- What the provider calls it, such as file:3f2a91c0 or vault:transit/platform. Not secret.
  reference    text primary key check (char_length(reference) between 1 and 200),
  -- How a passphrase becomes this key, as a PHC string with its salt; null when the key is kept elsewhere.
  derivation   text check (char_length(derivation) between 1 and 500),
  -- A key of no use, wrapped under this root key: whoever can unwrap it has the right one.
  probe_key_id bytea not null check (length(probe_key_id) = 16),
  probe        bytea not null check (length(probe) between 1 and 4096),
  created_at   timestamptz not null
);
comment on table platform_crypto.root_key is
  'A row is a root key under which keys of tenants may be wrapped; the key itself is not in the database. It can be deleted once no key of any tenant is under it';
-- Only the probe is ever updated, to follow its root key to a newer version: a root key with other parameters is another root key.
select platform_core.global_table('platform_crypto.root_key', 'select, insert, update, delete');

create table platform_crypto.tenant_key (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  purpose      text not null check (purpose in ('data', 'index')),
  version      bigint not null check (version between 1 and 2147483647),
  -- Computed from the key, so that it commits to it.
  key_id       bytea not null check (length(key_id) = 16),
  -- The words of NIST SP 800-57. A pre_active key is published and seals from activates_at on, whether or not this word has followed.
  state        text not null check (state in ('pre_active', 'active', 'decrypt_only', 'destroyed')),
  wrapped      bytea check (length(wrapped) between 1 and 4096),
  root_key     text references platform_crypto.root_key (reference) on delete restrict,
  -- Seals that processes have reserved: never fewer than were made.
  uses         bigint not null default 0 check (uses between 0 and 4611686018427387904),
  created_at   timestamptz not null,
  activates_at timestamptz not null,
  -- When it became decrypt_only; before two times-to-live of the caches have passed since then, somebody may still seal with it.
  retired_at   timestamptz,
  destroyed_at timestamptz,
  primary key (tenant_id, purpose, version),
  unique (tenant_id, key_id),
  check ((state = 'destroyed') = (wrapped is null)),
  check ((wrapped is null) = (root_key is null)),
  check ((state = 'destroyed') = (destroyed_at is not null)),
  check (retired_at is not null or state in ('pre_active', 'active'))
);
comment on table platform_crypto.tenant_key is
  'A row is one version of a tenant''s key for a purpose, wrapped under a root key; a destroyed one is kept without the key, so that what it sealed is known to be gone';
create unique index tenant_key_one_active on platform_crypto.tenant_key (tenant_id, purpose) where state = 'active';
select platform_core.tenant_table('platform_crypto.tenant_key', 'select, insert, update');
