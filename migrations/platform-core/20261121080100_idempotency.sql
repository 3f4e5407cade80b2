-- What was answered to an operation that a client may send again.

create table platform_core.idempotency_key (
    tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
    -- Two callers may choose the same key, and one of them must never be shown what the other was answered.
    principal    text not null check (length(principal) between 1 and 300),
    route        text not null check (length(route) between 1 and 100),
    key          text not null check (length(key) between 1 and 255),
    -- SHA-256 of what was asked.
    fingerprint  bytea not null check (octet_length(fingerprint) = 32),
    -- Null only inside the transaction that does what was asked.
    status       smallint check (status between 100 and 599),
    content_type text check (length(content_type) between 1 and 200),
    body         bytea check (octet_length(body) between 0 and 1048576),
    created_at   timestamptz not null,
    check ((status is null) = (body is null)),
    check (status is not null or content_type is null),
    primary key (tenant_id, principal, route, key)
);
comment on table platform_core.idempotency_key is 'A row is the answer to an operation that a client named, and is forgotten after some days';
create index idempotency_key_age on platform_core.idempotency_key (tenant_id, created_at);
select platform_core.tenant_table('platform_core.idempotency_key', 'select, insert, update, delete');

-- A key that was claimed and has no answer would keep its client from ever getting one.
create function platform_core.require_answer() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from platform_core.idempotency_key k
        where k.tenant_id = new.tenant_id and k.principal = new.principal and k.route = new.route and k.key = new.key
            and k.status is null
    ) then
        raise exception 'an idempotency key was claimed and not answered in the same transaction' using errcode = 'PI001';
    end if;
    return null;
end
$$;
comment on function platform_core.require_answer is 'Refuses to commit an idempotency key without its answer';

create constraint trigger is_answered after insert on platform_core.idempotency_key
    deferrable initially deferred for each row execute function platform_core.require_answer();
