//! The key of a log and its file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;

use platform_audit::{LogKey, LogKeyError, NoteSigner, SignedNote};
use platform_core::{Sources, TenantId};
use platform_crypto::Secret;
use tempfile::TempDir;

use crate::support::log_key;

const HOST: &str = "audit.example.com";

fn tenant() -> TenantId {
    TenantId::generate(&Sources::system())
}

fn from_text(text: impl Into<String>) -> Result<LogKey, LogKeyError> {
    LogKey::from_text(&Secret::new(text.into()))
}

#[test]
fn a_key_is_read_as_it_was_written() {
    let key = log_key();
    let tenant = tenant();

    let read = LogKey::from_text(&key.to_text()).unwrap();

    assert_eq!(read.verifier(tenant), key.verifier(tenant));
    assert_eq!(read.host().as_str(), HOST);
    // It is a key of C2SP signed notes in the text form of others' tools.
    let text = Secret::new(key.to_text().expose().trim().to_owned());
    let signer = NoteSigner::from_text(&text).unwrap();
    assert_eq!(signer.name().as_str(), HOST);
    assert_eq!(format!("{key:?}").matches("PRIVATE").count(), 0);
}

#[test]
fn what_is_signed_for_one_tenant_is_not_accepted_for_another() {
    let key = log_key();
    let (ours, theirs) = (tenant(), tenant());
    assert_eq!(key.origin(ours).as_str(), format!("{HOST}/audit/{ours}"));

    let note = SignedNote::sign("all is well\n", &[&key.signer(ours)]).unwrap();

    assert!(note.verify(&key.verifiers(ours)).is_ok());
    assert!(note.verify(&key.verifiers(theirs)).is_err());
}

#[test]
fn a_key_that_was_replaced_still_verifies() {
    let (old, new) = (log_key(), log_key());
    let tenant = tenant();
    let text = format!(
        "\n# newest first\n{}\n\n{}",
        new.to_text().expose(),
        old.to_text().expose()
    );
    let both = from_text(text).unwrap();

    for signer in [old.signer(tenant), new.signer(tenant)] {
        let note = SignedNote::sign("all is well\n", &[&signer]).unwrap();
        assert!(note.verify(&both.verifiers(tenant)).is_ok());
    }
    assert_eq!(both.verifier(tenant), new.verifier(tenant));
    let again = LogKey::from_text(&both.to_text()).unwrap();
    assert_eq!(again.to_text().expose(), both.to_text().expose());
    let note = SignedNote::sign("all is well\n", &[&old.signer(tenant)]).unwrap();
    assert!(note.verify(&new.verifiers(tenant)).is_err());
}

#[test]
fn a_text_that_is_no_key_is_refused_without_being_repeated() {
    assert!(matches!(from_text(""), Err(LogKeyError::Empty)));
    assert!(matches!(from_text("# nothing\n"), Err(LogKeyError::Empty)));
    let key = log_key().to_text().expose().to_owned();
    for text in [
        "hunter2".to_owned(),
        key.replacen("KEY", "key", 1),
        format!("{key}\nhunter2"),
    ] {
        let error = from_text(text).unwrap_err();
        assert!(matches!(error, LogKeyError::Malformed(_)));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let many = (0..17).map(|_| log_key().to_text().expose().to_owned());
    assert!(matches!(
        from_text(many.collect::<String>()),
        Err(LogKeyError::TooMany)
    ));
}

#[test]
fn a_host_that_cannot_name_a_log_is_refused() {
    for host in ["", "a b", "a+b", "a\n", &"h".repeat(201)] {
        assert!(
            matches!(LogKey::generate(host, &Sources::system()), Err(LogKeyError::Host)),
            "{host}"
        );
    }
    let longest = LogKey::generate(&"h".repeat(200), &Sources::system()).unwrap();
    assert!(longest.origin(tenant()).as_str().len() <= 256);
}

#[test]
fn a_file_is_made_once_for_its_owner_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("log.key");
    let tenant = tenant();

    let made = LogKey::read_or_create(&path, HOST, &Sources::system()).unwrap();
    let read = LogKey::read_or_create(&path, HOST, &Sources::system()).unwrap();

    assert_eq!(made.verifier(tenant), read.verifier(tenant));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("log.key");
    LogKey::read_or_create(&path, HOST, &Sources::system()).unwrap();

    for mode in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = LogKey::read_or_create(&path, HOST, &Sources::system());
        assert!(matches!(refused, Err(LogKeyError::Exposed { mode: found, .. }) if found == mode));
    }
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("log.key");
    let write = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let open = || LogKey::read_or_create(&path, HOST, &Sources::system());

    write(b"");
    assert!(matches!(open(), Err(LogKeyError::Empty)));
    write(b"\xff\xfe");
    assert!(matches!(open(), Err(LogKeyError::File { .. })));
    write(&vec![b'#'; 20_000]);
    assert!(matches!(open(), Err(LogKeyError::File { .. })));
    let other = LogKey::generate("other.example.com", &Sources::system()).unwrap();
    write(other.to_text().expose().as_bytes());
    assert!(matches!(open(), Err(LogKeyError::OtherHost { found }) if found.as_str() == "other.example.com"));
    assert_eq!(fs::read_to_string(&path).unwrap(), *other.to_text().expose());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(open(), Err(LogKeyError::File { .. })));
    let nowhere = directory.path().join("no/such/folder");
    let refused = LogKey::read_or_create(&nowhere, HOST, &Sources::system());
    assert!(matches!(refused, Err(LogKeyError::File { .. })));
}

#[test]
fn of_many_that_make_the_file_at_once_all_get_the_same_key() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("log.key");
    let barrier = Barrier::new(8);
    let tenant = tenant();

    let keys: Vec<_> = std::thread::scope(|scope| {
        let open = || {
            barrier.wait();
            LogKey::read_or_create(&path, HOST, &Sources::system())
                .unwrap()
                .verifier(tenant)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
