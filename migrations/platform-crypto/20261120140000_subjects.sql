-- Keys of data subjects, legal holds, and the tags of blind indexes.

create table platform_crypto.subject_key (
  tenant_id          uuid not null default current_setting('platform.tenant_id')::uuid,
  subject_id         uuid not null,
  -- Computed from the key, so that it commits to it; stands in everything that was sealed under it.
  key_id             bytea not null check (length(key_id) = 16),
  -- Which part of the erasure key, outside the database, the subject's key is wrapped under as well. Never given to anybody else.
  segment            bigint not null check (segment between 0 and 2147483647),
  slot               integer not null check (slot between 0 and 16383),
  -- erasing: an erasure has begun and cannot be called off; nothing is opened any more.
  state              text not null check (state in ('live', 'erasing', 'destroyed')),
  -- The tenant's data key that it is wrapped under.
  wrapped_by         bytea check (length(wrapped_by) = 16),
  wrapped            bytea check (length(wrapped) between 1 and 4096),
  created_at         timestamptz not null,
  erase_requested_at timestamptz,
  destroyed_at       timestamptz,
  primary key (tenant_id, subject_id),
  unique (tenant_id, key_id),
  unique (tenant_id, segment, slot),
  check ((state = 'destroyed') = (wrapped is null)),
  check ((wrapped is null) = (wrapped_by is null)),
  check ((state = 'destroyed') = (destroyed_at is not null)),
  check ((state = 'live') = (erase_requested_at is null))
);
comment on table platform_crypto.subject_key is
  'A row is the key of one data subject, wrapped under the tenant''s key and the erasure key outside the database; a destroyed one is kept without the key, so that what it sealed is known to be gone';
create index subject_key_wrapped_by on platform_crypto.subject_key (tenant_id, wrapped_by) where state = 'live';
create index subject_key_erasing on platform_crypto.subject_key (tenant_id, erase_requested_at) where state = 'erasing';
select platform_core.tenant_table('platform_crypto.subject_key', 'select, insert, update');

create table platform_crypto.legal_hold (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  id          uuid not null,
  subject_id  uuid not null,
  -- The matter, such as the reference of a case; nothing personal.
  reason      text not null check (char_length(reason) between 1 and 200),
  placed_at   timestamptz not null,
  placed_by   uuid,
  released_at timestamptz,
  released_by uuid,
  primary key (tenant_id, id),
  check (released_at is not null or released_by is null)
);
comment on table platform_crypto.legal_hold is
  'A row forbids the erasure of a data subject until it is released; the subject need not have a key yet';
create index legal_hold_subject on platform_crypto.legal_hold (tenant_id, subject_id, placed_at) where released_at is null;
select platform_core.tenant_table('platform_crypto.legal_hold', 'select, insert, update');

create table platform_crypto.blind_tag (
  tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
  -- The name of the sealed column, schema.table.column.
  index_name text not null check (char_length(index_name) between 1 and 191),
  -- The version of the tenant's index key.
  version    bigint not null check (version between 1 and 2147483647),
  row_id     uuid not null,
  tag        bytea not null check (length(tag) between 1 and 16),
  one_row    boolean not null,
  -- The data subject whose erasure deletes the tag.
  subject_id uuid,
  primary key (tenant_id, index_name, version, row_id)
);
comment on table platform_crypto.blind_tag is
  'A row stands for the sealed value of one row under one version of the index key, so that it can be found; a row of the application has one for every version that is not destroyed';
create index blind_tag_tag on platform_crypto.blind_tag (tenant_id, index_name, tag, version);
-- A value of a unique index stands once, under every version by itself.
create unique index blind_tag_one_row on platform_crypto.blind_tag (tenant_id, index_name, version, tag) where one_row;
create index blind_tag_subject on platform_crypto.blind_tag (tenant_id, subject_id) where subject_id is not null;
select platform_core.tenant_table('platform_crypto.blind_tag', 'select, insert, delete');
