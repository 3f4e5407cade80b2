//! What may be done with the trail, by name.

use platform_core::Permission;

/// Look through a tenant's trail, and have its events proven.
pub const AUDIT_READ: Permission = Permission::new("audit:read");

/// Take a tenant's trail, or a part of it, out of the platform.
pub const AUDIT_EXPORT: Permission = Permission::new("audit:export");

/// Place and release the holds that keep events from being deleted.
pub const AUDIT_HOLD: Permission = Permission::new("audit:hold");

/// See the events too that are hidden from the tenant. For the platform's own staff.
pub const AUDIT_PLATFORM: Permission = Permission::new("audit:platform");
