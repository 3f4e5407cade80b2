//! Transit.

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Answer, Call, refused};

const NO_CONTEXT: &str = "missing 'context' for key derivation; the key was created using a derived key, which means additional, \
                          per-request information must be included in order to perform operations with the key";
const NOT_AUTHENTIC: &str = "cipher: message authentication failed";

#[derive(Default)]
pub(crate) struct Transit {
    keys: BTreeMap<String, Key>,
}

struct Key {
    derived: bool,
    /// Version 1 is the first.
    versions: Vec<[u8; 32]>,
    min_decryption: usize,
}

impl Transit {
    pub(crate) fn answer(&mut self, call: &Call<'_>, path: &str) -> Answer {
        let parts: Vec<&str> = path.split('/').collect();
        let unknown = || refused(400, "encryption key not found");
        match (call.method, parts.as_slice()) {
            ("GET", ["keys", name]) => self
                .keys
                .get(*name)
                .map(|key| key.described(name))
                .ok_or_else(|| refused(404, "")),
            (_, ["keys", name]) => {
                let derived = call.body["derived"].as_bool().unwrap_or(false);
                self.keys
                    .entry((*name).to_owned())
                    .or_insert_with(|| Key::new(derived, call));
                Ok(Value::Null)
            }
            (_, ["keys", name, "rotate"]) => {
                let key = self.keys.get_mut(*name).ok_or_else(unknown)?;
                key.versions.push(call.sources.bytes());
                Ok(Value::Null)
            }
            (_, ["keys", name, "config"]) => self.keys.get_mut(*name).ok_or_else(unknown)?.configured(call),
            (_, ["encrypt", name]) => {
                // Who may create keys creates the key by using it.
                let derived = !call.body["context"].is_null();
                let key = self
                    .keys
                    .entry((*name).to_owned())
                    .or_insert_with(|| Key::new(derived, call));
                let plain = bytes(call, "plaintext")?;
                Ok(
                    json!({ "data": { "ciphertext": key.encrypt(call, &plain, true)?, "key_version": key.versions.len() } }),
                )
            }
            (_, ["decrypt", name]) => {
                let plain = self.keys.get(*name).ok_or_else(unknown)?.decrypt(call, true)?;
                Ok(json!({ "data": { "plaintext": STANDARD.encode(plain) } }))
            }
            (_, ["rewrap", name]) => {
                let key = self.keys.get(*name).ok_or_else(unknown)?;
                // A real server ignores associated data here, so what was encrypted with some does not open.
                let plain = key.decrypt(call, false)?;
                Ok(
                    json!({ "data": { "ciphertext": key.encrypt(call, &plain, false)?, "key_version": key.versions.len() } }),
                )
            }
            (_, ["datakey", form, name]) => {
                let plain: [u8; 32] = call.sources.bytes();
                let ciphertext = self
                    .keys
                    .get(*name)
                    .ok_or_else(unknown)?
                    .encrypt(call, &plain, true)?;
                match *form {
                    "plaintext" => Ok(
                        json!({ "data": { "ciphertext": ciphertext, "plaintext": STANDARD.encode(plain) } }),
                    ),
                    _ => Ok(json!({ "data": { "ciphertext": ciphertext } })),
                }
            }
            _ => Err(refused(404, "")),
        }
    }
}

impl Key {
    fn new(derived: bool, call: &Call<'_>) -> Self {
        Self {
            derived,
            versions: vec![call.sources.bytes()],
            min_decryption: 1,
        }
    }

    fn described(&self, name: &str) -> Value {
        let keys = (1..=self.versions.len()).map(|version| (version.to_string(), json!(1_767_323_045)));
        json!({ "data": {
            "name": name, "type": "aes256-gcm96", "derived": self.derived, "deletion_allowed": false, "exportable": false,
            "allow_plaintext_backup": false, "latest_version": self.versions.len(), "min_available_version": 0,
            "min_decryption_version": self.min_decryption, "min_encryption_version": 0, "supports_encryption": true,
            "supports_decryption": true, "supports_derivation": true, "supports_signing": false,
            "keys": keys.collect::<serde_json::Map<_, _>>(),
        } })
    }

    fn configured(&mut self, call: &Call<'_>) -> Answer {
        if let Some(least) = call.body["min_decryption_version"].as_u64() {
            let least = usize::try_from(least).unwrap();
            if least > self.versions.len() {
                return Err(refused(
                    400,
                    "cannot set min decryption version of more than the latest key version",
                ));
            }
            self.min_decryption = least;
        }
        Ok(Value::Null)
    }

    fn cipher(&self, version: usize, call: &Call<'_>) -> Result<Aes256Gcm, (u16, Value)> {
        let key = self.versions[version - 1];
        if !self.derived {
            return Ok(Aes256Gcm::new(&key.into()));
        }
        let context = bytes(call, "context")?;
        if context.is_empty() {
            return Err(refused(400, NO_CONTEXT));
        }
        let mut derived = [0; 32];
        Hkdf::<Sha256>::new(None, &key)
            .expand(&context, &mut derived)
            .unwrap();
        Ok(Aes256Gcm::new(&derived.into()))
    }

    fn encrypt(&self, call: &Call<'_>, msg: &[u8], with_associated: bool) -> Result<String, (u16, Value)> {
        let version = self.versions.len();
        let nonce: [u8; 12] = call.sources.bytes();
        let aad = if with_associated {
            bytes(call, "associated_data")?
        } else {
            Vec::new()
        };
        let sealed = self
            .cipher(version, call)?
            .encrypt(&nonce.into(), Payload { msg, aad: &aad })
            .unwrap();
        Ok(format!(
            "vault:v{version}:{}",
            STANDARD.encode([nonce.as_slice(), &sealed].concat())
        ))
    }

    fn decrypt(&self, call: &Call<'_>, with_associated: bool) -> Result<Vec<u8>, (u16, Value)> {
        let text = call.body["ciphertext"].as_str().unwrap_or_default();
        let parts = text.strip_prefix("vault:v").and_then(|rest| rest.split_once(':'));
        let (version, text) = parts.ok_or_else(|| refused(400, "invalid ciphertext: no prefix"))?;
        let version: usize = version
            .parse()
            .map_err(|_| refused(400, "invalid ciphertext: version number could not be decoded"))?;
        // A real server reads the version 0 of its first releases as 1.
        let version = version.max(1);
        if version > self.versions.len() {
            return Err(refused(400, "invalid ciphertext: version is too new"));
        }
        if version < self.min_decryption {
            return Err(refused(
                400,
                "ciphertext or signature version is disallowed by policy (too old)",
            ));
        }
        let sealed = STANDARD
            .decode(text)
            .map_err(|_| refused(400, "invalid ciphertext: could not decode base64"))?;
        let (nonce, msg) = sealed
            .split_first_chunk::<12>()
            .ok_or_else(|| refused(400, NOT_AUTHENTIC))?;
        let aad = if with_associated {
            bytes(call, "associated_data")?
        } else {
            Vec::new()
        };
        let opened = self
            .cipher(version, call)?
            .decrypt(&(*nonce).into(), Payload { msg, aad: &aad });
        opened.map_err(|_| refused(400, NOT_AUTHENTIC))
    }
}

fn bytes(call: &Call<'_>, name: &str) -> Result<Vec<u8>, (u16, Value)> {
    let text = call.body[name].as_str().unwrap_or_default();
    STANDARD
        .decode(text)
        .map_err(|_| refused(400, &format!("failed to base64-decode {name}")))
}
