-- What looking through the trail needs besides the indexes of the event's own columns.

-- An id has the time of the program that made it. Looking for a range of recorded_at, the months outside of it are left out; that is
-- sound for what was recorded within a day of what its id says. The rest, from a program with a wrong clock or a long outage, is few,
-- and has an index of its own.
--
-- The first 32 bits of an id count 65.536 seconds since 1970, and 1320 of them are a little more than a day. It is asked at every insert,
-- hence without texts, which are five times slower, and not strict, because then it could not be inlined.
create function platform_audit.is_skewed(id uuid, recorded_at timestamptz) returns boolean
language sql immutable
return case
  -- Whoever may write the table may have written this.
  when not isfinite(recorded_at) then true
  else abs(
    (get_byte(uuid_send(id), 0)::bigint << 24) + (get_byte(uuid_send(id), 1) << 16)
    + (get_byte(uuid_send(id), 2) << 8) + get_byte(uuid_send(id), 3)
    - floor(date_part('epoch', recorded_at - timestamptz '1970-01-01 00:00:00+00') / 65.536)::bigint
  ) > 1320
end;

create index event_skewed on platform_audit.event (tenant_id, id) where platform_audit.is_skewed(id, recorded_at);

-- What is not the first of an event's targets.
create index event_more_targets on platform_audit.event (tenant_id, id) where targets -> 1 is not null;

revoke execute on function platform_audit.is_skewed(uuid, timestamptz) from public;
grant execute on function platform_audit.is_skewed(uuid, timestamptz)
  to platform_app, platform_subtree, platform_sequencer, platform_retention;
