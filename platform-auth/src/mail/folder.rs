//! Mail for nobody but a developer.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::message::Sender;
use super::{Mail, MailError, Mailer};

/// Writes each mail into a file of its own, `<id>.eml`, which only the account of the process may read. Nothing is sent to anybody.
#[derive(Debug, Clone)]
pub struct MailFolder {
    folder: PathBuf,
    sender: Sender,
}

impl MailFolder {
    /// Writes into this folder, which is made if it is not there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(folder: impl Into<PathBuf>, sender: Sender) -> io::Result<Self> {
        let folder = folder.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, sender })
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.sender.message(mail)?.formatted();
        let path = self.folder.join(format!("{}.eml", mail.id));
        let written = tokio::task::spawn_blocking(move || write(&path, &message)).await;
        match written {
            Ok(Ok(())) => {
                tracing::info!(mail.id = %mail.id, "mail {} was written into the folder", mail.id);
                Ok(())
            }
            _ => Err(MailError::Unavailable(None)),
        }
    }
}

/// Under another name first, so that whoever looks finds whole mails.
fn write(path: &Path, message: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(message)?;
    std::fs::rename(&unfinished, path)
}
