-- Who may do a thing that one process at a time does. A row stays for ever once its name has been used: the token counts on in it
-- and is never given twice.

create table platform_core.lease (
    tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
    name       text not null check (name ~ '^[a-z0-9][a-z0-9._:-]*$' and length(name) <= 100),
    -- Grows by one with every holder.
    token      bigint not null check (token between 1 and 9223372036854775807),
    -- For operators alone: nothing is decided by it.
    holder     text not null check (length(holder) between 1 and 128),
    -- By the clock of this server.
    expires_at timestamptz not null,
    primary key (tenant_id, name)
);
comment on table platform_core.lease is 'A row is a lease of one tenant: who held it last, under which token, until when';
select platform_core.tenant_table('platform_core.lease', 'select, insert, update');

-- Leases of work that is no tenant's. Every tenant's transaction may look at them, because it may have to prove that its writer
-- still holds one.
create table platform_core.platform_lease (
    name       text primary key check (name ~ '^[a-z0-9][a-z0-9._:-]*$' and length(name) <= 100),
    token      bigint not null check (token between 1 and 9223372036854775807),
    holder     text not null check (length(holder) between 1 and 128),
    expires_at timestamptz not null
);
comment on table platform_core.platform_lease is 'A row is a lease of no tenant: who held it last, under which token, until when';
select platform_core.global_table('platform_core.platform_lease', 'select, insert, update');
