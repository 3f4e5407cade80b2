//! Users, password sign-in, sessions and roles of a tenant.
//!
//! A user belongs to one tenant, signs in with an e-mail address and a password, and gets an opaque token for a session, of which only the
//! hash is stored. There is no switching between tenants: whoever is a user of two signs in to each. Whatever changes is recorded by `platform_audit` in the same transaction; a failed sign-in is recorded alone.
//!
//! - **What identifies a person**, the e-mail address and the name, is sealed by `platform_crypto` under a key of the user's own. Signing
//!   in finds the user by a blind index. Erasing a user destroys the key, also for whoever restores an older backup.
//! - **Passwords** that are easy to guess, common or stolen elsewhere are not taken. They are hashed with Argon2id, a bounded number at a time, and never logged. Unknown users, wrong passwords and
//!   disabled users get the same answer after the same work.
//! - **Sessions** are in PostgreSQL, and what an instance knows of one it remembers for a second
//!   ([`SessionConfig::cache_age`](SessionConfig)): a request that finds it there costs no query, any other one costs one. Ending a session,
//!   disabling a user, suspending a tenant or revoking a grant takes effect at once at the instance that does it; at the others when the
//!   database's message arrives, and within the second when it is lost. A database that is away refuses whom nobody remembers. Sessions
//!   end after 30 minutes without use and after 12 hours in any case, at the very instant. Users see theirs and end them, prove anew who
//!   they are ([`Auth::step_up`]) and may keep the token in a cookie.
//! - **Guessing** is slowed down for each account and each address, in the memory of each instance, and never to a standstill; registering
//!   for each tenant and each address.
//! - **Whose address it is** is shown by a token from a mail. Whoever shows it without being signed in chooses the password, and nothing
//!   that a stranger has set up before outlives that. Where addresses [have to be verified](AuthConfig::verified_email), neither
//!   registering nor signing in tells which are known.
//! - **Roles** that are built in are `user` and `admin`; which permissions they give is set up when the service starts
//!   ([`AuthConfig::grant`]). A tenant makes [roles of its own](Auth::create_role) of the permissions that modules declare as assignable.
//! - **Grants** give a role to a user or a [group](Auth::create_group), in the whole tenant or on one resource, for a time. They are
//!   compiled once and decided in memory ([`RequestContext::authorize`](platform_core::RequestContext::authorize)); revoking one takes
//!   effect on the next request, as the end of a session does. Nobody gives away more than they hold.
//! - **Mail** ([`MailConfig`]) brings tokens with which an address is verified or a forgotten password replaced, and tells users of what
//!   was changed. It is written in the transaction of what it tells of, and sent afterwards, at least once.
//! - **A tenant's policy** ([`Auth::set_policy`]) asks for more than the service does, and never for less: shorter sessions, verified
//!   addresses, second factors, better passwords.
//! - **Invitations** ([`Auth::invite`]) make users with the roles that they name, and no more than their sender holds.
//! - **Tenants** are [made](Auth::create_tenant), [suspended, resumed and closed](Auth::change_tenant) by the operators of the platform,
//!   who are the admins of [one tenant](AuthConfig::platform_tenant), and by the admins of the tenants above. Each has host names of its
//!   own that it has [proven](Auth::verify_host).
//! - **A second factor** is a one-time code by time (RFC 6238) or one of ten recovery codes, each good once.
//! - **API keys** ([`Auth::create_api_key`]) let programs act for a user, or as a [service principal](ServicePrincipal) of their own: with
//!   what the owner may do at that moment, and of it no more than the key's scopes and resources leave, from the networks that it names.
//!   What is known of one is remembered as of a session, for a second: a request that finds it there costs no query, any other one costs
//!   one. Keys are made in a session and not with keys. They work on in a tenant that begins to ask for a second factor, for programs have
//!   nobody at hand who enters one.
//! - **Passkeys** (feature `passkeys`) sign in without a password and without a code. A challenge is good once; an authenticator that was
//!   copied is found out by its counter, where it has one.
//!
//! There is no cache of sessions in Redis: PostgreSQL is asked once a second for each session in use at most.
//!
//! ```no_run
//! use platform_audit::AuditLog;
//! use platform_auth::{Auth, AuthConfig, Credentials, SignIn};
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//! use platform_crypto::Keyring;
//!
//! async fn sign_in(db: &Db, keys: &Keyring, ctx: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::new(db, keys, &AuditLog::new(db.sources().clone()), AuthConfig::default());
//!
//!     let credentials = Credentials { email: "ada@example.com".into(), password: "correct horse".into() };
//!     match auth.sign_in(ctx, credentials).await? {
//!         SignIn::Complete(signed_in) => assert_eq!(signed_in.user.email.expose(), "ada@example.com"),
//!         SignIn::CodeRequired(challenge) => println!("and now the code, before {}", challenge.expires_at),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` (default) | routes with their OpenAPI document, the authentication of requests, the runtime module |
//! | `dns` | TXT records from the system's name servers (`hickory-resolver`), which prove whose a host name is |
//! | `mail` | mail by SMTP (`lettre`, with the TLS of `rustls` and `ring`), or into a folder |
//! | `passkeys` | passkeys (`webauthn-rs`) |
//! | `testing` | [`testing`]: for the tests of services that embed this crate |

