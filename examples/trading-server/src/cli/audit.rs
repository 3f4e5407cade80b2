//! The command `audit`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum};
use platform_audit::{ArchiveMonth, EventId, HoldId, ProducerId, ReportKind};
use platform_core::PrincipalId;

use super::OfTenant;

/// What an operator does with the audit trail. Works beside a running server and without one.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AuditTask {
    /// Prove that nobody has altered the trail: exit code 0 when nobody has, 1 with findings, 2 when it could not be found out
    Verify(Verification),
    /// Print what others need to verify the trail: the name of each tenant's log and its public key
    Key {
        /// Only this tenant
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the key that signs the trail, in a file of its own
    NewKey {
        /// The key file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Of which the names of the logs are made; it never changes
        #[arg(long, value_name = "NAME")]
        host: String,
    },
    /// Write a tenant's trail, or a part of it, into a file that proves itself
    Export {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The file; one that ends in .gz is compressed
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// In which form
        #[arg(long, value_enum, default_value_t = ExportForm::Jsonl)]
        form: ExportForm,
        /// Only events of this target, such as order:018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12
        #[arg(long, value_name = "KIND:ID")]
        target: Option<String>,
        /// Only events of this action, such as order.place
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// Only what was recorded from this time on, such as 2026-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only what was recorded before this time
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Events too that are hidden from the tenant
        #[arg(long)]
        hidden: bool,
        /// Where to write the signed manifest, by which the file can be known again
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
    },
    /// Write months that are over into an archive: exit code 0 when they are all there, 1 when one waits or is damaged
    ///
    /// Each is a file with every event of the month, hidden ones too, and a manifest that the log signs; `audit verify --from` proves
    /// it. What is there already is left as it is, so that an interrupted run is called again. An event in the trail tells of each.
    Archive {
        /// Only this tenant
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
        /// Only this month, such as 2026-11, in UTC; every one that is over unless one is named
        #[arg(long, value_name = "MONTH")]
        month: Option<ArchiveMonth>,
        /// The folder of the archive, instead of that of `audit.archive_dir`
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
    /// Print a report over a tenant's trail; an event in the trail tells that it was read
    Report {
        /// Which report
        #[arg(value_name = "KIND", value_parser = report_kind())]
        kind: ReportKind,
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// What was recorded from this time on, such as 2026-01-31T00:00:00Z; needed for every report but `integrity`
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// What was recorded before this time; needed for every report but `integrity`
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// JSON Lines, or a table for spreadsheets
        #[arg(long, value_enum, default_value_t = ReportForm::Json)]
        format: ReportForm,
        /// With what is hidden from the tenant
        #[arg(long)]
        hidden: bool,
    },
    /// Delete events whose longest time is over and that no hold keeps; their hashes stay
    ///
    /// Works on all tenants. Where `audit.archive_dir` is set, months that are over are archived first, and nothing is deleted that is
    /// not in the archive, signed and whole. What no signed checkpoint covers stays too. The trail says which positions were deleted.
    Prune {
        /// Needed, because nothing undoes it; without it nothing is done
        #[arg(long)]
        yes: bool,
    },
    /// Legal holds, which keep events from being deleted
    Hold {
        /// What to do with them.
        #[command(subcommand)]
        task: AuditHoldTask,
    },
    /// Say that somebody has looked at a finding that no repair takes away: `audit verify` then lists it as acknowledged
    Acknowledge {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// An event that was kept out of the tree, as `audit verify` names it
        #[arg(
            long,
            value_name = "ID",
            required_unless_present = "producer",
            conflicts_with = "producer"
        )]
        event: Option<EventId>,
        /// A process of which events were committed and are gone
        #[arg(long, value_name = "ID", requires = "numbers")]
        producer: Option<ProducerId>,
        /// The numbers of these events, such as 4 or 4-7
        #[arg(long, value_name = "FIRST[-LAST]", requires = "producer")]
        numbers: Option<String>,
        /// Why it stands: what happened, and who has looked; nothing personal, the tenant sees it
        #[arg(long)]
        reason: String,
    },
    /// Let the marks begin anew after their folder was lost for good, beside trees that were signed
    NewMarks {
        /// Why, for the trail of every tenant: what happened, and who decided
        #[arg(long)]
        reason: String,
        /// Needed, because what the lost marks would have shown is not noticed any more
        #[arg(long)]
        yes: bool,
    },
    /// Let the sequencer go on from the tree that the database has, after it has refused to
    Adopt {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// Why, for the trail: what happened, and who decided
        #[arg(long)]
        reason: String,
        /// Needed, because what was signed before and is missing now can then never be proven again
        #[arg(long)]
        yes: bool,
    },
}

