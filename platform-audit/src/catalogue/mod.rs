//! Events that every service has, so that they are recorded alike everywhere: with the same name, weight and time to be kept.

mod access;
mod key;
mod platform;
mod sign_in;
mod trail;

pub use access::{
    ACCESS_DENIED, PERMISSION_GRANTED, PERMISSION_REVOKED, ROLE_CHANGED, ROLE_GRANTED, ROLE_REVOKED,
    SUPPORT_ACCESSED, access_denied, permission_granted, permission_revoked, role_changed, role_granted,
    role_revoked, support_accessed,
};
#[cfg(feature = "keys")]
pub(crate) use key::weighed;
pub use key::{
    API_KEY_CREATED, API_KEY_REVOKED, API_KEY_ROTATED, api_key_created, api_key_revoked, api_key_rotated,
};
pub use platform::{
    CONFIGURATION_CHANGED, DATA_EXPORTED, TENANT_CLOSED, TENANT_CREATED, TENANT_RESUMED, TENANT_SUSPENDED,
    configuration_changed, data_exported, tenant_closed, tenant_created, tenant_resumed, tenant_suspended,
};
pub use sign_in::{
    CREDENTIAL_CHANGED, REGISTERED, SESSION_ENDED, SIGNED_IN, SIGNED_OUT, SignInFailure, credential_changed,
    registered, session_ended, sign_in_failed, sign_in_succeeded, signed_out,
};
pub use trail::{ATTESTED, UNAUDITED_COMMIT};
pub(crate) use trail::{attestation, unaudited_commit};
