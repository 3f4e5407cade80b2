//! What a tenant asks of its users, for its admins.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Problem};
use platform_core::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::problem::of_fault;
use crate::{Auth, InvalidPolicy, PolicyError, PolicySettings, SecondFactorRule, StoredPolicy, TenantPolicy};

/// What a tenant has set. A field that is left out or null is what the service says; none can be less strict than that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySettingsBody {
    /// A session ends when it has not been used for so many seconds.
    #[serde(default)]
    #[schema(example = 900, minimum = 60)]
    session_idle_s: Option<u32>,
    /// A session ends so many seconds after the sign-in. Sessions that go on keep the end that they have.
    #[serde(default)]
    #[schema(example = 28800, minimum = 300)]
    session_absolute_s: Option<u32>,
    /// May anybody who knows the tenant register?
    #[serde(default)]
    registration_open: Option<bool>,
    /// May only sign in who has shown that the mail of the address is read?
    #[serde(default)]
    verified_email: Option<bool>,
    /// Whose sessions may do nothing but set up a second factor until they have one.
    #[serde(default)]
    second_factor: SecondFactorRule,
    /// The fewest characters of a new password.
    #[serde(default)]
    #[schema(example = 12, minimum = 8, maximum = 64)]
    password_chars_min: Option<u8>,
    /// How hard to guess a new password has to be.
    #[serde(default)]
    #[schema(example = 4, minimum = 2, maximum = 4)]
    password_score_min: Option<u8>,
    /// Domains of the addresses with which people may register; empty for every one.
    #[serde(default)]
    #[schema(example = json!(["example.com"]), max_items = 50)]
    email_domains: Vec<String>,
    /// How many seconds an API key may be good at most.
    #[serde(default)]
    #[schema(example = 7_776_000, minimum = 3600, maximum = 315_360_000)]
    api_key_lifetime_max_s: Option<u32>,
}

/// What a tenant is to ask of its users instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChangeBody {
    /// The version that was read, 0 where nothing was set; 409 `stale` when it has another by now.
    #[schema(example = 0, minimum = 0)]
    version: i64,
    /// All of it: what is left out is what the service says.
    settings: PolicySettingsBody,
}

/// What a tenant asks of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PolicyBody {
    /// Grows with every change; 0 where nothing was set.
    #[schema(example = 1)]
    version: i64,
    /// What was set.
    settings: PolicySettingsBody,
    /// What holds: of this and of what the service says, the stricter.
    effective: EffectivePolicyBody,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    updated_at: Option<Timestamp>,
    updated_by: Option<PrincipalId>,
}

/// What holds in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EffectivePolicyBody {
    #[schema(example = 900)]
    session_idle_s: u64,
    #[schema(example = 28800)]
    session_absolute_s: u64,
    registration_open: bool,
    verified_email: bool,
    second_factor: SecondFactorRule,
    #[schema(example = 12)]
    password_chars_min: usize,
    #[schema(example = 4)]
    password_score_min: u8,
    #[schema(example = json!(["example.com"]))]
    email_domains: Vec<String>,
    #[schema(example = 7_776_000)]
    api_key_lifetime_max_s: Option<u64>,
}

