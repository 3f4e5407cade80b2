-- The trail: events by month, the work list of the sequencer, the tree with its signed heads, and what guards all of it.
--
-- Three roles meet here. platform_app, under a tenant's scope, adds events and reads its own tenant's rows. platform_sequencer takes
-- what was added, of every tenant, into the trees. platform_retention deletes what the law no longer wants kept, and nothing else can.

-- Months ---------------------------------------------------------------------------------------------------------------------------

-- An id is a UUIDv7: its first 48 bits are milliseconds since 1970. Partitions are ranges of ids, so that an id alone says where its
-- event is, and is unique for its tenant in the whole table.
create function platform_audit.first_id_at(at timestamptz) returns uuid
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid $$;

create function platform_audit.time_of_id(id uuid) returns timestamptz
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$ select to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0) $$;

alter table platform_audit.event rename to event_before_months;
alter index platform_audit.event_pkey rename to event_before_months_pkey;
alter index platform_audit.event_target rename to event_before_months_target;

-- What a column of an event may hold is said by domains: PostgreSQL reads a table's checks anew for every statement, which took a third of
-- the time of recording an event, and a domain's once for every session. Lengths are compared: counting in a pattern, as in {32}, is slow.
-- Each function and operator is looked up anew for every statement, which costs more than what it does: there are no more than it takes.
create domain platform_audit.action as text check (value ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' and char_length(value) <= 64);
create domain platform_audit.action_version as smallint check (value >= 1);
create domain platform_audit.activity as text
  check (value in ('create', 'read', 'update', 'delete', 'sign_in', 'sign_out', 'grant', 'revoke', 'export', 'execute', 'other'));
create domain platform_audit.outcome as text check (value in ('success', 'failure', 'denied'));
create domain platform_audit.reason as text check (value <> '' and char_length(value) <= 128);
create domain platform_audit.severity as text check (value in ('informational', 'low', 'medium', 'high', 'critical'));
create domain platform_audit.actor_kind as text check (value in ('anonymous', 'user', 'service', 'system'));
create domain platform_audit.purpose as text check (value <> '' and char_length(value) <= 256);
create domain platform_audit.target_kind as text check (value <> '' and char_length(value) <= 64);
create domain platform_audit.target_id as text check (value <> '' and char_length(value) <= 256);
create domain platform_audit.targets as jsonb
  check (jsonb_typeof(value) = 'array' and jsonb_array_length(value) <= 16 and octet_length(value::text) <= 65536);
create domain platform_audit.changes as jsonb check (jsonb_typeof(value) = 'object' and octet_length(value::text) <= 65536);
create domain platform_audit.source_address as text check (char_length(value) between 2 and 45);
create domain platform_audit.user_agent as text check (char_length(value) <= 256);
create domain platform_audit.trace_id as text check (octet_length(value) = 32 and value ~ '^[0-9a-f]+$');
-- The program allows 16 KiB of compact JSON; PostgreSQL prints blanks after colons and commas, hence twice that.
create domain platform_audit.detail as jsonb check (octet_length(value::text) <= 32768);
create domain platform_audit.retention as text check (char_length(value) <= 32 and value ~ '^[a-z][a-z0-9_]*$');
create domain platform_audit.visibility as text check (value in ('tenant', 'platform'));
create domain platform_audit.counter as bigint check (value >= 0);
create domain platform_audit.seal as bytea check (length(value) = 32);

create table platform_audit.event (
  tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
  -- UUIDv7 made by the program, so that recording the same event twice is refused by the key.
  id              uuid not null,
  -- The database's clock at the insert; occurred_at is the program's.
  recorded_at     timestamptz not null default clock_timestamp(),
  -- Ties the event to the rows that the same transaction changed.
  xid             xid8 not null default pg_current_xact_id(),
  occurred_at     timestamptz not null,
  action          platform_audit.action not null,
  action_version  platform_audit.action_version not null default 1,
  activity        platform_audit.activity not null default 'other',
  outcome         platform_audit.outcome not null,
  -- Why it failed or was refused: a short stable code.
  reason          platform_audit.reason,
  severity        platform_audit.severity not null default 'informational',
  actor_kind      platform_audit.actor_kind not null,
  actor_id        uuid,
  -- Why a system job acted; it has no id.
  purpose         platform_audit.purpose,
  on_behalf_of    uuid,
  session_id      uuid,
  -- The first target, under which the event is found again; every target is in targets as [{"kind", "id"}].
  target_kind     platform_audit.target_kind,
  target_id       platform_audit.target_id,
  targets         platform_audit.targets not null default '[]',
  -- What was changed: {"field": {"before": …, "after": …}}; personal data only sealed.
  changes         platform_audit.changes,
  source_address  platform_audit.source_address,
  user_agent      platform_audit.user_agent,
  request_id      uuid not null,
  trace_id        platform_audit.trace_id not null,
  detail          platform_audit.detail,
  -- A class of platform_audit.retention_class.
  retention       platform_audit.retention not null default 'regulatory',
  -- Who may read it besides the platform: the tenant, or nobody.
  visibility      platform_audit.visibility not null default 'tenant',
  -- The process that recorded it and how many events of this tenant it had recorded before; a number that its process says was
  -- committed and that no event has is an event that was deleted.
  producer        uuid,
  counter         platform_audit.counter,
  -- HMAC-SHA256 over the event, with a key that the database does not have. The sequencer takes no event into the tree that lacks it.
  seal            platform_audit.seal,
  primary key (tenant_id, id),
  -- One, because each is read anew for every statement.
  check ((target_kind is null) = (target_id is null) and (producer is null) = (counter is null))
) partition by range (id);

comment on table platform_audit.event is
  'A row is one audited action of one tenant. Rows are only ever inserted; personal data is masked or sealed.';

create index event_target on platform_audit.event (tenant_id, target_kind, target_id, id);
create index event_actor on platform_audit.event (tenant_id, actor_id, id);
create index event_action on platform_audit.event (tenant_id, action, id);
create index event_request on platform_audit.event (tenant_id, request_id);

-- The canonical bytes whose hash is the leaf of an event: written when it is sequenced, gone when the event is.
create table platform_audit.entry (
  tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
  id        uuid not null,
  bytes     bytea not null check (length(bytes) between 1 and 65535),
  primary key (tenant_id, id)
) partition by range (id);
comment on table platform_audit.entry is 'A row is an event as it was signed';

-- What was recorded and is not in a tree yet. The trigger on the events fills it, in the transaction that records.
create table platform_audit.pending (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  xid         xid8 not null default pg_current_xact_id(),
  id          uuid not null,
  recorded_at timestamptz not null default clock_timestamp(),
  -- It is of the first release, which did not seal. This migration alone says so.
  before_seals boolean not null default false,
  primary key (tenant_id, xid, id)
)
-- Every row is deleted again within a second: what they leave behind is taken away before it slows down who looks for the next.
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table platform_audit.pending is 'A row is an event that waits for its place in the tree of its tenant';
-- Empty but for the time after an upgrade: they come before the others of their tenants.
create index pending_before_seals on platform_audit.pending (tenant_id) where before_seals;

create table platform_audit.leaf (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  seq          bigint not null check (seq >= 0),
  id           uuid not null,
  leaf         bytea not null check (length(leaf) = 32),
  sequenced_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, seq),
  unique (tenant_id, id)
);
comment on table platform_audit.leaf is 'A row gives an event its number and says what it hashes to; kept when the event is pruned';

