-- Who set the status of a tenant, and host names that are given up.

alter table platform_core.tenant
  add column status_changed_at timestamptz,
  -- Null where the platform did, or nobody yet. What a tenant above has suspended, only those at or above it resume.
  add column status_set_by uuid references platform_core.tenant (id) on delete restrict;

-- A name that is given up can become another tenant's.
select platform_core.global_table('platform_core.tenant_host', 'select, insert, update, delete');
create index tenant_host_owner on platform_core.tenant_host (owner, host);
