//! When and how the caller proved who it is.

use std::sync::Arc;
use std::time::Duration;

use crate::{RequestContext, Timestamp};

/// When and how a caller last proved who it is: what `auth_time` and `amr` say in OpenID Connect Core 1.0, section 2.
///
/// ```
/// use platform_core::Authentication;
/// use std::time::Duration;
/// use time::macros::datetime;
///
/// let signed_in = datetime!(2026-01-02 03:04:05 UTC);
/// let five_minutes = Duration::from_secs(300);
/// let proof = Authentication::new(signed_in, ["pwd", "otp"].map(Into::into).into(), signed_in + five_minutes);
/// assert_eq!(proof.age(), five_minutes);
/// assert!(proof.used("otp"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    time: Timestamp,
    methods: Arc<[Box<str>]>,
    as_of: Timestamp,
}

impl Authentication {
    /// A proof that was given at `time` by these methods (RFC 8176), looked at by a request that was authenticated at `as_of`.
    pub fn new(time: Timestamp, methods: Arc<[Box<str>]>, as_of: Timestamp) -> Self {
        Self { time, methods, as_of }
    }

    /// When the proof was given.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// By what, in the words of RFC 8176, such as `pwd` and `otp`.
    pub fn methods(&self) -> &[Box<str>] {
        &self.methods
    }

    /// Was it given by this method, perhaps among others?
    pub fn used(&self, method: &str) -> bool {
        self.methods.iter().any(|used| &**used == method)
    }

    /// How old the proof was when the request was authenticated. One from the future, which a clock that was set back leaves, has no age.
    pub fn age(&self) -> Duration {
        Duration::try_from(self.as_of - self.time).unwrap_or(Duration::ZERO)
    }
}

/// The caller has to prove again who it is before it may do this. The HTTP stack answers 401 with the challenge of RFC 9470.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a proof of who you are is needed that is younger than {} seconds", .max_age.as_secs())]
pub struct StepUpRequired {
    /// How young the proof has to be.
    pub max_age: Duration,
}

impl RequestContext {
    /// The same context of a caller who proved who it is in this way.
    #[must_use]
    pub fn with_authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// When and how the caller proved who it is; `None` where nobody is there to prove it: an anonymous caller, a program, a job.
    pub fn authentication(&self) -> Option<&Authentication> {
        self.authentication.as_ref()
    }

    /// Checks that the caller proved who it is less than `max_age` before the request, for what a stolen session must not be enough for.
    /// A proof of exactly that age is too old. A system job passes; whoever has given no proof does not.
    ///
    /// ```
    /// use platform_core::{RequestContext, StepUpRequired};
    /// use std::time::Duration;
    ///
    /// fn close_account(ctx: &RequestContext) -> Result<(), StepUpRequired> {
    ///     ctx.require_recent(Duration::from_secs(300))?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StepUpRequired`]: the client shows a password or a code to the service's step-up route and tries again.
    pub fn require_recent(&self, max_age: Duration) -> Result<(), StepUpRequired> {
        let is_recent = self.authentication().is_some_and(|proof| proof.age() < max_age);
        match is_recent || self.is_system() {
            true => Ok(()),
            false => Err(StepUpRequired { max_age }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PermissionSet, Principal, PrincipalId, RequestMeta, Sources, TenantId};

    const LIMIT: Duration = Duration::from_secs(300);
    const TICK: Duration = Duration::from_micros(1);

    fn context(sources: &Sources) -> RequestContext {
        let user = Principal::user(PrincipalId::generate(sources), PermissionSet::default());
        RequestContext::authenticated(TenantId::generate(sources), user, RequestMeta::internal(sources))
    }

    #[test]
    fn a_proof_is_too_old_from_the_very_instant_on_at_which_it_has_the_age() {
        let sources = Sources::system();
        let time = sources.now();
        let at = |age| {
            let proof = Authentication::new(time, Arc::default(), time + age);
            context(&sources).with_authentication(proof).require_recent(LIMIT)
        };

        assert_eq!(at(LIMIT - TICK), Ok(()));
        assert_eq!(at(LIMIT), Err(StepUpRequired { max_age: LIMIT }));
    }

    #[test]
    fn whoever_gave_no_proof_is_asked_for_one_and_a_job_is_not() {
        let sources = Sources::system();
        let ctx = context(&sources);

        assert!(ctx.require_recent(LIMIT).is_err());
        assert!(
            RequestContext::anonymous(ctx.tenant(), ctx.meta().clone())
                .require_recent(LIMIT)
                .is_err()
        );
        assert!(
            RequestContext::system(ctx.tenant(), "test", &sources)
                .require_recent(LIMIT)
                .is_ok()
        );
    }
}
