//! What goes over the wire.

use platform_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{KeyInfo, KeyState, Purpose, UnknownWord};

/// One version of a tenant's key: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyBody {
    purpose: PurposeWord,
    #[schema(example = 2)]
    version: u32,
    /// What stands in everything that was sealed under it.
    #[schema(example = "3f2a91c0d4e5f60718293a4b5c6d7e8f")]
    key_id: String,
    state: StateWord,
    /// What wraps it; null once it is destroyed.
    #[schema(example = "key:3f2a91c0d4e5f607")]
    root_key: Option<String>,
    /// How many values were sealed under it at most.
    #[schema(example = 65536)]
    uses: u64,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// From when on values are sealed under it.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    activates_at: Timestamp,
    /// When a newer one took over.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<Timestamp>,
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    destroyed_at: Option<Timestamp>,
}

/// The keys of a tenant, by purpose and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyListBody {
    pub(super) data: Vec<KeyBody>,
}

/// Which key is to have a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    pub(super) purpose: PurposeWord,
    /// Seal under it at once, for a key that has leaked. Otherwise it is published first, so that every instance knows it.
    #[serde(default)]
    pub(super) now: bool,
}

/// What a key is for: sealed values, or blind indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum PurposeWord {
    /// Sealed values.
    Data,
    /// Blind indexes.
    Index,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// Published, and not used for sealing yet.
    PreActive,
    /// Values are sealed under it.
    Active,
    /// Values are opened with it and none is sealed under it any more.
    DecryptOnly,
    /// Gone, and with it whatever is still sealed under it.
    Destroyed,
}

/// From text alone, so that anything else is a wrong field and not malformed JSON.
impl TryFrom<String> for PurposeWord {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        word.parse::<Purpose>().map(Self::from)
    }
}

impl From<PurposeWord> for Purpose {
    fn from(word: PurposeWord) -> Self {
        match word {
            PurposeWord::Data => Self::Data,
            PurposeWord::Index => Self::Index,
        }
    }
}

impl From<Purpose> for PurposeWord {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Data => Self::Data,
            Purpose::Index => Self::Index,
        }
    }
}

impl From<KeyState> for StateWord {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::PreActive => Self::PreActive,
            KeyState::Active => Self::Active,
            KeyState::DecryptOnly => Self::DecryptOnly,
            KeyState::Destroyed => Self::Destroyed,
        }
    }
}

impl From<KeyInfo> for KeyBody {
    fn from(info: KeyInfo) -> Self {
        Self {
            purpose: info.purpose.into(),
            version: info.version,
            key_id: info.id.to_string(),
            state: info.state.into(),
            root_key: info.root.map(|root| root.to_string()),
            uses: info.uses,
            created_at: info.created_at,
            activates_at: info.activates_at,
            retired_at: info.retired_at,
            destroyed_at: info.destroyed_at,
        }
    }
}
