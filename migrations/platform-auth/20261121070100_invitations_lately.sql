-- How many people a tenant has invited within an hour is counted whenever it invites.
create index invitation_invited_at on platform_auth.invitation (tenant_id, invited_at);
