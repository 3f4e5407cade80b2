use platform_core::error_chain;
use platform_crypto::{
    KeyProvider as _, LocalRoot, Malformation, RootKeyError, RootKeyRecord, Weakness, new_key_text,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::support::{key_of_a_tenant, opens, shows, sources};

/// The text of a key of these bytes, as the documentation describes it.
fn text_of(key: [u8; 32]) -> String {
    let sum = Sha256::new()
        .chain_update("pcroot1_")
        .chain_update(key)
        .finalize();
    let digits: String = key
        .iter()
        .chain(&sum[..4])
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("pcroot1_{digits}")
}

#[tokio::test]
async fn the_first_key_of_a_text_wraps_and_every_one_unwraps() {
    let (old, new) = (new_key_text(&sources()), new_key_text(&sources()));
    let before = LocalRoot::from_text(&old, &sources()).unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = before.wrap(&context, &key).await.unwrap();

    let text = format!("# newest first\n\n  {}\r\n{}\n", *new, *old);
    let root = LocalRoot::from_text(&text, &sources()).unwrap();
    let moved = root.rewrap(&context, &wrapped).await.unwrap().unwrap();

    assert!(opens(&root, &context, &wrapped, &key).await);
    assert_eq!(moved.root, root.current());
    assert_eq!(
        root.current(),
        LocalRoot::from_text(&new, &sources()).unwrap().current()
    );
    assert_eq!(root.rewrap(&context, &moved).await.unwrap(), None);
    assert!(!opens(&before, &context, &moved, &key).await);
}

#[test]
fn an_environment_variable_separates_its_keys_by_commas_or_spaces() {
    let (one, two, three) = (
        new_key_text(&sources()),
        new_key_text(&sources()),
        new_key_text(&sources()),
    );

    let root = LocalRoot::from_text(&format!("{}, {} {}", *one, *two, *three), &sources()).unwrap();

    for text in [one, two, three] {
        assert!(root.holds(&LocalRoot::from_text(&text, &sources()).unwrap().current()));
    }
}

#[test]
fn a_key_has_the_documented_text() {
    let key: [u8; 32] = sources().bytes();

    assert!(LocalRoot::from_text(&text_of(key), &sources()).is_ok());
    assert!(
        LocalRoot::from_text(
            &text_of(key).to_uppercase().replace("PCROOT1", "pcroot1"),
            &sources()
        )
        .is_ok()
    );
}

#[test]
fn a_text_without_a_key_is_refused() {
    for text in ["", "\n\n", "# pcroot1_00"] {
        assert!(matches!(
            LocalRoot::from_text(text, &sources()),
            Err(RootKeyError::Empty)
        ));
    }
}

#[test]
fn a_mistyped_digit_is_told_from_another_key() {
    let text = new_key_text(&sources());
    for at in "pcroot1_".len()..text.len() {
        let mut typed = text.as_bytes().to_vec();
        typed[at] = if typed[at] == b'0' { b'1' } else { b'0' };
        let read = LocalRoot::from_text(std::str::from_utf8(&typed).unwrap(), &sources());
        assert!(matches!(
            read,
            Err(RootKeyError::Malformed {
                line: 1,
                found: Malformation::Checksum
            })
        ));
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let text = new_key_text(&sources());

    let read = LocalRoot::from_text(&format!("{}\n{}", *text, *text), &sources());

    assert!(matches!(read, Err(RootKeyError::Repeated { line: 2 })));
}

#[test]
fn more_keys_than_a_rotation_needs_are_refused() {
    let text: String = (0..17)
        .map(|_| format!("{}\n", *new_key_text(&sources())))
        .collect();

    assert!(matches!(
        LocalRoot::from_text(&text, &sources()),
        Err(RootKeyError::TooMany { max: 16 })
    ));
}

// C11
#[test]
fn well_known_and_patterned_keys_are_refused() {
    let counting: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let known = [
        ([0; 32], Weakness::Pattern),
        ([0xff; 32], Weakness::Pattern),
        (counting, Weakness::Pattern),
        (*b"0123456789abcdef0123456789abcdef", Weakness::Pattern),
        (*b"an example very very secret key.", Weakness::Pattern),
        (Sha256::digest("").into(), Weakness::WellKnown),
        (Sha256::digest("password").into(), Weakness::WellKnown),
        (Sha256::digest("changeme").into(), Weakness::WellKnown),
    ];

    for (key, weakness) in known {
        let read = LocalRoot::from_text(&text_of(key), &sources());
        assert!(
            matches!(read, Err(RootKeyError::Weak(found)) if found == weakness),
            "{read:?}"
        );
    }
}

// C11
#[test]
fn the_root_key_of_the_tests_cannot_be_configured() {
    let published = include_str!("../root.key");
    let tests = LocalRoot::insecure_for_tests(&sources());

    let read = LocalRoot::from_text(published, &sources());

    assert!(
        matches!(read, Err(RootKeyError::Weak(Weakness::WellKnown))),
        "{read:?}"
    );
    assert_eq!(tests.current().to_string(), "key:4dd77e3d");
}

// C9, C10
#[test]
fn no_error_shows_a_character_of_a_key() {
    let key: [u8; 32] = sources().bytes();
    let text = text_of(key);
    let wrong = [
        text[..text.len() - 2].to_owned(),
        format!("{text}0a"),
        text.replace("pcroot1_", ""),
        text.replace("pcroot1_", "pcroot2_"),
        format!("{}zz", &text[..text.len() - 2]),
        format!("{}00", &text[..text.len() - 2]),
        format!("{text}\n{text}"),
        format!("{}é", &text[..text.len() - 2]),
        format!("= \"{text}\""),
    ];

    for wrong in wrong {
        let error = LocalRoot::from_text(&wrong, &sources()).unwrap_err();
        let shown = format!("{error} {error:?} {}", error_chain(&error));
        assert!(
            !shows(&shown, &key) && !shows(&shown, &text.as_bytes()[8..]),
            "{shown}"
        );
    }
    let root = LocalRoot::from_text(&text, &sources()).unwrap();
    assert!(!shows(&format!("{root:?}"), &key));
}

#[tokio::test]
async fn a_service_with_another_key_than_the_database_remembers_is_refused() {
    let (remembered, configured) = (LocalRoot::ephemeral(&sources()), LocalRoot::ephemeral(&sources()));
    let record = remembered.prepare(&[]).await.unwrap();

    let prepared = configured.prepare(&[record]).await.unwrap_err();

    let text = prepared.to_string();
    assert!(text.contains(remembered.current().as_str()), "{text}");
    let known = [RootKeyRecord::new(configured.current())];
    assert_eq!(
        configured.prepare(&known).await.unwrap().root,
        configured.current()
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_showing_it(text in "(pcroot1_[0-9a-zA-Z]{0,80}|[ -~]{0,120}|\\PC{0,40})") {
        if let Err(error) = LocalRoot::from_text(&text, &sources()) {
            let own = "line is not a root key: pcroot1_ and 72 hexadecimal digits, but it has characters behind the prefix no";
            let shown = error.to_string();
            let windows: Vec<char> = text.chars().collect();
            for window in windows.windows(12) {
                let window: String = window.iter().collect();
                prop_assert!(!shown.contains(&window) || own.contains(window.trim()), "{}", shown);
            }
        }
    }
}
