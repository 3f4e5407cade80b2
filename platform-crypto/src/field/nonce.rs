//! Nonces: 96 random bits for every seal.

use std::cell::RefCell;

use platform_core::{OsRandom, Random};
use zeroize::Zeroize;

use super::header::NONCE_BYTES;

const BUFFERED: usize = 256;

/// A fresh nonce. Nobody passes one in.
///
/// The operating system is asked for 256 of them at a time, for every thread by itself: asked for each, it would cost several times
/// the encryption of a short field. A child that `fork` makes has a copy of its parent's buffer, and two seals with one nonce
/// would give their plaintexts away; so the buffer is good only in the process that filled it.
pub(super) fn fresh() -> [u8; NONCE_BYTES] {
    NONCES
        .try_with(|nonces| nonces.borrow_mut().take(std::process::id()))
        .unwrap_or_else(|_| unbuffered())
}

thread_local! {
    static NONCES: RefCell<Nonces> = const { RefCell::new(Nonces::EMPTY) };
}

/// Nonces that were drawn and not used.
struct Nonces {
    bytes: [u8; BUFFERED * NONCE_BYTES],
    used: usize,
    process: u32,
}

impl Nonces {
    const EMPTY: Self = Self {
        bytes: [0; BUFFERED * NONCE_BYTES],
        used: BUFFERED,
        process: 0,
    };

    /// The next nonce; what is taken is overwritten.
    fn take(&mut self, process: u32) -> [u8; NONCE_BYTES] {
        if self.used == BUFFERED || self.process != process {
            self.refill(process);
        }
        let at = self.used * NONCE_BYTES;
        let next = &mut self.bytes[at..at + NONCE_BYTES];
        let mut nonce = [0; NONCE_BYTES];
        nonce.swap_with_slice(next);
        self.used += 1;
        nonce
    }

    #[cold]
    fn refill(&mut self, process: u32) {
        OsRandom.fill(&mut self.bytes);
        self.used = 0;
        self.process = process;
    }
}

impl Drop for Nonces {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// While a thread ends and has no buffer any more.
#[cold]
fn unbuffered() -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    OsRandom.fill(&mut nonce);
    nonce
}

#[cfg(test)]
mod tests {
    use super::Nonces;

    #[test]
    fn a_forked_child_does_not_use_the_nonces_that_its_parent_has_buffered() {
        let (parent, child) = (1, 2);
        let mut of_parent = Nonces::EMPTY;
        of_parent.take(parent);
        let mut of_child = Nonces {
            bytes: of_parent.bytes,
            used: of_parent.used,
            process: of_parent.process,
        };

        let of_parent: Vec<_> = (0..600).map(|_| of_parent.take(parent)).collect();
        let of_child: Vec<_> = (0..600).map(|_| of_child.take(child)).collect();

        assert!(of_child.iter().all(|nonce| !of_parent.contains(nonce)));
    }

    #[test]
    fn a_nonce_that_was_taken_is_gone_from_the_buffer() {
        let mut nonces = Nonces::EMPTY;
        let taken = nonces.take(1);
        assert_eq!(nonces.bytes[..12], [0; 12]);
        assert_ne!(nonces.take(1), taken);
    }
}
