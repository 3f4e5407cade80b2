-- When the counter of a passkey moved on: an answer to a question that was asked before that may have been overtaken on its way.
alter table platform_auth.webauthn_credential add column counted_at timestamptz;
comment on column platform_auth.webauthn_credential.counted_at is
  'When an answer last moved the counter on. Null for a passkey that does not count, or was not used since this was kept.';

-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.webauthn_credential', 'select, insert, update, delete');
