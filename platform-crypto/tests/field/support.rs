//! Keys, tenants and rows of the tests.

use platform_core::uuid::Uuid;
use platform_core::{Sources, TenantId};
use platform_crypto::{Budget, Column, DataKey, FieldContext, FieldKey, Keys, Plaintext};

pub(crate) const EMAIL: Column<String> = Column::new("crm.customer", "email");
pub(crate) const NAME: Column<String> = Column::new("crm.customer", "name");
pub(crate) const NOTE: Column<Vec<u8>> = Column::new("crm.customer", "note");

pub(crate) fn sources() -> Sources {
    Sources::system()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::generate(&sources())
}

pub(crate) fn row() -> Uuid {
    sources().uuid_v7()
}

pub(crate) fn field_key() -> FieldKey {
    FieldKey::new(DataKey::generate(&sources()))
}

pub(crate) fn keys(tenant: TenantId) -> Keys {
    Keys::new(tenant, field_key(), Budget::unlimited())
}

/// A place of its own for a value.
pub(crate) fn somewhere<T: Plaintext>(column: &Column<T>) -> FieldContext<'_, T> {
    column.at(tenant(), row())
}

pub(crate) fn text(value: &str) -> String {
    value.to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
