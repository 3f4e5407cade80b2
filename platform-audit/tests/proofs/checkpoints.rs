use platform_audit::{
    Checkpoint, CheckpointError, CheckpointInvalid, NodeHash, NoteSigner, NoteUnverified, SignedNote,
    TreeHead, Verifiers,
};
use proptest::prelude::*;

use crate::support::signer;

/// The text of the example of C2SP `tlog-checkpoint`, whose key is not published.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn trust(signer: &NoteSigner) -> Verifiers {
    Verifiers::from(signer.verifier_key())
}

fn head(size: u64) -> TreeHead {
    TreeHead {
        size,
        root: NodeHash::from_bytes([7; 32]),
    }
}

#[test]
fn the_text_is_that_of_the_example() {
    let root = NodeHash::from_base64("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap();
    let signer = signer("example.com/behind-the-sofa");
    let checkpoint = Checkpoint::new(
        signer.name().clone(),
        TreeHead {
            size: 20_852_163,
            root,
        },
    );
    assert_eq!(checkpoint.to_text(), EXAMPLE);
    let note = checkpoint.sign(&signer).unwrap().to_string();
    assert!(note.starts_with(&format!("{EXAMPLE}\n— example.com/behind-the-sofa ")));
    assert_eq!(
        Checkpoint::open(&note, signer.name(), &trust(&signer)),
        Ok(checkpoint)
    );
}

// A2
#[test]
fn the_checkpoint_of_another_log_is_refused() {
    let (ours, theirs) = (
        signer("audit.example.com/ours"),
        signer("audit.example.com/theirs"),
    );
    let note = Checkpoint::new(theirs.name().clone(), head(3))
        .sign(&theirs)
        .unwrap()
        .to_string();
    let both = Verifiers::new([ours.verifier_key(), theirs.verifier_key()]).unwrap();
    let refused = Checkpoint::open(&note, ours.name(), &both).unwrap_err();
    assert!(matches!(refused, CheckpointInvalid::WrongOrigin { wanted } if &wanted == ours.name()));
}

// A2
#[test]
fn a_key_signs_for_no_log_but_the_one_it_is_named_after() {
    let (ours, theirs) = (
        signer("audit.example.com/ours"),
        signer("audit.example.com/theirs"),
    );
    let checkpoint = Checkpoint::new(ours.name().clone(), head(3));
    assert!(matches!(
        checkpoint.sign(&theirs),
        Err(CheckpointError::ForeignKey { .. })
    ));
    let forged = SignedNote::sign(&checkpoint.to_text(), &[&theirs])
        .unwrap()
        .to_string();
    let both = Verifiers::new([ours.verifier_key(), theirs.verifier_key()]).unwrap();
    let refused = Checkpoint::open(&forged, ours.name(), &both).unwrap_err();
    assert!(matches!(refused, CheckpointInvalid::NotByTheLog { .. }));
    let unknown = Checkpoint::open(&forged, ours.name(), &trust(&ours)).unwrap_err();
    assert_eq!(
        unknown,
        CheckpointInvalid::Unverified(NoteUnverified::NoTrustedSignature)
    );
}

#[test]
fn the_next_key_of_a_log_takes_over_under_the_same_name() {
    let old = signer("audit.example.com/acme");
    let next = NoteSigner::generate(old.name().clone(), &platform_core::Sources::system());
    let checkpoint = Checkpoint::new(old.name().clone(), head(3));
    let both = SignedNote::sign(&checkpoint.to_text(), &[&old, &next])
        .unwrap()
        .to_string();
    for trusted in [&old, &next] {
        assert_eq!(
            Checkpoint::open(&both, old.name(), &trust(trusted)),
            Ok(checkpoint.clone())
        );
    }
}

#[test]
fn extension_lines_are_signed_and_kept() {
    let signer = signer("log.example");
    let checkpoint = Checkpoint::new(signer.name().clone(), head(0))
        .extension("Timestamp: 1719212460")
        .extension("— looks like a signature");
    let note = checkpoint.sign(&signer).unwrap().to_string();
    let opened = Checkpoint::open(&note, signer.name(), &trust(&signer)).unwrap();
    assert_eq!(
        opened.extensions(),
        ["Timestamp: 1719212460", "— looks like a signature"]
    );
    for line in ["", "two\nlines", "tab\t", "two\n\nlines"] {
        let refused = Checkpoint::new(signer.name().clone(), head(0))
            .extension(line)
            .sign(&signer);
        assert!(refused.is_err(), "{line:?}");
    }
}

#[test]
fn a_signed_note_that_is_no_checkpoint_is_refused() {
    let signer = signer("log.example");
    let root = head(0).root.to_base64();
    for text in [
        "\n".to_owned(),
        "log.example\n".to_owned(),
        "log.example\n5\n".to_owned(),
        format!("log.example\n05\n{root}\n"),
        format!("log.example\n+5\n{root}\n"),
        format!("log.example\n-5\n{root}\n"),
        format!("log.example\n 5\n{root}\n"),
        format!("log.example\n\n{root}\n"),
        format!("log.example\n18446744073709551616\n{root}\n"),
        format!("log.example\n5\n{}\n", &root[..43]),
        format!("log.example\n5\n{root}\n\n"),
        format!("log.example\n5\n{root}\n\nextension\n"),
        format!("log.example\n5\n{root} \n"),
        format!("\n5\n{root}\n"),
    ] {
        let note = SignedNote::sign(&text, &[&signer]).unwrap().to_string();
        let refused = Checkpoint::open(&note, signer.name(), &trust(&signer));
        assert_eq!(refused, Err(CheckpointInvalid::NotACheckpoint), "{text:?}");
    }
    let largest = SignedNote::sign(
        &format!("log.example\n18446744073709551615\n{root}\n"),
        &[&signer],
    )
    .unwrap();
    assert!(Checkpoint::of_note(&largest, signer.name(), &trust(&signer)).is_ok());
}

proptest! {
    #[test]
    fn a_checkpoint_is_opened_as_it_was_signed(
        size in any::<u64>(),
        root in any::<[u8; 32]>(),
        lines in prop::collection::vec("[^\\p{Cc}]{1,40}", 0..3),
    ) {
        let signer = signer("log.example");
        let new = Checkpoint::new(signer.name().clone(), TreeHead { size, root: NodeHash::from_bytes(root) });
        let checkpoint = lines.into_iter().fold(new, Checkpoint::extension);
        let note = checkpoint.sign(&signer).unwrap().to_string();
        prop_assert_eq!(Checkpoint::open(&note, signer.name(), &trust(&signer)), Ok(checkpoint));
    }
}
