-- Protected tables whose tenant stands in another column than tenant_id: the directory of tenants, which belongs to no tenant and whose
-- rows each are about one.

-- As platform_audit.require_audit, for the tenant that the column named by the first argument names.
create function platform_audit.require_audit_by() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  changed_tenant uuid;
begin
  if tg_op = 'DELETE' then
    changed_tenant := to_jsonb(old) ->> tg_argv[0];
  else
    changed_tenant := to_jsonb(new) ->> tg_argv[0];
  end if;
  -- What goes from one tenant to another would have to stand in the trails of both, and a transaction has one tenant: it is taken away
  -- from the one and given to the other.
  if tg_op = 'UPDATE' then
    if (to_jsonb(old) ->> tg_argv[0])::uuid is distinct from changed_tenant then
      raise exception 'a row of %.% cannot change its tenant', tg_table_schema, tg_table_name using errcode = 'PA001';
    end if;
  end if;
  perform from platform_audit.pending p
  where p.tenant_id = changed_tenant
    and p.xid = pg_current_xact_id()
    -- Numbers of transactions begin again in a restored database. The hour is for a clock that is set back.
    and p.recorded_at >= transaction_timestamp() - interval '1 hour'
  limit 1;
  if not found then
    raise exception '% on %.% was not audited', tg_op, tg_table_schema, tg_table_name
      using errcode = 'PA001',
            hint = 'record an audit event of the tenant that the row is about, in the transaction that makes the change';
  end if;
  return null;
end
$$;

-- As platform_audit.protect, for a table whose rows name their tenant in the given column.
create function platform_audit.protect_by(target regclass, tenant_column text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_attribute
    where attrelid = target and attname = tenant_column and atttypid = 'uuid'::regtype and attnotnull and not attisdropped
  ) then
    raise exception 'protected table % needs a column % uuid not null', target, tenant_column;
  end if;
  execute format(
    'create constraint trigger is_protected after insert or delete or update on %s '
    'deferrable initially deferred for each row execute function platform_audit.require_audit_by(%L)',
    target, tenant_column
  );
  execute format('alter table %s enable always trigger is_protected', target);
  execute format(
    'create trigger is_not_truncated before truncate on %s for each statement execute function platform_audit.refuse_truncate()', target
  );
  execute format('alter table %s enable always trigger is_not_truncated', target);
end
$$;
comment on function platform_audit.protect_by is
  'Lets the database refuse every transaction that changes the table without recording an audit event of the tenant in this column';

revoke execute on function platform_audit.require_audit_by(), platform_audit.protect_by(regclass, text) from public;
