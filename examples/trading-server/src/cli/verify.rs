//! What an operator says to verify the accounts.

use clap::Args;

/// Whose accounts are verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct VerifyBooks {
    /// Only this tenant; may be given several times
    #[arg(long = "tenant", value_name = "SLUG")]
    pub tenants: Vec<String>,
    /// Findings as JSON
    #[arg(long)]
    pub json: bool,
}
