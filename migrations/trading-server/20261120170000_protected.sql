-- What the server protects of crates that do not know the audit trail: their migrations run without it too.

-- Keys. How often a key was used is counted for requests that change nothing else.
select platform_audit.protect('platform_crypto.tenant_key', '{uses}');
select platform_audit.protect('platform_crypto.subject_key');
select platform_audit.protect('platform_crypto.legal_hold');

-- The directory of tenants, row by row in the trail of the tenant that the row is about.
select platform_audit.protect_by('platform_core.tenant', 'id');
select platform_audit.protect_by('platform_core.tenant_host', 'owner');
select platform_audit.protect_by('platform_core.tenant_closure', 'descendant');
