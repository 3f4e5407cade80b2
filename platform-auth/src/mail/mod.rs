//! Mail: written in the transaction of what it tells of, sent afterwards.

mod deliver;
#[cfg(feature = "mail")]
mod folder;
mod letter;
#[cfg(feature = "mail")]
mod message;
mod outbox;
mod queue;
#[cfg(feature = "mail")]
mod smtp;
mod stored;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use platform_crypto::Secret;

pub use self::deliver::Delivered;
#[cfg(feature = "mail")]
pub use self::folder::MailFolder;
pub(crate) use self::letter::Letter;
#[cfg(feature = "mail")]
pub use self::message::{InvalidSender, Sender};
pub(crate) use self::outbox::Addressee;
pub(crate) use self::queue::MailQueue;
#[cfg(feature = "mail")]
pub use self::smtp::{InvalidSmtp, SmtpConfig, SmtpMailer, SmtpTls};
pub use self::stored::SealedMail;

use crate::{ThrottleConfig, ThrottleLimit};

platform_core::id_type! {
    /// Names a mail; the same when it is sent again.
    pub struct MailId;
}

/// A mail on its way. Its `Debug` shows the id alone.
pub struct Mail {
    /// Names it: a mail that was sent and not noted as sent is sent again under the same id.
    pub id: MailId,
    /// The address that it goes to, as its owner entered it.
    pub to: Secret<String>,
    /// The subject line: one line, nothing secret.
    pub subject: String,
    /// The text, in which there may be a token.
    pub text: Secret<String>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Sends mail. One is here for SMTP and one that writes files (feature `mail`); an embedder may have another.
///
/// It is called with one mail at a time and given 30 seconds; a mail may come again when it was sent already.
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug + 'static {
    /// Hands a mail over to whoever brings it on its way.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A mail was not sent. There is no text of the other side in it, in which there may be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// It never will be: the address does not exist, or is not taken. The mail is dropped.
    #[error("the mail was refused for good{}", code(*.0))]
    Refused(Option<u16>),
    /// Not now. It is tried again until it is of no use any more.
    #[error("the mail could not be sent now{}", code(*.0))]
    Unavailable(Option<u16>),
}

fn code(reply: Option<u16>) -> String {
    reply.map(|reply| format!(", reply {reply}")).unwrap_or_default()
}

/// How mail is sent, and what of it a stranger may cause.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MailConfig {
    /// Who sends.
    pub mailer: Arc<dyn Mailer>,
    /// Where the pages are on which a user shows a token, such as `https://app.example.com`: `/verify-email#token=…`,
    /// `/reset-password#token=…` and `/accept-invitation#token=…` are added. Without it a mail has the token alone.
    pub link_base: Option<String>,
    /// How long a mail that cannot be sent is tried again: 24 hours, and never longer than the token in it is good.
    pub keep: Duration,
    /// How many mails somebody who has not signed in may ask for: for each address written to and each purpose, which are verifying it,
    /// setting a password and registering where addresses have to be verified (5 at once, then one in 10 minutes), and from each source
    /// address (30 at once, then one a minute; registrations have [limits of their own](crate::AuthConfig::registrations)).
    pub throttle: ThrottleConfig,
    /// How many users the admins of one tenant may make, to each of whom a mail goes: 100 at once, then one in 36 seconds, which is 100 an
    /// hour, as many as it may invite.
    pub made_users: ThrottleLimit,
}

impl MailConfig {
    /// Mail that this one sends, with defaults that are safe.
    pub fn new(mailer: Arc<dyn Mailer>) -> Self {
        Self {
            mailer,
            link_base: None,
            keep: Duration::from_secs(24 * 60 * 60),
            throttle: ThrottleConfig {
                account: ThrottleLimit {
                    burst: 5,
                    recovery: Duration::from_secs(10 * 60),
                },
                address: ThrottleLimit {
                    burst: 30,
                    recovery: Duration::from_secs(60),
                },
                ..ThrottleConfig::default()
            },
            made_users: ThrottleLimit {
                burst: 100,
                recovery: Duration::from_secs(36),
            },
        }
    }
}