create table platform_audit.tile (
  tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
  level     smallint not null check (level between 0 and 7),
  idx       bigint not null check (idx >= 0),
  width     smallint not null check (width between 1 and 256),
  hashes    bytea not null,
  primary key (tenant_id, level, idx),
  check (length(hashes) = 32 * width)
);
-- Hashes cannot be compressed, so nobody tries.
alter table platform_audit.tile alter column hashes set storage external;
comment on table platform_audit.tile is 'A row is a tile of a tenant''s tree (C2SP tlog-tiles), as wide as the tree has it';

-- The head of the tree as the sequencer left it; proves nothing, the checkpoints do.
create table platform_audit.tree (
  tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
  size      bigint not null check (size >= 0),
  root      bytea not null check (length(root) = 32),
  primary key (tenant_id)
);
comment on table platform_audit.tree is 'A row is the size and root of a tenant''s tree, signed or not';

create table platform_audit.checkpoint (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  size         bigint not null check (size >= 0),
  root         bytea not null check (length(root) = 32),
  -- The signed note (C2SP tlog-checkpoint).
  note         text not null check (length(note) <= 16384),
  signed_at    timestamptz not null default clock_timestamp(),
  -- When it had been put where whoever can write this database cannot write.
  published_at timestamptz,
  primary key (tenant_id, size)
);
comment on table platform_audit.checkpoint is 'A row is a head of a tenant''s tree as it was signed';
-- Each row is in one of the two: the work list of publishing, and how far an event has come.
create index checkpoint_unpublished on platform_audit.checkpoint (tenant_id, size) where published_at is null;
create index checkpoint_published on platform_audit.checkpoint (tenant_id, size) where published_at is not null;

