//! Checks of URLs that may carry a password. What they say never contains a part of the URL.

/// Accepts the URL of a PostgreSQL server.
pub(super) fn postgres(text: &str) -> Result<(), &'static str> {
    let rest = without_scheme(text, &["postgres://", "postgresql://"])
        .ok_or("does not begin with postgres:// or postgresql://")?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = address.split_once('/').unwrap_or((address, ""));
    // The folder of a Unix socket is written as a parameter: postgres:///database?host=/run/postgresql
    let has_socket = query.split('&').any(|pair| pair.starts_with("host="));
    check_authority(authority, has_socket)?;
    match database {
        "" => Err("names no database"),
        name if name.contains('/') => Err("has a slash in the name of the database"),
        _ => Ok(()),
    }
}

/// Accepts the URL of a Redis or Valkey server.
pub(super) fn redis(text: &str) -> Result<(), &'static str> {
    let rest = without_scheme(text, &["redis://", "rediss://"])
        .ok_or("does not begin with redis:// or rediss://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    check_authority(authority, false)
}

/// Accepts the URL of a collector: http or https, a host, no path needed.
pub(super) fn http(text: &str) -> Result<(), &'static str> {
    let rest =
        without_scheme(text, &["http://", "https://"]).ok_or("does not begin with http:// or https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("carries a user name");
    }
    check_authority(authority, false)
}

/// Accepts the origin of a web page as a browser sends it: scheme, host and port alone, in lower case.
pub(super) fn is_origin(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    http(text).is_ok() && after_scheme.chars().all(allowed)
}

fn without_scheme<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    schemes.iter().find_map(|scheme| text.strip_prefix(scheme))
}

fn check_authority(authority: &str, may_lack_host: bool) -> Result<(), &'static str> {
    if authority.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains a space or a control character");
    }
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    // An IPv6 address stands in brackets and has colons of its own.
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed
                .split_once(']')
                .ok_or("opens a bracket and does not close it")?;
            (host, rest.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() && !may_lack_host {
        return Err("has no host");
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Err("has a port that is not a number from 1 to 65535"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_urls_of_every_sort_are_accepted() {
        let good = [
            "postgres://app:p%40ss@db.example.com:5432/trading?sslmode=verify-full",
            "postgresql://app@localhost/trading",
            "postgres://app@[::1]:5432/trading",
            "postgres:///trading?host=/run/postgresql",
        ];

        for url in good {
            assert_eq!(postgres(url), Ok(()), "{url}");
        }
        assert_eq!(redis("rediss://:secret@cache:6380/2"), Ok(()));
        assert_eq!(http("http://127.0.0.1:4317"), Ok(()));
        assert!(is_origin("https://app.example.com:8443"));
    }

    #[test]
    fn malformed_urls_are_refused_with_a_reason() {
        let bad = [
            (
                "mysql://app@localhost/trading",
                "does not begin with postgres:// or postgresql://",
            ),
            ("postgres:///trading", "has no host"),
            ("postgres://app@localhost", "names no database"),
            (
                "postgres://app@localhost:high/trading",
                "has a port that is not a number from 1 to 65535",
            ),
            (
                "postgres://app@local host/trading",
                "contains a space or a control character",
            ),
            (
                "postgres://app@[::1/trading",
                "opens a bracket and does not close it",
            ),
        ];

        for (url, reason) in bad {
            assert_eq!(postgres(url), Err(reason), "{url}");
        }
        assert_eq!(
            redis("localhost:6379"),
            Err("does not begin with redis:// or rediss://")
        );
        for origin in [
            "*",
            "https://*.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "app.example.com",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
