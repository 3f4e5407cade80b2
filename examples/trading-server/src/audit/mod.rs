//! The command `audit`: what an operator does with the audit trail.

mod acknowledge;
mod adopt;
mod archive;
mod export;
mod findings;
mod hold;
mod key;
mod offline;
pub(crate) mod progress;
mod prune;
mod report;
mod verdict;
mod verify;
mod words;

use std::ffi::OsString;

use anyhow::anyhow;
use platform_core::pg::Db;
use platform_core::{RequestContext, Sources};
use serde_json::{Value, json};

use self::export::Wanted;
use self::verdict::Verdict;
use self::verify::Verified;
use crate::cli::{AuditTask, OfTenant, Verification};
use crate::commands::say;
use crate::config::Settings;
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::refusal::Refusal;
use crate::tenants;
use crate::trail::{self, Trail};

/// Does a task of the operator's on the trail, says what it did and ends. Works beside a running server and without one.
///
/// # Errors
/// [`Refusal`] when it was not done.
pub async fn run(settings: &Settings, path: Option<OsString>, task: &AuditTask) -> Result<Exit, Refusal> {
    match task {
        AuditTask::NewKey { file, host } => {
            say(&key::new(file, host, &Sources::system())?);
            Ok(Exit::Clean)
        }
        AuditTask::Verify(verification) => {
            let verified = verify(settings, path, verification).await;
            // Whoever asks whether the trail is sound is told so, or that it is not, or that nobody knows.
            verified.map_err(|refusal| match refusal.exit() {
                Exit::Findings => refusal,
                _ => refusal.ends(Exit::Usage),
            })
        }
        AuditTask::Key { tenant, json } => {
            let database = Database::for_looking(settings, path).await?;
            let shown = key::show(&database, settings, tenant.as_deref(), *json).await;
            database.stop().await;
            say(&shown?);
            Ok(Exit::Clean)
        }
        task => {
            let database = Database::for_looking(settings, path).await?;
            let done = at_site(&database, settings, task).await;
            database.stop().await;
            let done = done?;
            say(&done.text);
            Ok(done.exit)
        }
    }
}

/// What a task came to.
struct Done {
    text: String,
    exit: Exit,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        let exit = Exit::Clean;
        Self { text, exit }
    }
}

async fn at_site(database: &Database, settings: &Settings, task: &AuditTask) -> Result<Done, Refusal> {
    let site = Site::open(database, settings).await?;
    let done = site.run(settings, task).await;
    site.trail.farewell(&site.db).await;
    site.db.close().await;
    done
}

async fn verify(
    settings: &Settings,
    path: Option<OsString>,
    verification: &Verification,
) -> Result<Exit, Refusal> {
    let Verified { verdicts, failed } = match &verification.from {
        Some(file) => Verified {
            verdicts: offline::verify(file, verification)?.into_iter().collect(),
            failed: Vec::new(),
        },
        None => {
            let database = Database::for_looking(settings, path).await?;
            let verified = verify::stored(&database, settings, verification).await;
            database.stop().await;
            verified?
        }
    };
    let told = Trails::of(verdicts, &failed);
    if verification.json {
        say(&format!("{}\n", told.json()));
    } else {
        say(&told.text);
    }
    Ok(told.exit())
}

/// What is known of the trails that were looked at.
pub(crate) struct Trails {
    pub(crate) is_clean: bool,
    /// Whether nothing is known of some of them.
    pub(crate) has_failed: bool,
    pub(crate) trails: Vec<Value>,
    pub(crate) not_verified: Vec<Value>,
    /// For people.
    pub(crate) text: String,
}

impl Trails {
    /// Verifies the trails that the database has.
    pub(crate) async fn verify(
        database: &Database,
        settings: &Settings,
        verification: &Verification,
    ) -> Result<Self, Refusal> {
        let Verified { verdicts, failed } = verify::stored(database, settings, verification).await?;
        Ok(Self::of(verdicts, &failed))
    }

