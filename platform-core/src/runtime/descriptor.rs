//! What a module says about itself before it is built.

use semver::{Version, VersionReq};

use crate::PermissionInfo;

/// How badly a module needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// The module cannot be built without it.
    Hard,
    /// The module does more when it is there. When it is there its version must still match.
    Soft,
}

/// Another module that a module needs, and the versions it works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The other module's name.
    pub name: &'static str,
    /// The versions that will do.
    pub versions: VersionReq,
    /// What happens when it is absent.
    pub need: Need,
}

/// A module's name, version, needs and permissions.
///
/// Version texts are parsed here and judged by [`Platform::plan`](super::Platform::plan), which reports every fault of every
/// module at once.
///
/// ```
/// use platform_core::{Permission, PermissionInfo};
/// use platform_core::runtime::Descriptor;
///
/// const SEND: Permission = Permission::new("parcels:send");
///
/// let descriptor = Descriptor::new("parcels", "1.2.0")
///     .requires("audit", "^0.1")
///     .uses("notifications", ">=0.3, <0.5")
///     .permission(PermissionInfo::assignable(SEND, "Send parcels and see them"));
/// assert_eq!(descriptor.requirements().len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Descriptor {
    name: &'static str,
    version: Version,
    requirements: Vec<Requirement>,
    permissions: Vec<PermissionInfo>,
    unreadable: Vec<Unreadable>,
}

/// A version text that could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) of: &'static str,
    pub(super) text: String,
    pub(super) problem: String,
}

impl Descriptor {
    /// The descriptor of the module `name` in this version, usually `env!("CARGO_PKG_VERSION")`.
    pub fn new(name: &'static str, version: &str) -> Self {
        let mut unreadable = Vec::new();
        let version = version.parse().unwrap_or_else(|error: semver::Error| {
            unreadable.push(Unreadable {
                of: name,
                text: version.to_owned(),
                problem: error.to_string(),
            });
            Version::new(0, 0, 0)
        });
        Self {
            name,
            version,
            requirements: Vec::new(),
            permissions: Vec::new(),
            unreadable,
        }
    }

    /// The module cannot be built without `name` in one of these versions (`"^0.1"`, `">=1.2, <3"`, `"*"`).
    #[must_use]
    pub fn requires(self, name: &'static str, versions: &str) -> Self {
        self.requirement(name, versions, Need::Hard)
    }

    /// The module makes use of `name`, in one of these versions, when it is there.
    #[must_use]
    pub fn uses(self, name: &'static str, versions: &str) -> Self {
        self.requirement(name, versions, Need::Soft)
    }

    /// The module checks this permission. A bare [`Permission`](crate::Permission) is one that no tenant can put into a role of its own.
    #[must_use]
    pub fn permission(mut self, permission: impl Into<PermissionInfo>) -> Self {
        self.permissions.push(permission.into());
        self
    }

    /// The name that other modules require it by.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its version; 0.0.0 when the text could not be parsed, which planning refuses.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The modules it needs, in the order they were named.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The permissions it checks.
    pub fn permissions(&self) -> &[PermissionInfo] {
        &self.permissions
    }

    pub(super) fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    fn requirement(mut self, name: &'static str, versions: &str, need: Need) -> Self {
        match versions.parse() {
            Ok(versions) => self.requirements.push(Requirement { name, versions, need }),
            Err(error) => {
                let problem = semver::Error::to_string(&error);
                let text = versions.to_owned();
                self.unreadable.push(Unreadable {
                    of: name,
                    text,
                    problem,
                });
            }
        }
        self
    }
}
