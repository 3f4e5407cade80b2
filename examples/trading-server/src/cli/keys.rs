//! The command `keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use platform_core::PrincipalId;
use platform_crypto::HoldId;

/// What an operator does with keys. Everything but `new-root`, `rewrap` and `replay` works on one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum KeysTask {
    /// Show a tenant's keys
    List {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
    },
    /// Make a new key; values are sealed under it once every instance knows it
    Rotate {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// Which key
        #[arg(long, value_enum, default_value_t = KeyPurpose::Data)]
        purpose: KeyPurpose,
        /// Seal under it at once: for a key that has leaked. Instances that do not know it yet fail until they do
        #[arg(long)]
        now: bool,
    },
    /// Bring everything that is under older keys under the newest one; interrupted and called again it goes on
    Reseal {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// Rows in a transaction, 1 to 1000
        #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rows: u32,
        /// Milliseconds between two transactions, so that the server keeps its pace
        #[arg(long, value_name = "MILLISECONDS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=60_000))]
        pause_ms: u64,
    },
    /// Destroy a key for ever, and with it whatever is still sealed under it
    Destroy {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// Which key
        #[arg(long, value_enum, default_value_t = KeyPurpose::Data)]
        purpose: KeyPurpose,
        /// Its version, as `keys list` shows it
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        version: u32,
        /// Needed, because nothing undoes it
        #[arg(long)]
        yes: bool,
    },
    /// Make a root key: printed, or put in front of those in a key file, which is made if there is none
    ///
    /// With several instances have it printed, and give it to each of them behind the root key in use before one has it in front:
    /// an instance that does not know it cannot read what the others wrap under it.
    NewRoot {
        /// The key file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Bring every tenant's keys under the current root key, after it was changed
    Rewrap,
    /// Erase again who came back with a backup of the database
    Replay,
    /// Erase a user: the keys of everything personal are destroyed, in every backup too
    Erase {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The id of the user
        #[arg(long, value_name = "ID")]
        user: PrincipalId,
        /// Needed, because nothing undoes it
        #[arg(long)]
        yes: bool,
    },
    /// Legal holds, which keep a user from being erased
    Hold {
        /// What to do with them.
        #[command(subcommand)]
        task: HoldTask,
    },
}

/// What an operator does with legal holds.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum HoldTask {
    /// Show a user's holds
    List {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The id of the user
        #[arg(long, value_name = "ID")]
        user: PrincipalId,
    },
    /// Place a hold on a user
    Place {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The id of the user
        #[arg(long, value_name = "ID")]
        user: PrincipalId,
        /// Why, such as the number of the case; nothing personal
        #[arg(long)]
        reason: String,
    },
    /// Release a hold
    Release {
        /// Which tenant.
        #[command(flatten)]
        tenant: OfTenant,
        /// The id of the user
        #[arg(long, value_name = "ID")]
        user: PrincipalId,
        /// The id of the hold, as `keys hold list` shows it
        #[arg(long, value_name = "ID")]
        hold: HoldId,
    },
}

/// Which tenant.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OfTenant {
    /// The tenant's short name
    #[arg(long, value_name = "SLUG")]
    pub tenant: String,
}

/// Which of a tenant's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyPurpose {
    /// The key of sealed values
    Data,
    /// The key of blind indexes
    Index,
}
