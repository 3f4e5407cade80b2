//! No nonce comes twice. That a forked child draws its own is in `tests/fork`.

use crate::support::*;

const THREADS: usize = 4;
const SEALS: usize = 10_000_000 / THREADS;

// C13
#[test]
fn ten_million_seals_have_ten_million_nonces() {
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
            .map(|_| scope.spawn(move || (0..SEALS).map(|_| seal()).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });

    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), THREADS * SEALS);
}
