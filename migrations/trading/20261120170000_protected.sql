-- Nobody's money, shares or orders change without an audit event in the same transaction. The idempotency keys are not protected: they
-- are what a client is answered a second time, and are forgotten after their days.

select platform_audit.protect('trading.account');
select platform_audit.protect('trading.position');
select platform_audit.protect('trading.orders');
select platform_audit.protect('trading.execution');
select platform_audit.protect('trading.transfer');
