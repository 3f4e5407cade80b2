-- The policy that lets the two functions of the work list do their work names nobody: a database that is restored under another owner
-- goes on recording.

drop policy owner_work on platform_audit.pending;
-- Whoever owns the table now. The functions have the owner's rights, and nobody else is the owner while a tenant's transaction runs;
-- asked once for each statement.
create policy owner_work on platform_audit.pending
  using (
    current_user = (
      select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'platform_audit.pending'::regclass
    )
  )
  with check (
    current_user = (
      select pg_catalog.pg_get_userbyid(c.relowner) from pg_catalog.pg_class c where c.oid = 'platform_audit.pending'::regclass
    )
  );
