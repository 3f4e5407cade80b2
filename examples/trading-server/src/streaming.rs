//! What the stream of the brokerage asks of the sign-in.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use platform_auth::{Auth, Connected};
use platform_core::hub::{Identity, Liveness, Verdict};
use platform_core::{Authority, TenantId};
use trading::http::{STREAM_PERMISSIONS, StreamBackends, StreamConfig};

use crate::config::Streams;

/// The bounds that the settings name.
pub(crate) fn config(streams: &Streams) -> StreamConfig {
    let mut config = StreamConfig::default();
    config.hub.connections_max = streams.connections_max;
    config.hub.anonymous_max = streams.anonymous_max;
    config.hub.connections_per_address_max = streams.per_address_max;
    config.hub.connections_per_principal_max = streams.per_principal_max;
    config.hub.connections_per_tenant_max = streams.per_tenant_max;
    config
}

/// Tokens are verified as those of requests are, and streams end with what they were opened by.
pub(crate) fn backends(auth: &Auth) -> StreamBackends {
    StreamBackends {
        authenticate: Some(Arc::new(auth.clone())),
        liveness: Some(Arc::new(Sessions(auth.clone()))),
        ..StreamBackends::default()
    }
}

/// Sessions, API keys, users, tenants and permissions, as the sign-in knows them.
struct Sessions(Auth);

#[async_trait]
impl Liveness for Sessions {
    async fn judge(&self, connected: &[Arc<Identity>]) -> Result<Vec<Verdict>, Box<dyn Error + Send + Sync>> {
        let mut tenants: BTreeMap<TenantId, Vec<usize>> = BTreeMap::new();
        for (place, identity) in connected.iter().enumerate() {
            tenants.entry(identity.tenant).or_default().push(place);
        }
        let mut verdicts = vec![Verdict::Ended; connected.len()];
        for (tenant, places) in tenants {
            let of_tenant: Vec<&Arc<Identity>> =
                places.iter().filter_map(|place| connected.get(*place)).collect();
            let asked: Vec<Connected> = of_tenant.iter().map(|identity| asked(identity)).collect();
            let standing = self.0.who_may_stay(tenant, &asked).await?;
            for ((place, identity), authority) in places.iter().zip(of_tenant).zip(standing) {
                if let Some(verdict) = verdicts.get_mut(*place) {
                    *verdict = verdict_on(identity, authority.as_ref());
                }
            }
        }
        Ok(verdicts)
    }
}

fn asked(identity: &Identity) -> Connected {
    Connected {
        principal: identity.principal,
        session: identity.session,
        api_key: identity.api_key,
    }
}

/// Whoever has gained a permission meanwhile has it with the next stream.
fn verdict_on(identity: &Identity, authority: Option<&Authority>) -> Verdict {
    let Some(authority) = authority else {
        return Verdict::Ended;
    };
    // A permission of which nobody knows what it is now is not held.
    let is_held = |name: &String| {
        let mut known = STREAM_PERMISSIONS.iter();
        known.any(|permission| permission.name() == name && authority.holds(*permission))
    };
    match identity.permissions.iter().all(is_held) {
        true => Verdict::Stays,
        false => Verdict::Lessened,
    }
}
