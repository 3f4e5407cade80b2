-- Money is bigint cents, prices 1e-4 dollars (…_e4), quantities 1e-6 shares (…_e6). Not numeric: it takes NaN, and its comparisons
-- are not leakproof, which keeps them out of index conditions under row-level security.

create table trading.account (
    tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
    id              uuid not null,
    -- The principal the account belongs to; this crate does not know how it signed in.
    owner_id        uuid not null,
    status          text not null check (status in ('active', 'suspended', 'closed')),
    available_cents bigint not null check (available_cents between 0 and 999999999999999),
    held_cents      bigint not null check (held_cents between 0 and 999999999999999),
    -- The number of the account's last ledger transfer.
    last_seq        bigint not null check (last_seq >= 0),
    opened_at       timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, owner_id)
);
comment on table trading.account is 'A row is a customer''s cash account; its balances are those of the ledger, kept at hand';
select platform_core.tenant_table('trading.account', 'select, insert, update');

create table trading.position (
    tenant_id      uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id     uuid not null,
    symbol         text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    available_e6   bigint not null check (available_e6 between 0 and 99999999999999),
    held_e6        bigint not null check (held_e6 between 0 and 99999999999999),
    cost_cents     bigint not null check (cost_cents between 0 and 999999999999999),
    realized_cents bigint not null check (realized_cents between -999999999999999 and 999999999999999),
    primary key (tenant_id, account_id, symbol),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    constraint position_flat_costs_nothing check (available_e6 + held_e6 > 0 or cost_cents = 0)
);
comment on table trading.position is 'A row is what an account holds of a symbol; never deleted, a flat one keeps its realised profit';
select platform_core.tenant_table('trading.position', 'select, insert, update');

create table trading.orders (
    tenant_id          uuid not null default current_setting('platform.tenant_id')::uuid,
    id                 uuid not null,
    account_id         uuid not null,
    client_order_id    text check (length(client_order_id) between 1 and 128),
    symbol             text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    side               text not null check (side in ('buy', 'sell')),
    order_type         text not null check (order_type in ('market', 'limit', 'stop', 'stop_limit')),
    time_in_force      text not null check (time_in_force in ('day', 'gtc', 'ioc', 'fok')),
    quantity_e6        bigint not null check (quantity_e6 between 1 and 99999999999999),
    limit_price_e4     bigint check (limit_price_e4 between 1 and 99999999999999),
    stop_price_e4      bigint check (stop_price_e4 between 1 and 99999999999999),
    -- The price a fill may not be worse than; a market sell has none.
    worst_price_e4     bigint check (worst_price_e4 between 1 and 99999999999999),
    status             text not null check (status in ('pending', 'submitted', 'partial', 'filled', 'cancelled', 'rejected', 'expired')),
    -- Why it was rejected, cancelled or expired.
    reason             text check (length(reason) between 1 and 64),
    filled_e6          bigint not null check (filled_e6 between 0 and quantity_e6),
    -- The exact sum of quantity times price of its fills, in 1e-10 dollars: up to 1e19, which a bigint does not hold. Never
    -- compared in a query. NaN fails the check, because it is greater than every number.
    filled_notional_e10 numeric(20, 0) not null check (filled_notional_e10 >= 0 and filled_notional_e10 <= 10000000000000000000),
    -- What of the account's cash it holds; a sell holds its open shares.
    hold_cents         bigint not null check (hold_cents between 0 and 999999999999999),
    fees_cents         bigint not null check (fees_cents between 0 and 999999999999999),
    -- The quote it met when it was placed.
    accepted_quote_seq bigint not null check (accepted_quote_seq >= 0),
    -- The newest quote it met or filled on; it only fills on a later one.
    last_quote_seq     bigint not null check (last_quote_seq >= accepted_quote_seq),
    accepted_at        timestamptz not null,
    expires_at         timestamptz,
    updated_at         timestamptz not null,
    version            integer not null check (version >= 1),
    primary key (tenant_id, id),
    unique (tenant_id, account_id, client_order_id),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    constraint orders_terminal_holds_nothing
        check (status in ('pending', 'submitted', 'partial') or hold_cents = 0),
    constraint orders_filled_is_complete check ((status = 'filled') = (filled_e6 = quantity_e6))
);
comment on table trading.orders is 'A row is an order, also a rejected one';
create index orders_by_account on trading.orders (tenant_id, account_id, id);
create index orders_open on trading.orders (tenant_id, symbol, id) where status in ('pending', 'submitted', 'partial');
select platform_core.tenant_table('trading.orders', 'select, insert, update');

create table trading.execution (
    tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
    order_id    uuid not null,
    -- An order fills at most once on a quote: writing the same fill twice is refused by the key.
    quote_seq   bigint not null check (quote_seq >= 0),
    account_id  uuid not null,
    symbol      text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    side        text not null check (side in ('buy', 'sell')),
    quantity_e6 bigint not null check (quantity_e6 between 1 and 99999999999999),
    price_e4    bigint not null check (price_e4 between 1 and 99999999999999),
    -- What the fill moved, rounded cumulatively over the order; zero is possible for a sliver.
    cash_cents  bigint not null check (cash_cents between 0 and 999999999999999),
    fee_cents   bigint not null check (fee_cents between 0 and 999999999999999),
    executed_at timestamptz not null,
    primary key (tenant_id, order_id, quote_seq),
    foreign key (tenant_id, order_id) references trading.orders (tenant_id, id) on delete restrict
);
comment on table trading.execution is 'A row is a fill of an order against a quote';
create index execution_by_account on trading.execution (tenant_id, account_id, executed_at);
select platform_core.tenant_table('trading.execution', 'select, insert');

create table trading.transfer (
    tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
    -- The customer account on one of the two sides; the other side may be the street, the funding or the fee account.
    account_id uuid not null,
    seq        bigint not null check (seq >= 1),
    -- 'cash' or a symbol.
    asset      text not null check (asset = 'cash' or asset ~ '^[A-Z0-9.-]{1,12}$'),
    debit      text not null check (debit in ('cash.available', 'cash.held', 'shares.available', 'shares.held', 'street', 'funding', 'fees')),
    credit     text not null check (credit in ('cash.available', 'cash.held', 'shares.available', 'shares.held', 'street', 'funding', 'fees')),
    -- Cents or 1e-6 shares.
    amount     bigint not null check (amount between 1 and 999999999999999),
    code       text not null check (length(code) between 1 and 32),
    order_id   uuid,
    quote_seq  bigint,
    created_at timestamptz not null,
    primary key (tenant_id, account_id, seq),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    foreign key (tenant_id, order_id) references trading.orders (tenant_id, id) on delete restrict,
    constraint transfer_moves_something check (debit <> credit)
);
comment on table trading.transfer is
    'A row moves an amount of one asset from one account to another, so that the sum over all accounts is zero by construction';
select platform_core.tenant_table('trading.transfer', 'select, insert');

create table trading.idempotency (
    tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id  uuid not null,
    route       text not null check (length(route) between 1 and 64),
    key         text not null check (length(key) between 1 and 255),
    fingerprint bytea not null check (length(fingerprint) = 32),
    -- What the operation came to, as JSON. Written in the transaction of the operation itself, so that a key without an answer
    -- does not exist.
    outcome     text not null check (length(outcome) <= 1048576),
    created_at  timestamptz not null,
    primary key (tenant_id, account_id, route, key),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict
);
comment on table trading.idempotency is 'A row is an operation a client named, with the answer it was given; kept for seven days';
create index idempotency_by_age on trading.idempotency (tenant_id, created_at);
select platform_core.tenant_table('trading.idempotency', 'select, insert, delete');
