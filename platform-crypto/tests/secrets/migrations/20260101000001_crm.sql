-- A table with sealed columns, for the tests of what gets out.
create table crm.customer (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    id        uuid not null,
    email     bytea not null,
    note      bytea,
    primary key (tenant_id, id),
    unique (tenant_id, email)
);
select platform_core.tenant_table('crm.customer', 'select, insert, update, delete');
