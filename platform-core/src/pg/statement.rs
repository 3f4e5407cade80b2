//! Which statements may pass through a tenant's transaction.

use sqlx::SqlStr;
use sqlx::postgres::PgArguments;
use sqlx::{Execute, Postgres};

/// A statement that would end, nest or re-scope the transaction it was sent through, or several statements in one text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenStatement {
    /// Its first word, given here, is not that of a statement that reads or writes rows: it would control the transaction,
    /// settings, roles or the session, or change the schema.
    #[error("the statement {0} is not for a tenant's transaction")]
    Control(String),
    /// It was not sent as a single prepared statement (`sqlx::query`).
    #[error("only single prepared statements pass through a tenant's transaction")]
    NotPrepared,
}

/// Words that begin a statement which reads or writes rows and leaves nothing behind in the session.
///
/// What is not in the list is refused, not the other way round: a cursor declared `WITH HOLD`, to name one, outlives its
/// transaction and would show its rows to the connection's next user.
const DATA: [&str; 12] = [
    "delete", "explain", "insert", "lock", "merge", "notify", "select", "show", "table", "update", "values",
    "with",
];

/// A query taken apart and allowed.
pub(super) struct Checked {
    sql: SqlStr,
    arguments: Option<PgArguments>,
    persistent: bool,
}

impl Checked {
    /// Takes a query apart and refuses it when its text is not a single data statement.
    pub(super) fn new<'q, E: Execute<'q, Postgres>>(mut query: E) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent();
        let sql = query.sql();
        if arguments.is_none() {
            return Err(sqlx::Error::Encode(ForbiddenStatement::NotPrepared.into()));
        }
        check(sql.as_str()).map_err(|forbidden| sqlx::Error::Encode(forbidden.into()))?;
        Ok(Self {
            sql,
            arguments,
            persistent,
        })
    }
}

impl Execute<'_, Postgres> for Checked {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&sqlx::postgres::PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// PostgreSQL runs one statement only in the extended protocol, so that the first word decides.
pub(super) fn check(sql: &str) -> Result<(), ForbiddenStatement> {
    let text = skip_blanks(sql);
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let word = text[..end].to_ascii_lowercase();
    match DATA.binary_search(&word.as_str()) {
        Ok(_) => Ok(()),
        Err(_) => Err(ForbiddenStatement::Control(word)),
    }
}

/// Skips white space, comments and opening brackets in front of a statement.
fn skip_blanks(sql: &str) -> &str {
    let blank = |c: char| c.is_whitespace() || c == '(';
    let mut rest = sql.trim_start_matches(blank);
    loop {
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if rest.starts_with("/*") {
            skip_block_comment(rest)
        } else {
            return rest;
        };
        rest = after.trim_start_matches(blank);
    }
}

/// Block comments nest in PostgreSQL.
fn skip_block_comment(sql: &str) -> &str {
    let mut depth = 0_u32;
    let mut rest = sql;
    loop {
        if let Some(after) = rest.strip_prefix("/*") {
            depth += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = after;
            if depth == 0 {
                return rest;
            }
        } else {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return "";
            }
            rest = chars.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_controls_the_transaction_is_refused_however_it_is_dressed() {
        let dressed = [
            "commit",
            " COMMIT",
            "-- harmless\n commit",
            "/* a /* nested */ comment */ Rollback",
            "set local platform.tenant_id = 'x'",
            "reset role",
            "savepoint s",
            "do $$ begin end $$",
            "end",
            "declare held cursor with hold for select 1",
            "fetch all from held",
            "truncate shop.item",
            "selection",
            "",
        ];

        for sql in dressed {
            assert!(check(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn data_statements_pass() {
        for sql in [
            "select 1",
            "with x as (select 1) insert into t select * from x",
            "/* note */ update t set a = 1",
            "(select 1) union (select 2)",
            "( /* note */ (values (1)) )",
        ] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn the_list_of_words_is_sorted() {
        assert!(DATA.is_sorted());
    }
}
