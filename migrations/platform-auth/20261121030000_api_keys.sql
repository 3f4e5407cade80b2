-- Service principals, and API keys of users and of service principals.

alter table platform_auth.subject
  drop constraint subject_kind_check,
  add constraint subject_kind_check check (kind in ('human', 'service')),
  drop constraint subject_role_check,
  -- A service is in no built-in role: the word gives nothing. What a service may do is granted to it.
  add constraint subject_role_check check (role in ('user', 'admin', 'service')),
  add column service_name text check (char_length(service_name) between 1 and 64),
  add column service_name_key text check (char_length(service_name_key) between 1 and 256),
  add column service_version bigint check (service_version >= 1),
  add column deleted_at timestamptz;
comment on column platform_auth.subject.service_name is 'Of a service, in Unicode''s normal form KC.';
comment on column platform_auth.subject.service_name_key is 'Of a service: folded, so that two names that differ in case alone are one.';
comment on column platform_auth.subject.service_version is
  'Of a service: grows with every change, so that who changes what has changed meanwhile is told.';
comment on column platform_auth.subject.deleted_at is 'Of a service: disabled for good. The row stays, for what refers to it.';
comment on table platform_auth.subject is
  'A row is a user of one tenant, or a service principal. Of an erased user only the id is left, to which orders and events refer';

alter table platform_auth.subject
  add constraint subject_service_is_whole
    check ((kind = 'service') = (num_nonnulls(service_name, service_name_key, service_version) = 3)),
  add constraint subject_user_is_no_service
    check (kind = 'service' or (num_nulls(service_name, service_name_key, service_version, deleted_at) = 4 and role <> 'service')),
  -- It has nothing to sign in with, and nothing of it is anybody's to be erased.
  add constraint subject_service_is_nobody
    check (kind <> 'service' or (role = 'service' and num_nonnulls(
      email_sealed, first_name_sealed, last_name_sealed, email, email_normalized, first_name, last_name, email_verified_at, erased_at
    ) = 0)),
  add constraint subject_deleted_is_disabled check (deleted_at is null or status = 'disabled'),
  drop constraint subject_sealed_or_erased,
  -- Not valid, as it was: rows of an older release are sealed by the service before it serves.
  add constraint subject_sealed_or_erased
    check (kind = 'service' or (email_sealed is null) = (erased_at is not null)) not valid;

create unique index subject_service_name_key on platform_auth.subject (tenant_id, service_name_key) where deleted_at is null;
create index subject_service on platform_auth.subject (tenant_id, id) where kind = 'service';

-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.subject', 'select, insert, update');

create table platform_auth.api_key (
  tenant_id     uuid not null default current_setting('platform.tenant_id')::uuid,
  id            uuid not null,
  -- Whose authority it has, as far as it is not limited: a user's or a service principal's.
  subject_id    uuid not null,
  name          text not null check (char_length(name) between 1 and 64),
  -- SHA-256 of the key: 32 random bytes in it need no slow hash.
  key_hash      bytea not null check (octet_length(key_hash) = 32),
  -- Names of permissions, or the one word all. One that no module declares any more allows nothing.
  scopes        text[] not null check (cardinality(scopes) between 1 and 500 and array_position(scopes, null) is null),
  -- The only things it may act on: [{"kind": …, "id": …}]. Null for no such limit.
  resources     jsonb check (jsonb_typeof(resources) = 'array' and jsonb_array_length(resources) between 1 and 100),
  -- The only networks it may come from (RFC 4632, RFC 4291), each as its first address and the length of its prefix. Null for everywhere.
  addresses     text[] check (cardinality(addresses) between 1 and 50 and array_position(addresses, null) is null),
  created_at    timestamptz not null,
  -- Null where a job of the service made it.
  created_by    uuid,
  -- It is refused before the first instant, and from the second on.
  not_before    timestamptz,
  expires_at    timestamptz not null,
  -- Which key it has taken the place of.
  rotated_from  uuid,
  -- When another took its place. One does once.
  rotated_at    timestamptz,
  revoked_at    timestamptz,
  revoked_by    uuid,
  -- Within ten minutes or so.
  last_used_at  timestamptz,
  primary key (tenant_id, id),
  constraint api_key_key_hash_key unique (tenant_id, key_hash),
  -- The database itself sees to it that a key has one successor.
  constraint api_key_rotated_from_key unique (tenant_id, rotated_from),
  constraint api_key_subject_fkey foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  constraint api_key_rotated_from_fkey foreign key (tenant_id, rotated_from) references platform_auth.api_key (tenant_id, id),
  constraint api_key_is_not_its_own check (rotated_from <> id),
  constraint api_key_expires_after_it_is_made check (expires_at >= created_at),
  constraint api_key_revoked_by_somebody check (revoked_by is null or revoked_at is not null)
);
comment on table platform_auth.api_key is 'A row is a key with which a program acts for a user or as a service principal. The key itself is nowhere.';
create index api_key_subject on platform_auth.api_key (tenant_id, subject_id, id);
select platform_core.tenant_table('platform_auth.api_key', 'select, insert, update, delete');
-- When a key was last used says nothing about anybody's doing that the trail does not, and is written beside requests that only read.
select platform_audit.protect('platform_auth.api_key', '{last_used_at}');
