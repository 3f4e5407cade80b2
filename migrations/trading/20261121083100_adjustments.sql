create table trading.adjustment (
    tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
    id              uuid not null,
    account_id      uuid not null,
    -- Paid in when positive, paid out when negative.
    amount_cents    bigint not null check (amount_cents between -999999999999999 and 999999999999999 and amount_cents <> 0),
    reason          text not null check (length(reason) between 1 and 200),
    status          text not null check (status in ('pending', 'applied', 'refused')),
    -- Kept for ever: an adjustment is applied once however late it is sent again.
    idempotency_key text not null check (length(idempotency_key) between 1 and 255),
    requested_by    uuid not null,
    requested_at    timestamptz not null,
    -- From then on nobody can approve it any more; null where nobody had to.
    expires_at      timestamptz,
    decided_by      uuid,
    decided_at      timestamptz,
    -- The row of the ledger that moved the cash.
    transfer_seq    bigint check (transfer_seq >= 1),
    primary key (tenant_id, id),
    unique (tenant_id, account_id, requested_by, idempotency_key),
    foreign key (tenant_id, account_id) references trading.account (tenant_id, id) on delete restrict,
    foreign key (tenant_id, account_id, transfer_seq) references trading.transfer (tenant_id, account_id, seq) on delete restrict,
    constraint adjustment_applied_moves_cash check ((status = 'applied') = (transfer_seq is not null)),
    constraint adjustment_has_four_eyes check (
        (expires_at is null and status = 'applied' and decided_by is null)
        or (expires_at is not null and (status = 'pending') = (decided_by is null) and decided_by <> requested_by is not false)
    ),
    constraint adjustment_decided_at check ((decided_by is null) = (decided_at is null))
);
comment on table trading.adjustment is 'A row is cash that an administrator paid into an account or out of it, or asks another to approve';
create index adjustment_pending on trading.adjustment (tenant_id, id) where status = 'pending';
select platform_core.tenant_table('trading.adjustment', 'select, insert, update');
select platform_audit.protect('trading.adjustment');
