//! What tenants above ask of all tenants below them.

use std::sync::Arc;
use std::time::Duration;

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId};

use super::{PolicySettings, SecondFactorRule, StoredPolicy, TenantPolicy, stored};
use crate::auth::Inner;
use crate::{AuthConfig, Fault};

/// How long what tenants above ask is good for a transaction that goes on: longer than one takes, and too short to keep anything that
/// matters. Whoever begins one has asked a moment before.
pub(super) const LATELY: Duration = Duration::from_secs(60);

/// Of what several tenants ask, the strictest of each. Who may register is each tenant's own to say, and not among it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Required {
    session_idle: Option<Duration>,
    session_absolute: Option<Duration>,
    verified_email: bool,
    second_factor: SecondFactorRule,
    password_chars_min: Option<u8>,
    password_score_min: Option<u8>,
    api_key_lifetime_max: Option<Duration>,
}

impl Required {
    /// The same, and what these settings ask.
    #[must_use]
    pub(crate) fn and(self, asked: &PolicySettings) -> Self {
        Self {
            session_idle: least(self.session_idle, asked.session_idle),
            session_absolute: least(self.session_absolute, asked.session_absolute),
            verified_email: self.verified_email || asked.verified_email == Some(true),
            second_factor: self.second_factor.max(asked.second_factor),
            // A number is more than none.
            password_chars_min: self.password_chars_min.max(asked.password_chars_min),
            password_score_min: self.password_score_min.max(asked.password_score_min),
            api_key_lifetime_max: least(self.api_key_lifetime_max, asked.api_key_lifetime_max),
        }
    }

    /// Whose sessions may do nothing until a second factor is set up.
    pub(crate) const fn second_factor(&self) -> SecondFactorRule {
        self.second_factor
    }

    /// How long a session may go unused, of this and of what a tenant has set itself.
    pub(crate) fn idle(&self, own: Option<Duration>) -> Option<Duration> {
        least(self.session_idle, own)
    }
}

