-- How much of what the newest quotes display is sold, where several instances share one market: the rows belong to no tenant, because
-- all tenants' orders take of the same sizes. Whoever fills an order locks its symbol's row until the commit, so that a displayed share
-- is sold once, and is there again when the fill is rolled back.

create table trading.displayed (
    symbol       text primary key check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    -- The quote that the sizes are taken of; nothing is taken of an older one any more.
    quote_seq    bigint not null check (quote_seq between 0 and 9223372036854775807),
    bid_taken_e6 bigint not null check (bid_taken_e6 between 0 and 9223372036854775807),
    ask_taken_e6 bigint not null check (ask_taken_e6 between 0 and 9223372036854775807)
)
-- A few rows that change all the time: their new versions stay on their page.
with (fillfactor = 30);
comment on table trading.displayed is 'A row is how much is sold of the sizes that the newest quote of a symbol displays';
select platform_core.global_table('trading.displayed', 'select, insert, update');
