-- An account has so many open orders, counted where it is locked for every change of them anyway.

alter table trading.account add column open_orders bigint not null default 0 check (open_orders >= 0);
comment on column trading.account.open_orders is 'How many of its orders can still be filled; limits how many more it may place';
grant update (open_orders) on trading.account to platform_app;

-- The orders that are open are counted once. Nothing happens to an account by that, so it needs no audit event. What a release from before
-- this migration does to orders while both run is not counted; the reconciliation names the accounts of which that is so.
alter table trading.account no force row level security;
alter table trading.orders no force row level security;
alter table trading.account disable trigger is_protected;
update trading.account a set open_orders = o.count
from (
    select tenant_id, account_id, count(*) as count
    from trading.orders where status in ('pending', 'submitted', 'partial') group by tenant_id, account_id
) o
where a.tenant_id = o.tenant_id and a.id = o.account_id;
alter table trading.account enable always trigger is_protected;
alter table trading.account force row level security;
alter table trading.orders force row level security;
