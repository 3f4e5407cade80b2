-- The events of each account, numbered without a gap: replaying them rebuilds its cash, its positions and its orders.

-- What happened before there was a log is in it as one event, numbered 1, so that is what the accounts that exist have reached.
alter table trading.account add column event_seq bigint not null default 1 check (event_seq >= 0);
alter table trading.account alter column event_seq set default 0;
comment on column trading.account.event_seq is 'The number of the account''s last event';
grant update (event_seq) on trading.account to platform_app;

create table trading.event (
    tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id uuid not null,
    seq        bigint not null check (seq >= 1),
    kind       text not null check (length(kind) between 1 and 32 and kind ~ '^[a-z][a-z_]*$'),
    order_id   uuid,
    at         timestamptz not null,
    -- An opening holds every position and open order of an account; any other event is about one order or amount.
    payload    jsonb not null check (jsonb_typeof(payload) = 'object' and (kind = 'opening' or octet_length(payload::text) <= 16384)),
    primary key (tenant_id, account_id, seq),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    foreign key (tenant_id, order_id) references trading.orders (tenant_id, id) on delete restrict
);
comment on table trading.event is 'A row is what happened to an account or one of its orders, with everything that is needed to do it again';
create index event_by_order on trading.event (tenant_id, order_id, seq) where order_id is not null;

-- Every tenant's rows are read once, before any policy hides them from the owner of the tables. Orders that are final are left out: nothing
-- can happen to them any more. A release from before this migration must not write once it has run: it numbers no events, and what it
-- changes would be missing here.
alter table trading.account no force row level security;
alter table trading.position no force row level security;
alter table trading.orders no force row level security;
insert into trading.event (tenant_id, account_id, seq, kind, at, payload)
select a.tenant_id, a.id, 1, 'opening', now(), jsonb_build_object(
    'available_cents', a.available_cents,
    'held_cents', a.held_cents,
    'positions', coalesce((
        select jsonb_agg(jsonb_build_object(
            'symbol', p.symbol, 'available_e6', p.available_e6, 'held_e6', p.held_e6, 'cost_cents', p.cost_cents,
            'realized_cents', p.realized_cents
        ) order by p.symbol)
        from trading.position p where p.tenant_id = a.tenant_id and p.account_id = a.id
    ), '[]'),
    'orders', coalesce((
        select jsonb_agg(jsonb_build_object(
            'id', o.id, 'symbol', o.symbol, 'side', o.side, 'order_type', o.order_type, 'time_in_force', o.time_in_force,
            'quantity_e6', o.quantity_e6, 'limit_price_e4', o.limit_price_e4, 'stop_price_e4', o.stop_price_e4,
            'worst_price_e4', o.worst_price_e4, 'status', o.status, 'reason', o.reason, 'filled_e6', o.filled_e6,
            'filled_notional_e10', o.filled_notional_e10::text, 'hold_cents', o.hold_cents, 'fees_cents', o.fees_cents,
            'accepted_quote_seq', o.accepted_quote_seq, 'last_quote_seq', o.last_quote_seq
        ) order by o.id)
        from trading.orders o
        where o.tenant_id = a.tenant_id and o.account_id = a.id and o.status in ('pending', 'submitted', 'partial')
    ), '[]')
)
from trading.account a;
alter table trading.account force row level security;
alter table trading.position force row level security;
alter table trading.orders force row level security;

select platform_core.tenant_table('trading.event', 'select, insert');
select platform_audit.protect('trading.event');
