//! Where a server listens.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::socket::PORT;

/// A running server's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    socket_folder: PathBuf,
}

impl Endpoint {
    pub(super) fn new(socket_folder: PathBuf) -> Self {
        Self { socket_folder }
    }

    /// The folder that holds the socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket_folder
    }

    /// A URL for `user` and `database`, in the form that libpq and sqlx both read: the socket's folder is the host.
    ///
    /// The port and `sslmode` are spelled out, or `PGPORT` and `PGSSLMODE` in the environment would change them.
    pub fn url(&self, user: &str, database: &str) -> String {
        let host = encode(self.socket_folder.as_os_str().as_bytes());
        let user = encode(user.as_bytes());
        let database = encode(database.as_bytes());
        format!("postgres://{user}@{host}:{PORT}/{database}?sslmode=disable")
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn a_url_carries_the_sockets_folder_as_its_host() {
        let endpoint = Endpoint::new("/srv/my data/run".into());

        assert_eq!(
            endpoint.url("app@home", "a/b"),
            "postgres://app%40home@%2Fsrv%2Fmy%20data%2Frun:5432/a%2Fb?sslmode=disable"
        );
    }
}
