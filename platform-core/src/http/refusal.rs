//! Who is told of callers that were refused.

use async_trait::async_trait;

use crate::RequestContext;

/// A caller who has signed in was answered 403.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Who asked, for which tenant.
    pub ctx: RequestContext,
    /// One of the nine methods of RFC 9110 and RFC 5789, or `other`.
    pub method: &'static str,
    /// The template of the route, never the path.
    pub route: String,
    /// The code of the problem.
    pub code: &'static str,
    /// What the problem says.
    pub detail: String,
}

/// Is told of every 403 to a caller who has signed in, such as an audit trail.
///
/// The answer waits for it, so that nobody is refused unrecorded, within the deadline of the request. When the client goes away or
/// the deadline passes, the future is dropped like the handler's: what must not be lost belongs into a task of the implementation's
/// own.
///
/// ```
/// use async_trait::async_trait;
/// use platform_core::http::{Refusal, WatchRefusals};
///
/// struct Counted(std::sync::atomic::AtomicU64);
///
/// #[async_trait]
/// impl WatchRefusals for Counted {
///     async fn refused(&self, _: Refusal) {
///         self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///     }
/// }
/// ```
#[async_trait]
pub trait WatchRefusals: Send + Sync + 'static {
    /// A caller was refused; the answer is sent when this has returned.
    async fn refused(&self, refusal: Refusal);
}
