//! Are the tables and roles this program was built for there?

use std::fmt;

use super::{CORE_MIGRATIONS, Db, DbError, GroupRole, Migrations};

/// A schema that is behind what the program was built for, or whose roles its login may not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The schema.
    pub schema: &'static str,
    /// The version of the newest migration that ran; `None` when there are no tables at all.
    pub found: Option<i64>,
    /// The version of the newest migration the program knows.
    pub needed: i64,
    /// The [group roles](Migrations::roles) that are missing, or of which the login is no member.
    pub roles: Vec<GroupRole>,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            schema,
            found,
            needed,
            roles,
        } = self;
        match found {
            Some(found) if found < needed => write!(
                f,
                "the tables of {schema} are at {found} and have to be at {needed}"
            )?,
            Some(_) => write!(f, "the tables of {schema} are there")?,
            None => write!(f, "the tables of {schema} are missing")?,
        }
        for (index, role) in roles.iter().enumerate() {
            let before = if index == 0 {
                ", and the login may not take "
            } else {
                ", "
            };
            write!(f, "{before}{}", role.name())?;
        }
        Ok(())
    }
}

impl Db {
    /// The schemas that lack migrations of these crates, this crate's own among them, or roles. A newer schema is none of them: a
    /// migration works with the release before it.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot say.
    pub async fn pending(&self, crates: &[&'static Migrations]) -> Result<Vec<Pending>, DbError> {
        let states = self.schema_states().await?;
        let refused = self.roles_refused(crates).await?;
        let known = std::iter::once(&CORE_MIGRATIONS).chain(crates.iter().copied());
        let behind = known.filter_map(|migrations| {
            let needed = migrations.migrator.iter().map(|one| one.version).max()?;
            let state = states.iter().find(|(schema, _)| schema == migrations.schema);
            let found = state.map(|(_, version)| *version);
            let refused = |role: &&GroupRole| refused.iter().any(|name| name == role.name());
            let roles: Vec<_> = migrations.roles.iter().filter(refused).copied().collect();
            (found < Some(needed) || !roles.is_empty()).then_some(Pending {
                schema: migrations.schema,
                found,
                needed,
                roles,
            })
        });
        Ok(behind.collect())
    }

    /// Which group roles of these crates the login may not take.
    async fn roles_refused(&self, crates: &[&'static Migrations]) -> Result<Vec<String>, DbError> {
        let roles = crates.iter().flat_map(|migrations| migrations.roles);
        let names: Vec<&str> = roles.map(GroupRole::name).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = self.global_read().await?;
        let refused = sqlx::query_scalar(
            "select name from pg_catalog.unnest($1::text[]) name
             where not exists (
                 select from pg_catalog.pg_roles r
                 where r.rolname = name and pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
             )
             limit 1000",
        );
        Ok(refused.bind(names).fetch_all(&mut read).await?)
    }

    async fn schema_states(&self) -> Result<Vec<(String, i64)>, DbError> {
        let mut read = self.global_read().await?;
        // Without the right to use the schema the name does not resolve either: then nobody has migrated for this login.
        let there: bool = sqlx::query_scalar("select to_regclass('platform_core.schema_state') is not null")
            .fetch_one(&mut read)
            .await?;
        if !there {
            return Ok(Vec::new());
        }
        let states = sqlx::query_as(
            "select schema, version from platform_core.schema_state order by schema limit 1000",
        );
        Ok(states.fetch_all(&mut read).await?)
    }
}
