-- Passkeys (WebAuthn), and which of their challenges were used.

create table platform_auth.webauthn_credential (
  tenant_id        uuid not null default current_setting('platform.tenant_id')::uuid,
  id               uuid not null,
  subject_id       uuid not null,
  -- Under which the authenticator knows it; at most as long as WebAuthn allows.
  credential_id    bytea not null check (octet_length(credential_id) between 1 and 1023),
  -- What the authenticator keeps of the user: random, so that it says nothing about whose it is.
  user_handle      uuid not null,
  -- The public key and what was agreed when it was registered. Nothing in it has to be kept secret.
  credential       jsonb not null check (octet_length(credential::text) <= 16384),
  -- What the user calls it.
  name_sealed      bytea not null check (octet_length(name_sealed) between 46 and 1024),
  -- The newest counter that was shown. A smaller one, or the same again, means that there are two of the authenticator.
  sign_count       bigint not null check (sign_count between 0 and 4294967295),
  -- Whether it may leave the device it was made on, and whether it has.
  backup_eligible  boolean not null,
  backup_state     boolean not null,
  created_at       timestamptz not null,
  -- The day, and nothing finer: enough to find the one that nobody needs.
  last_used_on     date,
  disabled_at      timestamptz,
  disabled_reason  text check (disabled_reason in ('sign_count')),
  primary key (tenant_id, id),
  constraint webauthn_credential_id_key unique (tenant_id, credential_id),
  constraint webauthn_credential_subject_fkey
    foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  check (backup_eligible or not backup_state),
  check ((disabled_at is null) = (disabled_reason is null))
);
comment on table platform_auth.webauthn_credential is 'A row is a passkey of a user.';
create index webauthn_credential_subject on platform_auth.webauthn_credential (tenant_id, subject_id, id);
select platform_core.tenant_table('platform_auth.webauthn_credential', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.webauthn_credential');

create table platform_auth.webauthn_challenge (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  id           uuid not null,
  redeemed_at  timestamptz not null,
  -- From this instant on it is refused without being looked up, and the row may go.
  expires_at   timestamptz not null,
  primary key (tenant_id, id)
);
comment on table platform_auth.webauthn_challenge is
  'A row is a challenge that was used. Those that nobody has used are with the clients, sealed, so that a stranger who asks for them fills nothing.';
create index webauthn_challenge_expired on platform_auth.webauthn_challenge (tenant_id, expires_at);
-- Nothing is ever updated; the privilege is what locking a row that is to be deleted takes.
select platform_core.tenant_table('platform_auth.webauthn_challenge', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.webauthn_challenge');

-- All that RFC 8176 registers, and rcv, which is ours.
alter table platform_auth.session
  drop constraint session_amr_check,
  add constraint session_amr_check check (
    cardinality(amr) between 1 and 8
    and amr <@ '{face,fpt,geo,hwk,iris,kba,mca,mfa,otp,pin,pop,pwd,rba,rcv,retina,sc,sms,swk,tel,user,vbm,wia}'::text[]
  );
