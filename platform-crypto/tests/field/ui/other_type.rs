//! A value of one column's type is not opened as another's.

use platform_crypto::{Column, FieldContext, Keys, OpenError, Sealed, Secret};

const EMAIL: Column<String> = Column::new("crm.customer", "email");

fn open(keys: &Keys, at: &FieldContext<'_, String>, photo: &Sealed<Vec<u8>>) -> Result<Secret<String>, OpenError> {
    keys.open(at, photo)
}

fn main() {}
