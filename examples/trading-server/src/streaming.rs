//! What the stream of the brokerage asks of the sign-in.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use platform_auth::{Auth, Connected};
use platform_core::TenantId;
use platform_core::hub::{Identity, Liveness, Verdict};
use trading::http::StreamBackends;

/// Tokens are verified as those of requests are, and streams end with what they were opened by.
pub(crate) fn backends(auth: &Auth) -> StreamBackends {
    StreamBackends {
        authenticate: Some(Arc::new(auth.clone())),
        liveness: Some(Arc::new(Sessions(auth.clone()))),
        ..StreamBackends::default()
    }
}

/// Sessions, API keys, users and tenants, as the sign-in knows them.
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
            let of_tenant: Vec<Connected> = places
                .iter()
                .filter_map(|place| connected.get(*place))
                .map(asked)
                .collect();
            let may_stay = self.0.who_may_stay(tenant, &of_tenant).await?;
            for (place, _) in places.iter().zip(may_stay).filter(|(_, stays)| *stays) {
                if let Some(verdict) = verdicts.get_mut(*place) {
                    *verdict = Verdict::Stays;
                }
            }
        }
        Ok(verdicts)
    }
}

fn asked(identity: &Arc<Identity>) -> Connected {
    Connected {
        principal: identity.principal,
        session: identity.session,
        api_key: identity.api_key,
    }
}
