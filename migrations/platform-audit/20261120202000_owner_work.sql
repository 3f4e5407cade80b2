-- The policy that lets the functions of the work list do their work names nobody: a database that is restored under another owner goes on
-- recording.

drop policy owner_work on platform_audit.pending;
-- Whoever may empty the table, and that is who owns it now: nobody is granted it. The functions have the owner's rights, and nobody else
-- has them while a tenant's transaction runs. It is asked at every insert and for every changed row of a protected table, and takes a
-- microsecond; to look up the owner's name took ten.
create policy owner_work on platform_audit.pending
  using (pg_catalog.has_table_privilege('platform_audit.pending'::regclass, 'TRUNCATE'))
  with check (pg_catalog.has_table_privilege('platform_audit.pending'::regclass, 'TRUNCATE'));
