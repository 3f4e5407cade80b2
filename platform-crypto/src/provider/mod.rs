//! Where root keys are kept: what wraps a tenant's data keys.

mod chain;
mod error;
mod key_file;
mod key_text;
mod local;
mod passphrase;
mod passphrase_root;
mod phc;
mod root_key;
mod traits;
mod weak;
mod wrapping;

pub use chain::RootChain;
pub use error::{Malformation, ProviderError, RootKeyError};
pub use key_file::{create_key_file, prepend_key};
pub use key_text::{KEY_TEXT_PREFIX, new_key_text};
pub use local::LocalRoot;
pub use passphrase::{PASSPHRASE_ITERATIONS, Passphrase};
pub use passphrase_root::PassphraseRoot;
pub use traits::{KeyProvider, RootKeyRecord};
pub use weak::Weakness;
pub use wrapping::{InvalidRootKeyRef, RootKeyRef, WrapContext, WrappedKey};
