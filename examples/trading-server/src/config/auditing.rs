//! The audit trail: its key, and the folders outside the database that its proofs rest on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use crate::cli::{Command, KeysTask};

/// The audit trail.
#[derive(Debug, Clone)]
pub struct Audit {
    /// What is needed to record, to sign and to publish. `None` only for a command that does none of it.
    pub place: Option<AuditPlace>,
    /// Where finished months are written, before they may be pruned.
    pub archive_dir: Option<PathBuf>,
    /// Delete events whose time is over.
    pub prune: bool,
    /// How long after the beginning of a round of the sequencer the next one begins.
    pub interval: Duration,
    /// The most events that a round takes.
    pub batch_max: u32,
    /// Into how many shares the tenants are divided; the same on every instance.
    pub shards: u8,
}

/// What the trail has outside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPlace {
    /// Of which the names of the tenants' logs are made: `<host>/audit/<tenant>`.
    pub host: String,
    /// The file with the key that signs.
    pub key_file: PathBuf,
    /// Whether the server makes the key file at its first start.
    pub own_key: bool,
    /// Where it is remembered how far every tree was signed.
    pub marks_dir: PathBuf,
    /// Where signed checkpoints are published.
    pub publish_dir: Option<PathBuf>,
    /// Where events wait that could not be recorded.
    pub spool_dir: PathBuf,
    /// The most that may wait there.
    pub spool_bytes_max: u64,
}

/// The origin of the logs of a server that nobody has named.
const OWN_HOST: &str = "localhost";

/// Reads the section `audit`.
pub(super) fn audit(reader: &mut Reader, data_dir: &Path, embedded: bool, command: &Command) -> Audit {
    let given = Given::read(reader);
    let place = match embedded {
        true => Some(given.or_below(&data_dir.join("audit"))),
        false => {
            if needs_the_trail(command) {
                given.miss(reader);
            }
            given.complete()
        }
    };
    Audit {
        place,
        archive_dir: folder(reader, "audit.archive_dir"),
        prune: reader.truth("audit.prune"),
        interval: reader.millis("audit.interval_ms", 10..=60_000),
        batch_max: reader.number("audit.batch_max", 1..=100_000),
        shards: reader.number("audit.shards", 1..=64),
    }
}

/// What was configured of an [`AuditPlace`].
struct Given {
    host: Option<String>,
    key_file: Option<PathBuf>,
    marks_dir: Option<PathBuf>,
    publish_dir: Option<PathBuf>,
    spool_dir: Option<PathBuf>,
    spool_bytes_max: u64,
}

impl Given {
    fn read(reader: &mut Reader) -> Self {
        Self {
            host: reader.parsed("audit.host", HOST_EXPECTED, host),
            key_file: path(reader, "audit.key_file", "the path of a file"),
            marks_dir: folder(reader, "audit.marks_dir"),
            publish_dir: folder(reader, "audit.publish_dir"),
            spool_dir: folder(reader, "audit.spool_dir"),
            spool_bytes_max: reader.whole("audit.spool_bytes_max", 65_536..=68_719_476_736),
        }
    }

    /// With the embedded database everything has a place below the data folder.
    fn or_below(self, own: &Path) -> AuditPlace {
        AuditPlace {
            host: self.host.unwrap_or_else(|| OWN_HOST.to_owned()),
            own_key: self.key_file.is_none(),
            key_file: self.key_file.unwrap_or_else(|| own.join("log.key")),
            marks_dir: self.marks_dir.unwrap_or_else(|| own.join("marks")),
            publish_dir: Some(self.publish_dir.unwrap_or_else(|| own.join("published"))),
            spool_dir: self.spool_dir.unwrap_or_else(|| own.join("spool")),
            spool_bytes_max: self.spool_bytes_max,
        }
    }

    /// Beside a database server nothing is made up. What is wrong already is not also called missing.
    fn miss(&self, reader: &mut Reader) {
        let needed = [
            ("audit.host", self.host.is_none(), HOST_EXPECTED),
            ("audit.key_file", self.key_file.is_none(), KEY_EXPECTED),
            ("audit.marks_dir", self.marks_dir.is_none(), MARKS_EXPECTED),
            ("audit.spool_dir", self.spool_dir.is_none(), SPOOL_EXPECTED),
        ];
        for (name, is_missing, expected) in needed {
            if is_missing && reader.is_sound(&[name]) {
                reader.problem(name, "nothing", expected);
            }
        }
    }

    fn complete(self) -> Option<AuditPlace> {
        Some(AuditPlace {
            host: self.host?,
            key_file: self.key_file?,
            own_key: false,
            marks_dir: self.marks_dir?,
            publish_dir: self.publish_dir,
            spool_dir: self.spool_dir?,
            spool_bytes_max: self.spool_bytes_max,
        })
    }
}

const HOST_EXPECTED: &str = "a name of 1 to 200 letters, digits, dots, hyphens and colons, such as audit.example.com, that never changes";
const KEY_EXPECTED: &str = "a file that only the server's account may read, as the command `audit new-key` makes one, shared by all instances";
const MARKS_EXPECTED: &str = "a folder that no backup of the database holds and nobody rolls back with it";
const SPOOL_EXPECTED: &str = "a folder of this instance's own";

/// Whatever records an event seals it, and the sequencer takes no event without a seal.
fn needs_the_trail(command: &Command) -> bool {
    match command {
        Command::Serve
        | Command::Check
        | Command::CreateTenant(_)
        | Command::Tenant { .. }
        | Command::Verify(_) => true,
        Command::Keys { task } => !matches!(task, KeysTask::NewRoot { .. }),
        Command::Audit { task } => task.needs_the_trail(),
        Command::Migrate | Command::Openapi => false,
    }
}

fn host(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    ((1..=200).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

fn folder(reader: &mut Reader, name: &str) -> Option<PathBuf> {
    let folder = path(reader, name, "the path of a folder")?;
    if folder.exists() && !folder.is_dir() {
        reader.wrong(name, "the path of a folder or of nothing yet");
    }
    Some(folder)
}

/// A path, but no URL: one put into the wrong variable would become a file with a password in its name.
fn path(reader: &mut Reader, name: &str, expected: &str) -> Option<PathBuf> {
    if !reader.is_given(name) {
        return None;
    }
    reader.parsed(name, expected, |text| {
        (!text.is_empty() && !text.contains("://")).then(|| PathBuf::from(text))
    })
}
