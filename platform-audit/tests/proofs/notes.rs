use platform_audit::{
    MalformedNote, NoteSigner, NoteUnverified, SIGNATURES_MAX, SignedNote, VerifierKey, Verifiers,
};
use platform_crypto::Secret;
use proptest::prelude::*;

use crate::keys::{ENOCH_KEY, EXAMPLE_KEY, PETER_KEY, PETER_SIGNER};
use crate::support::signer;

/// The example of C2SP `signed-note`.
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
/// From the documentation and the tests of Go's `golang.org/x/mod/sumdb/note`.
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
/// The first example in C2SP `signed-note`, whose key is not published.
const UNKNOWN: &str = "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

fn trusted(keys: &[&str]) -> Verifiers {
    Verifiers::new(keys.iter().map(|key| key.parse::<VerifierKey>().unwrap())).unwrap()
}

fn note(text: &str) -> SignedNote {
    text.parse().unwrap()
}

#[test]
fn the_notes_of_the_specification_and_of_go_verify() {
    assert_eq!(
        note(EXAMPLE).verify(&trusted(&[EXAMPLE_KEY])).unwrap().text(),
        "This is an example message.\n"
    );
    let both = note(&format!("{TEXT}\n{PETER}{ENOCH}"));
    let verifiers = trusted(&[PETER_KEY, ENOCH_KEY]);
    let verified = both.verify(&verifiers).unwrap();
    assert_eq!(verified.text(), TEXT);
    assert!(verified.is_signed_by(&"PeterNeumann".parse().unwrap()));
    assert!(verified.is_signed_by(&"EnochRoot".parse().unwrap()));
}

#[test]
fn signing_gives_the_bytes_that_go_gives() {
    let peter = NoteSigner::from_text(&Secret::new(PETER_SIGNER.to_owned())).unwrap();
    let signed = SignedNote::sign(TEXT, &[&peter]).unwrap();
    assert_eq!(signed.to_string(), format!("{TEXT}\n{PETER}"));
}

#[test]
fn signatures_by_unknown_keys_are_skipped() {
    let with_others = note(&format!("{TEXT}\n{UNKNOWN}{PETER}{ENOCH}"));
    let verifiers = trusted(&[PETER_KEY]);
    let verified = with_others.verify(&verifiers).unwrap();
    assert!(verified.is_signed_by(&"PeterNeumann".parse().unwrap()));
    assert!(!verified.is_signed_by(&"EnochRoot".parse().unwrap()));
    assert_eq!(
        with_others.verify(&trusted(&[EXAMPLE_KEY])),
        Err(NoteUnverified::NoTrustedSignature)
    );
    assert_eq!(
        with_others.verify(&Verifiers::default()),
        Err(NoteUnverified::NoTrustedSignature)
    );
}

#[test]
fn a_wrong_signature_by_a_trusted_key_spoils_the_note() {
    let wrong = PETER.replace("JkuBS", "JkuBT");
    let spoiled = note(&format!("{TEXT}\n{wrong}{ENOCH}"));
    let verdict = spoiled.verify(&trusted(&[PETER_KEY, ENOCH_KEY]));
    assert!(
        matches!(verdict, Err(NoteUnverified::WrongSignature { name }) if name.as_str() == "PeterNeumann")
    );
    assert!(
        spoiled.verify(&trusted(&[ENOCH_KEY])).is_ok(),
        "to whom Peter is unknown"
    );
}

#[test]
fn a_changed_text_does_not_verify() {
    let changed = TEXT.replace("your", "my");
    assert!(
        note(&format!("{changed}\n{PETER}"))
            .verify(&trusted(&[PETER_KEY]))
            .is_err()
    );
    assert!(
        note(&format!("\n{TEXT}\n{PETER}"))
            .verify(&trusted(&[PETER_KEY]))
            .is_err()
    );
    assert!(
        note(&format!("{TEXT}\n\n{PETER}"))
            .verify(&trusted(&[PETER_KEY]))
            .is_err()
    );
}

