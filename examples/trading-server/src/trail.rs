//! The audit trail of the server: the key that signs it, and what of it lies outside the database.

use std::fs::DirBuilder;
use std::num::NonZeroU8;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use platform_audit::{
    AuditLog, LogKey, LogKeyError, Marks, MarksError, NoteUnverified, Outlet, Sequencer, SequencerConfig,
    SignedNote, Spool, SpoolBounds,
};
use platform_core::pg::{Db, Tenants};
use platform_core::{RequestContext, Sources};

use crate::config::{Audit, AuditPlace};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// How many tenants are asked at most whether their trail was signed by another key.
const TENANTS_ASKED: u32 = 200;

/// The trail, with the key that seals and signs it.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Records events.
    pub log: AuditLog,
    /// Seals events and signs trees.
    pub key: LogKey,
    /// Where refusals wait while the database is away.
    pub spool: Option<Spool>,
}

impl Trail {
    /// A trail that nobody writes, for a server that only describes itself.
    ///
    /// # Errors
    /// [`Refusal`] when a key cannot be made.
    pub fn unused(sources: &Sources) -> Result<Self, Refusal> {
        let key = LogKey::generate("localhost", sources).or_refuse(Exit::Internal)?;
        let log = AuditLog::new(sources.clone()).sealed_by(&key);
        Ok(Self {
            log,
            key,
            spool: None,
        })
    }

    /// Attests what a process that is about to end has recorded.
    pub async fn farewell(&self, db: &Db) {
        self.log.worker(db).farewell().await;
    }
}

/// Opens the trail over a migrated database. Whoever records an event needs it: the sequencer takes none without a seal.
///
/// # Errors
/// [`Refusal`] when the key is missing, may be read by others, or is not the one that this database was signed under.
pub async fn open(db: &Db, audit: &Audit) -> Result<Trail, Refusal> {
    let place = place(audit)?;
    let key = key(db, place).await?;
    let spool = spool(place, &key, db.sources())?;
    let log = AuditLog::new(db.sources().clone())
        .sealed_by(&key)
        .spool(spool.clone());
    Ok(Trail {
        log,
        key,
        spool: Some(spool),
    })
}

/// What there is of the trail outside the database, looked at by a command that makes nothing.
#[derive(Debug)]
pub struct Seen {
    /// The key; `None` where the server makes it at its first start.
    pub key: Option<LogKey>,
    /// The marks; `None` where nothing was signed yet.
    pub marks: Option<Marks>,
}

/// Looks whether key and marks are there and belong to the database.
///
/// # Errors
/// As [`open`] and [`sequencer`].
pub async fn look(db: &Db, audit: &Audit) -> Result<Seen, Refusal> {
    let place = place(audit)?;
    let signed = signed(db).await?;
    let key = existing_key(place, signed.as_ref())?;
    let marks = match &key {
        Some(key) => existing_marks(place, key)?,
        None => None,
    };
    if let Some(signed) = signed
        && marks
            .as_ref()
            .is_none_or(|marks| marks.get(signed.tenant).is_none())
    {
        return Err(no_marks(place, signed.tenant));
    }
    Ok(Seen { key, marks })
}

/// The key of the log, for a command that shows it and makes none.
///
/// # Errors
/// [`Refusal`] also when the server has not made it yet.
pub async fn own_key(db: &Db, audit: &Audit) -> Result<LogKey, Refusal> {
    let place = place(audit)?;
    let signed = signed(db).await?;
    existing_key(place, signed.as_ref())?.ok_or_else(|| {
        let error = anyhow!(
            "there is no key in {} yet: the server makes it at its first start",
            place.key_file.display()
        );
        Refusal::new(Exit::NoInput, error)
    })
}

/// `None` where the server makes it at its first start.
fn existing_key(place: &AuditPlace, signed: Option<&Signed>) -> Result<Option<LogKey>, Refusal> {
    match place.key_file.exists() {
        true => Ok(Some(belonging(key_file(place)?, place, signed)?)),
        false => missing(place, signed).map(|()| None),
    }
}

/// What gives events their places in the trees, signs and publishes them.
///
/// # Errors
/// [`Refusal`] when the marks outside the database are missing, damaged or not this key's.
pub async fn sequencer(db: &Db, trail: &Trail, audit: &Audit) -> Result<Sequencer, Refusal> {
    let place = place(audit)?;
    let marks = Marks::open_for(db, &place.marks_dir, &trail.key).await;
    let marks = marks.map_err(|error| unusable_marks(place, error))?;
    if let Some(signed) = signed(db).await?
        && marks.get(signed.tenant).is_none()
    {
        return Err(no_marks(place, signed.tenant));
    }
    sequencer_with(db, trail, audit, marks)
}

