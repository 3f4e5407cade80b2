//! Notes, keys and checkpoints, by the crates `signed_note` and `tlog_tiles`.

use platform_audit::{Checkpoint, NodeHash, NoteSigner, SignedNote, TreeHead, Trust, VerifierKey, Verifiers};
use platform_crypto::Secret;
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, VerifierList};

use crate::support::{LOG, Log, ours, theirs};

/// The key of the examples in the documentation of Go's `note` package.
const THEIR_KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const THEIR_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn verifiers(vkey: &str) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(vkey).unwrap())])
}

#[test]
fn they_open_our_checkpoints() {
    let log = Log::of(700);
    let trusted = verifiers(&log.signer.verifier_key().to_string());
    for size in [0, 1, 256, 700] {
        let note = Note::from_bytes(log.checkpoint(size).as_bytes()).unwrap();
        let (verified, unverified) = note.verify(&trusted).unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 0));
        assert_eq!(verified[0].name(), LOG);
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        let head = log.head(size);
        assert_eq!((checkpoint.origin(), checkpoint.size()), (LOG, size));
        assert_eq!(
            (*checkpoint.hash(), checkpoint.extension()),
            (theirs(&head.root), "")
        );
        assert_eq!(note.to_bytes(), log.checkpoint(size).as_bytes());
    }
}

#[test]
fn they_refuse_our_checkpoints_when_they_were_changed_or_are_of_another_key() {
    let log = Log::of(3);
    let note = log.checkpoint(3);
    let changed = note.replacen("\n3\n", "\n2\n", 1);
    let trusted = verifiers(&log.signer.verifier_key().to_string());
    assert!(
        Note::from_bytes(changed.as_bytes())
            .unwrap()
            .verify(&trusted)
            .is_err()
    );
    let other = verifiers(&Log::of(0).signer.verifier_key().to_string());
    assert!(Note::from_bytes(note.as_bytes()).unwrap().verify(&other).is_err());
}

/// A checkpoint made and signed by them.
fn their_checkpoint(signer: &StandardSigner, head: &TreeHead) -> String {
    let checkpoint = tlog_tiles::Checkpoint::new(signer.name(), head.size, theirs(&head.root), "").unwrap();
    let mut note = Note::new(&checkpoint.to_bytes(), &[]).unwrap();
    note.add_sigs(&[signer]).unwrap();
    String::from_utf8(note.to_bytes()).unwrap()
}

#[test]
fn we_open_their_checkpoints_made_with_our_key_or_theirs() {
    let log = Log::of(9);
    let head = log.head(9);
    // The same key in the same text form: the same bytes, since Ed25519 signs alike every time.
    let signer = StandardSigner::new(log.signer.to_text().expose()).unwrap();
    assert_eq!(
        (signer.name(), their_checkpoint(&signer, &head)),
        (LOG, log.checkpoint(9))
    );

    let their_log = THEIR_KEY.split('+').nth(2).unwrap();
    let note = their_checkpoint(&StandardSigner::new(THEIR_KEY).unwrap(), &head);
    let key: VerifierKey = THEIR_VERIFIER.parse().unwrap();
    assert_eq!(key.to_string(), THEIR_VERIFIER);
    let opened = Checkpoint::open(&note, &their_log.parse().unwrap(), &Verifiers::from(key.clone())).unwrap();
    assert_eq!(opened.head(), &head);
    assert_eq!(
        Trust::new(their_log.parse().unwrap(), key)
            .witness(&note)
            .unwrap()
            .witnessed,
        [head]
    );
    let ours_again = NoteSigner::from_text(&Secret::new(THEIR_KEY.to_owned())).unwrap();
    assert_eq!(ours_again.verifier_key().to_string(), THEIR_VERIFIER);
}

#[test]
fn a_note_with_signatures_of_both_is_accepted_by_both() {
    let log = Log::of(9);
    let mut note = Note::from_bytes(log.checkpoint(9).as_bytes()).unwrap();
    let witness = StandardSigner::new(THEIR_KEY).unwrap();
    note.add_sigs(&[&witness]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();

    let read: SignedNote = text.parse().unwrap();
    assert_eq!((read.to_string(), read.signatures().len()), (text.clone(), 2));
    for key in [log.signer.verifier_key().to_string(), THEIR_VERIFIER.to_owned()] {
        let (verified, unverified) = note.verify(&verifiers(&key)).unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 1));
        let verified = read
            .verify(&Verifiers::from(key.parse::<VerifierKey>().unwrap()))
            .unwrap();
        assert_eq!(verified.text().as_bytes(), note.text());
    }
}

#[test]
fn hashes_are_spelt_alike() {
    let root = Log::of(5).head(5).root;
    assert_eq!(theirs(&root).to_string(), root.to_base64());
    let read = tlog_tiles::tlog::Hash::parse_hash(&root.to_base64()).unwrap();
    assert_eq!(ours(&read), root);
    assert_eq!(NodeHash::from_base64(&read.to_string()), Ok(root));
}
