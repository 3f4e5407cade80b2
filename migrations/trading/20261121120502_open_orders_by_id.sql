-- The open orders of a tenant are read page by page in the order of their ids. Nothing looks for those of a symbol here: the matcher keeps
-- them in memory.

create index orders_open_by_id on trading.orders (tenant_id, id) where status in ('pending', 'submitted', 'partial');
drop index trading.orders_open;
