//! Proving that nobody has altered the trail.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use platform_audit::{Finding, LogKey, Marks, Trust, VerifierKey, Verifiers, VerifyOptions, verify_stored};
use platform_core::pg::{Db, Tenant};
use platform_core::{RequestContext, Sources};

use super::findings;
use super::progress::Bar;
use super::verdict::Verdict;
use crate::cli::Verification;
use crate::config::{Audit, Settings};
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::trail;

/// The most checkpoints that were published of one tenant which are compared; the largest ones.
const PUBLISHED_MAX: usize = 1_000;

/// The most events that are named for a finding; its positions name all of them.
const IDS_MAX: i64 = 20;

/// What is known of the trails that were asked for.
#[derive(Default)]
pub(super) struct Verified {
    pub(super) verdicts: Vec<Verdict>,
    /// The tenants whose trails could not be looked at, and why.
    pub(super) failed: Vec<(String, Refusal)>,
}

/// Verifies the trails of the tenants that were named, or of all. One that cannot be looked at keeps nobody from looking at the others:
/// whoever can make that happen to one tenant would hide what is wrong with all.
pub(super) async fn stored(
    database: &Database,
    settings: &Settings,
    verification: &Verification,
) -> Result<Verified, Refusal> {
    // Before anything is asked of the database, which is what is not trusted.
    let known = Known::new(&settings.audit, verification)?;
    let db = database.connect(settings, Sources::system()).await?;
    let verified = async {
        self_check(&db).await?;
        let tenants = tenants(&db, verification).await?;
        let mut verified = Verified::default();
        for tenant in &tenants {
            match known.verify(&db, tenant).await {
                Ok(verdict) => verified.verdicts.push(verdict),
                Err(refusal) => verified.failed.push((tenant.slug.to_string(), refusal)),
            }
        }
        Ok(verified)
    }
    .await;
    db.close().await;
    verified
}

async fn tenants(db: &Db, verification: &Verification) -> Result<Vec<Tenant>, Refusal> {
    let mut tenants = Vec::new();
    for slug in &verification.tenants {
        tenants.push(crate::tenants::named(db, slug).await?);
    }
    if tenants.is_empty() {
        tenants = crate::tenants::all(db).await?;
    }
    if verification.origin.is_some() && tenants.len() != 1 {
        let error = anyhow!("--origin is the name of one log: name its tenant with --tenant");
        return Err(Refusal::new(Exit::Usage, error));
    }
    Ok(tenants)
}

/// What is known outside the database.
struct Known<'a> {
    verification: &'a Verification,
    vkeys: Vec<VerifierKey>,
    key: Option<LogKey>,
    marks: Option<Marks>,
    published: Option<&'a Path>,
}

impl<'a> Known<'a> {
    fn new(audit: &'a Audit, verification: &'a Verification) -> Result<Self, Refusal> {
        let vkeys = vkeys(verification)?;
        let place = audit.place.as_ref();
        let key = match vkeys.is_empty() {
            true => Some(trail::key_file(trail::place(audit)?)?),
            false => None,
        };
        // The marks belong to the key: whoever trusts another one has none.
        let marks = match (&key, place) {
            (Some(key), Some(place)) => {
                let marks = trail::existing_marks(place, key)?;
                if marks.is_none() {
                    let folder = place.marks_dir.display();
                    tracing::warn!(
                        "there are no marks in {folder}: no trail is compared with how far it was signed"
                    );
                }
                marks
            }
            _ => None,
        };
        let published = verification.published.as_deref();
        Ok(Self {
            verification,
            vkeys,
            key,
            marks,
            published: published.or(place.and_then(|place| place.publish_dir.as_deref())),
        })
    }

    async fn verify(&self, db: &Db, tenant: &Tenant) -> Result<Verdict, Refusal> {
        let mut trust = self.trust(tenant)?;
        let mark = self.marks.as_ref().and_then(|marks| marks.get(tenant.id));
        if let Some(mark) = mark
            // Of what was about to be signed when a process was killed there may be no checkpoint.
            && mark.stored == mark.head.size
        {
            trust.witnessed.push(mark.head);
        }
        let (trust, torn) = self.witnessed(trust, tenant)?;
        let ctx = RequestContext::system(tenant.id, "verify the audit trail", db.sources());
        let mut bar = Bar::new(tenant.slug.as_str(), !self.verification.json);
        let options = VerifyOptions::new().progress(|progress| bar.tell(progress.done, progress.total));
        let report = verify_stored(db, &ctx, &trust, options).await;
        drop(bar);
        let report = report.or_refuse(Exit::Unavailable)?;
        let ids = ids(db, &ctx, &report.findings).await?;
        Ok(Verdict {
            name: tenant.slug.to_string(),
            origin: trust.origin,
            report,
            refused: mark.and_then(|mark| mark.refused).map(|refusal| refusal.code()),
            ids,
            torn,
        })
    }

