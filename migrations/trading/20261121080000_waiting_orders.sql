-- Orders that wait: for their stop, or for the opening; and the queue of those that a replacement sent to its end. Every column is null for
-- an order that the release before this one writes, and null is right for it: it has no stop, never waits and keeps its first place.

alter table trading.orders
    -- The quote that elected its stop; an order with a stop and without this waits for it.
    add column elected_quote_seq bigint check (elected_quote_seq between 0 and 9223372036854775807),
    -- When the session opens that an order placed between two sessions belongs to; nothing elects or fills it before.
    add column opens_at timestamptz check (opens_at between '2000-01-01 00:00Z' and '9999-12-31 23:59:59Z'),
    -- When a replacement sent it to the end of its queue; null while it has the place of its acceptance.
    add column requeued_at timestamptz check (requeued_at between '2000-01-01 00:00Z' and '9999-12-31 23:59:59Z'),
    add constraint orders_elected_has_a_stop check (elected_quote_seq is null or stop_price_e4 is not null),
    add constraint orders_elected_does_not_wait check (elected_quote_seq is null or status <> 'pending');

grant update (elected_quote_seq, opens_at, requeued_at) on trading.orders to platform_app;
