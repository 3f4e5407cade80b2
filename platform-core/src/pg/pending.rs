//! Are the tables this program was built for there?

use std::fmt;

use super::{CORE_MIGRATIONS, Db, DbError, Migrations};

/// A schema that is behind what the program was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The schema.
    pub schema: &'static str,
    /// The version of the newest migration that ran; `None` when there are no tables at all.
    pub found: Option<i64>,
    /// The version of the newest migration the program knows.
    pub needed: i64,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            schema,
            found,
            needed,
        } = self;
        match found {
            Some(found) => write!(
                f,
                "the tables of {schema} are at {found} and have to be at {needed}"
            ),
            None => write!(f, "the tables of {schema} are missing"),
        }
    }
}

impl Db {
    /// The schemas that lack migrations of these crates, this crate's own among them. A newer schema is none of them: a migration
    /// works with the release before it.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot say.
    pub async fn pending(&self, crates: &[&'static Migrations]) -> Result<Vec<Pending>, DbError> {
        let states = self.schema_states().await?;
        let known = std::iter::once(&CORE_MIGRATIONS).chain(crates.iter().copied());
        let behind = known.filter_map(|migrations| {
            let needed = migrations.migrator.iter().map(|one| one.version).max()?;
            let state = states.iter().find(|(schema, _)| schema == migrations.schema);
            let found = state.map(|(_, version)| *version);
            (found < Some(needed)).then_some(Pending {
                schema: migrations.schema,
                found,
                needed,
            })
        });
        Ok(behind.collect())
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
