-- Invitations that are proof of an address, and those that nobody has accepted in time.

alter table platform_auth.invitation
  -- Whether the token went to the address and to nobody else. Only then whoever shows it reads the mail of the address; where the service
  -- sends none, who invited has the token too.
  add column token_mailed boolean not null default false,
  -- When it was forgotten whom a row had invited that nobody accepted in time, and to what.
  add column forgotten_at timestamptz,
  add constraint invitation_forgotten check (
    forgotten_at is null
    or (email_sealed is null and builtin_role = 'user' and cardinality(role_ids) = 0
        and accepted_at is null and revoked_at is null and forgotten_at >= expires_at)
  );
create index invitation_to_forget on platform_auth.invitation (tenant_id, expires_at, id)
  where accepted_at is null and revoked_at is null and forgotten_at is null;

-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.invitation', 'select, insert, update');
