//! A server's URL, for other users and databases of the same server.

use super::BoxError;

/// A `postgres://` URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl {
    /// User and password, as written.
    user_info: String,
    /// Host and port, as written.
    host: String,
    database: String,
    /// With its question mark; empty when there is none.
    query: String,
}

impl ServerUrl {
    /// Takes a URL apart. User and database have to stand in their usual places, not in the query.
    pub(super) fn parse(url: &str) -> Result<Self, BoxError> {
        let malformed = "the database URL is not of the form postgres://user@host/database";
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .ok_or(malformed)?;
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = rest.split_once('/').ok_or(malformed)?;
        let (user_info, host) = authority.rsplit_once('@').ok_or(malformed)?;
        Ok(Self {
            user_info: user_info.to_owned(),
            host: host.to_owned(),
            database: database.to_owned(),
            query: query.to_owned(),
        })
    }

    /// The URL as it was given.
    pub(super) fn as_given(&self) -> String {
        self.of(&self.user_info, &self.database)
    }

    /// The same user in another database.
    pub(super) fn in_database(&self, database: &str) -> String {
        self.of(&self.user_info, database)
    }

    /// Another user in another database.
    pub(super) fn for_login(&self, login: &str, password: Option<&str>, database: &str) -> String {
        match password {
            Some(password) => self.of(&format!("{login}:{password}"), database),
            None => self.of(login, database),
        }
    }

    fn of(&self, user_info: &str, database: &str) -> String {
        format!("postgres://{user_info}@{}/{database}{}", self.host, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn a_url_is_turned_to_other_logins_and_databases() {
        let given = "postgres://root:secret@db.test:5433/postgres?sslmode=disable";
        let url = ServerUrl::parse(given).unwrap();

        assert_eq!(url.as_given(), given);
        assert_eq!(
            url.in_database("one"),
            "postgres://root:secret@db.test:5433/one?sslmode=disable"
        );
        assert_eq!(
            url.for_login("app", Some("word"), "one"),
            "postgres://app:word@db.test:5433/one?sslmode=disable"
        );
        assert_eq!(
            url.for_login("app", None, "one"),
            "postgres://app@db.test:5433/one?sslmode=disable"
        );
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for wrong in ["", "mysql://a@b/c", "postgres://host", "postgres://host/database"] {
            assert!(ServerUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
