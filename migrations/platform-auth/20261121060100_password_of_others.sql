-- Who chose a password: nobody but the user, unless an administrator made the user and handed it over.
alter table platform_auth.password_credential add column handed_over_by uuid;
comment on column platform_auth.password_credential.handed_over_by is
  'Who made the user and chose the password, which the user has not changed yet. Null for the user''s own.';

-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.password_credential', 'select, insert, update, delete');
