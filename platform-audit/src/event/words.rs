//! Words that are stored for what can only be one of a few things.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stored word is none of those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such {kind}")]
pub struct UnknownWord {
    /// What the word should have been.
    pub kind: &'static str,
}

macro_rules! stored_words {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().find(|known| known.as_str() == word);
                known.copied().ok_or(UnknownWord { kind: $kind })
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

stored_words! {
    /// How it ended.
    Outcome, "outcome" {
        /// It was done.
        Success = "success",
        /// It was tried and did not succeed.
        Failure = "failure",
        /// The actor was not allowed to.
        Denied = "denied",
    }
}

stored_words! {
    /// What sort of thing was done, whatever it was done to: what a list can be narrowed by without knowing every action.
    Activity, "activity" {
        /// Something was made.
        Create = "create",
        /// Something was looked at.
        Read = "read",
        /// Something was changed.
        Update = "update",
        /// Something was taken away.
        Delete = "delete",
        /// Somebody signed in, or tried to.
        SignIn = "sign_in",
        /// Somebody signed out, or was signed out.
        SignOut = "sign_out",
        /// A right was given.
        Grant = "grant",
        /// A right was taken.
        Revoke = "revoke",
        /// Data left the platform.
        Export = "export",
        /// Something was set going: a job, a trade, a rotation.
        Execute = "execute",
        /// None of the others.
        Other = "other",
    }
}

stored_words! {
    /// How much it should worry whoever reads it; the least first.
    Severity, "severity" {
        /// Ordinary work.
        Informational = "informational",
        /// Of interest when there are many of them: a failed sign-in.
        Low = "low",
        /// To be looked at: a right was given, an access refused.
        Medium = "medium",
        /// To be looked at soon: support saw a tenant's data, a key was destroyed.
        High = "high",
        /// To be looked at now.
        Critical = "critical",
    }
}

stored_words! {
    /// Who may read it besides the platform.
    Visibility, "visibility" {
        /// The tenant.
        Tenant = "tenant",
        /// Nobody. In an export of the whole trail it is a hash.
        Platform = "platform",
    }
}
