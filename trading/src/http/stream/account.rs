//! What happened to accounts, for those who follow theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use platform_core::bus::{Scope, Topic};
use platform_core::hub::{Frame, History, Hub, Recorded};
use platform_core::runtime::CancellationToken;
use platform_core::{PrincipalId, RequestContext, TenantId};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use crate::replay::ALERT_FIRED;
use crate::store::{self, StreamedEvent};
use crate::{OrderId, Trading, TradingError};

/// What the name of an account's topic begins with; the rest is its owner's id.
const PREFIX: &str = "account.";

/// Accounts that one statement looks at.
const BATCH: usize = 500;

/// The topic of what happens to the account of a principal, whether it has one already or not.
pub(super) fn topic_of(tenant: TenantId, owner: PrincipalId) -> Topic {
    Topic::tenant(tenant, &format!("{PREFIX}{owner}")).expect("a name of letters")
}

/// The tenant and the owner of such a topic.
fn owner_of(topic: &Topic) -> Option<(TenantId, PrincipalId)> {
    let Scope::Tenant(tenant) = topic.scope() else {
        return None;
    };
    let owner = topic.name().strip_prefix(PREFIX)?.parse().ok()?;
    Some((tenant, owner))
}

/// The log of each account, as the stream tells it.
pub(super) struct AccountHistory(Trading);

impl AccountHistory {
    pub(super) fn new(trading: &Trading) -> Self {
        Self(trading.clone())
    }
}

#[async_trait]
impl History for AccountHistory {
    async fn after(
        &self,
        topic: &Topic,
        after: u64,
        max: u32,
    ) -> Result<Vec<Recorded>, Box<dyn std::error::Error + Send + Sync>> {
        let Some((tenant, owner)) = owner_of(topic) else {
            return Ok(Vec::new());
        };
        let ctx = RequestContext::system(tenant, "tell a stream of its account", self.0.sources());
        let mut read = self.0.inner.db.read(&ctx).await?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let events = store::events_of_owner(&mut read, owner, (after, max)).await?;
        events.into_iter().map(recorded).collect()
    }
}

/// Something that happened to an account or one of its orders.
#[derive(Serialize)]
struct Told {
    /// `order`, `alert`, or `account` for what concerns neither.
    #[serde(rename = "type")]
    is_about: &'static str,
    seq: i64,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(with = "time::serde::rfc3339")]
    at: platform_core::Timestamp,
    payload: Value,
}

fn recorded(event: StreamedEvent) -> Result<Recorded, Box<dyn std::error::Error + Send + Sync>> {
    let told = Told {
        is_about: match (event.order_id, event.kind.as_str()) {
            (Some(_), _) => "order",
            (None, ALERT_FIRED) => "alert",
            (None, _) => "account",
        },
        seq: event.seq,
        kind: event.kind,
        order_id: event.order_id,
        at: event.at,
        payload: serde_json::from_str(&event.payload)?,
    };
    Ok(Recorded {
        seq: u64::try_from(event.seq)?,
        frame: Frame::json(&told)?,
    })
}

/// The number of the last event of an account; 0 when the principal has none yet.
pub(super) async fn last_seq(
    trading: &Trading,
    (tenant, owner): (TenantId, PrincipalId),
) -> Result<u64, TradingError> {
    let seqs = last_seqs(trading, tenant, &[owner]).await?;
    Ok(seqs
        .first()
        .map_or(0, |(_, seq)| u64::try_from(*seq).unwrap_or(0)))
}

async fn last_seqs(
    trading: &Trading,
    tenant: TenantId,
    owners: &[PrincipalId],
) -> Result<Vec<(PrincipalId, i64)>, TradingError> {
    let ctx = RequestContext::system(tenant, "look for news of accounts", trading.sources());
    let mut read = trading.inner.db.read(&ctx).await?;
    Ok(store::last_event_seqs(&mut read, owners).await?)
}

/// Tells those who follow an account that it has new events, until it is told to stop: as soon as this instance has changed one, and at
/// intervals, because other instances change them too. One statement for many accounts, however many events there are.
pub(in crate::http) async fn follow_accounts(
    trading: &Trading,
    hub: &Hub,
    every: Duration,
    stop: CancellationToken,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            () = trading.until_accounts_change() => {}
        }
        announce(trading, hub).await;
    }
}

async fn announce(trading: &Trading, hub: &Hub) {
    let mut tenants: BTreeMap<TenantId, Vec<PrincipalId>> = BTreeMap::new();
    for (tenant, owner) in hub.topics().iter().filter_map(owner_of) {
        tenants.entry(tenant).or_default().push(owner);
    }
    for (tenant, owners) in tenants {
        for owners in owners.chunks(BATCH) {
            let seqs = match last_seqs(trading, tenant, owners).await {
                Ok(seqs) => seqs,
                // The others are told all the same, and these at the next look.
                Err(error) => {
                    tracing::warn!(
                        tenant.id = %tenant, error = platform_core::error_chain(&error), "followers of accounts cannot be told"
                    );
                    continue;
                }
            };
            for (owner, seq) in seqs {
                if let Ok(seq) = u64::try_from(seq) {
                    hub.announce(&topic_of(tenant, owner), seq);
                }
            }
        }
    }
}
