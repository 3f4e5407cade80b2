//! Challenges, which their clients keep: sealed, so that they are read and changed by nobody else, and so that a stranger who asks for
//! many fills no table. That each is good once is for the database to see to.
//!
//! The text is `pwc1_` and, in base64url without padding (RFC 4648, section 5), the id of the challenge (16 bytes) and the
//! [sealed](platform_crypto::Sealed) JSON of a [`Ceremony`] and its end. It is sealed under a key of the tenant, for this id: at another
//! tenant, or under another id, it does not open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestContext, Timestamp};
use platform_crypto::{Column, Sealed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

use super::config::GOOD_FOR;
use super::{PasskeyChallenge, PasskeyError};
use crate::auth::Inner;

/// Tells the kind and the version; no token of another kind begins so.
const PREFIX: &str = "pwc1_";

/// No challenge that we seal is anywhere near this.
const TEXT_BYTES_MAX: usize = 4096;

const ID_BYTES: usize = 16;

/// What is sealed of a challenge. It is in no table, but has a place of its own in the names of what is sealed.
const STATE: Column<String> = Column::new("platform_auth.webauthn_challenge", "state");

platform_core::id_type! {
    /// Names a challenge.
    pub(super) struct ChallengeId;
}

/// What a challenge was asked for. An answer is good for that and for nothing else.
#[derive(Serialize, Deserialize)]
pub(super) enum Ceremony {
    /// A stranger wants to sign in.
    SignIn { state: DiscoverableAuthentication },
    /// A user proves anew who it is, in this session.
    StepUp {
        user: PrincipalId,
        session: Option<Uuid>,
        state: DiscoverableAuthentication,
    },
    /// A user registers a passkey, in this session and while this password holds.
    Register {
        user: PrincipalId,
        session: Option<Uuid>,
        #[serde(with = "time::serde::rfc3339")]
        password_changed_at: Timestamp,
        handle: Uuid,
        state: PasskeyRegistration,
    },
}

/// A challenge that came back and is neither forged nor expired.
pub(super) struct Opened {
    pub(super) id: ChallengeId,
    pub(super) expires_at: Timestamp,
    pub(super) ceremony: Ceremony,
}

impl Opened {
    /// When it was given out.
    pub(super) fn begun_at(&self) -> Timestamp {
        self.expires_at - GOOD_FOR
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    #[serde(with = "time::serde::rfc3339")]
    expires_at: Timestamp,
    ceremony: Ceremony,
}

impl Inner {
    /// Seals a challenge for its client.
    pub(super) async fn seal_challenge(
        &self,
        ctx: &RequestContext,
        options: Value,
        ceremony: Ceremony,
    ) -> Result<PasskeyChallenge, PasskeyError> {
        let expires_at = self.sources.now() + GOOD_FOR;
        let id = ChallengeId::generate(&self.sources);
        let state = State { expires_at, ceremony };
        let state = serde_json::to_string(&state).map_err(|_| PasskeyError::InvalidPasskey)?;
        let keys = self.keys.keys(ctx).await?;
        let sealed = keys.seal(&STATE.at(ctx.tenant(), id), &state)?;
        let bytes = [id.as_uuid().as_bytes().as_slice(), sealed.as_bytes()].concat();
        let mut token = PREFIX.to_owned();
        URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
        Ok(PasskeyChallenge {
            token,
            options,
            expires_at,
        })
    }

    /// Opens a challenge that a client shows.
    pub(super) async fn open_challenge(
        &self,
        ctx: &RequestContext,
        token: &str,
    ) -> Result<Opened, PasskeyError> {
        let (id, sealed) = parse(token).ok_or(PasskeyError::InvalidPasskey)?;
        let key = sealed.key_id().map_err(|_| PasskeyError::InvalidPasskey)?;
        let keys = self.keys.keys_for(ctx, [key]).await?;
        let state = keys.open(&STATE.at(ctx.tenant(), id), &sealed);
        let state = state.map_err(|_| PasskeyError::InvalidPasskey)?;
        let state: State = serde_json::from_str(state.expose()).map_err(|_| PasskeyError::InvalidPasskey)?;
        if self.sources.now() >= state.expires_at {
            return Err(PasskeyError::InvalidPasskey);
        }
        Ok(Opened {
            id,
            expires_at: state.expires_at,
            ceremony: state.ceremony,
        })
    }
}

fn parse(token: &str) -> Option<(ChallengeId, Sealed<String>)> {
    let text = token
        .strip_prefix(PREFIX)
        .filter(|_| token.len() <= TEXT_BYTES_MAX)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (id, sealed) = bytes.split_at_checked(ID_BYTES)?;
    let id = Uuid::from_slice(id).ok()?;
    Some((ChallengeId::from_stored(id), Sealed::from_bytes(sealed)))
}

impl Ceremony {
    /// Whether it belongs to the caller, in the session of the call.
    pub(super) fn is_of(&self, ctx: &RequestContext) -> bool {
        match self {
            Self::SignIn { .. } => false,
            Self::StepUp { user, session, .. } | Self::Register { user, session, .. } => {
                ctx.principal().id() == Some(*user) && ctx.session() == *session
            }
        }
    }
}

/// Shows nothing of the challenge.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
