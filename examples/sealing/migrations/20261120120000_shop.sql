create table shop.customer (
    tenant_id uuid not null,
    id        uuid not null,
    -- Sealed under a key of the customer's own.
    email     bytea not null,
    phone     bytea,
    orders    bigint not null check (orders between 0 and 9007199254740991),
    primary key (tenant_id, id)
);
comment on table shop.customer is 'A row is a person who buys from a tenant';
select platform_core.tenant_table('shop.customer', 'select, insert, update');

create table shop.supplier (
    tenant_id uuid not null,
    id        uuid not null,
    -- Sealed under the tenant's key.
    iban      bytea not null,
    primary key (tenant_id, id)
);
comment on table shop.supplier is 'A row is a company that sells to a tenant';
select platform_core.tenant_table('shop.supplier', 'select, insert, update');
