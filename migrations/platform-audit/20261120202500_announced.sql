-- The application writes the list of announced deletions, because a row stands in one transaction with the event that announces it. It
-- adds a row in no other one. It may strike one too, which keeps events and deletes none: what is deleted is for the policies of the
-- retention role to say.

create function platform_audit.require_announcement() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from platform_audit.event e
    where e.tenant_id = new.tenant_id and e.id = new.id and e.action = 'audit.prune' and e.xid = pg_current_xact_id()
  ) then
    raise exception 'a deletion is announced in the transaction that lists it' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;
revoke execute on function platform_audit.require_announcement() from public;
create trigger pruning_is_announced before insert on platform_audit.pruning
  for each row execute function platform_audit.require_announcement();
alter table platform_audit.pruning enable always trigger pruning_is_announced;
