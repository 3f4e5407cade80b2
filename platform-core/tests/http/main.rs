//! The HTTP stack through its router.
