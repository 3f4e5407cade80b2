//! What each code means and what to do about it.

use super::Level;
use super::Level::{Error, Warning};

/// A hazard that the self-check knows.
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) level: Level,
    pub(super) detail: &'static str,
    pub(super) remediation: &'static str,
}

const fn code(name: &'static str, level: Level, detail: &'static str, remediation: &'static str) -> Code {
    Code {
        name,
        level,
        detail,
        remediation,
    }
}

/// The code of this name.
pub(super) fn named(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

/// Stands for a code that is looked for and not in the list.
pub(super) static UNKNOWN: Code = code(
    "UNKNOWN",
    Error,
    "The query that looks for hazards reports a code that has no explanation. A defect of this library.",
    "report the defect",
);

pub(super) static CODES: [Code; 32] = [
    code(
        "CANARY_BLIND",
        Error,
        "A row that was just written cannot be read back by its own tenant, so that nothing was proven about other tenants.",
        "apply the migrations of platform_core to this database",
    ),
    code(
        "CANARY_LEAKED",
        Error,
        "A row written by one tenant was shown to another tenant or to a transaction without one.",
        "mend the other findings first; if there are none, take the database out of service and find out what changed",
    ),
    code(
        "FK_NOT_TENANT_SCOPED",
        Error,
        "The foreign key does not pair tenant_id with tenant_id: it can point at another tenant's row, and a cascade deletes across tenants.",
        "recreate it as foreign key (tenant_id, ...) references table (tenant_id, ...)",
    ),
    code(
        "IMMUTABLE_FN_READS_SETTING",
        Error,
        "The function reads a setting but is marked immutable: a prepared statement keeps the value of the first tenant who ran it.",
        "alter function ... stable",
    ),
    code(
        "LEAKED_SESSION_TENANT",
        Error,
        "The setting has a value outside a transaction, so that a transaction without a scope sees that tenant's rows.",
        "alter role ... reset the setting, alter database ... reset it, or take it out of the server's configuration",
    ),
    code(
        "MATVIEW_OVER_TENANT_TABLE",
        Error,
        "Policies do not apply to materialized views: it shows the rows of every tenant that were there when it was refreshed.",
        "revoke all on the view from public and the application's group roles",
    ),
    code(
        "NO_POLICY",
        Error,
        "Row-level security is on without a policy: the application sees no row at all.",
        "select platform_core.tenant_table('<table>', '<privileges>')",
    ),
    code(
        "NO_TENANT_LEADING_INDEX",
        Warning,
        "No index begins with tenant_id, so that every query reads the rows of all tenants and throws most of them away.",
        "let the primary key begin with tenant_id, or add an index that does",
    ),
    code(
        "POLICY_NOT_CANONICAL",
        Error,
        "The policy is missing, or is not one of the three in the form that the isolation was proven for.",
        "drop the policy and run select platform_core.tenant_table('<table>', '<privileges>'); one for a group role of a crate's own can be allowed with the reason why it may see rows of all tenants",
    ),
    code(
        "PUBLICATION_LEAK",
        Error,
        "The publication sends the table's rows of every tenant to its subscribers; policies do not apply to it.",
        "alter publication ... drop table, or allow it with the reason why every subscriber may see all tenants",
    ),
    code(
        "REFERENCES_PRIVILEGE",
        Error,
        "With REFERENCES the application can make a foreign key, which tells whether another tenant's row exists.",
        "revoke references on the table from public and the application's group roles",
    ),
    code(
        "RLS_NOT_ENABLED",
        Error,
        "The table has a tenant_id but no row-level security: every tenant sees every row.",
        "select platform_core.tenant_table('<table>', '<privileges>')",
    ),
    code(
        "RLS_NOT_FORCED",
        Error,
        "Row-level security is not forced, so that policies do not apply to the table's owner nor to what runs with its rights.",
        "alter table ... force row level security",
    ),
    code(
        "ROLE_BYPASSRLS",
        Error,
        "Policies do not apply to a role with BYPASSRLS.",
        "connect as a login without it, or alter role ... nobypassrls",
    ),
    code(
        "ROLE_CAN_BECOME_BYPASS",
        Error,
        "The application's login may take this role, to which policies do not apply or which can make itself such a role.",
        "revoke the role from the application's login and from the roles it is a member of",
    ),
    code(
        "ROLE_CAN_BECOME_OWNER",
        Error,
        "The application's login is or may become the owner of tenant tables, and an owner can switch their policies off.",
        "let another login own the schemas and run the migrations, and revoke that role from the application's login",
    ),
    code(
        "ROLE_CREATEROLE",
        Error,
        "A role with CREATEROLE can give itself the membership of other roles.",
        "connect as a login without it, or alter role ... nocreaterole",
    ),
    code(
        "ROLE_REPLICATION",
        Error,
        "A role with REPLICATION can stream every tenant's rows out of the server.",
        "connect as a login without it, or alter role ... noreplication",
    ),
    code(
        "ROLE_SUPERUSER",
        Error,
        "Policies do not apply to a superuser.",
        "connect as a login that is a member of the application's group roles and nothing else",
    ),
    code(
        "ROW_SECURITY_OFF",
        Error,
        "With row_security off every query on a tenant table fails.",
        "alter role ... reset row_security, alter database ... reset row_security",
    ),
    code(
        "SCHEMA_CREATE",
        Error,
        "The application can create objects here: a table without policies, or a function that stands in for one of the system.",
        "revoke create on the schema or database from public and the application's group roles",
    ),
    code(
        "SECURITY_DEFINER_EXECUTABLE",
        Error,
        "The function runs with the rights of its owner, and the application may call it.",
        "alter function ... security invoker, revoke execute on it from public, or allow it with a reason",
    ),
    code(
        "SERVER_VERSION_VULNERABLE",
        Warning,
        "This release of PostgreSQL lets statistics show values of rows that policies hide (CVE-2025-8713), or is no longer maintained.",
        "update the server to 15.14, 16.10, 17.6 or later",
    ),
    code(
        "SET_CONFIG_EXECUTABLE",
        Warning,
        "An expression injected into a query can call set_config and change the tenant in the middle of it.",
        "as a superuser: revoke execute on function pg_catalog.set_config(text, text, boolean) from public; where the provider does not allow it, this risk stays",
    ),
    code(
        "TABLE_WITHOUT_TENANT_COLUMN",
        Error,
        "The application can reach a table that belongs to no tenant: whatever is in it is shared by all of them.",
        "give the table a tenant_id, or allow it with the reason why its rows may be shared",
    ),
    code(
        "TEMP_PRIVILEGE",
        Error,
        "A temporary table can stand in front of a tenant table; rows written to it vanish with the session.",
        "revoke temporary on the database from public and the application's group roles",
    ),
    code(
        "TENANT_ID_NULLABLE",
        Error,
        "A row without a tenant belongs to nobody and is shown to nobody.",
        "alter table ... alter column tenant_id set not null",
    ),
    code(
        "TRIGGER_PRIVILEGE",
        Error,
        "With TRIGGER the application can have code run with the rights of whoever writes to the table.",
        "revoke trigger on the table from public and the application's group roles",
    ),
    code(
        "TRUNCATE_PRIVILEGE",
        Error,
        "Policies do not apply to TRUNCATE: one tenant could delete the rows of all.",
        "revoke truncate on the table from public and the application's group roles",
    ),
    code(
        "UNIQUE_NOT_TENANT_SCOPED",
        Error,
        "What is unique across tenants tells one tenant which values another one has.",
        "recreate the index or constraint with tenant_id as its first column",
    ),
    code(
        "UNSAFE_DEFAULT_PRIVILEGES",
        Error,
        "Tables that this role creates later are granted to the application by themselves, before they have policies.",
        "alter default privileges for role ... revoke all on tables from public and the application's group roles",
    ),
    code(
        "VIEW_NOT_SECURITY_INVOKER",
        Error,
        "The view reads tenant tables with the rights of its owner instead of the application's.",
        "alter view ... set (security_invoker = true)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_is_looked_for_has_an_explanation() {
        let looked_for = super::super::QUERY
            .lines()
            .filter_map(|line| line.split_once("select '"))
            .filter_map(|(_, after)| after.split_once('\''))
            .map(|(name, _)| name);

        let names: Vec<_> = looked_for.collect();

        assert!(names.len() > 30, "{names:?}");
        for name in names {
            assert!(named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.is_sorted_by(|left, right| left.name < right.name));
    }
}
