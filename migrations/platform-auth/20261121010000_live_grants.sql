-- Grants to groups are counted before one more is made. Those that were revoked stay, and must not be read for that.
create index role_grant_live_of_groups on platform_auth.role_grant (tenant_id, valid_until)
  where revoked_at is null and group_id is not null;
