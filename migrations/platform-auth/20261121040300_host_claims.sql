-- Host names that tenants say are theirs. What was verified stands in platform_core.tenant_host, where a name is once on the platform;
-- here each tenant has claims of its own, so that nobody keeps a name from its owner by claiming it first.

create table platform_auth.host_claim (
  tenant_id    uuid not null default current_setting('platform.tenant_id')::uuid,
  -- In lower case, in the form of RFC 5891 for the DNS.
  host         text not null check (host = lower(host) and length(host) between 1 and 253),
  -- What has to stand in a TXT record; anybody may know it.
  challenge    text not null check (char_length(challenge) between 20 and 128),
  claimed_at   timestamptz not null,
  -- Null where an operator of the platform, or a job of the service, added it.
  claimed_by   uuid,
  -- From this instant on nothing is verified any more.
  expires_at   timestamptz not null,
  -- When the record was looked for, so that nobody has us ask the DNS all the time.
  checked_at   timestamptz,
  verified_at  timestamptz,
  primary key (tenant_id, host),
  constraint host_claim_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id),
  check (expires_at > claimed_at)
);
comment on table platform_auth.host_claim is 'A row is a host name that a tenant says is its own, and what proves it';
select platform_core.tenant_table('platform_auth.host_claim', 'select, insert, update, delete');
select platform_audit.protect('platform_auth.host_claim', '{checked_at}');
