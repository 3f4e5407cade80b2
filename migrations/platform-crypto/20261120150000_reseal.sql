-- Sealing the values of a table anew, under the key that is active now: how far each table is, and which values could not be opened.
create table platform_crypto.reseal_job (
    tenant_id   uuid not null,
    table_name  text not null check (length(table_name) between 1 and 127),
    to_version  bigint not null check (to_version between 1 and 2147483647),
    state       text not null check (state in ('running', 'finished', 'superseded')),
    pass        bigint not null default 1 check (pass between 1 and 2147483647),
    -- Where the pass goes on: no row below it is left in this pass.
    next_row    uuid not null default '00000000-0000-0000-0000-000000000000',
    pass_moved  bigint not null default 0 check (pass_moved between 0 and 9007199254740991),
    pass_failed bigint not null default 0 check (pass_failed between 0 and 9007199254740991),
    done        bigint not null default 0 check (done between 0 and 9007199254740991),
    started_at  timestamptz not null,
    updated_at  timestamptz not null,
    finished_at timestamptz,
    primary key (tenant_id, table_name, to_version),
    check ((state = 'finished') = (finished_at is not null))
);
comment on table platform_crypto.reseal_job is
    'A row says how far a table''s sealed values have been moved to a version of the tenant''s data key, and in which pass over it';
select platform_core.tenant_table('platform_crypto.reseal_job', 'select, insert, update');

create table platform_crypto.reseal_failure (
    tenant_id   uuid not null,
    table_name  text not null,
    to_version  bigint not null,
    row_id      uuid not null,
    column_name text not null check (length(column_name) between 1 and 63),
    reason      text not null check (reason in
        ('unreadable', 'unknown_key', 'key_unavailable', 'key_destroyed', 'tampered', 'subject_erased')),
    key_id      bytea check (length(key_id) = 16),
    found_at    timestamptz not null,
    primary key (tenant_id, table_name, to_version, row_id, column_name),
    foreign key (tenant_id, table_name, to_version) references platform_crypto.reseal_job
);
comment on table platform_crypto.reseal_failure is
    'A row names a sealed value that the last pass over its table could not open; the first thousand of a pass are kept';
select platform_core.tenant_table('platform_crypto.reseal_failure', 'select, insert, delete');
