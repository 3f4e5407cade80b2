//! No nonce comes twice. That a forked child draws its own is in `tests/fork`.

use crate::support::*;

const THREADS: usize = 4;

// C13
/// A million seals; ten million in an optimised build, which takes as long.
#[test]
fn no_two_of_many_seals_have_one_nonce() {
    let seals = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    let key = field_key();
    let at = somewhere(&NOTE);
    let nothing = Vec::new();

    let mut nonces: Vec<u128> = std::thread::scope(|scope| {
        let seal = || {
            let sealed = key.seal(&at, &nothing).unwrap();
            let nonce: [u8; 12] = sealed.as_bytes()[18..30].try_into().unwrap();
            nonce
                .into_iter()
                .fold(0, |nonce, byte| nonce << 8 | u128::from(byte))
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(move || (0..seals / THREADS).map(|_| seal()).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });

    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), seals);
}