    fn trust(&self, tenant: &Tenant) -> Result<Trust, Refusal> {
        if let Some(key) = &self.key {
            let origin = match &self.verification.origin {
                Some(origin) => origin.parse().or_refuse(Exit::Usage)?,
                None => key.origin(tenant.id),
            };
            return Ok(Trust::new(origin, key.verifiers(tenant.id)));
        }
        let suffix = format!("/audit/{}", tenant.id);
        let is_of_log = |key: &&VerifierKey| match &self.verification.origin {
            Some(origin) => key.name().as_str() == origin,
            None => key.name().as_str().ends_with(&suffix),
        };
        let keys: Vec<VerifierKey> = self.vkeys.iter().filter(is_of_log).cloned().collect();
        let Some(first) = keys.first() else {
            let error = anyhow!("no --vkey is that of the log of {}", tenant.slug);
            return Err(Refusal::new(Exit::Usage, error));
        };
        let origin = first.name().clone();
        Ok(Trust::new(origin, verifiers(keys)?))
    }

    /// The same with the checkpoints that were published, and the sizes of those that are none of this log.
    fn witnessed(&self, trust: Trust, tenant: &Tenant) -> Result<(Trust, Vec<u64>), Refusal> {
        let Some(folder) = self.published else {
            return Ok((trust, Vec::new()));
        };
        let mut witnessed = trust;
        let mut torn = Vec::new();
        for (size, note) in published(&folder.join(tenant.id.to_string()))? {
            let note = String::from_utf8(note).unwrap_or_default();
            match witnessed.clone().witness(&note) {
                Ok(more) => witnessed = more,
                Err(_) => torn.push(size),
            }
        }
        Ok((witnessed, torn))
    }
}

pub(super) fn vkeys(verification: &Verification) -> Result<Vec<VerifierKey>, Refusal> {
    let parsed = verification.vkeys.iter().map(|vkey| vkey.parse());
    parsed
        .collect::<Result<_, _>>()
        .context("a --vkey is not a public key as `audit key` prints one")
        .or_refuse(Exit::Usage)
}

pub(super) fn verifiers(keys: Vec<VerifierKey>) -> Result<Verifiers, Refusal> {
    Verifiers::new(keys).or_refuse(Exit::Usage)
}

/// The newest checkpoints of a tenant's folder by their sizes, whatever is in the files; none when nothing was published for it.
fn published(folder: &Path) -> Result<Vec<(u64, Vec<u8>)>, Refusal> {
    let all = folder.join("checkpoints");
    if !all.is_dir() {
        return Ok(Vec::new());
    }
    let cannot = || format!("the published checkpoints in {} cannot be read", all.display());
    let mut sizes: Vec<u64> = Vec::new();
    for entry in std::fs::read_dir(&all)
        .with_context(cannot)
        .or_refuse(Exit::NoInput)?
    {
        let name = entry.with_context(cannot).or_refuse(Exit::NoInput)?.file_name();
        sizes.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    sizes.sort_unstable();
    let newest = sizes.iter().rev().take(PUBLISHED_MAX);
    newest
        .map(|size| Ok((*size, std::fs::read(all.join(size.to_string()))?)))
        .collect::<Result<_, std::io::Error>>()
        .with_context(cannot)
        .or_refuse(Exit::NoInput)
}

/// Which events stand at the positions of findings, the first ones of each, by the rows that give events their positions. Nothing
/// vouches for these rows.
async fn ids(db: &Db, ctx: &RequestContext, found: &[Finding]) -> Result<Vec<Vec<String>>, Refusal> {
    let mut read = db.read(ctx).await.or_refuse(Exit::Unavailable)?;
    let mut all = Vec::with_capacity(found.len());
    for finding in found {
        let places = findings::places(finding)
            .and_then(|(first, last)| Some((i64::try_from(first).ok()?, i64::try_from(last).ok()?)));
        let Some((first, last)) = places else {
            all.push(Vec::new());
            continue;
        };
        let ids: Vec<platform_core::uuid::Uuid> = sqlx::query_scalar(
            "select id from platform_audit.leaf where tenant_id = $1 and seq between $2 and $3 order by seq limit $4",
        )
        .bind(ctx.tenant())
        .bind(first)
        .bind(last)
        .bind(IDS_MAX)
        .fetch_all(&mut read)
        .await
        .or_refuse(Exit::Unavailable)?;
        all.push(ids.iter().map(ToString::to_string).collect());
    }
    read.finish().await.or_refuse(Exit::Unavailable)?;
    Ok(all)
}
