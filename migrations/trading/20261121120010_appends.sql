-- Of an order's rows most are of these three: they are asked about once for all orders that are written together. A release from before
-- this migration writes them before the audit event, which is refused from now on: stop its instances first, as for trading.event.
select platform_audit.protect_appends('trading.execution');
select platform_audit.protect_appends('trading.transfer');
select platform_audit.protect_appends('trading.event');
