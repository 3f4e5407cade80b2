//! What an operator does with tenants on the command line.

use clap::{Args, Subcommand};

/// What to do with tenants.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TenantTask {
    /// List the tenants: short name, status, id, name
    List,
    /// Suspend a tenant: every credential of it is refused until it is resumed
    Suspend(NamedTenant),
    /// Resume a suspended tenant, whoever suspended it
    Resume(NamedTenant),
    /// Close a tenant for good: its sessions end, its short name stays taken, its audit trail stays
    Close(NamedTenant),
}

/// Which tenant, and why.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NamedTenant {
    /// Its short name
    #[arg(long)]
    pub slug: String,
    /// Why, for its audit trail: 1 to 200 characters
    #[arg(long)]
    pub reason: Option<String>,
}
