use platform_audit::{
    Checkpoint, CheckpointInvalid, EXTRA_BYTES_MAX, InclusionProof, LeafHash, Leaves, MalformedProof,
    NodeHash, NoteSigner, ProofBundle, ProofError, ProofInvalid, ProofPlan, TreeHead, Verifiers,
    verify_event,
};

use crate::support::{entry, reference_root, signer};

struct Log {
    entries: Vec<Vec<u8>>,
    signer: NoteSigner,
}

impl Log {
    fn new(name: &str, count: u64) -> Self {
        Self {
            entries: (0..count).map(|n| entry(n).to_bytes().unwrap()).collect(),
            signer: signer(name),
        }
    }

    fn trusted(&self) -> Verifiers {
        Verifiers::from(self.signer.verifier_key())
    }

    fn bundle(&self, index: usize) -> ProofBundle {
        let leaves: Vec<_> = self.entries.iter().map(|entry| LeafHash::of(entry)).collect();
        let size = leaves.len() as u64;
        let plan = ProofPlan::inclusion(index as u64, size).unwrap();
        let head = TreeHead {
            size,
            root: reference_root(&leaves),
        };
        ProofBundle {
            index: index as u64,
            proof: InclusionProof {
                hashes: plan.hashes(&Leaves(&leaves)).unwrap(),
            },
            checkpoint: Checkpoint::new(self.signer.name().clone(), head)
                .sign(&self.signer)
                .unwrap(),
            extra: None,
        }
    }

    fn verify(&self, entry: &[u8], proof: &str) -> Result<u64, ProofError> {
        verify_event(entry, proof, self.signer.name(), &self.trusted()).map(|verified| verified.index)
    }
}

#[test]
fn every_event_is_proven_by_the_text_of_its_proof() {
    let log = Log::new("audit.example.com/acme", 11);
    for (index, entry) in log.entries.iter().enumerate() {
        let text = log.bundle(index).to_string();
        assert_eq!(log.verify(entry, &text), Ok(index as u64));
        assert_eq!(text.parse::<ProofBundle>().unwrap().to_string(), text);
    }
}

#[test]
fn the_text_has_the_lines_of_the_specification() {
    let log = Log::new("audit.example.com/acme", 3);
    let mut bundle = log.bundle(2);
    let sibling = bundle.proof.hashes[0].to_base64();
    let checkpoint = bundle.checkpoint.to_string();
    assert_eq!(
        bundle.to_string(),
        format!("c2sp.org/tlog-proof@v1\nindex 2\n{sibling}\n\n{checkpoint}")
    );
    bundle.extra = Some(b"age".to_vec());
    let text = bundle.to_string();
    assert_eq!(
        text,
        format!("c2sp.org/tlog-proof@v1\nextra YWdl\nindex 2\n{sibling}\n\n{checkpoint}")
    );
    assert_eq!(text.parse::<ProofBundle>().unwrap(), bundle);
    assert_eq!(log.verify(&log.entries[2], &text), Ok(2));
}

#[test]
fn another_event_or_another_proof_is_refused() {
    let log = Log::new("audit.example.com/acme", 11);
    let proof = log.bundle(4).to_string();
    assert_eq!(
        log.verify(&log.entries[5], &proof),
        Err(ProofError::Inclusion(ProofInvalid::WrongRoot))
    );
    assert_eq!(
        log.verify(b"", &proof),
        Err(ProofError::Inclusion(ProofInvalid::WrongRoot))
    );
    let mut changed = log.entries[4].clone();
    changed[20] ^= 1;
    assert_eq!(
        log.verify(&changed, &proof),
        Err(ProofError::Inclusion(ProofInvalid::WrongRoot))
    );
    let mut moved = log.bundle(4);
    moved.index = 5;
    assert!(log.verify(&log.entries[4], &moved.to_string()).is_err());
    moved.index = 11;
    let outside = log.verify(&log.entries[4], &moved.to_string());
    assert_eq!(
        outside,
        Err(ProofError::Inclusion(ProofInvalid::OutsideTree {
            index: 11,
            size: 11
        }))
    );
}

