//! Leases: one holder at a time, for a time, with a token that outdated holders cannot write under.
//!
//! A [`Lease`] is a right that ends by itself. [`Leases`] hands them out; a [`Guard`] keeps one for as long as its holder lives and
//! says when it is lost; [`Leases::lead`] runs a piece of work in one process of many. A process that is paused for longer than its
//! lease does not notice by itself, so every lease has a [`FenceToken`] that grows with each holder: whoever writes under a lease
//! proves it in the same transaction ([`fence_in`], [`fence_job_in`]) and is refused when it is over.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use platform_core::RequestContext;
//! use platform_core::lease::{FenceError, Guard, Holder, LeaseName, Leases, PgLeases, Term, Ttl, fence_in};
//! use platform_core::pg::Db;
//!
//! # async fn example(db: Db, ctx: RequestContext) -> Result<(), Box<dyn std::error::Error>> {
//! let leases = Leases::new(PgLeases::new(&db), db.sources());
//! let name = LeaseName::tenant(ctx.tenant(), "parcels.expire")?;
//! let term = Term::lasting(Ttl::new(Duration::from_secs(15))?);
//!
//! if let Some(lease) = leases.try_acquire(&name, term.ttl(), &Holder::new("parcels@host-7")?).await? {
//!     let guard = Guard::keep(&leases, lease, term);
//!     let mut tx = db.begin(&ctx).await?;
//!     fence_in(&mut tx, guard.lease()).await?;
//!     // … the change itself …
//!     tx.commit().await?;
//!     guard.step_down().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # Two sorts of names
//!
//! A lease of a tenant's lies among that tenant's rows, out of every other's reach. A lease of the platform's is for work that is no
//! tenant's; transactions of every tenant can prove one.
//!
//! # Whose clock
//!
//! The backend's clock decides when a lease is over: the database's, for [`PgLeases`]. A holder measures its own time with its own
//! monotonic clock from before it asked, so that it never believes in a lease for longer than the backend does.

mod backend;
mod fence;
mod guard;
mod leader;
mod leases;
mod memory;
mod name;
mod postgres;
mod right;
mod statements;
mod term;

pub use backend::{Fencing, LeaseBackend, LeaseCaps, LeaseError};
pub use fence::{FenceError, fence_in, fence_job_in};
pub use guard::Guard;
pub use leader::{Campaign, Leadership};
pub use leases::{Leases, MissingCapability};
pub use memory::MemoryLeases;
pub use name::{Holder, InvalidHolder, InvalidLeaseName, LeaseName, LeaseScope};
pub use postgres::PgLeases;
pub use right::{FenceToken, Lease, Renewed};
pub use term::{InvalidTtl, Term, Ttl};
