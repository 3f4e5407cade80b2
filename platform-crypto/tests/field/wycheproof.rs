//! Project Wycheproof's vectors for what keys are derived with. Those for AES-GCM are with the cipher, in `src/field/cipher.rs`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use platform_crypto::{DataKey, Label};
use sha2::Sha256;
use wycheproof::{hkdf as hkdf_vectors, mac, pbkdf2 as pbkdf2_vectors};

#[test]
fn hkdf_sha256_agrees_with_every_vector() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let mut checked = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut derived = vec![0; test.size];
        let hkdf = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm);
        let made = hkdf.expand(&test.info, &mut derived).is_ok();
        assert_eq!(made, !test.result.must_fail(), "{}", test.tc_id);
        assert!(!made || derived == *test.okm, "{}", test.tc_id);
        checked += 1;
    }
    assert_eq!(checked, set.number_of_tests);
    assert!(checked > 80);
}

#[test]
fn hmac_sha256_agrees_with_every_vector() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let mut hmac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap();
            hmac.update(&test.msg);
            let verified =
                hmac.verify_truncated_left(&test.tag).is_ok() && test.tag.len() * 8 == group.tag_size;
            assert_eq!(verified, !test.result.must_fail(), "{}", test.tc_id);
            checked += 1;
        }
    }
    assert_eq!(checked, set.number_of_tests);
    assert!(checked > 150);
}

#[test]
fn pbkdf2_sha256_agrees_with_every_vector() {
    let set = pbkdf2_vectors::TestSet::load(pbkdf2_vectors::TestName::Pbkdf2HmacSha256).unwrap();
    let mut checked = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut derived = vec![0; test.dk_len];
        let rounds = u32::try_from(test.iteration_count).unwrap();
        pbkdf2::pbkdf2::<Hmac<Sha256>>(&test.password, &test.salt, rounds, &mut derived).unwrap();
        assert_eq!(derived == *test.dk, !test.result.must_fail(), "{}", test.tc_id);
        checked += 1;
    }
    assert_eq!(checked, set.number_of_tests);
    assert!(checked > 50);
}

#[test]
fn a_subkey_is_hkdf_without_salt_over_the_label() {
    let label: &[&[u8]] = &[b"field", b"crm.customer", b"email"];
    let info = b"platform-crypto/v1\0\x05field\0\x0ccrm.customer\0\x05email";
    assert_eq!(Label::new(label).to_info(), info);

    let mut expected = [0; 32];
    Hkdf::<Sha256>::new(None, &[7; 32])
        .expand(info, &mut expected)
        .unwrap();

    let subkey = DataKey::from_bytes([7; 32]).subkey(&Label::new(label));
    assert_eq!(subkey.expose_bytes(), &expected);
}
