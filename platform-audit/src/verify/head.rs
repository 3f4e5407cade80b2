//! When a signed head may be given to a verifier.

use super::verifier::WINDOW;

/// A signed head came at the wrong time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadRefused {
    /// The positions below its size are behind already. Give heads in the order of their sizes, among the positions.
    #[error("the head of size {size} came when position {next} was next")]
    TooLate {
        /// Its size.
        size: u64,
        /// The position that was next.
        next: u64,
    },
    /// [`WINDOW`] heads wait for positions already.
    #[error("{WINDOW} heads of later positions are waiting already")]
    TooManyAhead,
}