#[test]
fn a_malformed_note_is_refused() {
    let refused = |text: &str| text.parse::<SignedNote>().unwrap_err();
    for text in [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\n— a",
        TEXT,
        PETER,
        "text\n— a dGVzdHRlc3Q=\n",
    ] {
        assert_eq!(refused(text), MalformedNote::Unsigned, "{text:?}");
    }
    assert_eq!(refused(&format!("te\rxt\n\n{PETER}")), MalformedNote::Text);
    assert_eq!(refused(&format!("te\u{0}xt\n\n{PETER}")), MalformedNote::Text);
    assert_eq!(refused(&format!("te\txt\n\n{PETER}")), MalformedNote::Text);
    for line in [
        "PeterNeumann x08go/ZJ\n",
        "- PeterNeumann x08go/ZJ\n",
        "—PeterNeumann x08go/ZJ\n",
        "— PeterNeumann\n",
        "— PeterNeumann \n",
        "—  x08go/ZJ\n",
        "— Peter+Neumann x08go/ZJ\n",
        "— Peter Neumann x08go/ZJ\n",
        "— PeterNeumann  x08go/ZJ\n",
        "— PeterNeumann x08go/ZJ \n",
        "— PeterNeumann x08go/ZJ\r\n",
        "— PeterNeumann x08go/Z\n",
        "— PeterNeumann x08go_ZJ\n",
        "— PeterNeumann x08gow==\n",
        "— PeterNeumann x08go/Z=\n",
    ] {
        assert_eq!(
            refused(&format!("{TEXT}\n{line}")),
            MalformedNote::SignatureLine,
            "{line:?}"
        );
        assert_eq!(
            refused(&format!("{TEXT}\n{PETER}{line}")),
            MalformedNote::SignatureLine,
            "{line:?}"
        );
    }
}

#[test]
fn the_number_of_signatures_and_the_length_are_bounded() {
    let signed = |count: usize| format!("{TEXT}\n{}", PETER.repeat(count)).parse::<SignedNote>();
    assert!(signed(16).is_ok());
    assert!(signed(SIGNATURES_MAX).is_ok());
    assert_eq!(signed(SIGNATURES_MAX + 1), Err(MalformedNote::TooManySignatures));
    let long = "a".repeat(300_000);
    assert_eq!(
        format!("{long}\n\n{PETER}").parse::<SignedNote>(),
        Err(MalformedNote::TooLong)
    );
    assert_eq!(
        SignedNote::sign(&format!("{long}\n"), &[&signer("a")]),
        Err(MalformedNote::TooLong)
    );
    assert_eq!(SignedNote::sign("text\n", &[]), Err(MalformedNote::Unsigned));
    assert_eq!(
        SignedNote::sign("text", &[&signer("a")]),
        Err(MalformedNote::Text)
    );
}

#[test]
fn a_witness_adds_its_signature_to_a_note_that_is_signed() {
    let log = signer("log.example");
    let note = SignedNote::sign(TEXT, &[&log]).unwrap();
    let line = PETER.trim_end().parse().unwrap();
    let cosigned = note.with_signature(line).unwrap();
    let verifiers = Verifiers::new([log.verifier_key(), PETER_KEY.parse().unwrap()]).unwrap();
    let verified = cosigned.verify(&verifiers).unwrap();
    assert!(verified.is_signed_by(log.name()) && verified.is_signed_by(&"PeterNeumann".parse().unwrap()));
}

proptest! {
    #[test]
    fn a_note_is_read_as_it_was_written(text in "([^\\p{Cc}]|\n){0,200}", signers in 1..4_usize) {
        let text = format!("{text}\n");
        let signers: Vec<_> = (0..signers).map(|n| signer(&format!("signer-{n}"))).collect();
        let note = SignedNote::sign(&text, &signers.iter().collect::<Vec<_>>()).unwrap();
        let again: SignedNote = note.to_string().parse().unwrap();
        prop_assert_eq!(&again, &note);
        let trusted = Verifiers::new(signers.iter().map(NoteSigner::verifier_key)).unwrap();
        prop_assert_eq!(again.verify(&trusted).unwrap().text(), text);
    }

    #[test]
    fn a_note_with_one_byte_changed_does_not_verify(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = format!("{TEXT}\n{PETER}").into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let verified = String::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<SignedNote>().ok())
            .is_some_and(|note| note.verify(&trusted(&[PETER_KEY])).is_ok());
        prop_assert!(!verified);
    }
}
