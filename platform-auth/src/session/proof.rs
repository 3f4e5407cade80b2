//! How somebody proved to be a user.

/// How somebody proved to be a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Password,
    PasswordAndCode,
    PasswordAndRecoveryCode,
}

impl Proof {
    /// As RFC 8176 names them; `rcv` is ours.
    pub(crate) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp"],
            Self::PasswordAndRecoveryCode => &["pwd", "rcv"],
        }
    }

    pub(super) fn of(methods: &[String]) -> Self {
        let has = |wanted: &str| methods.iter().any(|method| method == wanted);
        match (has("otp"), has("rcv")) {
            (true, _) => Self::PasswordAndCode,
            (false, true) => Self::PasswordAndRecoveryCode,
            (false, false) => Self::Password,
        }
    }
}
