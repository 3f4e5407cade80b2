//! A row with sealed fields opens and seals itself, and a struct that cannot be one is refused with a reason.

use platform_core::{Sources, TenantId};
use platform_crypto::{
    Budget, DataKey, FieldKey, Keys, OpenError, Padding, RowId, Sealed, SealedRow, Secret, SubjectId,
};

platform_core::id_type! {
    struct CustomerId;
    struct PersonId;
}

/// A customer of a shop.
#[derive(Clone, SealedRow)]
#[sealed(table = "shop.customer")]
struct Customer {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row, column = "customer_id")]
    id: CustomerId,
    #[sealed(subject)]
    person: Option<PersonId>,
    /// Where to write to.
    #[sealed(padded = 64)]
    email: Sealed<String>,
    phone: Option<Sealed<String>>,
    #[sealed(column = "full_name")]
    r#type: Sealed<String>,
    photo: Option<Sealed<Vec<u8>>>,
    visits: i64,
}

fn keys(tenant: TenantId) -> Keys {
    let key = FieldKey::new(DataKey::generate(&Sources::system()));
    Keys::new(tenant, key, Budget::unlimited())
}

fn opened(tenant_id: TenantId) -> OpenedCustomer {
    let sources = Sources::system();
    OpenedCustomer {
        tenant_id,
        id: CustomerId::generate(&sources),
        person: Some(PersonId::generate(&sources)),
        email: Secret::new("ada@example.com".to_owned()),
        phone: None,
        r#type: Secret::new("Ada Lovelace".to_owned()),
        photo: Some(Secret::new(vec![1, 2, 3])),
        visits: 7,
    }
}

#[test]
fn a_row_opens_as_what_was_sealed() {
    let tenant = TenantId::generate(&Sources::system());
    let keys = keys(tenant);
    let before = opened(tenant);

    let row = before.seal(&keys).unwrap();
    let after = row.open(&keys).unwrap();

    assert_eq!(after.id, before.id);
    assert_eq!(after.visits, 7);
    assert_eq!(after.email.expose(), "ada@example.com");
    assert_eq!(after.r#type.expose(), "Ada Lovelace");
    assert_eq!(after.photo.unwrap().expose(), &[1, 2, 3]);
}

#[test]
fn null_stays_null() {
    let tenant = TenantId::generate(&Sources::system());
    let keys = keys(tenant);

    let row = opened(tenant).seal(&keys).unwrap();

    assert!(row.phone.is_none());
    assert!(row.open(&keys).unwrap().phone.is_none());
}

#[test]
fn every_sealed_column_has_a_constant_that_opens_a_single_value() {
    let tenant = TenantId::generate(&Sources::system());
    let keys = keys(tenant);
    let row = opened(tenant).seal(&keys).unwrap();

    let name = keys
        .open(&Customer::TYPE.at(tenant, row.id), &row.r#type)
        .unwrap();

    assert_eq!(name.expose(), "Ada Lovelace");
    assert_eq!(
        (Customer::TYPE.table(), Customer::TYPE.column()),
        ("shop.customer", "full_name")
    );
    assert_eq!(Customer::EMAIL.padding(), Some(Padding::To64));
    assert_eq!(Customer::PHONE.padding(), None);
}

// C1
#[test]
fn a_row_that_was_given_another_rows_values_does_not_open() {
    let tenant = TenantId::generate(&Sources::system());
    let keys = keys(tenant);
    let one = opened(tenant).seal(&keys).unwrap();
    let mut other = opened(tenant).seal(&keys).unwrap();

    other.email = one.email.clone();

    assert_eq!(other.open(&keys).unwrap_err(), OpenError::Tampered);
}

#[test]
fn a_row_names_its_keys_its_tenant_its_id_and_its_subject() {
    let tenant = TenantId::generate(&Sources::system());
    let keys = keys(tenant);
    let row = opened(tenant).seal(&keys).unwrap();

    assert_eq!(row.key_ids(), vec![keys.sealing_id().unwrap(); 3]);
    assert_eq!(row.tenant(), tenant);
    assert_eq!(row.row(), RowId::from(row.id));
    assert_eq!(
        row.subject().map(SubjectId::as_uuid),
        row.person.map(PersonId::as_uuid)
    );
}

#[test]
fn a_table_names_its_sealed_columns() {
    let columns: Vec<&str> = Customer::TABLE
        .columns()
        .iter()
        .map(|column| column.name())
        .collect();

    assert_eq!(Customer::TABLE.name(), "shop.customer");
    assert_eq!(columns, ["email", "phone", "full_name", "photo"]);
    assert!(Customer::TABLE.has_subject());
}

#[test]
fn an_opened_row_shows_its_id_alone() {
    let tenant = TenantId::generate(&Sources::system());
    let row = opened(tenant);

    let shown = format!("{row:?}");

    assert!(shown.contains(&row.id.to_string()), "{shown}");
    assert!(
        !shown.contains("Lovelace") && !shown.contains("example"),
        "{shown}"
    );
}

#[test]
fn a_row_may_be_about_the_subject_it_is_named_by() {
    #[derive(SealedRow)]
    #[sealed(table = "shop.person")]
    struct Person {
        #[sealed(tenant)]
        tenant_id: TenantId,
        #[sealed(row, subject)]
        id: PersonId,
        name: Sealed<String>,
    }
    let sources = Sources::system();
    let (tenant_id, id) = (TenantId::generate(&sources), PersonId::generate(&sources));
    let person = OpenedPerson {
        tenant_id,
        id,
        name: Secret::new("Ada".to_owned()),
    };

    let row = person.seal(&keys(tenant_id)).unwrap();

    assert_eq!(row.subject().map(SubjectId::as_uuid), Some(id.as_uuid()));
    assert_eq!(row.row().as_uuid(), id.as_uuid());
}

#[test]
fn a_struct_that_is_no_sealed_row_is_refused_with_a_reason() {
    trybuild::TestCases::new().compile_fail("tests/derive_errors/*.rs");
}
