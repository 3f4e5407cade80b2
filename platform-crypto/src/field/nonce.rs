//! Nonces: 96 random bits for every seal.

use std::cell::RefCell;

use forkguard::Guard;
use platform_core::{OsRandom, Random};
use zeroize::Zeroize;

use super::header::NONCE_BYTES;

const BUFFERED: usize = 256;

/// A fresh nonce. Nobody passes one in.
///
/// The operating system is asked for 256 of them at a time, for every thread by itself: asked for each, it would cost several times
/// the encryption of a short field.
///
/// A child that `fork` makes has a copy of its parent's buffer, and two values under one nonce would give each other away. So the
/// buffer is good only in the process that filled it. A handler that the C library calls in a child (`pthread_atfork`) counts forks,
/// and the count is looked at before every use: comparing process ids would cost a system call each time. What bypasses the library's
/// `fork`, a bare `clone` or a snapshot of a virtual machine that is resumed twice, is not noticed.
pub(super) fn fresh() -> [u8; NONCE_BYTES] {
    NONCES
        .try_with(|nonces| nonces.borrow_mut().take())
        .ok()
        .flatten()
        .unwrap_or_else(unbuffered)
}

thread_local! {
    static NONCES: RefCell<Nonces> = const { RefCell::new(Nonces::EMPTY) };
}

/// Nonces that were drawn and not used.
struct Nonces {
    bytes: [u8; BUFFERED * NONCE_BYTES],
    used: usize,
    /// Notices that this is a copy in a child; made before the first draw.
    guard: Option<Guard>,
}

impl Nonces {
    const EMPTY: Self = Self {
        bytes: [0; BUFFERED * NONCE_BYTES],
        used: BUFFERED,
        guard: None,
    };

    /// The next nonce, which is overwritten here; `None` where forks cannot be noticed.
    #[inline]
    fn take(&mut self) -> Option<[u8; NONCE_BYTES]> {
        let copied = self.guard.as_mut().is_none_or(Guard::detected_fork);
        if copied || self.used == BUFFERED {
            self.refill()?;
        }
        let at = self.used * NONCE_BYTES;
        let mut nonce = [0; NONCE_BYTES];
        nonce.swap_with_slice(&mut self.bytes[at..at + NONCE_BYTES]);
        self.used += 1;
        Some(nonce)
    }

    #[cold]
    fn refill(&mut self) -> Option<()> {
        if self.guard.is_none() {
            self.guard = Some(Guard::try_new().ok()?);
        }
        // Nothing of the old content is used if the operating system has none to give and panics.
        self.used = BUFFERED;
        OsRandom.fill(&mut self.bytes);
        self.used = 0;
        Some(())
    }
}

impl Drop for Nonces {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// While a thread ends and has no buffer any more, or where forks cannot be noticed.
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
    fn a_nonce_that_was_taken_is_gone_from_the_buffer() {
        let mut nonces = Nonces::EMPTY;
        let taken = nonces.take().unwrap();
        assert_eq!(nonces.bytes[..12], [0; 12]);
        assert_ne!(nonces.take().unwrap(), taken);
    }
}
