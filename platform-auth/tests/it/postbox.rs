//! Where the mail of an app goes.

use std::sync::Mutex;

use async_trait::async_trait;
use platform_auth::{Mail, MailError, Mailer};

/// A mailer that keeps what it is given, and can be away.
#[derive(Debug, Default)]
pub(crate) struct Postbox {
    mails: Mutex<Vec<Received>>,
    failing: Mutex<Option<MailError>>,
}

/// A mail that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Received {
    /// The one-time token in it.
    pub(crate) fn token(&self) -> String {
        let at = self.text.find("pot1_").unwrap();
        self.text[at..at + 78].to_owned()
    }
}

impl Postbox {
    /// Everything that came since the last look.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.mails.lock().unwrap())
    }

    pub(crate) fn fail(&self, with: Option<MailError>) {
        *self.failing.lock().unwrap() = with;
    }
}

#[async_trait]
impl Mailer for Postbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if let Some(error) = *self.failing.lock().unwrap() {
            return Err(error);
        }
        self.mails.lock().unwrap().push(Received {
            to: mail.to.expose().clone(),
            subject: mail.subject.clone(),
            text: mail.text.expose().clone(),
        });
        Ok(())
    }
}
