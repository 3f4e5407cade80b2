//! The configuration: defaults, a file in TOML, the environment and flags, merged and checked as a whole.
//!
//! A flag wins over the environment, the environment over the file, the file over the default. Every problem is reported at
//! once, each with its key, where the value came from, what was found and what is expected; the value of a secret is never
//! shown. `config.example.toml` lists every key with its default.
//!
//! ```
//! use trading_server::cli::{Command, Flags};
//! use trading_server::config::{Inputs, Settings};
//!
//! let flags = Flags::default();
//! let environment = vec![("PLATFORM_HTTP_DEADLINE_MS".into(), "soon".into())];
//! let problems = Settings::load(&Inputs { command: Command::Serve, flags: &flags, environment, terminal: false })
//!     .expect_err("a deadline is a number");
//! assert_eq!(
//!     problems.to_string(),
//!     "the configuration has a problem\n  http.deadline_ms (environment variable PLATFORM_HTTP_DEADLINE_MS): \
//!      found \"soon\", expected a whole number from 100 to 120000",
//! );
//! ```

mod auditing;
mod check;
mod file;
mod keys;
mod layers;
mod mail;
mod nearest;
mod platform;
mod problem;
mod reader;
mod sealing;
mod settings;
mod streams;
mod url;

use std::ffi::OsString;

use crate::cli::{Command, Flags};

pub use auditing::{Audit, AuditPlace};
pub use mail::{Credentials, Mail, MailTls, MailWay, Smtp};
pub use platform::PlatformSettings;
pub use problem::{Problem, Problems};
pub use sealing::{ErasurePlace, Keys, Place, RootKey, Vault, VaultLogin};
pub use settings::{
    Accounts, Database, Demo, Http, Liquidity, Log, LogFormat, Market, MarketCalendar, Metrics,
    MetricsAccess, Otel, Redis, Replay, Settings, Shutdown, Trading, Trigger,
};
pub use streams::Streams;

/// What a configuration is made from. Nothing else is read but the files that these name.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// What the server is about to do; some settings contradict some commands.
    pub command: Command,
    /// The settings given as flags.
    pub flags: &'a Flags,
    /// The environment of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// Do the logs go to a terminal?
    pub terminal: bool,
}

impl Settings {
    /// Merges and checks the sources.
    ///
    /// # Errors
    /// [`Problems`] lists everything that is wrong: print it and end with [`Problems::exit`].
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let values = layers::merge(inputs, &mut problems);
        let mut reader = reader::Reader::new(values, problems);
        let settings = check::settings(&mut reader, inputs);
        match reader.into_problems() {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(Problems(problems)),
        }
    }
}