/// The same with marks that were opened already, whatever they hold.
///
/// # Errors
/// [`Refusal`] when the trail is not configured.
pub fn sequencer_with(db: &Db, trail: &Trail, audit: &Audit, marks: Marks) -> Result<Sequencer, Refusal> {
    let config = SequencerConfig {
        shards: NonZeroU8::new(audit.shards).unwrap_or(NonZeroU8::MIN),
        batch_max: audit.batch_max,
        interval: audit.interval,
        ..SequencerConfig::default()
    };
    let sequencer = Sequencer::new(db, &trail.key, marks, config).woken_by(&trail.log);
    Ok(match &place(audit)?.publish_dir {
        Some(folder) => sequencer.publish_to(Outlet::directory(folder)),
        None => sequencer,
    })
}

/// The marks where there are any; makes none.
///
/// # Errors
/// As [`marks`].
pub fn existing_marks(place: &AuditPlace, key: &LogKey) -> Result<Option<Marks>, Refusal> {
    match Marks::open(&place.marks_dir, key) {
        Ok(marks) => Ok(Some(marks)),
        Err(MarksError::Missing) => Ok(None),
        Err(error) => Err(unusable_marks(place, error)),
    }
}

/// How far every tree was signed, known outside the database.
///
/// # Errors
/// [`Refusal`] when they cannot be read, are damaged or not this key's.
pub fn marks(place: &AuditPlace, key: &LogKey) -> Result<Marks, Refusal> {
    Marks::open(&place.marks_dir, key).map_err(|error| unusable_marks(place, error))
}

/// The same, begun anew when they are gone.
///
/// # Errors
/// As [`marks`].
pub fn marks_or_new(place: &AuditPlace, key: &LogKey) -> Result<Marks, Refusal> {
    Marks::open_or_begin(&place.marks_dir, key).map_err(|error| unusable_marks(place, error))
}

fn unusable_marks(place: &AuditPlace, error: MarksError) -> Refusal {
    let folder = place.marks_dir.display();
    if matches!(error, MarksError::Missing) {
        let error = anyhow!(
            "there is no mark for the trails that were signed, in {folder}: restore the folder from its newest copy. Where there is none \
             left, verify the trails against published checkpoints (`audit verify --published`), then let the marks begin anew with \
             `audit new-marks`"
        );
        return Refusal::new(Exit::Configuration, error);
    }
    let exit = match &error {
        MarksError::Db(_) => Exit::Unavailable,
        _ => Exit::Configuration,
    };
    let remedy = match &error {
        MarksError::Foreign => "restore the key file or the folder of marks that belong together",
        MarksError::Damaged => "restore the newest copy of the folder",
        MarksError::Db(_) => "try again when the database answers",
        _ => "see to it that the server's account can read and write the folder",
    };
    let error = anyhow::Error::new(error).context(format!("the marks in {folder} cannot be used: {remedy}"));
    Refusal::new(exit, error)
}

fn no_marks(place: &AuditPlace, tenant: platform_core::TenantId) -> Refusal {
    let error = anyhow!(
        "there is no mark for the trail of tenant {tenant} in {}, although it was signed: restore the folder from its newest copy. \
         Where there is none left, verify the trail against published checkpoints (`audit verify --published`), then let the marks \
         begin anew with `audit new-marks`",
        place.marks_dir.display()
    );
    Refusal::new(Exit::Configuration, error)
}

/// Where the trail is.
///
/// # Errors
/// [`Refusal`] when it is not configured.
pub fn place(audit: &Audit) -> Result<&AuditPlace, Refusal> {
    audit.place.as_ref().ok_or_else(|| {
        let error = anyhow!(
            "the audit trail is not configured: set audit.host, audit.key_file, audit.marks_dir and audit.spool_dir"
        );
        Refusal::new(Exit::Configuration, error)
    })
}

/// The key of the log, as the file has it.
///
/// # Errors
/// As [`open`].
pub async fn key(db: &Db, place: &AuditPlace) -> Result<LogKey, Refusal> {
    let signed = signed(db).await?;
    if !place.key_file.exists() {
        missing(place, signed.as_ref())?;
        make_folder(place.key_file.parent())?;
    }
    let key = LogKey::read_or_create(&place.key_file, &place.host, db.sources());
    let key = key.map_err(|error| unusable_key(place, error))?;
    belonging(key, place, signed.as_ref())
}

