//! A mail in the form in which it is sent (RFC 5322).

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};

use super::{Mail, MailError};

/// From whom mail comes, such as `Acme <no-reply@example.com>`.
#[derive(Debug, Clone)]
pub struct Sender(Mailbox);

/// A text is not a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sender is an address such as no-reply@example.com, or a name with one in angle brackets")]
pub struct InvalidSender;

impl Sender {
    /// Reads a sender.
    ///
    /// # Errors
    /// [`InvalidSender`], whatever is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidSender> {
        text.parse().map(Self).map_err(|_| InvalidSender)
    }

    /// The message. An address that no mail can go to is refused for good.
    pub(super) fn message(&self, mail: &Mail) -> Result<Message, MailError> {
        let refused = MailError::Refused(None);
        let to = mail.to.expose().parse().map_err(|_| refused)?;
        // The id is the same when the mail is sent again, so that whoever gets it twice sees it once.
        let domain = self.0.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(body(mail.text.expose()))
            .map_err(|_| refused)
    }
}

/// The text as it is where that may be sent (RFC 5322, section 2.1.1), so that a link stays in one piece for whoever reads a file.
fn body(text: &str) -> Body {
    let plain = text.is_ascii() && !text.contains(['\0', '\r']) && text.lines().all(|line| line.len() <= 998);
    match plain {
        true => Body::dangerous_pre_encoded(
            text.replace('\n', "\r\n").into_bytes(),
            ContentTransferEncoding::SevenBit,
        ),
        false => Body::new(text.to_owned()),
    }
}
