select p.account_id, p.symbol,
       (p.available_e6 - moved.available_e6)::bigint as available_e6,
       (p.held_e6 - moved.held_e6)::bigint as held_e6,
       p.cost_cents, p.realized_cents
from unnest($2::uuid[], $3::bigint[]) as a (id, next_seq)
join trading.position p on p.tenant_id = $1 and p.account_id = a.id
cross join lateral (
    select
        coalesce(sum(case 'shares.available' when t.credit then t.amount when t.debit then -t.amount else 0 end), 0) as available_e6,
        coalesce(sum(case 'shares.held' when t.credit then t.amount when t.debit then -t.amount else 0 end), 0) as held_e6
    from trading.transfer t
    where t.tenant_id = $1 and t.account_id = a.id and t.seq >= a.next_seq and t.asset = p.symbol
) moved
order by p.account_id, p.symbol
