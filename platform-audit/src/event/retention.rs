//! How long an event is kept.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const NAME_BYTES_MAX: usize = 32;

/// A class of `platform_audit.retention_class`, which says how long an event is kept at least and at most.
///
/// An event of a class that the table does not know is kept for good.
///
/// ```
/// use platform_audit::Retention;
///
/// const TAX: Retention = Retention::new("tax");
/// assert_eq!("regulatory".parse(), Ok(Retention::REGULATORY));
/// assert_eq!(TAX.as_str(), "tax");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct Retention(Cow<'static, str>);

/// A text is not the name of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a retention class has 1 to {NAME_BYTES_MAX} of a-z, 0-9 and _, a letter first")]
pub struct InvalidRetention;

impl Retention {
    /// Six years: what the law wants of a trading firm's records. The class of an event that names no other.
    pub const REGULATORY: Self = Self(Cow::Borrowed("regulatory"));

    /// A year: signing in and out, refusals, sessions.
    pub const SECURITY: Self = Self(Cow::Borrowed("security"));

    /// Ninety days: what is of use while somebody looks for a mistake.
    pub const OPERATIONAL: Self = Self(Cow::Borrowed("operational"));

    /// Declares a class of the service's own; its row in the table says how long. Make it a `const`.
    ///
    /// # Panics
    /// When the name is not 1 to 32 of `a-z`, `0-9` and `_` with a letter first.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            well_formed(name.as_bytes()),
            "a retention class has 1 to 32 of a-z, 0-9 and _, a letter first"
        );
        Self(Cow::Borrowed(name))
    }

    /// The name that is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Retention {
    type Err = InvalidRetention;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if well_formed(name.as_bytes()) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(InvalidRetention)
        }
    }
}

impl TryFrom<String> for Retention {
    type Error = InvalidRetention;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Retention> for String {
    fn from(class: Retention) -> Self {
        class.0.into_owned()
    }
}

impl Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn well_formed(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'_' if at > 0 => {}
            _ => return false,
        }
        at += 1;
    }
    !name.is_empty() && name.len() <= NAME_BYTES_MAX
}