mod access;
mod api_key;
mod auth;
mod authz;
mod change;
mod clear;
mod config;
mod connected;
mod credential_cache;
mod email;
mod erasure;
mod error;
mod hash_threads;
mod hasher;
mod hosts;
mod identity;
mod invite;
mod mail;
mod manage;
mod name;
mod one_time;
#[cfg(feature = "passkeys")]
mod passkey;
mod password;
mod refusals;
mod register;
mod register_later;
mod replay;
mod reset;
mod role;
mod second_factor;
mod session;
mod sign_in;
mod stored;
mod tenant_policy;
mod tenants;
mod throttle;
mod token;
mod trail;
mod user;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "testing")]
pub mod testing;

pub use api_key::{
    ALL_SCOPES, API_KEYS_MANAGE, AddressRange, ApiKey, ApiKeyConfig, ApiKeyError, ApiKeyId, ApiKeyOwner,
    ApiKeyRotation, ApiKeyToken, ApiKeysOf, InvalidAddressRange, InvalidApiKey, IssuedApiKey, NewApiKey,
};
pub use auth::{Auth, SignedIn};
pub use authz::{
    AuthzError, CustomRole, Decision, DecisionReason, Effect, GRANTS_MANAGE, GROUPS_MANAGE, Grant,
    GrantFilter, GrantId, GrantPrincipal, Group, GroupId, GroupUpdate, InvalidGrant, InvalidUniqueName,
    Member, Membership, MembershipId, NewGrant, NewRole, Question, ROLES_MANAGE, RoleId, RoleRef, RoleUpdate,
    SERVICE_PRINCIPALS_MANAGE, ServicePrincipal, ServicePrincipalUpdate, USERS_MANAGE, UniqueName,
};
pub use authz::{SESSIONS_MANAGE, Standing};
pub use change::PasswordChange;
pub use clear::SealClearError;
pub use config::{AuthConfig, PasswordConfig, SessionConfig};
pub use connected::Connected;
pub use email::{EmailAddress, InvalidEmail};
pub use erasure::{EraseUserError, Erasure, HoldUserError};
pub use error::{
    AccessError, AuthenticateError, CredentialError, Fault, MailRequestError, RegisterError, SignInError,
    TenantRefused,
};
pub use hasher::HashError;
#[cfg(feature = "dns")]
pub use hosts::{DnsResolver, NoSystemResolver};
pub use hosts::{
    HOSTS_MANAGE, HostChallenge, HostError, HostName, InvalidHostName, TenantHost, TxtResolver,
    TxtUnavailable,
};
pub use identity::SealedUser;
pub use invite::{
    AcceptError, Acceptance, Invitation, InvitationId, InviteError, Invited, NewInvitation, SealedInvitation,
    USERS_INVITE,
};
pub use mail::{Delivered, Mail, MailConfig, MailError, MailId, Mailer, SealedMail};
#[cfg(feature = "mail")]
pub use mail::{InvalidSender, InvalidSmtp, MailFolder, Sender, SmtpConfig, SmtpMailer, SmtpTls};
pub use manage::CreateUserError;
pub use name::{InvalidName, PersonName};
pub use one_time::OneTimeToken;
#[cfg(feature = "passkeys")]
pub use passkey::{
    InvalidPasskeyConfig, Passkey, PasskeyChallenge, PasskeyConfig, PasskeyError, PasskeyId, SealedPasskey,
};
pub use password::{BreachedPasswords, InvalidBreachedList, InvalidPassword};
pub use refusals::RefusalConfig;
pub use register::{Ensured, InvalidRegistration, Registered, Registration};
pub use role::{PLATFORM_TENANTS, Role, TENANT_ADMIN, UnknownRole};
pub use second_factor::{Challenge, Confirmed, CredentialStatus, Enrolment, RecoveryCodes, SealedTotp};
pub use session::{SessionError, SessionInfo, StepUp};
pub use sign_in::{Credentials, SignIn};
pub use tenant_policy::{
    InvalidPolicy, POLICY_MANAGE, PolicyError, PolicySettings, SecondFactorRule, StoredPolicy, TenantPolicy,
};
pub use tenants::{FirstAdmin, MadeTenant, NewOverseenTenant, OverseeError, Oversight, TENANT_CHILDREN};
pub use throttle::{ThrottleConfig, ThrottleLimit};
pub use token::{InvalidToken, SessionToken};
pub use user::{User, UserStatus};

pub use platform_audit;
pub use platform_core;
pub use platform_crypto;

use platform_core::pg::Migrations;

platform_core::id_type! {
    /// Names a session.
    pub struct SessionId;
}

/// The tables of this crate, in the schema `platform_auth`. They refer to those of `platform_core` and need those of
/// `platform_crypto` and `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_auth",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-auth");
