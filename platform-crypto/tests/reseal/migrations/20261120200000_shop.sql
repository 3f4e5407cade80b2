-- A table with sealed columns.
create table shop.customer (
    tenant_id uuid not null,
    id        uuid not null,
    email     bytea not null,
    phone     bytea,
    visits    bigint not null default 0 check (visits between 0 and 9007199254740991),
    primary key (tenant_id, id)
);
comment on table shop.customer is 'A row is a customer of a shop';
select platform_core.tenant_table('shop.customer', 'select, insert, update, delete');

-- Like it, with rows that are about persons and can be found by e-mail.
create table shop.member (
    tenant_id uuid not null,
    id        uuid not null,
    person_id uuid,
    email     bytea,
    primary key (tenant_id, id)
);
comment on table shop.member is 'A row is a member of a shop''s club';
select platform_core.tenant_table('shop.member', 'select, insert, update, delete');
