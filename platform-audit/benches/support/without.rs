//! What a superuser takes from a database to see what it costs.

/// The checks of the columns.
pub(crate) const UNCHECKED: &str = "
    do $$ declare d record; begin
    for d in select t.typname, c.conname from pg_constraint c join pg_type t on t.oid = c.contypid
        where t.typnamespace = 'platform_audit'::regnamespace
    loop execute format('alter domain platform_audit.%I drop constraint %I', d.typname, d.conname); end loop;
    end $$";

/// The indexes of the events, but for the primary key.
pub(crate) const WITHOUT_INDEXES: &str = "
    drop index platform_audit.event_target, platform_audit.event_actor, platform_audit.event_action, platform_audit.event_request,
        platform_audit.event_retention";
