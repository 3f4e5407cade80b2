//! Keys of data subjects, and erasing a subject where no backup of the database brings it back.

mod puncturable;
mod segment;
mod store;
mod store_file;
#[cfg(feature = "vault")]
mod store_vault;

#[cfg(feature = "pg")]
mod cache;
#[cfg(feature = "pg")]
mod changes;
#[cfg(feature = "pg")]
mod ensure;
#[cfg(feature = "pg")]
mod erase;
#[cfg(feature = "pg")]
mod hold;
#[cfg(feature = "pg")]
mod key;
#[cfg(feature = "pg")]
mod open;
#[cfg(feature = "pg")]
mod presence;
#[cfg(feature = "pg")]
mod replay;
#[cfg(feature = "pg")]
mod rewrap;
#[cfg(feature = "pg")]
mod rows;
#[cfg(feature = "pg")]
mod wrap;

pub use puncturable::{PuncturableKey, Slot, SlotKey};
pub use segment::{InvalidSegment, SegmentId};
pub use store::{ErasureStore, ErasureStoreError, Revision, StoredSegment};
pub use store_file::FileErasureStore;
#[cfg(feature = "vault")]
pub use store_vault::VaultErasureStore;

#[cfg(feature = "pg")]
pub use erase::{EraseError, Erased, SubjectInfo};
#[cfg(feature = "pg")]
pub use hold::{Hold, HoldError};
#[cfg(feature = "pg")]
pub use key::SubjectKey;
#[cfg(feature = "pg")]
pub use rows::SubjectState;

#[cfg(feature = "pg")]
pub(crate) use cache::Subjects;
#[cfg(feature = "pg")]
pub(crate) use rows::{count_wrapped_by, share_state};

platform_core::id_type! {
    /// Names a data subject: the person whose fields are sealed under a key of their own. Usually the id of the user or customer.
    pub struct SubjectId;
    /// Names a legal hold.
    pub struct HoldId;
}
