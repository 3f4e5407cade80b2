//! What the audit trail says of users and sessions.

use platform_audit::{Action, Activity, Changes, Event, Outcome, Retention, Severity, SignInFailure};
use platform_core::{PrincipalId, TenantId, Timestamp};
use platform_crypto::mask_email;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::session::Proof;
use crate::user::Account;
use crate::{EmailAddress, MailId, Role, SessionId};

const ROLE_SET: Action = Action::new("access.role_set");
const ERASED: Action = Action::new("auth.erase_user");
const SEALED: Action = Action::new("auth.seal_users");
const UNCOUNTED: Action = Action::new("auth.count_refusals");

const VERIFICATION_REQUESTED: Action = Action::new("auth.email_verification_request");
const EMAIL_VERIFIED: Action = Action::new("auth.email_verify");
const RESET_REQUESTED: Action = Action::new("auth.password_reset_request");
const CHALLENGED: Action = Action::new("auth.second_factor_challenge");
const MAIL_SENT: Action = Action::new("auth.mail_send");
const MAIL_DROPPED: Action = Action::new("auth.mail_drop");

const USER: &str = "user";
const SESSION: &str = "session";

/// A user was made, and signed in where the user did it.
pub(crate) fn registered(account: Account, email: &EmailAddress, session: Option<Begun>) -> Event {
    let changes = Changes::new()
        .field("role", None::<&str>, account.role.as_str())
        .field("status", None::<&str>, account.status.as_str());
    let event = platform_audit::registered(account.id, email.as_entered()).changes(changes);
    match session {
        Some(begun) => begun.named(event),
        None => event,
    }
}

/// A user was made by the service, or by somebody who acts from another tenant.
pub(crate) fn registered_by(account: Account, email: &EmailAddress, by_tenant: Option<TenantId>) -> Event {
    let event = registered(account, email, None);
    match by_tenant {
        Some(tenant) => event.detail(json!({ "email": mask_email(email.as_entered()), "by_tenant": tenant })),
        None => event,
    }
}

/// An admin set what a user is to the tenant.
pub(crate) fn role_set(user: PrincipalId, before: Role, after: Role) -> Event {
    Event::new(ROLE_SET, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::High)
        .target(USER, user.to_string())
        .changes(Changes::new().field("role", before.as_str(), after.as_str()))
}

/// A session that began, and the one that ended with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) session: SessionId,
    pub(crate) replaced: Option<SessionId>,
}

impl Begun {
    pub(crate) fn named(self, event: Event) -> Event {
        let event = event.target(SESSION, self.session.to_string());
        match self.replaced {
            Some(replaced) => event.target("replaced_session", replaced.to_string()),
            None => event,
        }
    }
}

/// A user signed in with a password. Hashed anew with other parameters, it is still the same password.
pub(crate) fn signed_in(user: PrincipalId, begun: Begun, rehashed: bool) -> Event {
    let event = platform_audit::sign_in_succeeded(user, "password")
        .detail(json!({ "method": "password", "rehashed": rehashed }));
    begun.named(event)
}

/// A user signed in with a password and something more.
pub(crate) fn signed_in_by(user: PrincipalId, begun: Begun, proof: Proof) -> Event {
    let method = match proof {
        Proof::Password => "password",
        Proof::PasswordAndCode => "password+totp",
        Proof::PasswordAndRecoveryCode => "password+recovery_code",
        Proof::DevicePasskey | Proof::SyncedPasskey => "passkey",
    };
    begun.named(platform_audit::sign_in_succeeded(user, method))
}

/// A user gave the right password and is asked for a code.
pub(crate) fn challenged(user: PrincipalId) -> Event {
    Event::new(CHALLENGED, Outcome::Success)
        .activity(Activity::SignIn)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
}

/// A user gave the right password, and the sign-in failed for the reason with this code.
pub(crate) fn sign_in_stopped(user: PrincipalId, reason: &'static str) -> Event {
    Event::new(platform_audit::SIGNED_IN, Outcome::Failure)
        .activity(Activity::SignIn)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
        .reason(reason)
}

/// Somebody gave the right password of an address that nobody has verified, after `more` refusals that got no event of their own.
pub(crate) fn sign_in_unverified(user: PrincipalId, more: u64) -> Event {
    sign_in_stopped(user, "email_unverified").detail(with_more(json!({}), more))
}

/// What a user signs in with was changed, and so many sessions ended with it.
pub(crate) fn credential_changed(
    user: PrincipalId,
    kind: &'static str,
    how: &'static str,
    ended: u64,
) -> Event {
    platform_audit::credential_changed(user, kind)
        .detail(json!({ "kind": kind, "how": how, "sessions_ended": ended }))
}

/// The same in the session that began with it.
pub(crate) fn credential_changed_in(
    user: PrincipalId,
    kind: &'static str,
    how: &'static str,
    (begun, ended): (Begun, u64),
) -> Event {
    begun.named(credential_changed(user, kind, how, ended))
}

/// Somebody in a session of the user could not prove to be the user.
pub(crate) fn credential_kept(user: PrincipalId, kind: &'static str, reason: &'static str) -> Event {
    Event::new(platform_audit::CREDENTIAL_CHANGED, Outcome::Failure)
        .activity(Activity::Update)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
        .reason(reason)
        .detail(json!({ "kind": kind }))
}

