-- Sessions end with their tenant.

-- Why sessions end is a closed set in the program; the database sees to the form of the word alone, so that a release that knows another
-- reason can run beside one that does not.
alter table platform_auth.session
  drop constraint session_end_reason_check,
  add constraint session_end_reason_check check (end_reason ~ '^[a-z_]{1,40}$');
