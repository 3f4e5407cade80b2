//! A database login that is kept as a secret.

use async_trait::async_trait;
use platform_core::error_chain;
use platform_core::pg::{Db, Login, LoginSource, LoginSourceError, Logins};
use platform_core::secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{HeldSecret, SecretValue, SecretVersions};

/// A database login that is kept as a secret and rotated there.
///
/// As a [`LoginSource`] it is asked when the database refuses what is known; [`SecretLogin::follow`] tells the database handle of
/// every new version before that happens.
///
/// ```no_run
/// use std::sync::Arc;
/// use platform_core::Sources;
/// use platform_core::pg::{Db, DbConfig};
/// use platform_crypto::{FileSecrets, SecretLogin, Secrets};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let secrets = Secrets::new(FileSecrets::new("/run/secrets/app"), Sources::system());
/// let login = SecretLogin::password(secrets.open(&"database-password".parse()?).await?);
/// let config = DbConfig::new("postgres://app@db.internal/platform");
/// let db = Db::connect_as(&config, Arc::new(login.clone()), Sources::system()).await?;
/// // Two workers of the application: `secrets.worker().run(stop)` and `login.follow(&db, stop)`.
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SecretLogin {
    secret: HeldSecret,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Password,
    Url,
}

impl SecretLogin {
    /// The secret is the password of the user in the [`DbConfig`](platform_core::pg::DbConfig)'s URL.
    pub fn password(secret: HeldSecret) -> Self {
        Self {
            secret,
            form: Form::Password,
        }
    }

    /// The secret is a whole `postgres://` URL.
    pub fn url(secret: HeldSecret) -> Self {
        Self {
            secret,
            form: Form::Url,
        }
    }

    /// Tells the handle of the present version and of every new one, until told to stop. Run it as a worker beside that of the secrets.
    pub async fn follow(&self, db: &Db, stop: CancellationToken) {
        let mut changes = self.secret.subscribe();
        // What changed since the handle was opened was told to nobody.
        changes.mark_changed();
        let following = async {
            while changes.changed().await.is_ok() {
                let logins = self.logins_of(&changes.borrow_and_update().clone());
                match db.replace_login(&logins) {
                    Ok(()) => tracing::info!("new connections use the new version of the database login"),
                    Err(error) => {
                        tracing::error!(error = %error_chain(&error), "the new database login cannot be used");
                    }
                }
            }
        };
        stop.run_until_cancelled(following).await;
    }

    fn logins_of(&self, versions: &SecretVersions) -> Logins {
        let logins = Logins::new(self.login(&versions.current));
        match &versions.previous {
            Some(previous) => logins.with_previous(self.login(previous)),
            None => logins,
        }
    }

    fn login(&self, value: &SecretValue) -> Login {
        let text = SecretString::from(value.text().expose().as_str());
        match self.form {
            Form::Password => Login::Password(text),
            Form::Url => Login::Url(text),
        }
    }
}

#[async_trait]
impl LoginSource for SecretLogin {
    async fn logins(&self) -> Result<Logins, LoginSourceError> {
        let versions = match self.secret.refetch().await {
            Ok(versions) => versions,
            Err(_) => self.secret.get().await?,
        };
        Ok(self.logins_of(&versions))
    }
}
