//! Data keys: what they are called, what state they are in and what is derived from them.

mod data_key;
mod id;
mod label;
mod state;

pub use data_key::{DataKey, Subkey, WrongKeyLength};
pub use id::{KeyId, ParseKeyIdError};
pub use label::Label;
pub use state::{KeyState, Purpose, UnknownWord};
