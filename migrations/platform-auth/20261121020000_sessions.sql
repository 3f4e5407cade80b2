-- Sessions that users and administrators end, and messages by which every instance learns that what it remembers is out of date.

alter table platform_auth.session
  drop constraint session_end_reason_check,
  add constraint session_end_reason_check
    check (end_reason in (
      'signed_out', 'replaced', 'erased', 'password_changed', 'password_reset', 'factor_changed',
      'ended_by_user', 'ended_by_admin', 'user_disabled'
    ));

-- The sessions of a user that are not over, in the order in which they began.
create index session_of_subject on platform_auth.session (tenant_id, subject_id, id) where ended_at is null;

-- What an instance remembers of a session depends on the user and the tenant. The message is the id of the one or the other: a hint that
-- says nothing to whoever does not know the id, and of which a transaction sends the same one once. Triggers send it, so that no change
-- is missed that another crate or an operator makes.

create function platform_auth.announce_subject() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('platform_auth', new.id::text);
  return null;
end
$$;
revoke execute on function platform_auth.announce_subject() from public;

create function platform_auth.announce_session() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('platform_auth', new.subject_id::text);
  return null;
end
$$;
revoke execute on function platform_auth.announce_session() from public;

create function platform_auth.announce_tenant() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('platform_auth', new.tenant_id::text);
  return null;
end
$$;
revoke execute on function platform_auth.announce_tenant() from public;

-- Not for every use that is noted: that changes nothing for the worse.
create trigger end_is_announced after update of ended_at, expires_at on platform_auth.session
  for each row
  when (old.ended_at is distinct from new.ended_at or old.expires_at is distinct from new.expires_at)
  execute function platform_auth.announce_session();

create trigger change_is_announced after update of status, role on platform_auth.subject
  for each row
  when (old.status is distinct from new.status or old.role is distinct from new.role)
  execute function platform_auth.announce_subject();

-- Every change of who may do what raises the version.
create trigger change_is_announced after insert or update on platform_auth.authz_version
  for each row execute function platform_auth.announce_tenant();

create trigger change_is_announced_to_sessions after update of status on platform_core.tenant
  for each row
  when (old.status is distinct from new.status)
  execute function platform_auth.announce_subject();
