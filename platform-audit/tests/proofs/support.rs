//! The definitions of RFC 6962, word by word and slow, to compare with; and what several tests need.

use platform_audit::{
    Activity, CanonicalJson, Entry, EventId, HashSource, LeafHash, NodeAt, NodeHash, NoteSigner, Outcome,
    ProducerId, Retention, Seal, Severity, Target, Visibility,
};
use platform_core::uuid::Uuid;
use platform_core::{ManualClock, PrincipalId, RequestId, SeededRandom, Sources, TenantId};

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn leaves(count: usize) -> Vec<LeafHash> {
    (0..count).map(|n| LeafHash::of(&n.to_be_bytes())).collect()
}

fn split(count: usize) -> usize {
    let mut k = 1;
    while k * 2 < count {
        k *= 2;
    }
    k
}

/// `MTH(D[n])`.
pub(crate) fn reference_root(leaves: &[LeafHash]) -> NodeHash {
    match leaves {
        [] => NodeHash::empty(),
        [leaf] => NodeHash::from(*leaf),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            NodeHash::of(&reference_root(left), &reference_root(right))
        }
    }
}

/// `PATH(m, D[n])`.
pub(crate) fn reference_path(index: usize, leaves: &[LeafHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (reference_path(index, left), reference_root(right))
    } else {
        (reference_path(index - k, right), reference_root(left))
    };
    path.push(sibling);
    path
}

/// `SUBPROOF(m, D[n], b)`; `PROOF(m, D[n])` is that with `b` true.
pub(crate) fn reference_proof(old: usize, leaves: &[LeafHash], known: bool) -> Vec<NodeHash> {
    if old == leaves.len() {
        return if known {
            Vec::new()
        } else {
            vec![reference_root(leaves)]
        };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if old <= k {
        (reference_proof(old, left, known), reference_root(right))
    } else {
        (reference_proof(old - k, right, false), reference_root(left))
    };
    proof.push(sibling);
    proof
}

/// A tree of any size whose leaves are all alike, so that a node depends on its height alone.
pub(crate) struct Uniform(Vec<NodeHash>);

impl Uniform {
    pub(crate) fn new() -> Self {
        let mut nodes = vec![NodeHash::from(Self::leaf())];
        for below in 0..63 {
            let node = nodes[below];
            nodes.push(NodeHash::of(&node, &node));
        }
        Self(nodes)
    }

    pub(crate) fn leaf() -> LeafHash {
        LeafHash::of(b"always the same")
    }
}

impl HashSource for Uniform {
    fn node(&self, at: NodeAt) -> Option<NodeHash> {
        self.0.get(usize::from(at.height())).copied()
    }
}

pub(crate) fn sources() -> Sources {
    let start = platform_core::time::macros::datetime!(2026-01-02 03:04:05.000006 UTC);
    Sources::new(ManualClock::starting_at(start), SeededRandom::new(7))
}

pub(crate) fn signer(name: &str) -> NoteSigner {
    NoteSigner::generate(name.parse().unwrap(), &sources())
}

/// An event with something in every field; `number` makes it unlike the others.
pub(crate) fn entry(number: u64) -> Entry {
    let id = |kind: u128| Uuid::from_u128(kind << 64 | u128::from(number));
    Entry {
        tenant: TenantId::from_stored(id(1)),
        id: EventId::from_stored(id(2)),
        recorded_at: sources().now(),
        occurred_at: sources().now(),
        xid: 771 + number,
        action: "order.cancel".into(),
        action_version: 2,
        activity: Activity::Update,
        outcome: Outcome::Failure,
        reason: Some("already_filled".into()),
        severity: Severity::Low,
        actor_kind: "system".into(),
        actor_id: Some(PrincipalId::from_stored(id(3))),
        purpose: Some("end of day".into()),
        on_behalf_of: Some(PrincipalId::from_stored(id(4))),
        session_id: Some(id(5)),
        targets: vec![
            Target {
                kind: "order".into(),
                id: number.to_string(),
            },
            Target {
                kind: "account".into(),
                id: "7".into(),
            },
        ],
        changes: Some(CanonicalJson::parse(r#"{"state":{"after":"open","before":"new"}}"#).unwrap()),
        source_address: Some("192.0.2.1".into()),
        user_agent: Some("curl/8".into()),
        request_id: RequestId::from_stored(id(6)),
        trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
        detail: Some(CanonicalJson::parse(r#"{"lots":3,"price":"1.50"}"#).unwrap()),
        retention: Retention::REGULATORY,
        visibility: Visibility::Tenant,
        producer: Some(ProducerId::from_stored(id(7))),
        counter: Some(number),
        seal: Some(Seal::from_bytes([0xa5; 32])),
    }
}
