//! The exit codes of the binary, in one place.

use std::process::ExitCode;

/// How the process ended. The numbers above 63 follow the convention of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything asked for was done.
    Clean,
    /// 1: the command ran and found or met something that needs a look.
    Findings,
    /// 2: the command line could not be understood.
    Usage,
    /// 65: an input file has a broken line, such as a replay file.
    DataError,
    /// 66: an input file is missing or cannot be read.
    NoInput,
    /// 69: something the server needs is not there: the database cannot be reached, the port is in use.
    Unavailable,
    /// 70: an internal error.
    Internal,
    /// 75: the shutdown deadline passed, or a second signal came, before all work was done.
    DrainTimedOut,
    /// 78: the configuration is wrong, or the self-check refused the database.
    Configuration,
}

impl Exit {
    /// The number the operating system sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::DataError => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::DrainTimedOut => 75,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
