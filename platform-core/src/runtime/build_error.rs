//! Why a platform could not be built.

use super::module::ModuleError;
use super::resolve::ResolveErrors;
use crate::error_chain;

/// A platform could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The modules do not fit together.
    #[error(transparent)]
    Modules(#[from] ResolveErrors),
    /// They fit, but what they contribute does not, or one of them failed. Every fault is listed.
    #[error("{}", lines(.0))]
    Faults(Vec<BuildFault>),
}

/// One reason why a platform could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildFault {
    /// A module refused. Modules that need it were not tried.
    #[error("module {module} cannot be built")]
    Module {
        /// The module.
        module: &'static str,
        /// What it said.
        #[source]
        source: ModuleError,
    },
    /// A handle of one type was provided more than once.
    #[error("a {0} is provided twice")]
    ProvidedTwice(&'static str),
    /// Two workers have one name.
    #[error("two workers are named {0}")]
    DuplicateWorker(String),
    /// Two checks have one name.
    #[error("two checks are named {0}")]
    DuplicateCheck(String),
    /// Two modules serve one path with one method.
    #[error("{first} and {second} both serve {method} {path}")]
    DuplicateRoute {
        /// The method, in capitals.
        method: &'static str,
        /// The path of the second.
        path: String,
        /// Who came first.
        first: &'static str,
        /// Who came second.
        second: &'static str,
    },
}

fn lines(faults: &[BuildFault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| error_chain(fault)).collect();
    lines.join("\n")
}
