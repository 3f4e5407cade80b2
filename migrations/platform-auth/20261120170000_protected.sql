-- Nobody's sign-in changes without an audit event in the same transaction.

select platform_audit.protect('platform_auth.subject');
select platform_audit.protect('platform_auth.password_credential');
-- When a session was last seen, and the end that follows from it, say nothing about anybody's doing and are written for requests that
-- only read.
select platform_audit.protect('platform_auth.session', '{last_seen_at,idle_expires_at}');
