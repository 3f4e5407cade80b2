//! How mail leaves the server.

use std::sync::Arc;

use platform_auth::{MailConfig, MailFolder, Mailer, Sender, SmtpConfig, SmtpMailer, SmtpTls};

use crate::config::{self, MailTls, MailWay};
use crate::exit::Exit;
use crate::refusal::{OrRefuse as _, Refusal};

/// The way that the settings name; `None` when no mail is sent.
///
/// # Errors
/// [`Refusal`] when the folder cannot be made, or the mail server cannot be reached in this way.
pub fn open(mail: &config::Mail) -> Result<Option<MailConfig>, Refusal> {
    let sender = Sender::parse(&mail.from).or_refuse(Exit::Configuration)?;
    let mailer: Arc<dyn Mailer> = match &mail.way {
        MailWay::Off => return Ok(None),
        MailWay::Folder(folder) => Arc::new(MailFolder::open(folder, sender).or_refuse(Exit::Configuration)?),
        MailWay::Smtp(smtp) => {
            let config = SmtpConfig {
                host: smtp.host.clone(),
                port: smtp.port,
                tls: match smtp.tls {
                    MailTls::StartTls => SmtpTls::StartTls,
                    MailTls::Wrapped => SmtpTls::Wrapped,
                    MailTls::Off => SmtpTls::Off,
                },
                credentials: smtp.login.clone(),
                sender,
            };
            Arc::new(SmtpMailer::new(config).or_refuse(Exit::Configuration)?)
        }
    };
    let mut config = MailConfig::new(mailer);
    config.link_base.clone_from(&mail.link_base);
    Ok(Some(config))
}
