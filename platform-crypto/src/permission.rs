//! What may be done with keys and with data subjects, by name.

use platform_core::Permission;

/// See a tenant's keys and how far the re-sealing is.
pub const KEYS_READ: Permission = Permission::new("keys:read");

/// Rotate and destroy a tenant's keys, and seal anew what is under older ones.
pub const KEYS_MANAGE: Permission = Permission::new("keys:manage");

/// Erase a data subject.
pub const SUBJECTS_ERASE: Permission = Permission::new("subjects:erase");

/// Place and release the legal holds that keep a data subject from being erased, and see them.
pub const SUBJECTS_HOLD: Permission = Permission::new("subjects:hold");