    fn of(verdicts: Vec<Verdict>, failed: &[(String, Refusal)]) -> Self {
        let mut text: String = verdicts.iter().map(Verdict::text).collect();
        for (name, refusal) in failed {
            text.push_str(&format!(
                "{name}\n  NOT VERIFIED, nothing is known of this trail\n"
            ));
            tracing::error!("the trail of {name} could not be verified: {refusal}");
        }
        let not_verified = failed
            .iter()
            .map(|(name, refusal)| json!({ "name": name, "error": refusal.to_string() }));
        Self {
            is_clean: failed.is_empty() && verdicts.iter().all(Verdict::is_clean),
            has_failed: !failed.is_empty(),
            trails: verdicts.iter().map(Verdict::json).collect(),
            not_verified: not_verified.collect(),
            text,
        }
    }

    fn json(&self) -> Value {
        json!({ "clean": self.is_clean, "trails": self.trails, "not_verified": self.not_verified })
    }

    /// Whoever asks whether the trails are sound is told so, or that they are not, or that nobody knows of all.
    pub(crate) const fn exit(&self) -> Exit {
        match (self.is_clean, self.has_failed) {
            (true, _) => Exit::Clean,
            (false, false) => Exit::Findings,
            (false, true) => Exit::Usage,
        }
    }
}

/// What the tasks work on.
#[derive(Debug)]
struct Site {
    db: Db,
    trail: Trail,
}

impl Site {
    /// Unlike the other commands it brings no schema up to date: whoever looks at a trail changes as little as they can.
    async fn open(database: &Database, settings: &Settings) -> Result<Self, Refusal> {
        let db = database.connect(settings, Sources::system()).await?;
        self_check(&db).await?;
        let trail = trail::open(&db, &settings.audit).await?;
        Ok(Self { db, trail })
    }

    async fn run(&self, settings: &Settings, task: &AuditTask) -> Result<Done, Refusal> {
        let told = match task {
            AuditTask::Archive { tenant, month, to } => {
                let folder = to.as_deref();
                return archive::run(self, &settings.audit, tenant.as_deref(), *month, folder).await;
            }
            AuditTask::Report {
                kind,
                tenant,
                from,
                to,
                format,
                hidden,
            } => {
                let wanted = report::Wanted {
                    kind: *kind,
                    from: from.as_deref(),
                    to: to.as_deref(),
                    format: *format,
                    hidden: *hidden,
                };
                return report::run(self, tenant, &wanted).await;
            }
            AuditTask::Prune { yes } => return prune::run(self, &settings.audit, *yes).await,
            AuditTask::Hold { task } => hold::run(self, task).await,
            AuditTask::Acknowledge {
                tenant,
                event,
                producer,
                numbers,
                reason,
            } => {
                let what = acknowledge::what(*event, *producer, numbers.as_deref())?;
                acknowledge::run(self, tenant, what, reason).await
            }
            AuditTask::NewMarks { reason, yes } => {
                confirmed(*yes)?;
                adopt::new_marks(self, &settings.audit, reason).await
            }
            AuditTask::Adopt { tenant, reason, yes } => {
                confirmed(*yes)?;
                adopt::run(self, &settings.audit, tenant, reason).await
            }
            AuditTask::Export {
                tenant,
                out,
                form,
                target,
                action,
                from,
                to,
                hidden,
                manifest,
            } => {
                let wanted = Wanted {
                    tenant,
                    out,
                    manifest: manifest.as_deref(),
                    form: *form,
                    target: target.as_deref(),
                    action: action.as_deref(),
                    from: from.as_deref(),
                    to: to.as_deref(),
                    hidden: *hidden,
                };
                export::run(self, &wanted).await
            }
            AuditTask::NewKey { .. } | AuditTask::Key { .. } | AuditTask::Verify(_) => {
                Err(Refusal::new(Exit::Internal, anyhow!("this task has no site")))
            }
        };
        told.map(Done::from)
    }

    async fn context(&self, tenant: &OfTenant, why: &'static str) -> Result<RequestContext, Refusal> {
        let tenant = tenants::named(&self.db, &tenant.tenant).await?;
        Ok(RequestContext::system(tenant.id, why, self.db.sources()))
    }
}

fn confirmed(yes: bool) -> Result<(), Refusal> {
    match yes {
        true => Ok(()),
        false => Err(Refusal::new(
            Exit::Usage,
            anyhow!("nothing undoes this; say --yes if it is meant"),
        )),
    }
}