-- What the sequencer found on its work list and did not take, with the reason. Evidence, never deleted.
create table platform_audit.rejected (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  id          uuid not null,
  reason      text not null check (reason in ('event_missing', 'seal_missing', 'seal_wrong', 'not_an_entry', 'sequenced_already')),
  rejected_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, id, reason)
);
comment on table platform_audit.rejected is 'A row is an event that may not be what a program recorded, and was kept out of the tree';

-- Who sequences which share of the tenants. The epoch grows with every change of hands.
create table platform_audit.lease (
  shard  smallint primary key check (shard between 0 and 63),
  epoch  bigint not null check (epoch >= 0),
  holder uuid not null,
  until  timestamptz not null
);
comment on table platform_audit.lease is 'A row says which process sequences a share of the tenants, and until when';

-- Retention ------------------------------------------------------------------------------------------------------------------------

create table platform_audit.retention_class (
  name     text primary key check (name ~ '^[a-z][a-z0-9_]{0,31}$'),
  -- An event may not be deleted before this time is over …
  keep_min interval not null check (keep_min > interval '0'),
  -- … and is not kept longer than this; null keeps it for good.
  keep_max interval,
  -- The law that demands the minimum, in the words that whoever asks for an erasure in vain is told; null where it is our own wish,
  -- before which the right to erasure goes.
  duty     text check (char_length(duty) between 1 and 256),
  check (keep_max >= keep_min)
);
comment on table platform_audit.retention_class is 'A row says how long events of a class are kept at least and at most';
insert into platform_audit.retention_class (name, keep_min, keep_max, duty) values
  -- Six years: where FINRA rule 4511 names no other period, and for the records of SEC rule 17a-4(a).
  ('regulatory', interval '6 years', interval '7 years', 'SEC rule 17a-4, FINRA rule 4511'),
  ('security', interval '1 year', interval '2 years', null),
  ('operational', interval '90 days', interval '180 days', null),
  -- What the rest of the trail cannot be judged without: which events were deleted.
  ('permanent', interval '1000 years', null, null);

-- Classes are added and lengthened. One that is shortened or taken away would open what its events were recorded under.
create function platform_audit.guard_retention_class() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    -- Months are not all of one length: an interval that is as long as another is so from wherever it is counted.
    if new.name = old.name and (old.duty is null or new.duty is not null) and not exists (
      select from generate_series(timestamp '2000-01-01', timestamp '2003-12-01', interval '1 month') since
      where since + new.keep_min < since + old.keep_min
    ) then
      return new;
    end if;
  end if;
  raise exception 'a retention class cannot be shortened, renamed or taken away' using errcode = 'insufficient_privilege';
end
$$;
create trigger retention_class_only_grows before update or delete on platform_audit.retention_class
  for each row execute function platform_audit.guard_retention_class();
create trigger retention_class_is_not_truncated before truncate on platform_audit.retention_class
  for each statement execute function platform_audit.guard_retention_class();
alter table platform_audit.retention_class enable always trigger retention_class_only_grows;
alter table platform_audit.retention_class enable always trigger retention_class_is_not_truncated;

-- Null columns of a hold do not narrow it: a hold of nulls holds everything of the tenant.
create table platform_audit.hold (
  tenant_id     uuid not null default current_setting('platform.tenant_id')::uuid,
  id            uuid not null,
  -- The matter, such as the reference of a case; nothing personal.
  reason        text not null check (char_length(reason) between 1 and 256),
  target_kind   text check (char_length(target_kind) between 1 and 64),
  target_id     text check (char_length(target_id) between 1 and 256),
  -- Who did it, or for whom it was done.
  actor_id      uuid,
  recorded_from timestamptz,
  recorded_to   timestamptz,
  placed_at     timestamptz not null default clock_timestamp(),
  released_at   timestamptz,
  primary key (tenant_id, id),
  check (target_id is null or target_kind is not null),
  check (recorded_from < recorded_to)
);
comment on table platform_audit.hold is 'A row keeps events from being deleted until it is released';

