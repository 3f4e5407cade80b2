-- What a tenant asks of its users decides what a remembered session may do, and how long it may rest.
create trigger change_is_announced after insert or update on platform_auth.tenant_policy
  for each row execute function platform_auth.announce_tenant();
