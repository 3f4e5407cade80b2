//! What browsers send.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::PasskeyError;

/// WebAuthn allows no longer ids (level 3, section 5.1.3), and an empty one is none.
const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

/// No answer of an authenticator without a chain of certificates is anywhere near this.
const PART_BYTES_MAX: usize = 16 * 1024;

/// What the browser adds to the challenge, as far as we look at it ourselves.
#[derive(Deserialize)]
struct ClientData {
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Reads what a browser sends who registers a passkey.
pub(super) fn registration(credential: Value) -> Result<RegisterPublicKeyCredential, PasskeyError> {
    let read: RegisterPublicKeyCredential = read(credential)?;
    let response = &read.response;
    let fits = is_id(&read.raw_id)
        && read.type_ == "public-key"
        && response.attestation_object.len() <= PART_BYTES_MAX
        && is_of_own_page(&response.client_data_json);
    fits.then_some(read).ok_or(PasskeyError::InvalidPasskey)
}

/// Reads what a browser sends who signs in with a passkey.
pub(super) fn assertion(credential: Value) -> Result<PublicKeyCredential, PasskeyError> {
    let read: PublicKeyCredential = read(credential)?;
    let response = &read.response;
    let fits = is_id(&read.raw_id)
        && read.type_ == "public-key"
        && response.authenticator_data.len() <= PART_BYTES_MAX
        && response.signature.len() <= PART_BYTES_MAX
        && is_of_own_page(&response.client_data_json);
    fits.then_some(read).ok_or(PasskeyError::InvalidPasskey)
}

fn read<T: DeserializeOwned>(credential: Value) -> Result<T, PasskeyError> {
    serde_json::from_value(credential).map_err(|_| PasskeyError::InvalidPasskey)
}

pub(super) fn is_id(id: &[u8]) -> bool {
    (1..=CREDENTIAL_ID_BYTES_MAX).contains(&id.len())
}

/// A page in a frame of another's may not use our passkeys: its user does not see who asks (WebAuthn, level 3, section 13.4.2). The
/// library looks at this when a passkey is registered, and not when somebody signs in.
fn is_of_own_page(client_data: &[u8]) -> bool {
    if client_data.len() > PART_BYTES_MAX {
        return false;
    }
    let read: Result<ClientData, _> = serde_json::from_slice(client_data);
    read.is_ok_and(|data| !data.cross_origin && data.top_origin.is_none())
}
