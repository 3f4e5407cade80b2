//! Books as they are kept aside, and their hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::opening::OpeningOrder;
use super::{AccountBooks, BookedOrder, BooksError, Opening};

/// The books of an account after so many of its events: enough to go on with the next event without those before it.
///
/// Of orders that are final it has one digest over all of them, in the order in which they ended, so that it grows with what an account has
/// open and not with what it ever did.
///
/// ```
/// use trading::AccountBooks;
///
/// let books = AccountBooks::default();
/// let state = books.state();
/// assert_eq!(AccountBooks::resume(&state)?.hash(), books.hash());
/// # Ok::<(), trading::BooksError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksState {
    seq: i64,
    ended: [u8; 32],
    books: Opening,
}

impl AccountBooks {
    /// Which canonical form [`hash`](Self::hash) is over. Hashes of another form cannot be compared.
    pub const HASH_FORM: i16 = 1;

    /// The books as they can be kept aside.
    pub fn state(&self) -> BooksState {
        BooksState {
            seq: self.seq,
            ended: self.ended,
            books: Opening::of(self),
        }
    }

    /// Books that go on from where these were. Their final orders are not in them any more.
    ///
    /// # Errors
    /// [`BooksError::Opening`] for what no books can be.
    pub fn resume(state: &BooksState) -> Result<Self, BooksError> {
        let mut books = Self::default();
        books.begin_with(&state.books)?;
        (books.seq, books.ended) = (state.seq, state.ended);
        Ok(books)
    }

    /// SHA-256 over everything in the books, in one canonical form: equal books have equal hashes, whether their final orders have been
    /// [taken out](Self::take_ended) or not.
    pub fn hash(&self) -> [u8; 32] {
        let state = serde_json::json!([Self::HASH_FORM, self.state()]);
        Sha256::digest(state.to_string().as_bytes()).into()
    }
}

/// The digest over all final orders with one more.
pub(super) fn with_ended(ended: &[u8; 32], order: &BookedOrder) -> [u8; 32] {
    let order = serde_json::json!(OpeningOrder::of(order)).to_string();
    Sha256::new()
        .chain_update(ended)
        .chain_update(order.as_bytes())
        .finalize()
        .into()
}
