//! Mail by SMTP (RFC 5321).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use platform_core::secrecy::{ExposeSecret as _, SecretString};

use super::message::Sender;
use super::{Mail, MailError, Mailer};

/// How long a step of the conversation may take. The whole of it is bounded by whoever sends.
const STEP_MAX: Duration = Duration::from_secs(10);

const CONNECTIONS_MAX: u32 = 4;

/// How a mail server is reached.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its name, which its certificate has to show.
    pub host: String,
    /// Its port: 465 for TLS from the beginning, 587 for STARTTLS.
    pub port: u16,
    /// How the conversation is encrypted.
    pub tls: SmtpTls,
    /// User and password, where it wants some.
    pub credentials: Option<(String, SecretString)>,
    /// From whom mail comes.
    pub sender: Sender,
}

/// How the conversation with a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the beginning (RFC 8314).
    Wrapped,
    /// After a STARTTLS (RFC 3207), without which nothing is sent.
    StartTls,
    /// Not at all; only to a server on this machine.
    Off,
}

/// A mail server cannot be reached in this way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtp {
    /// Without TLS, and on another machine: passwords and tokens would be there for all to read.
    #[error("mail goes to another machine over TLS only")]
    TlsRequired,
    /// The name of the server is none that a certificate can show.
    #[error("the name of the mail server is not valid")]
    InvalidHost,
}

/// Sends mail through a mail server. Nothing that the server says is logged but the number of its reply.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
    host: String,
}

impl SmtpMailer {
    /// A mailer over at most four connections, none of which is made yet.
    ///
    /// # Errors
    /// [`InvalidSmtp`].
    pub fn new(config: SmtpConfig) -> Result<Self, InvalidSmtp> {
        let parameters = || TlsParameters::new(config.host.clone()).map_err(|_| InvalidSmtp::InvalidHost);
        let tls = match config.tls {
            SmtpTls::Wrapped => Tls::Wrapper(parameters()?),
            SmtpTls::StartTls => Tls::Required(parameters()?),
            SmtpTls::Off if is_here(&config.host) => Tls::None,
            SmtpTls::Off => return Err(InvalidSmtp::TlsRequired),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(STEP_MAX))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS_MAX));
        if let Some((user, password)) = config.credentials {
            transport = transport.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        Ok(Self {
            transport: transport.build(),
            sender: config.sender,
            host: config.host,
        })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.sender.message(mail)?;
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(|error| {
            let reply = error.status().map(u16::from);
            match reply {
                // Whoever runs the service has to let it in first (RFC 4954, section 6): that is not the mail's fault.
                Some(530 | 534 | 535 | 538) => MailError::Unavailable(reply),
                Some(_) if error.is_permanent() => MailError::Refused(reply),
                _ => MailError::Unavailable(reply),
            }
        })
    }
}

/// Shows no credentials.
impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

fn is_here(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
