//! Why the server did not do what it was told.

use std::fmt;

use crate::exit::Exit;

/// What went wrong, for the operator, and the exit code that says so.
#[derive(Debug)]
pub struct Refusal {
    exit: Exit,
    error: anyhow::Error,
}

impl Refusal {
    /// A refusal with the exit code for its kind.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }

    /// The same refusal with another exit code.
    #[must_use]
    pub fn ends(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// The whole chain of causes, one under the other.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        for cause in self.error.chain().skip(1) {
            write!(f, "\n  because: {cause}")?;
        }
        Ok(())
    }
}

/// Gives the error of a step the exit code of its kind.
pub trait OrRefuse<T> {
    /// The value, or a refusal with this exit code.
    fn or_refuse(self, exit: Exit) -> Result<T, Refusal>;
}

impl<T, E: Into<anyhow::Error>> OrRefuse<T> for Result<T, E> {
    fn or_refuse(self, exit: Exit) -> Result<T, Refusal> {
        self.map_err(|error| Refusal::new(exit, error))
    }
}