-- A hold is placed and released, and nothing else happens to it.
create function platform_audit.guard_hold() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' and new.released_at is null then
    -- Waits for deletions that do not know of it; those that come later wait for it. See may_be_pruned.
    perform pg_advisory_xact_lock(hashtextextended('platform_audit.hold ' || new.tenant_id::text, 0));
    return new;
  end if;
  if tg_op = 'UPDATE' then
    if old.released_at is null and new.released_at is not null
      and (to_jsonb(new) - 'released_at') = (to_jsonb(old) - 'released_at')
    then
      return new;
    end if;
  end if;
  raise exception 'a hold is placed and released: % is refused', tg_op using errcode = 'insufficient_privilege';
end
$$;
create trigger hold_is_kept before insert or update or delete on platform_audit.hold
  for each row execute function platform_audit.guard_hold();
create trigger hold_is_not_truncated before truncate on platform_audit.hold
  for each statement execute function platform_audit.guard_hold();
alter table platform_audit.hold enable always trigger hold_is_kept;
alter table platform_audit.hold enable always trigger hold_is_not_truncated;

-- The pruner looks for what is due in a class, of all tenants.
create index event_retention on platform_audit.event (retention, id);
-- Who asks for what is known of a person has to find what was done for them.
create index event_on_behalf_of on platform_audit.event (tenant_id, on_behalf_of, id) where on_behalf_of is not null;

-- What was announced in the trail and is being deleted; lets another process go on where one was killed.
create table platform_audit.pruning (
  tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
  -- The event that names the positions.
  id        uuid not null,
  primary key (tenant_id, id)
);
comment on table platform_audit.pruning is 'A row is a deletion of events that was announced and is not finished';

-- Whether an event's time is over, a signed checkpoint covers its hash, which stays, and nothing holds it. An unknown class is kept.
create function platform_audit.may_be_pruned(
  event_tenant uuid, event_id uuid, event_class text, event_recorded_at timestamptz, event_actor uuid, event_on_behalf_of uuid,
  event_targets jsonb
) returns boolean
-- Volatile, so that each of its queries sees what is committed by then; with a snapshot of the transaction's beginning it would miss
-- a hold that was placed since.
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'events are deleted at the isolation level read committed' using errcode = 'insufficient_privilege';
  end if;
  -- A hold that is being placed is waited for; one that comes now waits until this transaction has ended.
  perform pg_advisory_xact_lock_shared(hashtextextended('platform_audit.hold ' || event_tenant::text, 0));
  return exists (
    select from platform_audit.retention_class c
    where c.name = event_class and event_recorded_at < now() - c.keep_min
  ) and exists (
    select from platform_audit.leaf l
    join platform_audit.checkpoint c on c.tenant_id = l.tenant_id and c.size > l.seq
    where l.tenant_id = event_tenant and l.id = event_id
  ) and not exists (
    select from platform_audit.hold h
    where h.tenant_id = event_tenant
      and h.released_at is null
      and (h.recorded_from is null or event_recorded_at >= h.recorded_from)
      and (h.recorded_to is null or event_recorded_at < h.recorded_to)
      and (h.actor_id is null or h.actor_id = event_actor or h.actor_id = event_on_behalf_of)
      and (
        h.target_kind is null
        or event_targets @> jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('kind', h.target_kind, 'id', h.target_id)))
      )
  );
end
$$;

-- Whether an event is gone, so that its bytes may go too.
create function platform_audit.is_pruned(entry_tenant uuid, entry_id uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select not exists (select from platform_audit.event e where e.tenant_id = entry_tenant and e.id = entry_id)
$$;

-- The manifest of a finished export, so that what was given out can be checked later.
create table platform_audit.export (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  id          uuid not null,
  manifest    text not null check (octet_length(manifest) <= 1048576),
  finished_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, id)
);
comment on table platform_audit.export is 'A row is the manifest of an export';

