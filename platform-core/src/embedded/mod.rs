//! A private PostgreSQL cluster under an own supervisor.
//!
//! A program that was given no database starts one for itself: PostgreSQL 15 or newer, found on the machine, with its data in a
//! folder of the program's and reachable through a Unix socket alone.
//!
//! - [`Binaries`] finds `initdb` and `postgres`, or says how to get them.
//! - [`Cluster`] initialises the data folder, starts the server or adopts one that outlived its program, and stops it.
//! - [`Endpoint`] is where a running server listens; operator commands get one from [`Cluster::attach`].
//!
//! ```no_run
//! use platform_core::embedded::{Binaries, Cluster, ClusterConfig, SearchPath, StopMode, SUPERUSER};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let search = SearchPath::new(None, std::env::var_os("PATH"));
//! let data_dir = std::path::Path::new("data");
//! let binaries = Binaries::find_for(&search, data_dir).await?;
//! let cluster = Cluster::start(ClusterConfig::new(binaries, data_dir)).await?;
//! let url = cluster.url(SUPERUSER, "postgres");
//! // … connect, serve …
//! cluster.stop(StopMode::Fast).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The data folder
//!
//! | path | holds |
//! |---|---|
//! | `lock` | the advisory lock of the program that serves, and its process id |
//! | `pg/` | the cluster (`PGDATA`) |
//! | `pg.init-N/` | a cluster that is being initialised; it is renamed to `pg` once it is whole, a leftover is swept |
//! | `pg.log`, `pg.log.1` | what the server logged; rotated at a start that finds more than 10 MiB |
//! | `run/` | the server's socket; a short private folder elsewhere when the path is too long for a socket |
//!
//! # Who may connect
//!
//! The server trusts whoever reaches its socket. The socket lies in a folder with mode 0700, so that is the account the server
//! runs under, and root; there is no TCP. PostgreSQL refuses to run as root: a program that runs as root starts the server
//! under the account that owns the data folder, else `postgres`, else `nobody`.

mod account;
mod binaries;
mod cluster;
mod config;
mod endpoint;
mod error;
mod folder;
mod init;
mod log;
mod postmaster;
mod remedy;
mod server;
mod socket;

pub use binaries::{Binaries, FindError, SearchPath, Version};
pub use cluster::{CameUp, Cluster, Report, StopMode};
pub use config::{ClusterConfig, Durability};
pub use endpoint::Endpoint;
pub use error::{StartError, StopError};
pub use remedy::Remedy;

/// The cluster's superuser. Programs use it to make their roles and databases, and then no more.
pub const SUPERUSER: &str = "platform_superuser";

/// The oldest PostgreSQL that is used.
pub const OLDEST_MAJOR: u32 = 15;
