-- The audit trail: one row for each thing that was done, refused or failed, written in the transaction that did it.

create table platform_audit.event (
  tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
  -- UUIDv7 made by the program, so that recording the same event twice is refused by the key.
  id              uuid not null,
  -- The database's clock at the insert; occurred_at is the program's. The two differ by the length of the transaction at most, unless a clock is wrong.
  recorded_at     timestamptz not null default clock_timestamp(),
  -- Ties the event to the rows that the same transaction changed.
  xid             xid8 not null default pg_current_xact_id(),
  occurred_at     timestamptz not null,
  action          text not null check (action ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' and char_length(action) <= 64),
  outcome         text not null check (outcome in ('success', 'failure', 'denied')),
  -- Why it failed or was refused: a short stable code.
  reason          text check (char_length(reason) between 1 and 128),
  actor_kind      text not null check (actor_kind in ('anonymous', 'user', 'service', 'system')),
  actor_id        uuid,
  -- Why a system job acted; it has no id.
  purpose         text check (char_length(purpose) between 1 and 256),
  on_behalf_of    uuid,
  session_id      uuid,
  -- The first target, under which the event is found again; every target is in targets as [{"kind", "id"}].
  target_kind     text check (char_length(target_kind) between 1 and 64),
  target_id       text check (char_length(target_id) between 1 and 256),
  targets         jsonb not null default '[]' check (jsonb_typeof(targets) = 'array' and jsonb_array_length(targets) <= 16),
  source_address  text check (char_length(source_address) between 2 and 45),
  user_agent      text check (char_length(user_agent) <= 256),
  request_id      uuid not null,
  trace_id        text not null check (trace_id ~ '^[0-9a-f]{32}$'),
  -- The program allows 16 KiB of compact JSON; PostgreSQL prints blanks after colons and commas, hence twice that.
  detail          jsonb check (octet_length(detail::text) <= 32768),
  primary key (tenant_id, id),
  check ((target_kind is null) = (target_id is null))
);
-- Not partitioned: partitions by month pay off once there is retention that drops them, need recorded_at in the primary key, and every
-- child wants its own policies. The table is insert-only, so it can be moved into a partitioned one without a pause when that day comes.

comment on table platform_audit.event is
  'A row is one audited action of one tenant. Rows are only ever inserted; personal data in detail is masked.';

create index event_target on platform_audit.event (tenant_id, target_kind, target_id, id);

select platform_core.tenant_table('platform_audit.event', 'select, insert');

-- Grants stop the application; the trigger stops everybody, the owner and a superuser included. At statement level, because a row
-- trigger would let a statement pass that finds no row, and enabled always, because session_replication_role switches ordinary triggers off.
create function platform_audit.refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception 'audit events cannot be changed: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
    using errcode = 'insufficient_privilege';
end
$$;

create trigger event_is_insert_only
  before update or delete or truncate on platform_audit.event
  for each statement execute function platform_audit.refuse_change();

alter table platform_audit.event enable always trigger event_is_insert_only;
