-- What operators do to the market, which the customers of all tenants share: the rows are those of the platform's own tenant. An instance
-- that starts reads how things stand; one that runs hears of what is new, and looks every few seconds all the same.

create table trading.market_event (
    tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
    -- Without gaps. Two writers cannot both take the next number, so that each has seen what was done before.
    seq       bigint not null check (seq between 1 and 999999999999),
    setting   text not null check (setting in ('halted', 'paused', 'speed', 'seed', 'gap')),
    symbol    text check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
    -- 0 or 1 of halted and paused, thousandths of real time of a speed, the milliseconds of a gap, a seed.
    value     bigint not null check (value >= 0),
    reason    text not null check (char_length(reason) between 1 and 200),
    -- Null for a job of the service.
    actor_id  uuid,
    at        timestamptz not null,
    primary key (tenant_id, seq),
    constraint market_event_names_what_is_halted check ((setting = 'halted') = (symbol is not null)),
    constraint market_event_value_fits check (
        case setting
            when 'halted' then value <= 1
            when 'paused' then value <= 1
            when 'speed' then value between 100 and 100000
            when 'gap' then value between 1 and 600000
            else true
        end
    )
);
comment on table trading.market_event is 'A row is something an operator did to the market; the newest of a setting and symbol is how it stands';
create index market_event_by_setting on trading.market_event (tenant_id, setting, symbol, seq desc);
select platform_core.tenant_table('trading.market_event', 'select, insert');
select platform_audit.protect('trading.market_event');

create function trading.announce_market() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('trading_market', new.seq::text);
  return null;
end
$$;
revoke execute on function trading.announce_market() from public;

create trigger is_announced after insert on trading.market_event
  for each row execute function trading.announce_market();
