-- What holders of leases write, one after the other.
create table blocks.journal (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    place     bigint not null check (place between 1 and 1000000),
    token     bigint not null,
    holder    text not null,
    primary key (tenant_id, place)
);
select platform_core.tenant_table('blocks.journal', 'select, insert');

-- A job over all tenants that proves a lease of the platform's.
grant usage on schema platform_core to platform_test_fencer;
grant select, update (expires_at) on platform_core.platform_lease to platform_test_fencer;
create table blocks.tally (token bigint not null);
grant select, insert on blocks.tally to platform_test_fencer;
