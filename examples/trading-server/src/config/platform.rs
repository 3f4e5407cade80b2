//! What the platform itself is.

use platform_core::pg::Slug;

use super::reader::Reader;

/// Who looks after all tenants, and whether their host names are verified.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// The tenant whose admins are the operators of the platform; `None` for no operators.
    pub tenant: Option<Slug>,
    /// Ask the DNS whose a host name is.
    pub verify_hosts: bool,
}

/// Reads the section `platform`.
pub(super) fn platform(reader: &mut Reader) -> PlatformSettings {
    PlatformSettings {
        tenant: reader.parsed(
            "platform.tenant",
            "the short name of a tenant such as platform",
            |text| text.parse().ok(),
        ),
        verify_hosts: reader.truth("platform.verify_hosts"),
    }
}