/// What is verified, and against what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Verification {
    /// Only this tenant; may be given several times
    #[arg(long = "tenant", value_name = "SLUG", conflicts_with = "from")]
    pub tenants: Vec<String>,
    /// A folder with checkpoints that were published, kept where nobody who can write the database can write
    #[arg(long, value_name = "FOLDER", conflicts_with = "from")]
    pub published: Option<PathBuf>,
    /// An export to verify offline, plain or gzip; needs --vkey and --origin
    #[arg(long, value_name = "FILE", requires = "vkeys", requires = "origin")]
    pub from: Option<PathBuf>,
    /// The signed manifest of the export, as it was kept apart from it
    #[arg(long, value_name = "FILE", requires = "from")]
    pub manifest: Option<PathBuf>,
    /// A public key that is trusted instead of the key file's, as `audit key` prints one; may be given several times
    #[arg(long = "vkey", id = "vkeys", value_name = "KEY")]
    pub vkeys: Vec<String>,
    /// The name that the log has to have, as `audit key` prints it
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    /// Findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// What an operator does with legal holds on events.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AuditHoldTask {
    /// Place a hold. What is left out does not narrow it: with nothing but a reason it holds everything of the tenant
    Place {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// Why, such as the number of the case; nothing personal
        #[arg(long)]
        reason: String,
        /// Only events of this target, such as order:018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12, or of a kind of target, such as order
        #[arg(long, value_name = "KIND[:ID]")]
        target: Option<String>,
        /// Only what this user did
        #[arg(long, value_name = "ID")]
        actor: Option<PrincipalId>,
        /// Only what was recorded from this time on, such as 2026-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only what was recorded before this time
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
    },
    /// Release a hold
    Release {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The id of the hold, as `audit hold list` shows it
        #[arg(long, value_name = "ID")]
        hold: HoldId,
    },
    /// Show a tenant's holds
    List {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
    },
}

/// In which form events are exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// JSON Lines with proofs
    #[default]
    Jsonl,
    /// A table, for people
    Csv,
    /// Open Cybersecurity Schema Framework, for a SIEM
    Ocsf,
}

/// In which form a report is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// An object in each line
    #[default]
    Json,
    /// A table with a line of names
    Csv,
}

/// The reports by their names, which the help lists.
fn report_kind() -> impl clap::builder::TypedValueParser<Value = ReportKind> {
    PossibleValuesParser::new(ReportKind::ALL.map(ReportKind::as_str))
        .try_map(|name| name.parse::<ReportKind>())
}

impl AuditTask {
    /// Does it need the key and the folders of the trail? Whoever brings a public key verifies without them.
    pub fn needs_the_trail(&self) -> bool {
        match self {
            Self::NewKey { .. } => false,
            Self::Verify(verification) => verification.vkeys.is_empty(),
            _ => true,
        }
    }

    /// Does it need no configuration of the trail, because everything is on the command line?
    pub fn is_offline(&self) -> bool {
        match self {
            Self::NewKey { .. } => true,
            Self::Verify(verification) => verification.is_offline(),
            _ => false,
        }
    }
}

impl Verification {
    /// Is it an export that is verified, without a database?
    pub fn is_offline(&self) -> bool {
        self.from.is_some()
    }
}
