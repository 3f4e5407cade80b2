//! Sealing and opening a field.

mod aad;
mod budget;
mod cipher;
mod column;
mod column_ciphers;
mod context;
mod error;
mod field_key;
mod header;
mod keys;
mod nonce;
mod padding;
#[cfg(feature = "pg")]
mod pg;
mod plaintext;
mod sealed;

pub use budget::Budget;
pub use column::{Column, Padding};
pub use context::{FieldContext, RowId};
pub use error::{OpenError, SealError};
pub use field_key::FieldKey;
pub use header::OVERHEAD_BYTES;
pub use keys::{Keys, OpenKeys, SealKeys};
pub use plaintext::{NotPlaintext, PLAINTEXT_BYTES_MAX, Plaintext};
pub use sealed::{NotSealedText, Sealed};