/// A user set out to use codes, and has to show a first one.
pub(crate) fn factor_enrolled(user: PrincipalId) -> Event {
    credential_changed(user, "totp", "enrolled", 0)
}

/// Somebody asked for a token by mail.
pub(crate) fn mail_requested(wanted: Wanted, user: PrincipalId) -> Event {
    Event::new(wanted.action(), Outcome::Success)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
}

/// Somebody asked for a token by mail in vain, after `more` refusals that got no event of their own.
pub(crate) fn mail_not_requested(
    wanted: Wanted,
    user: Option<PrincipalId>,
    email: &EmailAddress,
    (reason, more): (&'static str, u64),
) -> Event {
    let event = Event::new(wanted.action(), Outcome::Failure)
        .severity(Severity::Low)
        .retention(Retention::SECURITY)
        .reason(reason)
        .detail(with_more(
            json!({ "email": mask_email(email.as_entered()) }),
            more,
        ));
    match user {
        Some(user) => event.target(USER, user.to_string()),
        None => event,
    }
}

/// What somebody asks for by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Verification,
    Reset,
}

impl Wanted {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Reset => "reset",
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::Verification => VERIFICATION_REQUESTED,
            Self::Reset => RESET_REQUESTED,
        }
    }
}

/// Somebody registered with the address of a user, who was told by mail.
pub(crate) fn registered_again(user: PrincipalId) -> Event {
    Event::new(platform_audit::REGISTERED, Outcome::Failure)
        .activity(Activity::Create)
        .severity(Severity::Low)
        .retention(Retention::SECURITY)
        .reason("email_taken")
        .target(USER, user.to_string())
}

/// Somebody showed that the mail of a user's address is read.
pub(crate) fn email_verified(user: PrincipalId) -> Event {
    Event::new(EMAIL_VERIFIED, Outcome::Success)
        .activity(Activity::Update)
        .target(USER, user.to_string())
}

/// A mail is in the table no longer: it was sent, or dropped for a reason.
pub(crate) fn mail_ended(
    user: PrincipalId,
    mail: MailId,
    kind: &str,
    dropped: Option<&'static str>,
) -> Event {
    let event = match dropped {
        None => Event::new(MAIL_SENT, Outcome::Success),
        Some(reason) => Event::new(MAIL_DROPPED, Outcome::Failure)
            .severity(Severity::Medium)
            .reason(reason),
    };
    event
        .retention(Retention::SECURITY)
        .target("mail", mail.to_string())
        .target(USER, user.to_string())
        .detail(json!({ "kind": kind }))
}

/// Somebody failed to sign in, after `more` refusals that got no event of their own.
pub(crate) fn sign_in_failed(email: &EmailAddress, failure: SignInFailure, more: u64) -> Event {
    let email = email.as_entered();
    platform_audit::sign_in_failed(email, failure)
        .detail(with_more(json!({ "email": mask_email(email) }), more))
}

/// A user ended a session.
pub(crate) fn signed_out(user: PrincipalId, session: SessionId) -> Event {
    platform_audit::signed_out(user).target(SESSION, session.to_string())
}

/// A user was erased: everything personal went, the sessions ended, the password was deleted.
pub(crate) fn erased(user: PrincipalId) -> Event {
    Event::new(ERASED, Outcome::Success)
        .activity(Activity::Delete)
        .severity(Severity::Medium)
        .target(USER, user.to_string())
}

/// A user who came back with a backup was erased again.
pub(crate) fn erased_again(user: PrincipalId) -> Event {
    erased(user).reason("restored_from_backup")
}

/// What an older release had stored of these users in the clear was sealed.
pub(crate) fn sealed(users: &[PrincipalId]) -> Event {
    Event::new(SEALED, Outcome::Success)
        .activity(Activity::Update)
        .detail(json!({ "users": users }))
}

/// Somebody was not allowed to do what they asked for, for the reason with this code, after `more` refusals that got no event of
/// their own.
pub(crate) fn refused(route: &Asked, code: &'static str, more: u64) -> Event {
    let detail = json!({ "method": route.method, "detail": route.detail });
    platform_audit::access_denied(route.method, route.route.clone(), code).detail(with_more(detail, more))
}

impl Asked {
    /// An operation, where there is no route.
    pub(crate) fn to(operation: &str, detail: &str) -> Self {
        Self {
            method: "call",
            route: operation.to_owned(),
            detail: detail.to_owned(),
        }
    }
}

/// What somebody asked for in vain.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `POST` and the like.
    pub(crate) method: &'static str,
    /// The template of a route, or what stands for it.
    pub(crate) route: String,
    /// What they were told.
    pub(crate) detail: String,
}

fn with_more(mut detail: Value, more: u64) -> Value {
    if more > 0 {
        detail["more_refused"] = more.into();
    }
    detail
}

/// Refusals since an instant that no other event tells of.
pub(crate) fn uncounted(caller: Option<PrincipalId>, refusals: u64, since: Timestamp) -> Event {
    let event = Event::new(UNCOUNTED, Outcome::Denied)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .detail(json!({
            "more_refused": refusals,
            "since": since.format(&Rfc3339).unwrap_or_default(),
        }));
    match caller {
        Some(caller) => event.target(USER, caller.to_string()),
        None => event,
    }
}
