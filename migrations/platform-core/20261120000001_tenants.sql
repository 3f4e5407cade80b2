-- How a tenant table is protected. Called by the migrations of every crate right after CREATE TABLE, so that the policies exist
-- in one form only; the self-check at start-up knows that form and refuses any other.
create function platform_core.tenant_table(target regclass, privileges text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
-- Without it every new table is reported three times as having no policy to drop.
set client_min_messages = warning
as $$
declare
    -- current_setting with one argument raises an error when there is no scope: loud, never "no rows". The sub-select makes it
    -- one evaluation for each statement, not one for each row.
    own_rows constant text := '(tenant_id = (select current_setting(''platform.tenant_id'')::uuid))';
    rows_below constant text :=
        '(tenant_id = any ((select string_to_array(current_setting(''platform.tenant_scope''), '','')::uuid[])::uuid[]))';
    part regclass;
    privilege text;
    updatable text;
begin
    if not exists (
        select from pg_attribute
        where attrelid = target and attname = 'tenant_id' and atttypid = 'uuid'::regtype and attnotnull and not attisdropped
    ) then
        raise exception 'tenant table % needs a column tenant_id uuid not null', target;
    end if;

    -- A partition that is queried by its own name is not covered by its parent's policies.
    for part in
        select target union select relid from pg_partition_tree(target)
    loop
        execute format('alter table %s enable row level security, force row level security', part);
        execute format('drop policy if exists tenant_isolation on %s', part);
        execute format('drop policy if exists tenant_floor on %s', part);
        execute format('drop policy if exists subtree_read on %s', part);
        execute format('create policy tenant_isolation on %s to platform_app using %s with check %s', part, own_rows, own_rows);
        -- Restrictive, so that a permissive policy added later cannot widen what the application sees.
        execute format('create policy tenant_floor on %s as restrictive to platform_app using %s with check %s', part, own_rows, own_rows);
        execute format('create policy subtree_read on %s for select to platform_subtree using %s', part, rows_below);
    end loop;

    execute format('revoke all on %s from public, platform_app, platform_subtree', target);
    foreach privilege in array string_to_array(replace(lower(privileges), ' ', ''), ',') loop
        case privilege
            when 'select' then
                execute format('grant select on %s to platform_app, platform_subtree', target);
            when 'insert', 'delete' then
                execute format('grant %s on %s to platform_app', privilege, target);
            when 'update' then
                -- A row never changes its tenant.
                select string_agg(quote_ident(attname), ', ') into updatable
                from pg_attribute
                where attrelid = target and attnum > 0 and not attisdropped and attname <> 'tenant_id';
                execute format('grant update (%s) on %s to platform_app', updatable, target);
            else
                raise exception 'tenant table % cannot be granted %', target, privilege;
        end case;
    end loop;
end
$$;

comment on function platform_core.tenant_table is
    'Puts a table under forced row-level security in the canonical form and grants it to the application';

-- Grants on a table whose rows belong to no tenant. The self-check demands a written reason for each of them.
create function platform_core.global_table(target regclass, privileges text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    privilege text;
begin
    execute format('revoke all on %s from public, platform_app, platform_subtree', target);
    foreach privilege in array string_to_array(replace(lower(privileges), ' ', ''), ',') loop
        if privilege not in ('select', 'insert', 'update', 'delete') then
            raise exception 'global table % cannot be granted %', target, privilege;
        end if;
        execute format('grant %s on %s to platform_app', privilege, target);
    end loop;
end
$$;

comment on function platform_core.global_table is 'Grants a table that belongs to no tenant to the application';

revoke execute on function platform_core.tenant_table(regclass, text) from public;
revoke execute on function platform_core.global_table(regclass, text) from public;

create table platform_core.tenant (
    id         uuid primary key,
    slug       text not null unique check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 63),
    name       text not null check (length(name) between 1 and 200),
    status     text not null check (status in ('active', 'suspended', 'closed')),
    parent_id  uuid references platform_core.tenant (id) on delete restrict,
    created_at timestamptz not null,
    check (parent_id <> id)
);
comment on table platform_core.tenant is 'A row is a tenant. Read before the tenant of a request is known, so it holds nothing personal';
select platform_core.global_table('platform_core.tenant', 'select, insert, update');

create table platform_core.tenant_host (
    host        text primary key check (host = lower(host) and length(host) between 1 and 253),
    owner       uuid not null references platform_core.tenant (id) on delete restrict,
    verified_at timestamptz
);
comment on table platform_core.tenant_host is 'A row is a host name that stands for a tenant once it has been verified';
select platform_core.global_table('platform_core.tenant_host', 'select, insert, update');

create table platform_core.tenant_closure (
    ancestor   uuid not null references platform_core.tenant (id) on delete restrict,
    descendant uuid not null references platform_core.tenant (id) on delete restrict,
    depth      integer not null check (depth between 0 and 16),
    primary key (ancestor, descendant)
);
comment on table platform_core.tenant_closure is 'A row says that a tenant stands a number of levels below another; depth 0 is the tenant itself';
create index tenant_closure_descendant on platform_core.tenant_closure (descendant, depth);
select platform_core.global_table('platform_core.tenant_closure', 'select, insert');

create table platform_core.canary (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    id        uuid not null,
    primary key (tenant_id, id)
);
comment on table platform_core.canary is 'Always empty: the self-check writes a row as one tenant, looks for it as another and rolls back';
select platform_core.tenant_table('platform_core.canary', 'select, insert');
