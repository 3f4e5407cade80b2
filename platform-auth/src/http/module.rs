//! The module that a service composes.

use std::time::Duration;

use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Descriptor, Hook, Module, ModuleError, Parts, Worker};
use tokio::time::{MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;

use crate::authz::OWN_PERMISSIONS;
use crate::{Auth, MIGRATIONS};

/// Named `auth`, needs the module `crypto`, which a [`Keyring`](platform_crypto::Keyring) is: contributes its tables, its
/// routes under `/api/v1`, `/admin/v1` and `/platform/v1`, the workers that record counted refusals and the use of API keys, forget expired
/// invitations, send mail and hear of sessions and keys that ended elsewhere, and offers the handle [`Auth`].
impl Module for Auth {
    fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new("auth", env!("CARGO_PKG_VERSION"))
            .requires("crypto", "^0.1")
            // What is recorded last is still attested.
            .uses("audit", "^0.1");
        OWN_PERMISSIONS
            .into_iter()
            .fold(descriptor, Descriptor::permission)
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.provide(self.clone());
        self.inner.declare(cx.permissions());
        self.inner.sessions.metrics.register(cx.metrics());
        self.inner
            .sessions
            .known
            .metrics
            .register(cx.metrics(), "auth_sessions");
        self.inner
            .api_keys
            .metrics
            .register(cx.metrics(), "auth_api_keys");
        let routes = OpenApiRouter::default()
            .nest("/api/v1", self.api_routes())
            .nest("/admin/v1", self.admin_routes())
            .nest("/platform/v1", self.platform_routes());
        Ok(Parts {
            routes: Some(routes),
            workers: [
                Some(self.counting()),
                Some(self.noting_key_use()),
                Some(self.forgetting()),
                self.delivering(),
                Some(self.hearing()),
            ]
            .into_iter()
            .flatten()
            .collect(),
            on_stop: vec![
                self.last_requests(),
                self.last_touches(),
                self.last_count(),
                self.last_key_use(),
            ],
            ..Parts::default()
        })
    }
}

/// How often counted refusals are looked at, and how long an event may tell of them before they get one of their own; and how often the use
/// of API keys is written down.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// How often expired invitations are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(10 * 60);

impl Auth {
    fn counting(&self) -> Worker {
        let auth = self.clone();
        Worker::new("auth.refusals", move |stop| {
            let auth = auth.clone();
            async move {
                let mut rounds = interval(COUNT_EVERY);
                rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(rounds.tick()).await.is_some() {
                    auth.record_counted_refusals(COUNT_EVERY).await?;
                }
                Ok(())
            }
        })
    }

    fn noting_key_use(&self) -> Worker {
        let auth = self.clone();
        Worker::new("auth.api_key_use", move |stop| {
            let auth = auth.clone();
            async move {
                let mut rounds = interval(COUNT_EVERY);
                rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(rounds.tick()).await.is_some() {
                    auth.record_api_key_use().await?;
                }
                Ok(())
            }
        })
    }

    /// Forgets whom invitations had invited that nobody accepted in time. What fails is tried again in the next round.
    fn forgetting(&self) -> Worker {
        let auth = self.clone();
        Worker::new("auth.invitations", move |stop| {
            let auth = auth.clone();
            async move {
                let mut rounds = interval(FORGET_EVERY);
                rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(rounds.tick()).await.is_some() {
                    auth.inner.forget_invitations(&stop).await?;
                }
                Ok(())
            }
        })
    }

    fn last_key_use(&self) -> Hook {
        let auth = self.clone();
        Hook::new("auth.api_key_use", move || {
            let auth = auth.clone();
            async move {
                auth.record_api_key_use().await?;
                Ok(())
            }
        })
    }

    /// Sends mail, where mail is configured.
    fn delivering(&self) -> Option<Worker> {
        self.inner.config.mail.as_ref()?;
        let auth = self.clone();
        Some(Worker::new("auth.mail", move |stop| {
            let auth = auth.clone();
            async move {
                auth.keep_delivering(stop).await;
                Ok(())
            }
        }))
    }

    /// Hears of sessions and API keys that ended elsewhere.
    fn hearing(&self) -> Worker {
        let auth = self.clone();
        Worker::new("auth.sessions", move |stop| {
            let auth = auth.clone();
            async move {
                auth.keep_credentials_current(stop).await;
                Ok(())
            }
        })
    }

    /// The last uses of sessions are written down.
    fn last_touches(&self) -> Hook {
        let auth = self.clone();
        Hook::new("auth.sessions", move || {
            let auth = auth.clone();
            async move {
                auth.settle_sessions().await;
                Ok(())
            }
        })
    }

    /// What was answered is also written; another instance, or the next start, sends it.
    fn last_requests(&self) -> Hook {
        let auth = self.clone();
        Hook::new("auth.mail_requests", move || {
            let auth = auth.clone();
            async move {
                auth.settle_mail_requests().await;
                Ok(())
            }
        })
    }

    fn last_count(&self) -> Hook {
        let auth = self.clone();
        Hook::new("auth.refusals", move || {
            let auth = auth.clone();
            async move {
                auth.record_counted_refusals(Duration::ZERO).await?;
                Ok(())
            }
        })
    }
}
