-- A small schema of every kind of tenant table, for the tests of isolation.
create table shop.item (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    id        uuid not null,
    name      text not null,
    price     bigint not null default 0 check (price >= 0),
    primary key (tenant_id, id),
    unique (tenant_id, name)
);
select platform_core.tenant_table('shop.item', 'select, insert, update, delete');

create table shop.part (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    id        uuid not null,
    item_id   uuid not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, item_id) references shop.item (tenant_id, id) on delete cascade
);
select platform_core.tenant_table('shop.part', 'select, insert, delete');

create table shop.entry (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    id        uuid not null,
    primary key (tenant_id, id)
) partition by hash (tenant_id);
create table shop.entry_even partition of shop.entry for values with (modulus 2, remainder 0);
create table shop.entry_odd partition of shop.entry for values with (modulus 2, remainder 1);
select platform_core.tenant_table('shop.entry', 'select, insert');

-- Marked stable, as a function that reads a setting has to be.
create function shop.me() returns uuid language sql stable
as $$ select current_setting('platform.tenant_id')::uuid $$;

create view shop.cheap with (security_invoker = true) as
    select tenant_id, id, name from shop.item where price < 100;
grant select on shop.cheap to platform_app;
