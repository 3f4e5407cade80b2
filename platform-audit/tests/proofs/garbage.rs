//! No input makes a parser panic, and what a parser takes it writes alike.

use std::sync::LazyLock;

use platform_audit::{
    CanonicalJson, Checkpoint, Entry, KeyName, NodeHash, NoteSignature, NoteSigner, ProofBundle, SignedNote,
    Tile, TileId, VerifierKey, Verifiers, verify_event,
};
use platform_crypto::Secret;
use proptest::prelude::*;

use crate::keys::PETER_SIGNER;
use crate::support::{entry, signer};

static TRUSTED: LazyLock<(KeyName, Verifiers)> = LazyLock::new(|| {
    let log = signer("log.example");
    (log.name().clone(), Verifiers::from(log.verifier_key()))
});

static SAMPLES: LazyLock<Vec<String>> = LazyLock::new(samples);

fn read_all(text: &str) {
    let (origin, trusted) = &*TRUSTED;
    if let Ok(note) = text.parse::<SignedNote>() {
        assert_eq!(note.to_string(), text);
    }
    if let Ok(signature) = text.parse::<NoteSignature>() {
        assert_eq!(signature.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(signer) = NoteSigner::from_text(&Secret::new(text.to_owned())) {
        assert_eq!(signer.to_text().expose(), text);
    }
    if let Ok((id, width)) = TileId::from_path(text) {
        assert_eq!(id.path(width), text);
    }
    if let Ok(proof) = text.parse::<ProofBundle>() {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(entry) = Entry::from_bytes(text.as_bytes()) {
        assert_eq!(entry.to_bytes().unwrap(), text.as_bytes());
    }
    if let Ok(json) = CanonicalJson::parse(text) {
        assert_eq!(CanonicalJson::parse(json.as_str()).unwrap(), json);
        let _value: serde_json::Value = serde_json::from_str(json.as_str()).unwrap();
    }
    assert!(Checkpoint::open(text, origin, trusted).is_err());
    assert!(verify_event(text.as_bytes(), text, origin, trusted).is_err());
    let _hash = NodeHash::from_base64(text);
}

/// Texts that come close to what is read, for damaging.
fn samples() -> Vec<String> {
    let log = signer("elsewhere.example");
    let note = SignedNote::sign(
        "elsewhere.example\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        &[&log],
    )
    .unwrap();
    let proof = ProofBundle {
        index: 3,
        proof: Default::default(),
        checkpoint: note.clone(),
        extra: Some(vec![1]),
    };
    vec![
        note.to_string(),
        proof.to_string(),
        log.verifier_key().to_string(),
        PETER_SIGNER.to_owned(),
        note.signatures()[0].to_string(),
        String::from_utf8(entry(3).to_bytes().unwrap()).unwrap(),
        "tile/3/x001/x234/067.p/17".to_owned(),
        r#"{"a":[1.5e+30,-0.001,"\u20ac\ud83d\ude00"],"b":{"c":null,"d":true}}"#.to_owned(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), "[ -~\n—]{0,200}", "[{}\\[\\]\",:0-9eE.+\\-tfn\\\\u]{0,60}"]) {
        read_all(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&String::from_utf8_lossy(&bytes));
        let _entry = Entry::from_bytes(&bytes);
        if let Ok(tile) = Tile::from_bytes(&bytes) {
            prop_assert_eq!(tile.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_damaged_text_is_read_or_refused(
        sample in any::<prop::sample::Index>(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<char>()), 1..4),
    ) {
        let mut text: Vec<char> = SAMPLES[sample.index(SAMPLES.len())].chars().collect();
        for (at, kind, c) in damages {
            let at = at.index(text.len().max(1));
            match kind {
                0 if at < text.len() => { text.remove(at); }
                1 if at < text.len() => text[at] = c,
                2 => text.truncate(at),
                _ => text.insert(at.min(text.len()), c),
            }
        }
        read_all(&text.into_iter().collect::<String>());
    }
}

#[test]
fn the_samples_are_read() {
    SAMPLES.iter().for_each(|sample| read_all(sample));
}
