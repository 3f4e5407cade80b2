//! Verifying a tenant's trail as it is stored.

mod budget;
mod error;
mod events;
mod heads;
mod options;
mod pass;
mod strays;
mod tiles;
mod window;

use platform_core::RequestContext;
use platform_core::pg::{Db, TenantRead, Tenants};

pub use error::VerifyError;
pub use options::{Progress, VerifyOptions};

pub(crate) use events::Events;

use heads::Begin;
use pass::Pass;
use tiles::{Sizes, UpperTiles};
use window::{POSITIONS, Window};

use crate::{Report, Trust};

/// Verifies the trail of the context's tenant while the service runs: every event by all four copies of it, the tiles, and the
/// checkpoints with the trusted key; further what is stored beside the tree: events without a position, events that wait for one or were
/// kept out, and what producers attest.
///
/// It reads a few thousand positions or 8 MiB at a time, each stretch as of one moment, and goes on until it has caught up with the sequencer; so
/// it uses little memory and one connection, whatever the length of the trail. Events that are being pruned meanwhile may be called
/// missing, when what says that they are pruned is not signed yet: look again.
///
/// What it cannot find without [heads from outside](Trust::witnessed): that the end of the trail was cut off together with its
/// checkpoints, or that checkpoints are gone of which a larger one is still there. Where the newest ones are gone and the trail is not,
/// what they covered is [`Finding::Unsigned`](crate::Finding::Unsigned). The times in which rows were sequenced, signed and published are not covered by any signature.
///
/// ```no_run
/// use platform_audit::{Trust, VerifyOptions, verify_stored};
/// use platform_core::RequestContext;
/// use platform_core::pg::Db;
///
/// # async fn example(db: &Db, ctx: &RequestContext, trust: Trust, published: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let trust = trust.witness(published)?;
/// let report = verify_stored(db, ctx, &trust, VerifyOptions::new()).await?;
/// for finding in &report.findings {
///     println!("{finding:?}");
/// }
/// // The next time, only what was added since:
/// if let Some(point) = report.resume {
///     let report = verify_stored(db, ctx, &trust, VerifyOptions::new().since(point)).await?;
///     assert!(report.is_clean());
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`VerifyError`]: it could not be verified. What is wrong with the trail is in the report.
pub async fn verify_stored(
    db: &Db,
    ctx: &RequestContext,
    trust: &Trust,
    options: VerifyOptions<'_>,
) -> Result<Report, VerifyError> {
    let tenant = ctx.tenant();
    if !trust.origin.as_str().ends_with(&format!("/{tenant}")) {
        return Err(VerifyError::ForeignOrigin {
            origin: trust.origin.clone(),
        });
    }
    if Tenants::new(db).by_id(tenant).await?.is_none() {
        return Err(VerifyError::UnknownTenant);
    }
    let mut read = db.read(ctx).await?;
    let report = Box::pin(verify(&mut read, trust, options)).await?;
    read.finish().await?;
    Ok(report)
}

async fn verify(
    read: &mut TenantRead,
    trust: &Trust,
    options: VerifyOptions<'_>,
) -> Result<Report, VerifyError> {
    let VerifyOptions {
        since,
        signed_within,
        mut progress,
    } = options;
    let is_resumed = since.is_some();
    let start = since.as_ref().map_or(0, |point| point.head().size);
    let begin = Begin::read(read).await?;
    let total = begin
        .head
        .map_or(0, |head| head.size)
        .max(begin.signed)
        .saturating_sub(start);
    let mut pass = Pass::new(trust, since);
    if let Some(head) = begin.head.filter(|head| head.size >= start) {
        pass.verifier.unsigned_head(head);
    }
    let mut tiles = UpperTiles::default();
    let mut end = start;
    let mut window = Window::read(read, start, true, POSITIONS).await?;
    while let Some(current) = window {
        let (begin_of_window, next) = (current.start, current.next());
        let positions = current.positions_next();
        if begin_of_window > end {
            bare_checkpoints(read, &mut pass, end, begin_of_window).await?;
        }
        end = next;
        // Hashing and checking signatures takes as long as reading: one goes on while the other is done.
        let taking = tokio::task::spawn_blocking(move || {
            let tile_hashes = pass.take(&current);
            (pass, tile_hashes)
        });
        let read_ahead = Window::read(read, next, false, positions).await;
        let (taken, tile_hashes) = taking.await.map_err(|_| VerifyError::Interrupted)?;
        pass = taken;
        window = read_ahead?;
        tiles.compare(read, &tile_hashes?, &mut pass.verifier).await?;
        if let Some(tell) = &mut progress {
            let done = pass.verifier.next_seq().saturating_sub(start);
            tell(Progress {
                done,
                total: total.max(done),
            });
        }
    }
    // Of what was signed since, the positions were not read.
    bare_checkpoints(read, &mut pass, end, begin.signed).await?;
    pass.end()?;
    let Pass {
        mut verifier,
        smallest_id,
        grown_to,
        ..
    } = pass;
    let sizes = Sizes {
        start,
        grown_to,
        begin: begin.head.map(|head| head.size),
    };
    sizes.compare(read, &mut verifier).await?;
    heads::missing(read, trust, &mut verifier).await?;
    heads::unsigned(read, trust, signed_within, &mut verifier).await?;
    let added = smallest_id.filter(|_| is_resumed);
    strays::events(read, added, &mut verifier).await?;
    strays::entries(read, added, &mut verifier).await?;
    strays::pending(read, &mut verifier).await?;
    strays::rejected(read, &mut verifier).await?;
    Ok(verifier.finish())
}

/// Checkpoints behind a size and up to another, between which there are no positions.
async fn bare_checkpoints(
    read: &mut TenantRead,
    pass: &mut Pass,
    mut behind: u64,
    to: u64,
) -> Result<(), VerifyError> {
    loop {
        let (checkpoints, is_full) = heads::behind(read, behind, to).await?;
        pass.take_bare(&checkpoints);
        match checkpoints.last().filter(|_| is_full) {
            Some(last) => behind = last.size,
            None => return Ok(()),
        }
    }
}
