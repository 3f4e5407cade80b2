//! Events in the words of the Open Cybersecurity Schema Framework.

mod class;
mod event;
mod people;

pub use event::{OCSF_VERSION, ocsf_event};
