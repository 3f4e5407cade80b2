//! What every backend of a block must do, ours and those of others: scenarios with ids that stay, to be run in a backend's tests.
//!
//! A suite is given a world of the backend's own for each scenario and does what services do. What a backend does not promise is not asked
//! of it. The suite of leases says of each scenario whether it holds; that of the bus panics at the first one that does not.

#[cfg(feature = "hub")]
pub mod bus;
pub mod lease;

/// What became of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The scenario's id, such as `LEASE-07`.
    pub id: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
}

/// Whether a scenario holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not, and this was seen instead.
    Broken(String),
    /// The backend does not promise it.
    NotPromised,
}

impl Outcome {
    /// Does the scenario speak against the backend?
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken(_))
    }
}

/// What a scenario comes to: an error is what was seen instead.
type Checked = Result<(), Unlike>;

/// Something that was seen and is not as it should be.
#[derive(Debug)]
struct Unlike(String);

impl<E: std::error::Error + 'static> From<E> for Unlike {
    fn from(error: E) -> Self {
        Self(crate::error_chain(&error))
    }
}

/// Ends a scenario unless something is the case.
fn expect(is_so: bool, seen: &str) -> Checked {
    match is_so {
        true => Ok(()),
        false => Err(Unlike(seen.to_owned())),
    }
}

fn judged(id: &'static str, says: &'static str, checked: Checked) -> Outcome {
    let verdict = match checked {
        Ok(()) => Verdict::Holds,
        Err(Unlike(seen)) => Verdict::Broken(seen),
    };
    Outcome { id, says, verdict }
}
