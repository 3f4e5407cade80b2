//! The derive of `platform-crypto`. Use it through that crate's feature `derive`.

mod expand;
mod model;
mod names;
mod statements;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a row with sealed columns open and seal itself.
///
/// It goes on a struct that reads its row (`sqlx::FromRow`). Its sealed columns are the fields of the type `Sealed<T>` or
/// `Option<Sealed<T>>`, found by that name; every other field is copied.
///
/// | attribute | on | says |
/// |---|---|---|
/// | `#[sealed(table = "shop.customer")]` | the struct | the table, with its schema |
/// | `#[sealed(tenant)]` | one field | the `TenantId` whose row it is |
/// | `#[sealed(row)]` | one field | the row's id: an `id_type!` or a `Uuid` |
/// | `#[sealed(subject)]` | a field, if any | whom the row is about, an id or an `Option` of one, which may be the row's own id: it is sealed under that subject's key |
/// | `#[sealed(column = "full_name")]` | any field above | the column's name where it is not the field's |
/// | `#[sealed(padded = 64)]` | a sealed field | hides the length: plaintexts are padded to a multiple of 16, 64 or 256 bytes |
/// | `#[sealed(index = EMAIL_INDEX)]` | a sealed field of text | the constant of the `BlindIndex` it is tagged in, so that the job tags it anew |
/// | `#[sealed(index = EMAIL)]` | a sealed field of text | the `BlindIndex` it is tagged in, for the re-sealing job to tag anew |
///
/// For `struct Customer` with a field `email: Sealed<String>` it makes:
///
/// - `OpenedCustomer`, the same struct with `email: Secret<String>`;
/// - `Customer::EMAIL`, the `Column<String>` that seals and opens a single value;
/// - `Customer::open(&self, &keys)` and `OpenedCustomer::seal(&self, &keys)`;
/// - `impl SealedRow for Customer`, which lists and the re-sealing job go by.
#[proc_macro_derive(SealedRow, attributes(sealed))]
pub fn sealed_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let expanded = match model::Row::parse(&input) {
        Ok(row) => expand::expand(&row),
        Err(refused) => refused.into_compile_error(),
    };
    expanded.into()
}
