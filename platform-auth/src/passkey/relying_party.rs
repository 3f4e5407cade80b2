//! What is asked of browsers, and whether their answers are good. Nothing here waits or touches the database.

use platform_core::uuid::Uuid;
use serde::Serialize;
use serde_json::Value;
use webauthn_rs::prelude::{
    AttestationFormat, AttestationMetadata, AuthenticationResult, COSEAlgorithm, COSEEC2Key, COSEKey,
    COSEKeyType, Credential, DiscoverableAuthentication, ECDSACurve, ParsedAttestation,
    ParsedAttestationData, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Webauthn,
};
use webauthn_rs_proto::{
    AllowCredentials, PublicKeyCredentialDescriptor, RegisteredExtensions, ResidentKeyRequirement,
    UserVerificationPolicy,
};

use super::{PasskeyConfig, PasskeyError};

const PUBLIC_KEY: &str = "public-key";

/// The generator of P-256 (FIPS 186-5 by way of SP 800-186, section 3.2.1.3): a point on the curve whose private key is one, and which
/// is nobody's.
const DECOY_X: [u8; 32] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
    0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
];
const DECOY_Y: [u8; 32] = [
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b,
    0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// A user as an authenticator keeps one.
pub(super) struct Account<'a> {
    pub(super) handle: Uuid,
    pub(super) email: &'a str,
    pub(super) tenant: &'a str,
}

/// We, to an authenticator.
pub(super) struct RelyingParty {
    webauthn: Webauthn,
}

impl RelyingParty {
    pub(super) fn new(config: &PasskeyConfig) -> Self {
        Self {
            webauthn: config.webauthn.clone(),
        }
    }

    /// The options with which a browser makes a passkey, and the state that judges its answer. The passkey is discoverable, so that its
    /// user need not say who it is; of those that the user has already no authenticator makes a second.
    pub(super) fn ask_for_new(
        &self,
        account: &Account<'_>,
        known: &[Vec<u8>],
    ) -> Result<(Value, PasskeyRegistration), PasskeyError> {
        let Account {
            handle,
            email,
            tenant,
        } = account;
        let shown = format!("{email} ({tenant})");
        let started = self
            .webauthn
            .start_passkey_registration(*handle, email, &shown, None);
        let (mut asked, state) = started.map_err(|_| PasskeyError::InvalidPasskey)?;
        let options = &mut asked.public_key;
        if let Some(selection) = &mut options.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        let known = known.iter().map(|id| PublicKeyCredentialDescriptor {
            type_: PUBLIC_KEY.to_owned(),
            id: id.clone(),
            transports: None,
        });
        options.exclude_credentials = Some(known.collect());
        Ok((json(options), state))
    }

    /// The passkey that a browser has made, without what its maker says of the authenticator: we do not ask for that, so it would be no
    /// more than a fingerprint of the device.
    pub(super) fn new_passkey(
        &self,
        answer: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<Credential, PasskeyError> {
        let passkey = self.webauthn.finish_passkey_registration(answer, state);
        let passkey = passkey.map_err(|_| PasskeyError::InvalidPasskey)?;
        let mut credential = Credential::from(passkey);
        credential.attestation = no_attestation();
        credential.attestation_format = AttestationFormat::None;
        Ok(credential)
    }

    /// The options with which a browser finds a passkey, and the state that judges its answer. With ids only these are asked for, else
    /// any that the user chooses.
    pub(super) fn ask_for_known(
        &self,
        ids: &[Vec<u8>],
    ) -> Result<(Value, DiscoverableAuthentication), PasskeyError> {
        let started = self.webauthn.start_discoverable_authentication();
        let (mut asked, state) = started.map_err(|_| PasskeyError::InvalidPasskey)?;
        let ids = ids.iter().map(|id| AllowCredentials {
            type_: PUBLIC_KEY.to_owned(),
            id: id.clone(),
            transports: None,
        });
        asked.public_key.allow_credentials = ids.collect();
        Ok((json(&asked.public_key), state))
    }

    /// Whether the answer is one of this passkey to this challenge, on a page of ours, by a user whom the authenticator has verified.
    ///
    /// The counter is not judged here but where it is stored, by the statement that moves it on.
    pub(super) fn judge(
        &self,
        answer: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        mut credential: Credential,
    ) -> Result<AuthenticationResult, PasskeyError> {
        credential.counter = 0;
        self.webauthn
            .finish_discoverable_authentication_v2(answer, state, &credential)
            .ok()
            .filter(AuthenticationResult::user_verified)
            .ok_or(PasskeyError::InvalidPasskey)
    }
}

/// A passkey that nobody has: an answer of a passkey that is not known is judged by it, so that it costs what one of a known passkey with
/// a wrong signature costs.
pub(super) fn decoy(id: &[u8], backup_eligible: bool) -> Credential {
    Credential {
        cred_id: id.to_vec(),
        cred: COSEKey {
            type_: COSEAlgorithm::ES256,
            key: COSEKeyType::EC_EC2(COSEEC2Key {
                curve: ECDSACurve::SECP256R1,
                x: DECOY_X.to_vec(),
                y: DECOY_Y.to_vec(),
            }),
        },
        counter: 0,
        transports: None,
        user_verified: true,
        backup_eligible,
        backup_state: false,
        registration_policy: UserVerificationPolicy::Required,
        extensions: RegisteredExtensions::none(),
        attestation: no_attestation(),
        attestation_format: AttestationFormat::None,
    }
}

fn no_attestation() -> ParsedAttestation {
    ParsedAttestation {
        data: ParsedAttestationData::None,
        metadata: AttestationMetadata::None,
    }
}

fn json(options: &impl Serialize) -> Value {
    serde_json::to_value(options).unwrap_or_default()
}