/// The shorter of two spans, either of which may be unlimited.
fn least(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl StoredPolicy {
    /// What holds in the tenant: of what the service says, what the tenants above ask and what it has set, the stricter. Each of them may
    /// have become stricter since the tenant set anything.
    pub(crate) fn effective(&self, config: &AuthConfig, above: &Required) -> TenantPolicy {
        let asked = above.clone().and(&self.settings);
        let (chars, score) = config.passwords.floor();
        let sessions = config.sessions.within(asked.session_idle, asked.session_absolute);
        TenantPolicy {
            version: self.version,
            sessions,
            registration_open: config.registration && self.settings.registration_open.unwrap_or(true),
            verified_email: config.verified_email || asked.verified_email,
            second_factor: asked.second_factor,
            password_chars_min: asked
                .password_chars_min
                .map_or(chars, |min| chars.max(min.into())),
            password_score_min: asked.password_score_min.map_or(score, |min| score.max(min)),
            email_domains: self.settings.email_domains.clone(),
            api_key_lifetime_max: asked.api_key_lifetime_max,
        }
    }
}

impl Inner {
    /// What the tenants above one ask of it, at most a second old. Call it with no transaction open: it may begin some. Each policy that
    /// is read serves all tenants below; who stands above whom never changes.
    pub(crate) async fn required_of(&self, tenant: TenantId) -> Result<Required, Fault> {
        let mut required = Required::default();
        let above = self.above(tenant).await?;
        for above in above.iter() {
            required = required.and(&self.stored_policy(*above).await?.settings);
        }
        if !above.is_empty() {
            self.policies
                .note_required(tenant, required.clone(), self.sources.now());
        }
        Ok(required)
    }

    /// The same in a transaction of the tenant, which sees no other tenant's rows: as somebody asked for it a moment ago.
    ///
    /// # Errors
    /// [`Fault::PolicyUnknown`] when nobody did.
    pub(crate) async fn required_in(&self, tx: &mut TenantTx) -> Result<Required, Fault> {
        let tenant = tx.tenant();
        match self.policies.required_lately(tenant, self.sources.now()) {
            Some(required) => Ok(required),
            None if stored::line(&mut *tx, tenant).await?.len() <= 1 => Ok(Required::default()),
            None => Err(Fault::PolicyUnknown),
        }
    }

    /// What one tenant has set, at most a second old.
    pub(super) async fn stored_policy(&self, tenant: TenantId) -> Result<Arc<StoredPolicy>, Fault> {
        let now = self.sources.now();
        if let Some(policy) = self.policies.get(tenant, now) {
            return Ok(policy);
        }
        let reading = self.policies.begin(now);
        let ctx = RequestContext::system(tenant, "look up the policy", &self.sources);
        let mut read = self.db.read(&ctx).await?;
        let policy = stored::find(&mut read, tenant).await?;
        drop(read);
        let policy = Arc::new(policy);
        self.policies.put(tenant, Arc::clone(&policy), reading);
        Ok(policy)
    }

    /// The tenants above one.
    async fn above(&self, tenant: TenantId) -> Result<Arc<[TenantId]>, Fault> {
        if let Some(above) = self.policies.above(tenant) {
            return Ok(above);
        }
        let ctx = RequestContext::system(tenant, "look up the tenants above", &self.sources);
        let mut read = self.db.read(&ctx).await?;
        let line = stored::line(&mut read, tenant).await?;
        drop(read);
        // One that is about to be made may get some above it.
        let Some((_, above)) = line.split_first() else {
            return Ok(Arc::default());
        };
        let above: Arc<[TenantId]> = above.into();
        self.policies.put_above(tenant, Arc::clone(&above));
        Ok(above)
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn settings() -> impl Strategy<Value = PolicySettings> {
        let seconds = |range: std::ops::Range<u64>| option::of(range.prop_map(Duration::from_secs));
        let rule = prop_oneof![
            Just(SecondFactorRule::Optional),
            Just(SecondFactorRule::Admins),
            Just(SecondFactorRule::All),
        ];
        (
            (seconds(60..3_600), seconds(300..90_000)),
            (any::<Option<bool>>(), any::<Option<bool>>()),
            rule,
            (option::of(8..=64_u8), option::of(2..=4_u8)),
            seconds(3_600..10_000_000),
        )
            .prop_map(|(spans, flags, second_factor, password, key)| PolicySettings {
                session_idle: spans.0,
                session_absolute: spans.1,
                registration_open: flags.0,
                verified_email: flags.1,
                second_factor,
                password_chars_min: password.0,
                password_score_min: password.1,
                email_domains: Vec::new(),
                api_key_lifetime_max: key,
            })
    }

    fn stored(settings: PolicySettings) -> StoredPolicy {
        StoredPolicy {
            settings,
            ..StoredPolicy::unset()
        }
    }

    /// Whether one policy asks for no less than another, setting by setting.
    fn is_as_strict(policy: &TenantPolicy, as_this: &TenantPolicy) -> bool {
        let lasts_no_longer = |own: Option<Duration>, max: Option<Duration>| match (own, max) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(max)) => own <= max,
        };
        policy.sessions.idle <= as_this.sessions.idle
            && policy.sessions.absolute <= as_this.sessions.absolute
            && policy.sessions.touch_interval <= as_this.sessions.touch_interval
            && (policy.verified_email || !as_this.verified_email)
            && policy.second_factor >= as_this.second_factor
            && policy.password_chars_min >= as_this.password_chars_min
            && policy.password_score_min >= as_this.password_score_min
            && lasts_no_longer(policy.api_key_lifetime_max, as_this.api_key_lifetime_max)
    }

    proptest! {
        #[test]
        fn whatever_a_tenant_sets_it_is_as_strict_as_every_one_above_and_as_the_service(
            line in prop::collection::vec(settings(), 1..6),
        ) {
            let config = AuthConfig::default();
            let unset = StoredPolicy::unset().effective(&config, &Required::default());
            let mut above = Required::default();
            let mut policies: Vec<TenantPolicy> = Vec::new();
            for settings in line {
                let policy = stored(settings.clone()).effective(&config, &above);
                prop_assert!(is_as_strict(&policy, &unset));
                for higher in &policies {
                    prop_assert!(is_as_strict(&policy, higher), "{policy:?} {higher:?}");
                }
                policies.push(policy);
                above = above.and(&settings);
            }
        }

        #[test]
        fn it_does_not_matter_who_of_those_above_asks_for_what(
            line in prop::collection::vec(settings(), 1..6),
        ) {
            let all = |line: &[PolicySettings]| line.iter().fold(Required::default(), Required::and);
            let mut back = line.clone();
            back.reverse();

            prop_assert_eq!(all(&line), all(&back));
            let twice = [line.clone(), line.clone()].concat();
            prop_assert_eq!(all(&line), all(&twice));
        }

        #[test]
        fn what_nobody_above_asks_is_the_tenants_own(own in settings()) {
            let config = AuthConfig::default();
            let alone = stored(own.clone()).effective(&config, &Required::default());

            prop_assert_eq!(alone.second_factor, own.second_factor);
            prop_assert_eq!(alone.api_key_lifetime_max, own.api_key_lifetime_max);
            prop_assert_eq!(alone.registration_open, own.registration_open.unwrap_or(true));
            let idle = own.session_idle.map_or(config.sessions.idle, |own| own.min(config.sessions.idle));
            prop_assert_eq!(alone.sessions.idle, idle);
        }
    }
}