-- Triggers -------------------------------------------------------------------------------------------------------------------------

-- Replaces the one of the first release: the retention role may delete, and its policy says what.
create or replace function platform_audit.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Active, because somebody may have put the role above policies.
  if tg_op = 'DELETE' and current_user = 'platform_retention' and row_security_active(tg_relid) then
    return null;
  end if;
  raise exception 'audit events cannot be changed: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
    using errcode = 'insufficient_privilege';
end
$$;

-- With the owner's rights, so that nobody else can put anything on the list: what is there from a transaction was recorded in it.
create function platform_audit.enqueue() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into platform_audit.pending (tenant_id, id) select tenant_id, id from added;
  return null;
end
$$;

-- Puts a table that only ever grows under the trigger that keeps it so.
create function platform_audit.insert_only(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    'create trigger is_insert_only before update or delete or truncate on %s for each statement execute function platform_audit.refuse_change()',
    target
  );
  -- Always: session_replication_role switches ordinary triggers off.
  execute format('alter table %s enable always trigger is_insert_only', target);
end
$$;

-- Policies of the two roles on a table and, for a partitioned one, called again for each partition.
create function platform_audit.open_to_roles(target regclass, kind text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create policy sequencer on %s to platform_sequencer using (true) with check (true)', target);
  if kind = 'event' then
    execute format('create policy retention_read on %s for select to platform_retention using (true)', target);
    execute format(
      'create policy retention_prune on %s for delete to platform_retention '
      'using (platform_audit.may_be_pruned(tenant_id, id, retention, recorded_at, actor_id, on_behalf_of, targets))',
      target
    );
  elsif kind = 'entry' then
    execute format('create policy retention_read on %s for select to platform_retention using (true)', target);
    -- The bytes go with their event and not before.
    execute format(
      'create policy retention_prune on %s for delete to platform_retention using (platform_audit.is_pruned(tenant_id, id))',
      target
    );
  elsif kind = 'read' then
    execute format('create policy retention_read on %s for select to platform_retention using (true)', target);
  end if;
end
$$;

-- Makes the partitions of the months from the first to the last, those that are missing. Rows of such a month that are in the partition
-- for everything else move: whoever chooses ids could otherwise keep a month from ever having its own.
create function platform_audit.add_months(first date, last date) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set client_min_messages = warning
as $$
declare
  month date := date_trunc('month', first)::date;
  low uuid;
  high uuid;
  base text;
  part text;
  filled boolean;
  made integer := 0;
begin
  if last > first + 3660 then
    raise exception 'more than ten years of months were asked for';
  end if;
  -- Of two that do this at the same time, the second finds what the first has made.
  perform pg_advisory_xact_lock(hashtextextended('platform_audit.add_months', 0));
  while month <= last loop
    low := platform_audit.first_id_at(month::timestamp at time zone 'UTC');
    high := platform_audit.first_id_at((month + interval '1 month') at time zone 'UTC');
    foreach base in array array['event', 'entry'] loop
      part := format('platform_audit.%s_%s', base, to_char(month, 'YYYY_MM'));
      if to_regclass(part) is null then
        execute format('create table %s (like platform_audit.%I including defaults including constraints)', part, base);
        -- The owner does not see what policies hide.
        execute format('alter table platform_audit.%I no force row level security', base || '_other');
        execute format('select exists (select from platform_audit.%I where id >= $1 and id < $2)', base || '_other')
          into filled using low, high;
        if filled then
          execute format('alter table platform_audit.%I disable trigger is_insert_only', base || '_other');
          execute format(
            'with moved as (delete from platform_audit.%I where id >= $1 and id < $2 returning *) insert into %s select * from moved',
            base || '_other', part
          ) using low, high;
          execute format('alter table platform_audit.%I enable always trigger is_insert_only', base || '_other');
        end if;
        execute format('alter table platform_audit.%I force row level security', base || '_other');
        perform platform_audit.insert_only(part::regclass);
        perform platform_core.tenant_table(part::regclass, '');
        perform platform_audit.open_to_roles(part::regclass, base);
        execute format('alter table platform_audit.%I attach partition %s for values from (%L) to (%L)', base, part, low, high);
        made := made + 1;
      end if;
    end loop;
    month := (month + interval '1 month')::date;
  end loop;
  return made;
end
$$;

-- What the running service may have done with the owner's rights: make the partitions of this month and the three after it.
create function platform_audit.keep_months_ahead() returns integer
language sql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
  select platform_audit.add_months(
    (now() at time zone 'UTC')::date, ((now() at time zone 'UTC') + interval '3 months')::date
  )
$$;

-- … and drop a partition of a past month that has no row left. Takes it out of sight of its policies first, because the owner does not
-- see rows that they hide.
create function platform_audit.drop_month_if_empty(part regclass) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- Whoever reads or writes events waits as long as this does.
set lock_timeout = '200ms'
as $$
declare
  base regclass;
  filled boolean;
begin
  select i.inhparent::regclass into base
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhrelid = part
    and i.inhparent in ('platform_audit.event'::regclass, 'platform_audit.entry'::regclass)
    and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
    and right(c.relname, 7) < to_char(now() at time zone 'UTC', 'YYYY_MM');
  if base is null then
    return false;
  end if;
  -- In the order in which everybody else takes them.
  execute format('lock table only %s in access exclusive mode', base);
  execute format('lock table %s in access exclusive mode', part);
  execute format('alter table %s no force row level security', part);
  execute format('select exists (select from %s)', part) into filled;
  if filled then
    execute format('alter table %s force row level security', part);
  else
    execute format('drop table %s', part);
  end if;
  return not filled;
end
$$;

-- Drops the partition of the oldest past month that has no row left, and says how many that were: 0 or 1. One at a time, because events
-- cannot be read or written before the transaction has ended that dropped one. Runs with the rights of its caller, who sees all rows, so
-- that partitions are locked only when there is nothing in them.
create function platform_audit.drop_empty_months() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
  filled boolean;
begin
  for part in
    select c.oid::regclass as name, i.inhparent::regclass as base, to_timestamp(right(c.relname, 7), 'YYYY_MM')::date as month
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('platform_audit.event'::regclass, 'platform_audit.entry'::regclass)
      and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
      and right(c.relname, 7) < to_char(now() at time zone 'UTC', 'YYYY_MM')
    order by right(c.relname, 7), c.relname
  loop
    execute format('select exists (select from %s where id >= $1 and id < $2)', part.base) into filled
    using platform_audit.first_id_at(part.month::timestamp at time zone 'UTC'),
      platform_audit.first_id_at((part.month + interval '1 month') at time zone 'UTC');
    if not filled and platform_audit.drop_month_if_empty(part.name) then
      return 1;
    end if;
  end loop;
  return 0;
end
$$;

-- Protected tables -----------------------------------------------------------------------------------------------------------------

-- At the end of the transaction, for every row it has changed: is there an event of the same tenant from the same transaction? With the
-- owner's rights, which spares it the policies; the work list alone is asked, which events alone get onto, because it is read for every
-- changed row.
create function platform_audit.require_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The plan is made once for a session, as a rule when the list is all but empty, and has to hold when it is long.
set enable_seqscan = off
as $$
declare
  changed_tenant uuid;
begin
  if tg_op = 'DELETE' then
    changed_tenant := old.tenant_id;
  else
    changed_tenant := new.tenant_id;
  end if;
  if tg_op = 'UPDATE' then
    -- The argument names columns that are not looked at, each with a null: the two rows without them, byte for byte. Not a list of those
    -- that are looked at, in which a column that is added later would be missing.
    if tg_nargs > 0 then
      if jsonb_populate_record(old, tg_argv[0]::jsonb) *= jsonb_populate_record(new, tg_argv[0]::jsonb) then
        return null;
      end if;
    end if;
    if old.tenant_id <> changed_tenant then
      raise exception 'a row of %.% cannot change its tenant', tg_table_schema, tg_table_name using errcode = 'PA001';
    end if;
  end if;
  -- A statement of its own, because one within an expression is a plan with two more nodes.
  perform from platform_audit.pending p
  where p.tenant_id = changed_tenant
    and p.xid = pg_current_xact_id()
    -- Numbers of transactions begin again in a restored database. The hour is for a clock that is set back.
    and p.recorded_at >= transaction_timestamp() - interval '1 hour'
  limit 1;
  if not found then
    raise exception '% on %.% was not audited', tg_op, tg_table_schema, tg_table_name
      using errcode = 'PA001',
            hint = 'record an audit event in the transaction that makes the change';
  end if;
  return null;
end
$$;

create function platform_audit.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'truncate on %.% cannot be audited', tg_table_schema, tg_table_name using errcode = 'PA001';
end
$$;

-- Makes a table one that cannot be changed without an audit event in the same transaction. Updates that leave all but the named columns
-- as they are are not looked at: for what says nothing about anybody's doing, such as when a session was last seen.
create function platform_audit.protect(target regclass, ignored_columns text[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  argument text := '';
  part regclass;
begin
  if not exists (
    select from pg_attribute where attrelid = target and attname = 'tenant_id' and atttypid = 'uuid'::regtype and attnotnull and not attisdropped
  ) then
    raise exception 'protected table % needs a column tenant_id uuid not null', target;
  end if;
  if exists (
    select from unnest(ignored_columns) ignored
    where ignored = 'tenant_id'
      or not exists (select from pg_attribute where attrelid = target and attname = ignored and attnum > 0 and not attisdropped)
  ) then
    raise exception 'protected table % does not have all of the columns %, or cannot do without them', target, ignored_columns;
  end if;
  if cardinality(ignored_columns) > 0 then
    select quote_literal(jsonb_object_agg(ignored, null)) into argument from unnest(ignored_columns) ignored;
  end if;
  execute format(
    'create constraint trigger is_protected after insert or delete or update on %s '
    'deferrable initially deferred for each row execute function platform_audit.require_audit(%s)',
    target, argument
  );
  execute format('alter table %s enable always trigger is_protected', target);
  -- A partition has its parent's trigger for rows, now and when it is made later, and not the one for statements. Who may truncate one
  -- that is made later is its owner.
  for part in select target union select relid from pg_partition_tree(target) loop
    execute format(
      'create trigger is_not_truncated before truncate on %s for each statement execute function platform_audit.refuse_truncate()', part
    );
    execute format('alter table %s enable always trigger is_not_truncated', part);
  end loop;
end
$$;
comment on function platform_audit.protect is
  'Lets the database refuse every transaction that changes the table without recording an audit event';

-- Filling and closing --------------------------------------------------------------------------------------------------------------

create table platform_audit.event_other partition of platform_audit.event default;
create table platform_audit.entry_other partition of platform_audit.entry default;

-- The rows of the first release move before any policy hides them from the owner.
alter table platform_audit.event_before_months no force row level security;

select platform_audit.add_months(
  greatest(
    coalesce((select platform_audit.time_of_id(min(id::text)::uuid) from platform_audit.event_before_months), now()),
    now() - interval '1 year'
  )::date,
  ((now() at time zone 'UTC') + interval '3 months')::date
);

insert into platform_audit.event (
  tenant_id, id, recorded_at, xid, occurred_at, action, outcome, reason, actor_kind, actor_id, purpose, on_behalf_of, session_id,
  target_kind, target_id, targets, source_address, user_agent, request_id, trace_id, detail
)
select
  tenant_id, id, recorded_at, xid, occurred_at, action, outcome, reason, actor_kind, actor_id, purpose, on_behalf_of, session_id,
  target_kind, target_id, targets, source_address, user_agent, request_id, trace_id, detail
from platform_audit.event_before_months;

insert into platform_audit.pending (tenant_id, xid, id, recorded_at, before_seals)
select tenant_id, xid, id, recorded_at, true from platform_audit.event_before_months;

drop table platform_audit.event_before_months;

select platform_core.tenant_table('platform_audit.event', 'select, insert');
-- Time and transaction of an event are the database's to say.
revoke insert on platform_audit.event from platform_app;
grant insert (
  tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose, on_behalf_of,
  session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id, detail, retention, visibility,
  producer, counter, seal
) on platform_audit.event to platform_app;
select platform_core.tenant_table('platform_audit.entry', 'select');
select platform_core.tenant_table('platform_audit.pending', 'select');
-- For the two functions that work on it with the owner's rights.
create policy owner_work on platform_audit.pending to current_user using (true) with check (true);
select platform_core.tenant_table('platform_audit.leaf', 'select');
select platform_core.tenant_table('platform_audit.tile', 'select');
select platform_core.tenant_table('platform_audit.tree', 'select');
select platform_core.tenant_table('platform_audit.checkpoint', 'select');
select platform_core.tenant_table('platform_audit.rejected', 'select');
select platform_core.tenant_table('platform_audit.hold', 'select');
grant insert (tenant_id, id, reason, target_kind, target_id, actor_id, recorded_from, recorded_to) on platform_audit.hold to platform_app;
grant update (released_at) on platform_audit.hold to platform_app;
select platform_audit.protect('platform_audit.hold');
select platform_core.tenant_table('platform_audit.pruning', 'select, insert, delete');
select platform_core.tenant_table('platform_audit.export', 'select, insert');
select platform_core.global_table('platform_audit.retention_class', 'select');
revoke all on platform_audit.lease from public;

create trigger event_is_enqueued after insert on platform_audit.event
  referencing new table as added for each statement execute function platform_audit.enqueue();
alter table platform_audit.event enable always trigger event_is_enqueued;

-- What is on the work list was put there by the trigger above, and so has an event of the same transaction. The condition is looked at
-- without calling the function, because every event comes by here.
create trigger pending_is_filled_by_events before insert on platform_audit.pending
  for each statement when (pg_trigger_depth() = 0) execute function platform_audit.refuse_change();
alter table platform_audit.pending enable always trigger pending_is_filled_by_events;
create trigger pending_is_not_rewritten before update or truncate on platform_audit.pending
  for each statement execute function platform_audit.refuse_change();
alter table platform_audit.pending enable always trigger pending_is_not_rewritten;

select platform_audit.insert_only(grown)
from unnest(array[
  'platform_audit.event', 'platform_audit.event_other', 'platform_audit.entry', 'platform_audit.entry_other',
  'platform_audit.leaf', 'platform_audit.rejected', 'platform_audit.export'
]::regclass[]) grown;

select platform_audit.open_to_roles('platform_audit.event', 'event');
select platform_audit.open_to_roles('platform_audit.event_other', 'event');
select platform_audit.open_to_roles('platform_audit.entry', 'entry');
select platform_audit.open_to_roles('platform_audit.entry_other', 'entry');
select platform_audit.open_to_roles('platform_audit.pending', 'none');
select platform_audit.open_to_roles('platform_audit.leaf', 'read');
select platform_audit.open_to_roles('platform_audit.tile', 'none');
select platform_audit.open_to_roles('platform_audit.tree', 'none');
select platform_audit.open_to_roles('platform_audit.checkpoint', 'none');
select platform_audit.open_to_roles('platform_audit.rejected', 'none');
create policy retention_read on platform_audit.hold for select to platform_retention using (true);
create policy retention_read on platform_audit.pruning for select to platform_retention using (true);
create policy retention_read on platform_audit.checkpoint for select to platform_retention using (true);

grant select on platform_audit.event to platform_sequencer;
grant select, delete on platform_audit.pending to platform_sequencer;
grant select, insert on platform_audit.entry, platform_audit.leaf, platform_audit.rejected to platform_sequencer;
grant select, insert, update on platform_audit.tile, platform_audit.tree to platform_sequencer;
grant select, insert on platform_audit.checkpoint to platform_sequencer;
grant update (published_at) on platform_audit.checkpoint to platform_sequencer;
grant select, insert, update on platform_audit.lease to platform_sequencer;

grant select, delete on platform_audit.event, platform_audit.entry to platform_retention;
grant select on platform_audit.pruning to platform_retention;
grant select on platform_audit.leaf, platform_audit.hold, platform_audit.checkpoint, platform_audit.retention_class to platform_retention;

do $$
declare made regprocedure;
begin
  for made in select oid from pg_proc where pronamespace = 'platform_audit'::regnamespace loop
    execute format('revoke execute on function %s from public', made);
  end loop;
end
$$;
grant execute on function platform_audit.first_id_at(timestamptz), platform_audit.time_of_id(uuid)
  to platform_app, platform_subtree, platform_sequencer, platform_retention;
grant execute on function
  platform_audit.may_be_pruned(uuid, uuid, text, timestamptz, uuid, uuid, jsonb), platform_audit.is_pruned(uuid, uuid)
  to platform_retention;
grant execute on function
  platform_audit.keep_months_ahead(), platform_audit.drop_empty_months(), platform_audit.drop_month_if_empty(regclass)
  to platform_retention;
