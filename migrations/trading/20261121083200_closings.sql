-- What was there when a session closed. All of it follows from the ledger and the prices; kept so that the result of a day, its statement
-- and the balance after any row of the ledger need no more than one day's rows.

create table trading.closing_price (
    tenant_id     uuid not null default current_setting('platform.tenant_id')::uuid,
    session_close timestamptz not null,
    symbol        text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    price_e4      bigint not null check (price_e4 between 1 and 99999999999999),
    quote_seq     bigint not null check (quote_seq >= 0),
    primary key (tenant_id, session_close, symbol)
);
comment on table trading.closing_price is 'A row is the last price of a symbol before a session closed';
select platform_core.tenant_table('trading.closing_price', 'select, insert');

create table trading.closing_account (
    tenant_id          uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id         uuid not null,
    session_close      timestamptz not null,
    -- The last row of the account's ledger that belongs to the session; 0 when there was none yet.
    last_seq           bigint not null check (last_seq >= 0),
    available_cents    bigint not null check (available_cents between 0 and 999999999999999),
    held_cents         bigint not null check (held_cents between 0 and 999999999999999),
    -- Since the account was opened.
    net_deposits_cents bigint not null check (net_deposits_cents between -999999999999999 and 999999999999999),
    fees_cents         bigint not null check (fees_cents between 0 and 999999999999999),
    -- Cash and shares together, exactly: whole cents, and what is left in 1e-10 dollars.
    equity_cents       bigint not null check (equity_cents between 0 and 999999999999999),
    equity_rest_e10    bigint not null check (equity_rest_e10 between 0 and 99999999),
    primary key (tenant_id, account_id, session_close),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict
);
comment on table trading.closing_account is 'A row is what an account had and was worth when a session closed';
select platform_core.tenant_table('trading.closing_account', 'select, insert');

create table trading.closing_position (
    tenant_id      uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id     uuid not null,
    session_close  timestamptz not null,
    symbol         text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    available_e6   bigint not null check (available_e6 between 0 and 99999999999999),
    held_e6        bigint not null check (held_e6 between 0 and 99999999999999),
    -- Null where there was no price, so that the shares counted at their cost.
    price_e4       bigint check (price_e4 between 1 and 99999999999999),
    value_cents    bigint not null check (value_cents between 0 and 999999999999999),
    value_rest_e10 bigint not null check (value_rest_e10 between 0 and 99999999),
    primary key (tenant_id, account_id, session_close, symbol),
    foreign key (tenant_id, account_id, session_close)
        references trading.closing_account (tenant_id, account_id, session_close) on delete restrict
);
comment on table trading.closing_position is 'A row is what an account owned of a symbol when a session closed; there is none for nothing';
select platform_core.tenant_table('trading.closing_position', 'select, insert');

select platform_audit.protect('trading.closing_price');
select platform_audit.protect('trading.closing_account');
select platform_audit.protect('trading.closing_position');
