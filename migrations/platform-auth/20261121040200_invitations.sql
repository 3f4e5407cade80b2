-- Invitations: a user who is not one yet, and what the user will be.

create table platform_auth.invitation (
  tenant_id     uuid not null default current_setting('platform.tenant_id')::uuid,
  id            uuid not null,
  -- Whoever accepts becomes the user of this id. The address is sealed under a key of the person's own from the start.
  subject_id    uuid not null,
  -- Null once the invitation is over: what it tells of a person who never came is told no longer.
  email_sealed  bytea check (octet_length(email_sealed) between 46 and 1024),
  -- SHA-256 of the token: 32 random bytes in the token need no slow hash.
  token_hash    bytea not null check (octet_length(token_hash) = 32),
  builtin_role  text not null check (builtin_role in ('user', 'admin')),
  -- Roles of the tenant's own. Whether there still are such ones is looked at when somebody accepts.
  role_ids      uuid[] not null default '{}' check (cardinality(role_ids) <= 10),
  invited_at    timestamptz not null,
  -- Null where a job of the service, or an operator of the platform, invited.
  invited_by    uuid,
  -- It is refused from this instant on.
  expires_at    timestamptz not null,
  accepted_at   timestamptz,
  revoked_at    timestamptz,
  primary key (tenant_id, id),
  constraint invitation_token_hash_key unique (tenant_id, token_hash),
  constraint invitation_subject_key unique (tenant_id, subject_id),
  constraint invitation_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id),
  constraint invitation_invited_by_fkey foreign key (tenant_id, invited_by) references platform_auth.subject (tenant_id, id),
  check (expires_at > invited_at),
  check (accepted_at is null or revoked_at is null),
  check (email_sealed is null or (accepted_at is null and revoked_at is null))
);
comment on table platform_auth.invitation is 'A row invites somebody to become a user of one tenant, once';
create index invitation_open on platform_auth.invitation (tenant_id, id) where accepted_at is null and revoked_at is null;
create index invitation_invited_by on platform_auth.invitation (tenant_id, invited_by);
select platform_core.tenant_table('platform_auth.invitation', 'select, insert, update');
select platform_audit.protect('platform_auth.invitation');

-- Mail goes to people who are no users yet.
alter table platform_auth.mail drop constraint mail_subject_fkey;
