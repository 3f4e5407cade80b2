-- What the books of an account were after every thousandth of its events, so that a log that is altered later is found out. Worked out by a
-- worker from the events themselves, behind the transactions that write them: these read and write nothing for it.

create table trading.state_hash (
    tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
    account_id uuid not null,
    -- The number of the last event that is in it.
    seq        bigint not null check (seq >= 1000 and seq % 1000 = 0),
    -- The canonical form that was hashed: a release with another form does not judge this one.
    form       smallint not null check (form >= 1),
    hash       bytea not null check (octet_length(hash) = 32),
    -- The books themselves, from which the next thousand events go on; with the newest hash only.
    state      jsonb check (jsonb_typeof(state) = 'object'),
    kept_at    timestamptz not null,
    primary key (tenant_id, account_id, seq),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict
);
comment on table trading.state_hash is 'A row is a hash over what an account was after so many of its events, worked out from them';
select platform_core.tenant_table('trading.state_hash', 'select, insert');
grant update (state) on trading.state_hash to platform_app;
