create table trading.watchlist (
    tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
    id         uuid not null,
    account_id uuid not null,
    name       text not null check (length(name) between 1 and 64),
    created_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, account_id, name),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict
);
comment on table trading.watchlist is 'A row is a list of symbols that the owner of an account keeps an eye on';
select platform_core.tenant_table('trading.watchlist', 'select, insert, delete');

create table trading.watchlist_item (
    tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
    watchlist_id uuid not null,
    symbol       text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    added_at     timestamptz not null,
    primary key (tenant_id, watchlist_id, symbol),
    foreign key (tenant_id, watchlist_id) references trading.watchlist (tenant_id, id) on delete restrict
);
comment on table trading.watchlist_item is 'A row is a symbol on a watchlist';
select platform_core.tenant_table('trading.watchlist_item', 'select, insert, delete');

select platform_audit.protect('trading.watchlist');
select platform_audit.protect('trading.watchlist_item');
