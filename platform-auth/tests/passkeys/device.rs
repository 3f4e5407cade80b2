//! A software authenticator with the browser before it: what WebAuthn (level 3, sections 5 and 6) has the two of them do, and what a
//! forger might have them do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use platform_core::Sources;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The page that the tests' service expects.
pub(crate) const ORIGIN: &str = "http://localhost:8080";

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// An authenticator with one passkey, once it has made it.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    pub(crate) counter: u32,
    /// How much the counter moves on with each answer.
    pub(crate) counts: u32,
    pub(crate) synced: bool,
    pub(crate) key: SigningKey,
}

/// How an answer differs from that of a decent browser and authenticator.
#[derive(Clone)]
pub(crate) struct Quirks {
    pub(crate) origin: String,
    pub(crate) rp_id: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) challenge: Option<Vec<u8>>,
    pub(crate) cross_origin: bool,
    pub(crate) present: bool,
    pub(crate) verified: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            origin: ORIGIN.to_owned(),
            rp_id: None,
            kind: None,
            challenge: None,
            cross_origin: false,
            present: true,
            verified: true,
        }
    }
}

impl Device {
    /// One that keeps its passkey to itself and counts.
    pub(crate) fn new() -> Self {
        let sources = Sources::system();
        Self {
            id: sources.bytes::<32>().to_vec(),
            handle: Vec::new(),
            counter: 0,
            counts: 1,
            synced: false,
            key: SigningKey::from_slice(&sources.bytes::<32>()).unwrap(),
        }
    }

    /// One that copies its passkey to others and does not count.
    pub(crate) fn synced() -> Self {
        Self {
            counts: 0,
            synced: true,
            ..Self::new()
        }
    }

    /// Makes the passkey, as `navigator.credentials.create` would.
    pub(crate) fn create(&mut self, options: &Value, quirks: &Quirks) -> Value {
        self.handle = bytes(&options["user"]["id"]);
        self.counter += self.counts;
        let client_data = client_data(options, "webauthn.create", quirks);
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), ATTESTED, quirks);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let attestation = Cbor::Map(vec![
            ("fmt".into(), "none".into()),
            ("attStmt".into(), Cbor::Map(Vec::new())),
            ("authData".into(), Cbor::Bytes(data)),
        ]);
        json!({
            "id": text(&self.id),
            "rawId": text(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "attestationObject": text(&cbor(&attestation)),
                "clientDataJSON": text(client_data.as_bytes()),
                "transports": ["internal", "smoke-signals"],
            },
        })
    }

    /// Shows the passkey, as `navigator.credentials.get` would.
    pub(crate) fn get(&mut self, options: &Value, quirks: &Quirks) -> Value {
        self.counter += self.counts;
        let client_data = client_data(options, "webauthn.get", quirks);
        let data = self.data(options["rpId"].as_str().unwrap(), 0, quirks);
        let signed = [data.as_slice(), &Sha256::digest(client_data.as_bytes())].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": text(&self.id),
            "rawId": text(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": text(&data),
                "clientDataJSON": text(client_data.as_bytes()),
                "signature": text(signature.to_der().as_bytes()),
                "userHandle": text(&self.handle),
            },
        })
    }

    /// Section 6.1: hash of the relying party's id (32), flags (1), counter (4).
    fn data(&self, rp_id: &str, more_flags: u8, quirks: &Quirks) -> Vec<u8> {
        let rp_id = quirks.rp_id.as_deref().unwrap_or(rp_id);
        let mut flags = more_flags;
        for (flag, is_set) in [
            (USER_PRESENT, quirks.present),
            (USER_VERIFIED, quirks.verified),
            (BACKUP_ELIGIBLE | BACKED_UP, self.synced),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let mut data = Sha256::digest(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// RFC 9053, section 7.1.1: an ES256 key on P-256.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let int = |number: i64| Cbor::Integer(number.into());
        let (x, y) = point.as_bytes()[1..].split_at(32);
        cbor(&Cbor::Map(vec![
            (int(1), int(2)),
            (int(3), int(-7)),
            (int(-1), int(1)),
            (int(-2), Cbor::Bytes(x.to_vec())),
            (int(-3), Cbor::Bytes(y.to_vec())),
        ]))
    }
}

/// Section 5.8.1.
fn client_data(options: &Value, kind: &str, quirks: &Quirks) -> String {
    let challenge = match &quirks.challenge {
        Some(challenge) => text(challenge),
        None => options["challenge"].as_str().unwrap().to_owned(),
    };
    json!({
        "type": quirks.kind.unwrap_or(kind),
        "challenge": challenge,
        "origin": quirks.origin,
        "crossOrigin": quirks.cross_origin,
    })
    .to_string()
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}
