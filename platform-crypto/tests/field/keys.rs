//! What a tenant's keys know and what they refuse.

use platform_crypto::{
    DataKey, KeyId, KeyState, Keys, OpenKeys, PLAINTEXT_BYTES_MAX, Purpose, SealError, SealKeys, Sealed,
};

use crate::support::*;

#[test]
fn the_sealing_key_opens_too() {
    let at = somewhere(&EMAIL);
    let keys = keys(at.tenant());
    let sealed = keys.seal(&at, &text("ada@example.com")).unwrap();

    assert_eq!(sealed.key_id().ok(), keys.sealing_id());
    assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "ada@example.com");
}

#[test]
fn an_empty_value_is_sealed_like_any_other() {
    let at = somewhere(&EMAIL);
    let keys = keys(at.tenant());
    let sealed = keys.seal(&at, &text("")).unwrap();

    assert_eq!(sealed.as_bytes().len(), 46);
    assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "");
}

#[test]
fn keys_for_opening_only_seal_nothing() {
    let at = somewhere(&EMAIL);
    let key = field_key();
    let keys = Keys::opening_only(at.tenant()).with_opening(key.clone());
    let sealed = key.seal(&at, &text("ada@example.com")).unwrap();

    assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "ada@example.com");
    assert_eq!(
        keys.seal(&at, &text("ada@example.com")).unwrap_err(),
        SealError::NoSealingKey
    );
}

#[test]
fn the_longest_value_is_sealed_and_a_longer_one_is_not() {
    let at = somewhere(&NOTE);
    let key = field_key();

    let mut value = vec![7; PLAINTEXT_BYTES_MAX];
    assert!(key.seal(&at, &value).is_ok());

    value.push(7);
    assert_eq!(key.seal(&at, &value).unwrap_err(), SealError::TooLong);
}

#[test]
fn what_has_to_be_loaded_for_a_list_is_named_once() {
    let (here, destroyed, missing) = (field_key(), field_key(), field_key());
    let keys = keys(tenant())
        .with_opening(here.clone())
        .with_destroyed(destroyed.id());
    let sealing = keys.sealing_id().unwrap();

    let ids = [missing.id(), here.id(), sealing, destroyed.id(), missing.id()];

    assert_eq!(keys.missing(ids), [missing.id()]);
}

#[test]
fn a_snapshot_does_not_change_when_another_is_made_of_it() {
    let before = keys(tenant());
    let key = field_key();

    let after = before.clone().with_opening(key.clone());

    assert!(after.contains(key.id()));
    assert!(!before.contains(key.id()));
}

#[test]
fn code_can_be_written_for_whatever_seals_and_opens() {
    fn round_trip(
        keys: &(impl SealKeys + OpenKeys),
        at: &platform_crypto::FieldContext<'_, String>,
    ) -> String {
        let sealed: Sealed<String> = keys.seal(at, &text("ada@example.com")).unwrap();
        keys.open(at, &sealed).unwrap().expose().clone()
    }
    let at = somewhere(&EMAIL);

    assert_eq!(round_trip(&keys(at.tenant()), &at), "ada@example.com");
    assert_eq!(round_trip(&field_key(), &at), "ada@example.com");
}

#[test]
fn the_id_of_a_key_is_computed_from_it() {
    let one = DataKey::from_bytes([1; 32]);
    assert_eq!(one.id(), DataKey::from_slice(&[1; 32]).unwrap().id());
    assert_ne!(one.id(), DataKey::from_bytes([2; 32]).id());
    assert_eq!(one.id().to_string().parse::<KeyId>(), Ok(one.id()));
}

#[test]
fn states_and_purposes_are_read_as_they_are_written() {
    use KeyState::{Active, DecryptOnly, Destroyed, PreActive};
    for state in [PreActive, Active, DecryptOnly, Destroyed] {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for purpose in [Purpose::Data, Purpose::Index] {
        assert_eq!(purpose.as_str().parse(), Ok(purpose));
    }
    assert!("Active".parse::<KeyState>().is_err());
}
