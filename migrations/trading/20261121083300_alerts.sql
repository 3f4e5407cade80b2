create table trading.alert (
    tenant_id         uuid not null default current_setting('platform.tenant_id')::uuid,
    id                uuid not null,
    account_id        uuid not null,
    symbol            text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    direction         text not null check (direction in ('above', 'below')),
    price_e4          bigint not null check (price_e4 between 1 and 99999999999999),
    -- The quote that was current when it was made; only a later one lets it fire.
    created_quote_seq bigint not null check (created_quote_seq >= 0),
    created_at        timestamptz not null,
    -- An alert fires once and is kept.
    fired_at          timestamptz,
    fired_price_e4    bigint check (fired_price_e4 between 1 and 99999999999999),
    fired_quote_seq   bigint check (fired_quote_seq > created_quote_seq),
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    constraint alert_fires_on_a_quote check (num_nulls(fired_at, fired_price_e4, fired_quote_seq) in (0, 3)),
    constraint alert_fires_at_its_price check (
        fired_price_e4 is null or case direction when 'above' then fired_price_e4 >= price_e4 else fired_price_e4 <= price_e4 end
    )
);
comment on table trading.alert is 'A row is a price at which the owner of an account wants to be told';
create index alert_by_account on trading.alert (tenant_id, account_id, id);
create index alert_active on trading.alert (tenant_id, id) where fired_at is null;
select platform_core.tenant_table('trading.alert', 'select, insert, update, delete');
select platform_audit.protect('trading.alert');
