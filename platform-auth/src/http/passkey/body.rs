//! What goes over the wire about passkeys.

use platform_core::Timestamp;
use platform_core::secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Date;
use utoipa::ToSchema;

use crate::http::SessionWay;
use crate::http::body::Token;
use crate::{Passkey, PasskeyChallenge, PasskeyId};

/// What proves who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofBody {
    /// The password. It may be left out within five minutes of having signed in or stepped up.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, example = "correct horse battery", max_length = 1024)]
    pub(super) password: Option<SecretString>,
}

/// What a browser is asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyChallengeBody {
    /// Send it back with the answer. It is good once.
    #[schema(value_type = String, example = "pwc1_AY8rbnwafT6bGi9ObYwKEg…")]
    challenge: Token,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON` when a passkey is registered, for `parseRequestOptionsFromJSON` otherwise.
    #[schema(value_type = Object)]
    options: Value,
    /// When the challenge is good no longer.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:09:05.678901Z")]
    expires_at: Timestamp,
}

/// What a browser answers whose user signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeySignInBody {
    #[schema(value_type = String, example = "pwc1_AY8rbnwafT6bGi9ObYwKEg…", max_length = 4096)]
    pub(super) challenge: SecretString,
    /// What `PublicKeyCredential.toJSON()` gives.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
    /// How the token is to come; the cookie only for a page of the service.
    #[serde(default)]
    pub(super) session: SessionWay,
}

/// What a browser answers whose user proves anew who it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAnswerBody {
    #[schema(value_type = String, example = "pwc1_AY8rbnwafT6bGi9ObYwKEg…", max_length = 4096)]
    pub(super) challenge: SecretString,
    /// What `PublicKeyCredential.toJSON()` gives.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
}

/// What a browser answers that has made a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskeyBody {
    #[schema(value_type = String, example = "pwc1_AY8rbnwafT6bGi9ObYwKEg…", max_length = 4096)]
    pub(super) challenge: SecretString,
    /// What `PublicKeyCredential.toJSON()` gives.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
    /// What the user calls the passkey.
    #[schema(example = "My telephone", min_length = 1, max_length = 100)]
    pub(super) name: String,
}

/// Another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyNameBody {
    #[schema(example = "My telephone", min_length = 1, max_length = 100)]
    pub(super) name: String,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyBody {
    id: PasskeyId,
    /// What the user calls it.
    #[schema(example = "My telephone")]
    name: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
    /// The day on which somebody last signed in with it.
    #[schema(value_type = Option<String>, format = Date, example = "2026-01-02")]
    last_used_on: Option<String>,
    /// Whether the authenticator says that it may be on several devices.
    synced: bool,
    /// `active`, or `disabled` when its counter went back: there may be a copy of its authenticator.
    #[schema(example = "active")]
    status: &'static str,
}

impl PasskeyBody {
    pub(super) fn id(&self) -> PasskeyId {
        self.id
    }
}

impl From<Passkey> for PasskeyBody {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name.expose().clone(),
            created_at: passkey.created_at,
            last_used_on: passkey.last_used_on.as_ref().map(Date::to_string),
            synced: passkey.synced,
            status: match passkey.disabled {
                true => "disabled",
                false => "active",
            },
        }
    }
}

impl From<PasskeyChallenge> for PasskeyChallengeBody {
    fn from(challenge: PasskeyChallenge) -> Self {
        Self {
            challenge: Token::new(&challenge.token),
            options: challenge.options,
            expires_at: challenge.expires_at,
        }
    }
}
