//! Reports over a trail.

use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use platform_audit::{Reader, ReportError, ReportFormat, ReportKind, ReportOptions, ReportRange};

use super::{Done, Site, words};
use crate::cli::{OfTenant, ReportForm};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// Which report.
pub(super) struct Wanted<'a> {
    pub(super) kind: ReportKind,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) format: ReportForm,
    pub(super) hidden: bool,
}

/// Prints the report as it is read: it may be larger than memory.
pub(super) async fn run(site: &Site, tenant: &OfTenant, wanted: &Wanted<'_>) -> Result<Done, Refusal> {
    let options = wanted.options()?;
    let ctx = site.context(tenant, "report on the audit trail").await?;
    let log = &site.trail.log;
    let running = log.report(&site.db, &site.trail.key, &ctx, options).await;
    let mut running = running.map_err(refused)?;
    while let Some(chunk) = running.next().await.map_err(refused)? {
        let mut out = std::io::stdout().lock();
        out.write_all(&chunk)
            .and_then(|()| out.flush())
            .context("nobody takes the report")
            .or_refuse(Exit::NoInput)?;
    }
    let exit = match running.findings() {
        None | Some(0) => Exit::Clean,
        Some(_) => Exit::Findings,
    };
    Ok(Done {
        text: String::new(),
        exit,
    })
}

impl Wanted<'_> {
    fn options(&self) -> Result<ReportOptions, Refusal> {
        let range = match (self.kind, self.from, self.to) {
            (ReportKind::Integrity, None, None) => None,
            (ReportKind::Integrity, ..) => {
                let error = anyhow!(
                    "the report on integrity is about the whole trail: it takes no --from and no --to"
                );
                return Err(Refusal::new(Exit::Usage, error));
            }
            (_, Some(from), Some(to)) => {
                let range = ReportRange::new(words::time(from)?, words::time(to)?);
                Some(range.or_refuse(Exit::Usage)?)
            }
            (kind, ..) => {
                let error = anyhow!("the report on {kind} is over a range of time: say --from and --to");
                return Err(Refusal::new(Exit::Usage, error));
            }
        };
        Ok(ReportOptions {
            kind: self.kind,
            range,
            format: match self.format {
                ReportForm::Json => ReportFormat::Json,
                ReportForm::Csv => ReportFormat::Csv,
            },
            reader: match self.hidden {
                true => Reader::Platform,
                false => Reader::Tenant,
            },
        })
    }
}

fn refused(error: ReportError) -> Refusal {
    let exit = match &error {
        ReportError::NoRange => Exit::Usage,
        ReportError::Json(_) | ReportError::Csv(_) => Exit::Internal,
        ReportError::Io(_) => Exit::NoInput,
        _ => Exit::Unavailable,
    };
    Refusal::new(exit, error)
}
