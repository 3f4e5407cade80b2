//! Group roles on the server: made, and given to the application's login, by whoever may.

use sqlx::PgConnection;

use super::bootstrap::{quote, run};
use super::{APP_ROLE, GroupRole, MigrateError, Migrations, SUBTREE_ROLE};

/// The group roles of these crates: the two of every transaction first, then their own, each once.
pub(super) fn of_crates(crates: &[&'static Migrations]) -> Vec<&'static str> {
    let mut names = vec![APP_ROLE, SUBTREE_ROLE];
    for role in crates.iter().flat_map(|migrations| migrations.roles) {
        if !names.contains(&role.name()) {
            names.push(role.name());
        }
    }
    names
}

/// Creates the roles that are missing and makes `application` a member of all of them, when it is known and exists.
///
/// What this login may not do does not keep it from the rest; all of it is in the remediation, in the order in which an
/// administrator can run it.
pub(super) async fn ensure(
    conn: &mut PgConnection,
    roles: &[&'static str],
    application: Option<&str>,
) -> Result<(), MigrateError> {
    let mut refused = Vec::new();
    for role in roles {
        if !exists(conn, role).await? && !create(conn, role).await? {
            refused.push(creation(role));
        }
    }
    if let Some(application) = application
        && exists(conn, application).await?
    {
        for role in roles {
            if !is_member(conn, application, role).await? && !grant(conn, application, role).await? {
                refused.push(membership(application, role));
            }
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(MigrateError::RolesMissing {
            remediation: refused.join("; ") + ";",
        }),
    }
}

/// Lets the roles use a schema that may be older than they are.
pub(super) async fn open_schema(
    conn: &mut PgConnection,
    schema: &str,
    roles: &[GroupRole],
) -> Result<(), MigrateError> {
    for role in roles {
        let open: bool = sqlx::query_scalar("select pg_catalog.has_schema_privilege($1::name, $2, 'USAGE')")
            .bind(role.name())
            .bind(schema)
            .fetch_one(&mut *conn)
            .await?;
        if !open {
            run(
                conn,
                format!("grant usage on schema {} to {}", quote(schema), role.name()),
            )
            .await?;
        }
    }
    Ok(())
}

pub(super) async fn exists(conn: &mut PgConnection, role: &str) -> Result<bool, MigrateError> {
    let exists = sqlx::query_scalar("select exists (select from pg_catalog.pg_roles where rolname = $1)");
    Ok(exists.bind(role).fetch_one(conn).await?)
}

/// `false` when this login may not. Roles are shared by all databases of a server.
async fn create(conn: &mut PgConnection, role: &str) -> Result<bool, MigrateError> {
    match permitted(run(conn, creation(role)).await) {
        Ok(true) => Ok(true),
        // Another database's migration made it in the same moment.
        _ if exists(conn, role).await? => Ok(true),
        refused => refused,
    }
}

async fn grant(conn: &mut PgConnection, login: &str, role: &str) -> Result<bool, MigrateError> {
    match permitted(run(conn, membership(login, role)).await) {
        Ok(true) => Ok(true),
        _ if is_member(conn, login, role).await? => Ok(true),
        refused => refused,
    }
}

/// A superuser counts as a member of every role.
async fn is_member(conn: &mut PgConnection, login: &str, role: &str) -> Result<bool, MigrateError> {
    if !exists(conn, role).await? {
        return Ok(false);
    }
    let member = sqlx::query_scalar("select pg_catalog.pg_has_role($1::name, $2::name, 'MEMBER')");
    Ok(member.bind(login).bind(role).fetch_one(conn).await?)
}

fn creation(role: &str) -> String {
    format!("create role {role} nologin nosuperuser nobypassrls nocreatedb nocreaterole")
}

fn membership(login: &str, role: &str) -> String {
    format!("grant {role} to {}", quote(login))
}

/// `false` when the server says that this login may not, or that the role to be granted is not there.
fn permitted(done: Result<(), MigrateError>) -> Result<bool, MigrateError> {
    let code = match &done {
        Err(MigrateError::Statement(error)) => error.as_database_error().and_then(|cause| cause.code()),
        _ => None,
    };
    match code.as_deref() {
        Some("42501" | "42704") => Ok(false),
        _ => done.map(|()| true),
    }
}