/// See what the tenant asks of its users.
#[utoipa::path(
    get,
    path = "/policy",
    tag = "tenant",
    operation_id = "get_policy",
    responses(
        (status = 200, description = "What was set, and what holds.", body = PolicyBody),
        (status = 403, description = "`forbidden`: needs `policy:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(State(auth): State<Auth>, Caller(ctx): Caller) -> Result<Json<PolicyBody>, Problem> {
    Ok(Json(auth.policy(&ctx).await?.into()))
}

/// Set what the tenant asks of its users.
#[utoipa::path(
    put,
    path = "/policy",
    tag = "tenant",
    operation_id = "set_policy",
    request_body = PolicyChangeBody,
    responses(
        (status = 200, description = "What was set, and what holds.", body = PolicyBody),
        (status = 403, description = "`forbidden`: needs `policy:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale` with the `version` that it has", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn replace(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<PolicyChangeBody>,
) -> Result<Json<PolicyBody>, Problem> {
    let set = auth.set_policy(&ctx, body.version, body.settings.into()).await?;
    Ok(Json(set.into()))
}

impl From<PolicySettingsBody> for PolicySettings {
    fn from(body: PolicySettingsBody) -> Self {
        let span = |s: Option<u32>| s.map(|s| Duration::from_secs(s.into()));
        Self {
            session_idle: span(body.session_idle_s),
            session_absolute: span(body.session_absolute_s),
            registration_open: body.registration_open,
            verified_email: body.verified_email,
            second_factor: body.second_factor,
            password_chars_min: body.password_chars_min,
            password_score_min: body.password_score_min,
            email_domains: body.email_domains,
            api_key_lifetime_max: span(body.api_key_lifetime_max_s),
        }
    }
}

impl From<PolicySettings> for PolicySettingsBody {
    fn from(settings: PolicySettings) -> Self {
        let seconds = |span: Option<Duration>| span.and_then(|span| u32::try_from(span.as_secs()).ok());
        Self {
            session_idle_s: seconds(settings.session_idle),
            session_absolute_s: seconds(settings.session_absolute),
            registration_open: settings.registration_open,
            verified_email: settings.verified_email,
            second_factor: settings.second_factor,
            password_chars_min: settings.password_chars_min,
            password_score_min: settings.password_score_min,
            email_domains: settings.email_domains,
            api_key_lifetime_max_s: seconds(settings.api_key_lifetime_max),
        }
    }
}

impl From<TenantPolicy> for EffectivePolicyBody {
    fn from(policy: TenantPolicy) -> Self {
        Self {
            session_idle_s: policy.sessions.idle.as_secs(),
            session_absolute_s: policy.sessions.absolute.as_secs(),
            registration_open: policy.registration_open,
            verified_email: policy.verified_email,
            second_factor: policy.second_factor,
            password_chars_min: policy.password_chars_min,
            password_score_min: policy.password_score_min,
            email_domains: policy.email_domains,
            api_key_lifetime_max_s: policy.api_key_lifetime_max.map(|span| span.as_secs()),
        }
    }
}

impl From<(StoredPolicy, TenantPolicy)> for PolicyBody {
    fn from((stored, effective): (StoredPolicy, TenantPolicy)) -> Self {
        Self {
            version: stored.version,
            settings: stored.settings.into(),
            effective: effective.into(),
            updated_at: stored.updated_at,
            updated_by: stored.updated_by,
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let text = error.to_string();
        match error {
            PolicyError::Forbidden(forbidden) => forbidden.into(),
            PolicyError::Invalid(invalid) => {
                let (field, code) = named(invalid);
                Self::invalid_body().field(field, code, invalid.to_string())
            }
            PolicyError::Stale { version } => {
                Self::new(StatusCode::CONFLICT, "stale", text).with("version", json!(version))
            }
            PolicyError::Fault(fault) => of_fault(fault),
        }
    }
}

/// The field that is to be corrected, and a stable word for what is wrong with it.
const fn named(invalid: InvalidPolicy) -> (&'static str, &'static str) {
    match invalid {
        InvalidPolicy::SessionIdle { .. } => ("settings.session_idle_s", "out_of_range"),
        InvalidPolicy::SessionAbsolute { .. } => ("settings.session_absolute_s", "out_of_range"),
        InvalidPolicy::RegistrationClosed => ("settings.registration_open", "closed_by_service"),
        InvalidPolicy::NoMail => ("settings.verified_email", "no_mail"),
        InvalidPolicy::VerifiedEmail => ("settings.verified_email", "required_by_service"),
        InvalidPolicy::PasswordChars { .. } => ("settings.password_chars_min", "out_of_range"),
        InvalidPolicy::PasswordScore { .. } => ("settings.password_score_min", "out_of_range"),
        InvalidPolicy::EmailDomains => ("settings.email_domains", "invalid"),
        InvalidPolicy::ApiKeyLifetime => ("settings.api_key_lifetime_max_s", "out_of_range"),
    }
}
