with leg as (
    select account_id, asset, debit as ledger_account, -amount as amount from trading.transfer where tenant_id = $1
    union all
    select account_id, asset, credit, amount from trading.transfer where tenant_id = $1
),
balance as (
    select account_id, asset, ledger_account, sum(amount) as amount from leg group by account_id, asset, ledger_account
),
open_order as (
    select account_id, symbol, count(*) as orders,
           sum(hold_cents) as hold_cents,
           sum(case when side = 'sell' then quantity_e6 - filled_e6 else 0 end) as leaves_e6
    from trading.orders
    where tenant_id = $1 and status in ('pending', 'submitted', 'partial')
    group by account_id, symbol
),
fills as (
    select order_id, sum(quantity_e6) as quantity_e6, sum(quantity_e6::numeric * price_e4) as notional_e10,
           sum(cash_cents) as cash_cents
    from trading.execution where tenant_id = $1 group by order_id
),
traded as (
    select account_id, symbol,
           sum(case side when 'buy' then quantity_e6 else -quantity_e6 end) as quantity_e6,
           sum(case side when 'buy' then cash_cents else -cash_cents end) as paid_cents
    from trading.execution where tenant_id = $1 group by account_id, symbol
),
-- Customers by their rows, the house by its ledger: by the ledger alone the sum is zero whatever it says.
owned as (
    select 'cash' as asset, available_cents + held_cents as amount from trading.account where tenant_id = $1
    union all
    select symbol, available_e6 + held_e6 from trading.position where tenant_id = $1
    union all
    select asset, amount from balance where ledger_account in ('street', 'funding', 'fees')
),
finding as (
    select 'the ledger sums to zero' as rule, asset as subject, '0' as expected, sum(amount)::text as found
    from owned group by asset having sum(amount) <> 0
    union all
    select 'available cash is the ledger''s', a.id::text, coalesce(b.amount, 0)::text, a.available_cents::text
    from trading.account a
    left join balance b on b.account_id = a.id and b.asset = 'cash' and b.ledger_account = 'cash.available'
    where a.tenant_id = $1 and a.available_cents <> coalesce(b.amount, 0)
    union all
    select 'held cash is the ledger''s', a.id::text, coalesce(b.amount, 0)::text, a.held_cents::text
    from trading.account a
    left join balance b on b.account_id = a.id and b.asset = 'cash' and b.ledger_account = 'cash.held'
    where a.tenant_id = $1 and a.held_cents <> coalesce(b.amount, 0)
    union all
    select 'held cash is what open orders hold', a.id::text, coalesce(h.hold_cents, 0)::text, a.held_cents::text
    from trading.account a
    left join (select account_id, sum(hold_cents) as hold_cents from open_order group by account_id) h on h.account_id = a.id
    where a.tenant_id = $1 and a.held_cents <> coalesce(h.hold_cents, 0)
    union all
    select 'open orders are counted', a.id::text, coalesce(o.orders, 0)::text, a.open_orders::text
    from trading.account a
    left join (select account_id, sum(orders) as orders from open_order group by account_id) o on o.account_id = a.id
    where a.tenant_id = $1 and a.open_orders <> coalesce(o.orders, 0)
    union all
    select 'the ledger''s numbers have no gap', a.id::text, a.last_seq::text, count(t.seq)::text
    from trading.account a left join trading.transfer t on t.tenant_id = a.tenant_id and t.account_id = a.id
    where a.tenant_id = $1 group by a.id, a.last_seq
    having count(t.seq) <> a.last_seq or coalesce(max(t.seq), 0) <> a.last_seq
    union all
    select 'available shares are the ledger''s', p.account_id || ' ' || p.symbol, coalesce(b.amount, 0)::text, p.available_e6::text
    from trading.position p
    left join balance b
        on b.account_id = p.account_id and b.asset = p.symbol and b.ledger_account = 'shares.available'
    where p.tenant_id = $1 and p.available_e6 <> coalesce(b.amount, 0)
    union all
    select 'held shares are the ledger''s', p.account_id || ' ' || p.symbol, coalesce(b.amount, 0)::text, p.held_e6::text
    from trading.position p
    left join balance b on b.account_id = p.account_id and b.asset = p.symbol and b.ledger_account = 'shares.held'
    where p.tenant_id = $1 and p.held_e6 <> coalesce(b.amount, 0)
    union all
    select 'held shares are what open sells hold', p.account_id || ' ' || p.symbol, coalesce(o.leaves_e6, 0)::text, p.held_e6::text
    from trading.position p
    left join open_order o on o.account_id = p.account_id and o.symbol = p.symbol
    where p.tenant_id = $1 and p.held_e6 <> coalesce(o.leaves_e6, 0)
    union all
    select 'shares are what the fills moved', p.account_id || ' ' || p.symbol, coalesce(f.quantity_e6, 0)::text,
           (p.available_e6 + p.held_e6)::text
    from trading.position p left join traded f on f.account_id = p.account_id and f.symbol = p.symbol
    where p.tenant_id = $1 and p.available_e6 + p.held_e6 <> coalesce(f.quantity_e6, 0)
    union all
    select 'cost less profit is what the fills paid', p.account_id || ' ' || p.symbol, coalesce(f.paid_cents, 0)::text,
           (p.cost_cents - p.realized_cents)::text
    from trading.position p left join traded f on f.account_id = p.account_id and f.symbol = p.symbol
    where p.tenant_id = $1 and p.cost_cents - p.realized_cents <> coalesce(f.paid_cents, 0)
    union all
    select 'shares in the ledger have a position', b.account_id || ' ' || b.asset, b.amount::text, 'none'
    from balance b
    left join trading.position p on p.tenant_id = $1 and p.account_id = b.account_id and p.symbol = b.asset
    where b.ledger_account in ('shares.available', 'shares.held') and b.amount <> 0 and p.symbol is null
    union all
    select 'filled shares are the executions''', o.id::text, coalesce(f.quantity_e6, 0)::text, o.filled_e6::text
    from trading.orders o left join fills f on f.order_id = o.id
    where o.tenant_id = $1 and o.filled_e6 <> coalesce(f.quantity_e6, 0)
    union all
    select 'the notional is the executions''', o.id::text, coalesce(f.notional_e10, 0)::text, o.filled_notional_e10::text
    from trading.orders o left join fills f on f.order_id = o.id
    where o.tenant_id = $1 and o.filled_notional_e10 <> coalesce(f.notional_e10, 0)
    union all
    select 'the cash of the fills is the rounded notional', o.id::text,
           round(o.filled_notional_e10 / 100000000, 8)::text, coalesce(f.cash_cents, 0)::text
    from trading.orders o left join fills f on f.order_id = o.id
    where o.tenant_id = $1
      and abs(o.filled_notional_e10 / 100000000 - coalesce(f.cash_cents, 0)) > 0.5
)
select rule, subject, expected, found from finding order by rule, subject limit 1000
