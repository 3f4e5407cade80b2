-- What identifies a person is sealed under a key of the person's own; see platform_crypto.

alter table platform_auth.subject
  alter column email drop not null,
  alter column email_normalized drop not null,
  add column email_sealed bytea check (octet_length(email_sealed) between 46 and 1024),
  add column first_name_sealed bytea check (octet_length(first_name_sealed) between 46 and 1024),
  add column last_name_sealed bytea check (octet_length(last_name_sealed) between 46 and 1024),
  -- When the erasure of the user began; nobody can stop it any more.
  add column erased_at timestamptz;
comment on column platform_auth.subject.email is 'Of an older release: null once the service has sealed it.';
comment on column platform_auth.subject.email_normalized is 'Of an older release: null once the service has sealed it.';
comment on column platform_auth.subject.first_name is 'Of an older release: null once the service has sealed it.';
comment on column platform_auth.subject.last_name is 'Of an older release: null once the service has sealed it.';
comment on table platform_auth.subject is
  'A row is a user of one tenant. Of an erased one only the id is left, to which orders and events refer';

-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.subject', 'select, insert, update');

-- Not valid: the rows of an older release stay as they are until the service has sealed them, which it does before it serves. An
-- instance of the older release can make no new ones.
alter table platform_auth.subject
  add constraint subject_nothing_in_the_clear
    check (email is null and email_normalized is null and first_name is null and last_name is null) not valid,
  add constraint subject_sealed_or_erased check ((email_sealed is null) = (erased_at is not null)) not valid,
  add constraint subject_erased_is_empty
    check (erased_at is null or (first_name_sealed is null and last_name_sealed is null and status = 'disabled'));

-- Finds what is left to seal; empty after that.
create index subject_in_the_clear on platform_auth.subject (tenant_id, id) where email is not null;

-- The password of an erased user is deleted.
select platform_core.tenant_table('platform_auth.password_credential', 'select, insert, update, delete');

alter table platform_auth.session
  drop constraint session_end_reason_check,
  add constraint session_end_reason_check check (end_reason in ('signed_out', 'replaced', 'erased'));
