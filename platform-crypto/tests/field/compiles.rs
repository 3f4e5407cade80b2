//! What the compiler refuses.

use std::fmt::Display;

use platform_crypto::{DataKey, FieldKey, Keys, Sealed, Secret, Subkey};
use serde::Serialize;

/// Compiles only when the type does not have the trait: otherwise `A` cannot be inferred.
macro_rules! assert_is_not {
    ($type:ty: $($trait:path),+) => {$({
        trait Ambiguous<A> {
            fn holds() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Has;
        impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
        <$type as Ambiguous<_>>::holds();
    })+};
}

// C25
#[test]
fn what_is_secret_cannot_be_shown_copied_or_compared_by_accident() {
    assert_is_not!(Secret<String>: Display, Serialize, Clone, PartialEq<Secret<String>>, AsRef<str>, std::ops::Deref);
    assert_is_not!(DataKey: Display, Serialize, Clone, PartialEq<DataKey>);
    assert_is_not!(Subkey: Display, Serialize, Clone, PartialEq<Subkey>);
    assert_is_not!(Sealed<String>: Display, Serialize);
    assert_is_not!(FieldKey: Display, Serialize);
    assert_is_not!(Keys: Display, Serialize);
}

#[test]
fn keys_and_values_go_between_threads() {
    fn assert_is<T: Send + Sync + 'static>() {}
    assert_is::<Keys>();
    assert_is::<FieldKey>();
    assert_is::<DataKey>();
    assert_is::<Sealed<std::rc::Rc<str>>>();
    assert_is::<Secret<String>>();
}

#[test]
fn a_field_cannot_be_sealed_or_opened_but_at_its_place() {
    trybuild::TestCases::new().compile_fail("tests/field/ui/*.rs");
}
