use platform_audit::{KeyName, NoteSigner, SignerKeyError, VerifierKey, VerifierKeyError, Verifiers};
use platform_crypto::Secret;
use proptest::prelude::*;

use crate::support::{signer, sources};

/// The example of C2SP `signed-note`.
pub(crate) const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// The keys in the documentation and the tests of Go's `golang.org/x/mod/sumdb/note`.
pub(crate) const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub(crate) const PETER_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
pub(crate) const ENOCH_KEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";

fn read(text: &str) -> Result<NoteSigner, SignerKeyError> {
    NoteSigner::from_text(&Secret::new(text.to_owned()))
}

#[test]
fn published_keys_are_read_and_written_alike() {
    // The last two have a '+' within their base64.
    for text in [
        EXAMPLE_KEY,
        PETER_KEY,
        ENOCH_KEY,
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ] {
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }
    let peter = read(PETER_SIGNER).unwrap();
    assert_eq!(peter.to_text().expose(), PETER_SIGNER);
    assert_eq!(peter.verifier_key().to_string(), PETER_KEY);
}

#[test]
fn a_malformed_verifier_key_is_refused() {
    let refused = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    for text in [
        "",
        "+",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo++530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==",
    ] {
        assert_eq!(refused(text), VerifierKeyError::Malformed, "{text:?}");
    }
    assert!(matches!(
        refused(&EXAMPLE_KEY.replace("example", "exa mple")),
        VerifierKeyError::Name(_)
    ));
    assert_eq!(
        refused(&EXAMPLE_KEY.replace("530d903a", "530d903b")),
        VerifierKeyError::WrongId
    );
    assert_eq!(
        refused(&EXAMPLE_KEY.replace("foo", "bar")),
        VerifierKeyError::WrongId
    );
    assert_eq!(
        refused("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"),
        VerifierKeyError::UnknownType(4)
    );
}

#[test]
fn a_key_of_small_order_is_refused() {
    // The neutral element of the curve: under it one signature fits every text.
    let text = "example.com/foo+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(
        text.parse::<VerifierKey>().unwrap_err(),
        VerifierKeyError::Unsound
    );
}

#[test]
fn a_malformed_signer_key_is_refused_without_being_shown() {
    for text in [
        "",
        "PRIVATE+KEY+",
        "PRIVATE+KEY+a+b",
        PETER_KEY,
        &PETER_SIGNER[1..],
        &PETER_SIGNER[..60],
    ] {
        assert_eq!(read(text).unwrap_err(), SignerKeyError::Malformed, "{text:?}");
    }
    assert_eq!(
        read(&PETER_SIGNER.replace("c74f20a3", "c74f20a4")).unwrap_err(),
        SignerKeyError::WrongId
    );
    assert_eq!(
        read(&PETER_SIGNER.replace("+AYE", "+BYE")).unwrap_err(),
        SignerKeyError::UnknownType
    );
    assert!(matches!(
        read(&PETER_SIGNER.replace("Peter", "Peter ")).unwrap_err(),
        SignerKeyError::Name(_)
    ));
}

#[test]
fn a_signer_shows_its_name_and_not_its_key() {
    let peter = read(PETER_SIGNER).unwrap();
    assert_eq!(format!("{peter:?}"), "NoteSigner(PeterNeumann, key c74f20a3)");
    assert_eq!(format!("{:?}", peter.to_text()), "Secret(..)");
}

#[test]
fn a_key_under_another_name_has_another_id() {
    let one = signer("audit.example.com/one");
    let two = one.renamed("audit.example.com/two".parse().unwrap());
    assert_ne!(one.verifier_key().id(), two.verifier_key().id());
    assert!(Verifiers::new([one.verifier_key(), two.verifier_key()]).is_ok());
    assert!(Verifiers::new([one.verifier_key(), one.verifier_key()]).is_err());
}

#[test]
fn a_name_without_meaning_in_a_note_is_refused() {
    for name in [
        "",
        " ",
        "a b",
        "a+b",
        "a\nb",
        "a\u{a0}b",
        "a\u{2003}b",
        "a\u{0}",
        &"a".repeat(257),
    ] {
        assert!(name.parse::<KeyName>().is_err(), "{name:?}");
    }
    assert!("a".repeat(256).parse::<KeyName>().is_ok());
    assert!("журнал.example/аудит".parse::<KeyName>().is_ok());
}

proptest! {
    #[test]
    fn a_generated_key_is_read_as_it_was_written(name in "[^\\s\\p{Cc}+]{1,40}") {
        let signer = NoteSigner::generate(name.parse().unwrap(), &sources());
        let again = NoteSigner::from_text(&signer.to_text()).unwrap();
        prop_assert_eq!(again.verifier_key(), signer.verifier_key());
        let text = signer.verifier_key().to_string();
        prop_assert_eq!(text.parse::<VerifierKey>().unwrap(), signer.verifier_key());
    }
}
