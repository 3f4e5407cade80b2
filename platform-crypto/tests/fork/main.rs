//! A forked child does not seal with its parent's nonces.
//!
//! A program of one thread, because only the thread that forks lives on in the child.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::HashSet;
use std::path::Path;

use fork::{Fork, fork, waitpid};
use platform_core::{Sources, TenantId};
use platform_crypto::{Column, DataKey, FieldContext, FieldKey};

const NOTE: Column<Vec<u8>> = Column::new("crm.customer", "note");
/// More than a buffer holds, less than a third of another.
const SEALS: usize = 300;

// C13
fn main() {
    let sources = Sources::system();
    let key = FieldKey::new(DataKey::generate(&sources));
    let at = NOTE.at(TenantId::generate(&sources), sources.uuid_v7());
    let folder = tempfile::tempdir().unwrap();
    // The buffer is filled, and nearly full, when the children copy it.
    let mut nonces = vec![nonce(&key, &at)];

    for child in 0..3 {
        let file = folder.path().join(child.to_string());
        match fork().unwrap() {
            Fork::Child => in_child(&key, &at, &file),
            Fork::Parent(process) => assert_eq!(waitpid(process).unwrap(), 0),
        }
        let written = std::fs::read(&file).unwrap();
        assert_eq!(written.len(), 2 * SEALS * 12);
        nonces.extend(
            written
                .chunks_exact(12)
                .map(|nonce| <[u8; 12]>::try_from(nonce).unwrap()),
        );
    }
    nonces.extend((0..SEALS).map(|_| nonce(&key, &at)));

    let all = nonces.len();
    assert_eq!(all, 1 + 3 * 2 * SEALS + SEALS);
    assert_eq!(nonces.into_iter().collect::<HashSet<_>>().len(), all);
    println!("a forked child does not seal with its parent's nonces ... ok");
}

/// Seals, forks a child of its own that seals too, and writes the nonces of both.
fn in_child(key: &FieldKey, at: &FieldContext<'_, Vec<u8>>, file: &Path) -> ! {
    let grandchild = file.with_extension("child");
    let own: Vec<_> = (0..SEALS).flat_map(|_| nonce(key, at)).collect();
    match fork().unwrap() {
        Fork::Child => {
            let nonces: Vec<_> = (0..SEALS).flat_map(|_| nonce(key, at)).collect();
            std::fs::write(&grandchild, nonces).unwrap();
        }
        Fork::Parent(process) => {
            assert_eq!(waitpid(process).unwrap(), 0);
            let both = [own, std::fs::read(&grandchild).unwrap()].concat();
            std::fs::write(file, both).unwrap();
        }
    }
    std::process::exit(0)
}

fn nonce(key: &FieldKey, at: &FieldContext<'_, Vec<u8>>) -> [u8; 12] {
    let sealed = key.seal(at, &Vec::new()).unwrap();
    sealed.as_bytes()[18..30].try_into().unwrap()
}
