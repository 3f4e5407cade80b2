select a.id as account_id, next.seq as next_seq,
       coalesce(prev.net_deposits_cents, 0) + flow.net_deposits_cents as net_deposits_cents,
       coalesce(prev.fees_cents, 0) + flow.fees_cents as fees_cents,
       flow.available_after, flow.held_after
from unnest($2::uuid[]) with ordinality as a (id, place)
left join lateral (
    select c.last_seq, c.net_deposits_cents, c.fees_cents
    from trading.closing_account c
    where c.tenant_id = $1 and c.account_id = a.id and c.session_close < $3
    order by c.session_close desc limit 1
) prev on true
left join lateral (
    select min(t.seq) as seq
    from trading.transfer t
    where t.tenant_id = $1 and t.account_id = a.id and t.seq > coalesce(prev.last_seq, 0) and t.created_at >= $3
) next on true
cross join lateral (
    select
        coalesce(sum(case t.code when 'deposit' then t.amount when 'withdrawal' then -t.amount else 0 end)
            filter (where next.seq is null or t.seq < next.seq), 0)::bigint as net_deposits_cents,
        coalesce(sum(t.amount) filter (where t.code = 'fee' and (next.seq is null or t.seq < next.seq)), 0)::bigint as fees_cents,
        coalesce(sum(case 'cash.available' when t.credit then t.amount when t.debit then -t.amount else 0 end)
            filter (where t.seq >= next.seq), 0)::bigint as available_after,
        coalesce(sum(case 'cash.held' when t.credit then t.amount when t.debit then -t.amount else 0 end)
            filter (where t.seq >= next.seq), 0)::bigint as held_after
    from trading.transfer t
    where t.tenant_id = $1 and t.account_id = a.id and t.seq > coalesce(prev.last_seq, 0)
) flow
order by a.place
