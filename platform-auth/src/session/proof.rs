//! How somebody proved to be a user.

/// How somebody proved to be a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Password,
    PasswordAndCode,
    PasswordAndRecoveryCode,
    /// A passkey that its authenticator keeps on one device.
    DevicePasskey,
    /// A passkey that may be on several.
    SyncedPasskey,
}

impl Proof {
    #[cfg(feature = "passkeys")]
    pub(crate) const fn is_passkey(self) -> bool {
        matches!(self, Self::DevicePasskey | Self::SyncedPasskey)
    }

    /// As RFC 8176 names them; `rcv` is ours. Whether the key of a passkey is kept by hardware is what the authenticator says of itself.
    /// It has verified its user, so that it is two factors.
    pub(crate) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp"],
            Self::PasswordAndRecoveryCode => &["pwd", "rcv"],
            Self::DevicePasskey => &["hwk", "user", "mfa"],
            Self::SyncedPasskey => &["swk", "user", "mfa"],
        }
    }

    pub(super) fn of(methods: &[String]) -> Self {
        let has = |wanted: &str| methods.iter().any(|method| method == wanted);
        match (has("hwk"), has("swk")) {
            (true, _) => return Self::DevicePasskey,
            (false, true) => return Self::SyncedPasskey,
            (false, false) => {}
        }
        match (has("otp"), has("rcv")) {
            (true, _) => Self::PasswordAndCode,
            (false, true) => Self::PasswordAndRecoveryCode,
            (false, false) => Self::Password,
        }
    }
}