/// May the key be made?
fn missing(place: &AuditPlace, signed: Option<&Signed>) -> Result<(), Refusal> {
    let file = place.key_file.display();
    let error = match (signed, place.own_key) {
        (Some(signed), _) => anyhow!(
            "the key file {file} is missing, and the trail of tenant {} was signed with it: restore the file from its copy",
            signed.tenant
        ),
        (None, false) => {
            anyhow!(
                "the key file {file} is missing: make it with `audit new-key`, once, and give it to every instance"
            )
        }
        (None, true) => return Ok(()),
    };
    Err(Refusal::new(Exit::Configuration, error))
}

/// The key, if it is the one that the database was signed under.
fn belonging(key: LogKey, place: &AuditPlace, signed: Option<&Signed>) -> Result<LogKey, Refusal> {
    let file = place.key_file.display();
    match signed {
        Some(signed) if !signed.is_by(&key) => {
            let error = anyhow!(
                "the key file {file} is not the one that the trail of tenant {} was signed with: restore that one from its copy. A key \
                 that was replaced stays in the file, below the one in use",
                signed.tenant
            );
            Err(Refusal::new(Exit::Configuration, error))
        }
        _ => Ok(key),
    }
}

/// The key of the log, as the file has it, whatever the database says.
///
/// # Errors
/// [`Refusal`] when there is no such file, or it cannot be used.
pub fn key_file(place: &AuditPlace) -> Result<LogKey, Refusal> {
    let read = LogKey::read(&place.key_file, &place.host);
    let key = read.map_err(|error| unusable_key(place, error))?;
    key.ok_or_else(|| {
        let error = anyhow!("the key file {} is missing", place.key_file.display());
        Refusal::new(Exit::Configuration, error)
    })
}

fn unusable_key(place: &AuditPlace, error: LogKeyError) -> Refusal {
    let file = place.key_file.display();
    let told = match &error {
        LogKeyError::OtherHost { found } => anyhow!(
            "the key file {file} is that of the host {found} and audit.host is {}: the name of a log never changes",
            place.host
        ),
        LogKeyError::Malformed(_) | LogKeyError::Empty | LogKeyError::TooMany => {
            anyhow!("the key file {file} cannot be used: {error}")
        }
        _ => anyhow::Error::new(error),
    };
    Refusal::new(Exit::Configuration, told)
}

fn spool(place: &AuditPlace, key: &LogKey, sources: &Sources) -> Result<Spool, Refusal> {
    make_folder(Some(&place.spool_dir))?;
    let bounds = SpoolBounds {
        bytes_max: place.spool_bytes_max,
        ..SpoolBounds::default()
    };
    Spool::open_bounded(&place.spool_dir, key, sources, bounds).or_refuse(Exit::Configuration)
}

/// The newest checkpoint of a tenant.
struct Signed {
    tenant: platform_core::TenantId,
    note: String,
}

impl Signed {
    fn is_by(&self, key: &LogKey) -> bool {
        let verifiers = key.verifiers(self.tenant);
        let Ok(note) = self.note.parse::<SignedNote>() else {
            return false;
        };
        // A forged signature names our key: the sequencer refuses that tenant, and verifying tells.
        !matches!(note.verify(&verifiers), Err(NoteUnverified::NoTrustedSignature))
    }
}

/// The first tenant with a checkpoint tells under which key the database was signed.
async fn signed(db: &Db) -> Result<Option<Signed>, Refusal> {
    let tenants = Tenants::new(db).list(None, TENANTS_ASKED).await;
    for tenant in tenants.or_refuse(Exit::Unavailable)? {
        let ctx = RequestContext::system(tenant.id, "find the key of the trail", db.sources());
        let mut read = db.read(&ctx).await.or_refuse(Exit::Unavailable)?;
        let note: Option<String> = sqlx::query_scalar(
            "select note from platform_audit.checkpoint where tenant_id = $1 order by size desc limit 1",
        )
        .bind(tenant.id)
        .fetch_optional(&mut read)
        .await
        .or_refuse(Exit::Unavailable)?;
        read.finish().await.or_refuse(Exit::Unavailable)?;
        if let Some(note) = note {
            return Ok(Some(Signed {
                tenant: tenant.id,
                note,
            }));
        }
    }
    Ok(None)
}

/// Makes a folder that nobody else may look into.
///
/// # Errors
/// [`Refusal`] when it cannot be made.
pub fn make_folder(folder: Option<&Path>) -> Result<(), Refusal> {
    let Some(folder) = folder else { return Ok(()) };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))
        .or_refuse(Exit::Configuration)
}
