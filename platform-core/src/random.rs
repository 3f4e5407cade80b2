//! Randomness as a parameter.

use std::fmt::{self, Debug};
use std::sync::Mutex;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Where a component draws randomness. [`OsRandom`] in production, [`SeededRandom`] where a run must repeat.
pub trait Random: Debug + Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// A cryptographic generator that is seeded by the operating system at every draw.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    /// # Panics
    /// When the operating system has no randomness to give: no token may be made then.
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that asks the operating system"
        )]
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// A reproducible generator (ChaCha20) for tests and simulations. Never for secrets.
///
/// ```
/// use platform_core::{Random, SeededRandom};
///
/// let draw = |seed| { let mut bytes = [0; 4]; SeededRandom::new(seed).fill(&mut bytes); bytes };
/// assert_eq!(draw(7), draw(7));
/// assert_ne!(draw(7), draw(8));
/// ```
pub struct SeededRandom(Mutex<ChaCha20Rng>);

impl SeededRandom {
    /// A generator whose draws depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}

impl Debug for SeededRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededRandom")
    }
}
