-- One-time tokens, mail that waits to be sent, verified addresses, second factors, and how a session was authenticated.

alter table platform_auth.subject add column email_verified_at timestamptz;
comment on column platform_auth.subject.email_verified_at is
  'When somebody showed a token that had been sent to the address, or the operator made the user; null while neither has happened.';
-- The privilege to update is granted column by column.
select platform_core.tenant_table('platform_auth.subject', 'select, insert, update');

create table platform_auth.one_time_token (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  id           uuid not null,
  subject_id   uuid not null,
  -- What it is good for, and for nothing else.
  purpose      text not null check (purpose in ('verify_email', 'reset_password', 'second_factor')),
  -- SHA-256 of the token: 32 random bytes in the token need no slow hash.
  token_hash   bytea not null check (octet_length(token_hash) = 32),
  issued_at    timestamptz not null,
  -- It is refused from this instant on.
  expires_at   timestamptz not null,
  -- How often a wrong code came with it.
  attempts     smallint not null default 0 check (attempts >= 0),
  consumed_at  timestamptz,
  -- When a newer one, or a change of what it was about, made it worthless.
  voided_at    timestamptz,
  primary key (tenant_id, id),
  constraint one_time_token_hash_key unique (tenant_id, token_hash),
  constraint one_time_token_subject_fkey
    foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  check (expires_at > issued_at),
  check (consumed_at is null or voided_at is null)
);
comment on table platform_auth.one_time_token is
  'A row is a token that a user may show once; those of the last hour are also the count of how many were asked for.';
-- The database itself sees to it that a newer one voids the older.
create unique index one_time_token_live on platform_auth.one_time_token (tenant_id, subject_id, purpose)
  where consumed_at is null and voided_at is null;
create index one_time_token_subject on platform_auth.one_time_token (tenant_id, subject_id, purpose, issued_at);
select platform_core.tenant_table('platform_auth.one_time_token', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.one_time_token');

create table platform_auth.mail (
  tenant_id        uuid not null default current_setting('platform.tenant_id')::uuid,
  id               uuid not null,
  -- To whom it goes, and under whose key it is sealed.
  subject_id       uuid not null,
  kind             text not null check (kind ~ '^[a-z_]{1,40}$'),
  -- Address, subject line and text, in which there may be a token.
  content_sealed   bytea not null check (octet_length(content_sealed) between 46 and 32768),
  created_at       timestamptz not null,
  -- From this instant on it is of no use, and is dropped.
  expires_at       timestamptz not null,
  -- Whoever sends it moves this first, so that nobody else does meanwhile.
  next_attempt_at  timestamptz not null,
  attempts         integer not null default 0 check (attempts >= 0),
  primary key (tenant_id, id),
  constraint mail_subject_fkey foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id)
);
comment on table platform_auth.mail is 'A row is a mail that has not been sent yet.';
create index mail_due on platform_auth.mail (tenant_id, next_attempt_at);
create index mail_subject on platform_auth.mail (tenant_id, subject_id);
select platform_core.tenant_table('platform_auth.mail', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.mail', '{attempts,next_attempt_at}');

create table platform_auth.totp_credential (
  tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
  subject_id      uuid not null,
  seed_sealed     bytea not null check (octet_length(seed_sealed) between 46 and 1024),
  enrolled_at     timestamptz not null,
  -- When a first code showed that the user has the seed; until then nobody is asked for codes.
  confirmed_at    timestamptz,
  -- The newest time step whose code was taken. Codes of this step and of all before it are worthless.
  last_used_step  bigint check (last_used_step >= 0),
  primary key (tenant_id, subject_id),
  constraint totp_credential_subject_fkey
    foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  check (confirmed_at is null or last_used_step is not null)
);
comment on table platform_auth.totp_credential is 'A row is the seed of the one-time codes (RFC 6238) of one user.';
select platform_core.tenant_table('platform_auth.totp_credential', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.totp_credential');

create table platform_auth.recovery_code (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  subject_id  uuid not null,
  -- SHA-256 of the code: 80 random bits need no slow hash.
  code_hash   bytea not null check (octet_length(code_hash) = 32),
  created_at  timestamptz not null,
  used_at     timestamptz,
  primary key (tenant_id, subject_id, code_hash),
  constraint recovery_code_subject_fkey
    foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id)
);
comment on table platform_auth.recovery_code is 'A row is a code that stands in for a second factor, once.';
select platform_core.tenant_table('platform_auth.recovery_code', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.recovery_code');

alter table platform_auth.session
  -- RFC 8176: pwd for a password, otp for a one-time code; rcv, which is ours, for a recovery code.
  add column amr text[] not null default '{pwd}' check (cardinality(amr) between 1 and 8 and amr <@ '{pwd,otp,rcv}'::text[]),
  -- When the user last proved who it is; null in a session of an older release, which began with that.
  add column auth_time timestamptz,
  drop constraint session_end_reason_check,
  add constraint session_end_reason_check
    check (end_reason in ('signed_out', 'replaced', 'erased', 'password_changed', 'password_reset', 'factor_changed'));
comment on column platform_auth.session.amr is 'How the user proved who it is.';
select platform_core.tenant_table('platform_auth.session', 'select, insert, update');
