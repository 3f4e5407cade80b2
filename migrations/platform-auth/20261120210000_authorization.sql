-- Roles of a tenant's own, groups, and who was granted what.

create table platform_auth.authz_version (
  tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
  version    bigint not null check (version >= 1),
  primary key (tenant_id),
  constraint authz_version_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id)
);
comment on table platform_auth.authz_version is
  'A row counts the changes of who may do what in one tenant. Whoever makes one locks it first, so that they come one after another';
select platform_core.tenant_table('platform_auth.authz_version', 'select, insert, update');

create table platform_auth.role (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  id          uuid not null,
  -- In Unicode's normal form KC, as it is shown.
  name        text not null check (char_length(name) between 1 and 64),
  -- Folded, so that two names that differ in case alone are one.
  name_key    text not null check (char_length(name_key) between 1 and 256),
  -- Grows with every change, so that who changes what has changed meanwhile is told.
  version     bigint not null default 1 check (version >= 1),
  created_at  timestamptz not null,
  -- Deleted roles stay, because grants that are over refer to them.
  deleted_at  timestamptz,
  primary key (tenant_id, id),
  constraint role_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id)
);
comment on table platform_auth.role is 'A row is a role that a tenant made for itself. The built-in roles are in the program';
create unique index role_name_key on platform_auth.role (tenant_id, name_key) where deleted_at is null;
select platform_core.tenant_table('platform_auth.role', 'select, insert, update');

create table platform_auth.role_permission (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  role_id     uuid not null,
  -- The name that a module declares. One that no module declares any more allows nothing.
  permission  text not null check (char_length(permission) between 1 and 128),
  primary key (tenant_id, role_id, permission),
  constraint role_permission_role_fkey foreign key (tenant_id, role_id) references platform_auth.role (tenant_id, id)
);
comment on table platform_auth.role_permission is 'A row is a permission that a role gives';
select platform_core.tenant_table('platform_auth.role_permission', 'select, insert, delete');

create table platform_auth.principal_group (
  tenant_id   uuid not null default current_setting('platform.tenant_id')::uuid,
  id          uuid not null,
  name        text not null check (char_length(name) between 1 and 64),
  name_key    text not null check (char_length(name_key) between 1 and 256),
  version     bigint not null default 1 check (version >= 1),
  created_at  timestamptz not null,
  deleted_at  timestamptz,
  primary key (tenant_id, id),
  constraint principal_group_tenant_fkey foreign key (tenant_id) references platform_core.tenant (id)
);
comment on table platform_auth.principal_group is 'A row is a group of users and of other groups of one tenant';
create unique index principal_group_name_key on platform_auth.principal_group (tenant_id, name_key) where deleted_at is null;
select platform_core.tenant_table('platform_auth.principal_group', 'select, insert, update');

create table platform_auth.group_member (
  tenant_id          uuid not null default current_setting('platform.tenant_id')::uuid,
  id                 uuid not null,
  group_id           uuid not null,
  -- One of the two.
  member_subject_id  uuid,
  member_group_id    uuid,
  added_at           timestamptz not null,
  primary key (tenant_id, id),
  constraint group_member_group_fkey
    foreign key (tenant_id, group_id) references platform_auth.principal_group (tenant_id, id),
  constraint group_member_member_subject_fkey
    foreign key (tenant_id, member_subject_id) references platform_auth.subject (tenant_id, id),
  constraint group_member_member_group_fkey
    foreign key (tenant_id, member_group_id) references platform_auth.principal_group (tenant_id, id),
  constraint group_member_subject_key unique (tenant_id, group_id, member_subject_id),
  constraint group_member_group_key unique (tenant_id, group_id, member_group_id),
  constraint group_member_is_one check (num_nonnulls(member_subject_id, member_group_id) = 1),
  constraint group_member_is_another check (member_group_id <> group_id)
);
comment on table platform_auth.group_member is 'A row says that a user or a group is a member of a group';
create index group_member_of_subject on platform_auth.group_member (tenant_id, member_subject_id);
create index group_member_of_group on platform_auth.group_member (tenant_id, member_group_id);
select platform_core.tenant_table('platform_auth.group_member', 'select, insert, delete');

create table platform_auth.role_grant (
  tenant_id      uuid not null default current_setting('platform.tenant_id')::uuid,
  id             uuid not null,
  -- To whom: one of the two.
  subject_id     uuid,
  group_id       uuid,
  -- What: one of the two.
  role_id        uuid,
  builtin_role   text check (builtin_role in ('user', 'admin')),
  -- On what: both, or neither for the whole tenant.
  resource_kind  text check (resource_kind ~ '^[a-z][a-z0-9_]*$' and char_length(resource_kind) <= 64),
  resource_id    text check (octet_length(resource_id) between 1 and 128),
  -- From the first instant on, until the second, which is not in it. Nobody has to do anything for either to take effect.
  valid_from     timestamptz,
  valid_until    timestamptz,
  granted_at     timestamptz not null,
  -- Null where a job of the service granted it.
  granted_by     uuid,
  reason         text check (char_length(reason) between 1 and 200),
  revoked_at     timestamptz,
  revoked_by     uuid,
  primary key (tenant_id, id),
  constraint role_grant_subject_fkey foreign key (tenant_id, subject_id) references platform_auth.subject (tenant_id, id),
  constraint role_grant_group_fkey
    foreign key (tenant_id, group_id) references platform_auth.principal_group (tenant_id, id),
  constraint role_grant_role_fkey foreign key (tenant_id, role_id) references platform_auth.role (tenant_id, id),
  constraint role_grant_to_one check (num_nonnulls(subject_id, group_id) = 1),
  constraint role_grant_of_one check (num_nonnulls(role_id, builtin_role) = 1),
  constraint role_grant_resource_is_whole check ((resource_kind is null) = (resource_id is null)),
  constraint role_grant_window check (valid_from < valid_until),
  constraint role_grant_revoked_by_somebody check (revoked_by is null or revoked_at is not null)
);
comment on table platform_auth.role_grant is
  'A row gives a role to a user or a group, in the whole tenant or on one resource, for a time. Revoked ones stay, with when and by whom';
create index role_grant_subject on platform_auth.role_grant (tenant_id, subject_id, id);
create index role_grant_group on platform_auth.role_grant (tenant_id, group_id, id);
create index role_grant_role on platform_auth.role_grant (tenant_id, role_id, id);
create index role_grant_resource on platform_auth.role_grant (tenant_id, resource_kind, resource_id, id);
select platform_core.tenant_table('platform_auth.role_grant', 'select, insert, update');

-- Nobody's rights change without an audit event in the same transaction.
select platform_audit.protect('platform_auth.authz_version');
select platform_audit.protect('platform_auth.role');
select platform_audit.protect('platform_auth.role_permission');
select platform_audit.protect('platform_auth.principal_group');
select platform_audit.protect('platform_auth.group_member');
select platform_audit.protect('platform_auth.role_grant');
