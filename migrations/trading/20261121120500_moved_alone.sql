-- What was moved without anybody's approval is added up over a day, by account and by administrator.

create index adjustment_alone_by_account on trading.adjustment (tenant_id, account_id, requested_at) include (amount_cents)
    where expires_at is null;
create index adjustment_alone_by_adjuster on trading.adjustment (tenant_id, requested_by, requested_at) include (amount_cents)
    where expires_at is null;
