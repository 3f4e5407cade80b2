//! The command line.

mod audit;
mod keys;
mod tenants;
mod verify;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::exit::Exit;
use crate::telemetry::redact;

pub use audit::{AuditHoldTask, AuditTask, ExportForm, ReportForm, Verification};
pub use keys::{HoldTask, KeyPurpose, KeysTask, OfTenant};
pub use tenants::{NamedTenant, TenantTask};
pub use verify::VerifyBooks;

/// A multi-tenant brokerage with simulated and replayed markets.
///
/// Without configuration the server starts a PostgreSQL of its own in ./data, creates two demo tenants and listens on
/// 127.0.0.1:8080.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "trading-server", version, after_help = ENVIRONMENT)]
pub struct Cli {
    /// The settings given as flags.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do; see [`Cli::command`] for the default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Settings given on the command line, unchecked: the configuration checks them together with all others.
#[derive(Debug, Clone, Default, Args)]
pub struct Flags {
    /// Address and port to listen on [environment: PLATFORM_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder of the embedded database [environment: PLATFORM_DATA_DIR] [default: ./data]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Configuration file in TOML [environment: PLATFORM_CONFIG] [default: none]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<String>,
    /// Market data to replay: a file, `bundled` or `off` [environment: PLATFORM_REPLAY] [default: bundled]
    #[arg(long, global = true, value_name = "FILE")]
    pub replay: Option<String>,
    /// Seconds of a trading session that pass in a second [environment: PLATFORM_REPLAY_SPEED] [default: a day of daily
    /// bars each second, recorded quotes in real time]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub replay_speed: Option<String>,
    /// Create the demo tenants: `on` or `off` [environment: PLATFORM_DEMO] [default: on with the embedded database]
    #[arg(long, global = true, value_name = "ON|OFF")]
    pub demo: Option<String>,
}

/// What the binary does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the server (the default)
    #[default]
    Serve,
    /// Bring the database up to date and stop
    Migrate,
    /// Check the configuration, the database, the keys and the audit trail, and report; changes nothing
    Check,
    /// Make a tenant and its first administrator, whose password is made up and printed once
    CreateTenant(NewTenant),
    /// List tenants, suspend, resume and close them
    Tenant {
        /// What to do with them.
        #[command(subcommand)]
        task: TenantTask,
    },
    /// Look after the keys that personal fields are sealed under, and erase people
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        task: KeysTask,
    },
    /// Prove, export, keep and delete the audit trail
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        task: AuditTask,
    },
    /// Prove that every balance, position and order is what its account's events come to
    Verify(VerifyBooks),
    /// Print the OpenAPI document
    Openapi,
}

impl Command {
    /// How the process ends that could not even begin. Of `audit verify` and `verify` a program is to tell apart what is not sound and what
    /// could not be looked at.
    pub fn could_not(&self, exit: Exit) -> Exit {
        match self {
            Self::Audit {
                task: AuditTask::Verify(_),
            }
            | Self::Verify(_) => Exit::Usage,
            _ => exit,
        }
    }
}

/// The tenant that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NewTenant {
    /// Its short name in headers and URLs: lower-case letters, digits and inner hyphens
    #[arg(long)]
    pub slug: String,
    /// Its name for people
    #[arg(long)]
    pub name: String,
    /// The e-mail address of its first administrator
    #[arg(long, value_name = "EMAIL")]
    pub admin: String,
    /// A host name of its own, which you have made sure belongs to it
    #[arg(long)]
    pub host: Option<String>,
}

/// A command line that ends the process at once: a mistake in it, or a request for help or the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// What to print. A credential that stood in an argument is masked.
    pub text: String,
    /// [`Exit::Clean`] when help or the version was asked for: print to standard output. [`Exit::Usage`] for a mistake:
    /// print to standard error.
    pub exit: Exit,
}

impl Cli {
    /// Reads the arguments of the process; the first one is the name of the program.
    ///
    /// ```
    /// use trading_server::cli::{Cli, Command};
    ///
    /// let cli = Cli::read(["trading-server", "migrate", "--data-dir", "/srv/trading"])?;
    /// assert_eq!(cli.command(), Command::Migrate);
    /// assert_eq!(cli.flags.data_dir.as_deref(), Some("/srv/trading"));
    /// # Ok::<(), trading_server::cli::Stop>(())
    /// ```
    ///
    /// # Errors
    /// [`Stop`] says what to print and how to exit.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, Stop> {
        Self::try_parse_from(arguments).map_err(|error| Stop {
            exit: if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Clean
            },
            text: redact(&error.render().to_string()).into_owned(),
        })
    }

    /// What to do: the subcommand, or [`Command::Serve`].
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or_default()
    }
}

const ENVIRONMENT: &str = "\
A flag wins over the environment, the environment over the file, the file over the default. Every key of the file has an
environment variable: PLATFORM_<SECTION>_<KEY>, for example PLATFORM_HTTP_DEADLINE_MS for deadline_ms in [http].

Only in the environment or the file, because the arguments of a process are visible to others:
  DATABASE_URL             PostgreSQL server, as the application role; without it the embedded database is used
  DATABASE_OWNER_URL       the same database as the role that owns the tables; used by migrate, and by serve when set
  PLATFORM_KEYS_…          the root key that personal fields are sealed under; needed beside DATABASE_URL
  PLATFORM_AUDIT_…         the key and the folders of the audit trail; needed beside DATABASE_URL
  REDIS_URL                Redis or Valkey, by which several instances share one market
  PLATFORM_DEMO_PASSWORD   password of the demo users; without it one is made up and printed once
  PG_BIN_DIR               folder with the programs of PostgreSQL 15 or newer for the embedded database

Exit codes:
  0 clean   1 findings   2 wrong command line   65 broken data file   66 missing file   69 database or port unavailable
  70 internal error   75 shutdown deadline exceeded   78 wrong configuration, or refused by the self-check";