// A6
#[test]
fn a_node_offered_as_an_event_is_refused() {
    let log = Log::new("audit.example.com/acme", 4);
    let leaves: Vec<_> = log.entries.iter().map(|entry| LeafHash::of(entry)).collect();
    let children = [leaves[0].as_bytes().as_slice(), leaves[1].as_bytes()].concat();
    let mut bundle = log.bundle(0);
    bundle.proof.hashes = vec![reference_root(&leaves[2..])];
    for bytes in [children.clone(), [[1].as_slice(), &children].concat()] {
        assert!(log.verify(&bytes, &bundle.to_string()).is_err());
    }
}

// A2
#[test]
fn a_proof_of_another_log_is_refused() {
    let (ours, theirs) = (
        Log::new("audit.example.com/ours", 5),
        Log::new("audit.example.com/theirs", 5),
    );
    let proof = theirs.bundle(2).to_string();
    let stranger = ours.verify(&theirs.entries[2], &proof);
    assert!(matches!(
        stranger,
        Err(ProofError::Checkpoint(CheckpointInvalid::Unverified(_)))
    ));
    let wrong_origin = verify_event(&theirs.entries[2], &proof, ours.signer.name(), &theirs.trusted());
    assert!(matches!(
        wrong_origin,
        Err(ProofError::Checkpoint(CheckpointInvalid::WrongOrigin { .. }))
    ));
}

#[test]
fn a_malformed_proof_is_refused() {
    let log = Log::new("log.example", 5);
    let good = log.bundle(2).to_string();
    let refused = |text: &str| text.parse::<ProofBundle>().unwrap_err();
    assert_eq!(refused(""), MalformedProof::Index);
    assert_eq!(refused(&good.replace("@v1", "@v2")), MalformedProof::Header);
    assert_eq!(refused(&format!(" {good}")), MalformedProof::Header);
    for index in [
        "index 02",
        "index +2",
        "index -2",
        "index ",
        "index",
        "Index 2",
        "index 2 ",
        "index 18446744073709551616",
        "extra YWdl",
    ] {
        assert_eq!(
            refused(&good.replace("index 2", index)),
            MalformedProof::Index,
            "{index:?}"
        );
    }
    for extra in ["extra YWd", "extra YWdl\nextra YWdl", "extra  YWdl", "extra"] {
        assert_eq!(
            refused(&good.replace("index 2", &format!("{extra}\nindex 2"))),
            MalformedProof::Index,
            "{extra:?}"
        );
    }
    let hash = NodeHash::empty().to_base64();
    for line in [
        hash[1..].to_owned(),
        format!("{hash} "),
        format!(" {hash}"),
        "=".to_owned(),
        hash.replace('=', ""),
    ] {
        assert_eq!(
            refused(&good.replace("index 2", &format!("index 2\n{line}"))),
            MalformedProof::Hash,
            "{line:?}"
        );
    }
    let many = vec![hash; 65].join("\n");
    assert_eq!(
        refused(&good.replace("index 2", &format!("index 2\n{many}"))),
        MalformedProof::Hash
    );
    assert_eq!(refused(&good.replace('\n', "\r\n")), MalformedProof::Index);
    assert!(matches!(refused(good.trim_end()), MalformedProof::Checkpoint(_)));
    assert_eq!(refused(&"a".repeat(1 << 20)), MalformedProof::TooLong);
    let mut extra = log.bundle(2);
    extra.extra = Some(vec![0; EXTRA_BYTES_MAX + 1]);
    assert_eq!(refused(&extra.to_string()), MalformedProof::TooLong);
    extra.extra = Some(vec![0; EXTRA_BYTES_MAX]);
    assert!(extra.to_string().parse::<ProofBundle>().is_ok());
}
