//! Keys of data subjects, and erasing a subject where no backup of the database brings it back.

mod puncturable;
mod segment;
mod store;
mod store_file;

pub use puncturable::{PuncturableKey, Slot, SlotKey};
pub use segment::{InvalidSegment, SegmentId};
pub use store::{ErasureStore, ErasureStoreError, Revision, StoredSegment};
pub use store_file::FileErasureStore;
