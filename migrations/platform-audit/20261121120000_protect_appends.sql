-- A table that only grows, by many rows in a transaction, is asked about once for a statement rather than once for a row: of sixty orders
-- placed together a quarter of the server's time went into asking.

-- As soon as rows have been added: is there an event of their tenants from this transaction? So it is recorded before them. In all else
-- like platform_audit.require_audit.
create function platform_audit.require_audit_before() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  unaudited uuid;
begin
  select a.tenant_id into unaudited
  from (select distinct tenant_id from added) a
  where not exists (
    select from platform_audit.pending p
    where p.tenant_id = a.tenant_id
      and p.xid = pg_current_xact_id()
      and p.recorded_at >= transaction_timestamp() - interval '1 hour'
  )
  limit 1;
  if found then
    raise exception 'INSERT on %.% was not audited', tg_table_schema, tg_table_name
      using errcode = 'PA001',
            hint = 'record an audit event in the transaction that makes the change, before the change';
  end if;
  return null;
end
$$;

-- Makes a protected table, or any other, one whose rows are added only after an event in the same transaction. Updates and deletions are
-- still asked about at the end of the transaction, row by row, with those columns left out that platform_audit.protect was given.
create function platform_audit.protect_appends(target regclass, ignored_columns text[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  argument text := '';
begin
  -- A statement on a partitioned table does not come to the triggers for statements on its partitions, nor the other way round.
  if exists (select from pg_class where oid = target and (relkind <> 'r' or relispartition)) then
    raise exception '% is not a table by itself', target;
  end if;
  execute format('drop trigger if exists is_protected on %s', target);
  execute format('drop trigger if exists is_not_truncated on %s', target);
  perform platform_audit.protect(target, ignored_columns);
  -- Whoever reads the catalogue finds the columns where protect has put them.
  select case when tgnargs = 0 then '' else quote_literal(split_part(encode(tgargs, 'escape'), E'\\000', 1)) end into argument
  from pg_trigger where tgrelid = target and tgname = 'is_protected';
  execute format('drop trigger is_protected on %s', target);
  execute format(
    'create constraint trigger is_protected after delete or update on %s '
    'deferrable initially deferred for each row execute function platform_audit.require_audit(%s)',
    target, argument
  );
  execute format('alter table %s enable always trigger is_protected', target);
  execute format(
    'create trigger is_recorded_first after insert on %s referencing new table as added '
    'for each statement execute function platform_audit.require_audit_before()',
    target
  );
  execute format('alter table %s enable always trigger is_recorded_first', target);
end
$$;
comment on function platform_audit.protect_appends is
  'As platform_audit.protect, for a table to which transactions add many rows: the audit event comes first';

revoke execute on function platform_audit.require_audit_before(), platform_audit.protect_appends(regclass, text[]) from public;
