-- What symbols cost, for everybody alike: the rows belong to no tenant, and no tenant's transaction reaches them. A role of its own
-- writes and reads them.

create table trading.bar (
    symbol    text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    timeframe text not null check (timeframe in ('1m', '1d')),
    starts_at timestamptz not null,
    open_e4   bigint not null check (open_e4 between 1 and 99999999999999),
    high_e4   bigint not null check (high_e4 between 1 and 99999999999999),
    low_e4    bigint not null check (low_e4 between 1 and 99999999999999),
    close_e4  bigint not null check (close_e4 between 1 and 99999999999999),
    volume_e6 bigint not null check (volume_e6 between 0 and 9223372036854775807),
    -- The exact sum of sizes times prices in 1e-10 dollars, which a bigint does not hold; the average price is made of it. Never compared
    -- in a query. NaN fails the check, because it is greater than every number.
    worth_e10 numeric(28, 0) not null check (worth_e10 >= 0 and worth_e10 <= 9999999999999999999999999999),
    quotes    bigint not null check (quotes between 1 and 9223372036854775807),
    -- The first and the last quote that it counts: what is written a second time counts once.
    first_seq bigint not null check (first_seq >= 0),
    last_seq  bigint not null check (last_seq >= first_seq),
    primary key (symbol, timeframe, starts_at),
    constraint bar_lies_between_low_and_high
        check (open_e4 between low_e4 and high_e4 and close_e4 between low_e4 and high_e4)
);
comment on table trading.bar is 'A row is what a symbol cost in a minute or a day; a stretch without a quote has none';
create index bar_by_age on trading.bar (timeframe, starts_at);
revoke all on trading.bar from public;
grant select, insert, update, delete on trading.bar to platform_market_data;
