//! What the audit trail has of an order, with its proofs.

use platform_audit::{EventId, EventPage, EventState, ProveError, RecordedEvent};
use platform_core::pg::TenantRead;
use platform_core::{PrincipalId, RequestContext, Timestamp};
use serde::Serialize;

use super::accounts::owner;
use super::{Trading, TradingError};
use crate::OrderId;
use crate::store::{self, OrderFilter};

/// Each proof reads a path of the tree, so a page has no more of them than this.
const PAGE_MAX: u32 = 20;

/// An audit event of an order.
///
/// Hash the octets of `entry` as a leaf of RFC 6962 and check `proof`, the text of C2SP `tlog-proof`, with the verifier key of the
/// tenant's log: then the event was in the log when the checkpoint in the proof was signed, whatever the database says today.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct OrderProof {
    /// Names the event.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: EventId,
    /// What was done: `order.place`, `order.fill` and so on.
    #[cfg_attr(feature = "http", schema(example = "order.place"))]
    pub action: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub occurred_at: Timestamp,
    /// `recorded`, `sequenced`, `integrated` or `published`; the last two are proven.
    #[cfg_attr(feature = "http", schema(example = "published"))]
    pub state: String,
    /// The canonical JSON that was signed. Left out where somebody else did it, because it says from where they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The proof; left out until a signed checkpoint covers the event, about a second after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl Trading {
    /// The audit events of an order of the caller's account, newest first, at most 20 before the event `before`; `None` when there is no
    /// such order. A page that is not empty may have followers.
    ///
    /// # Errors
    /// [`TradingError`]; [`TradingError::Unproven`] when the tree in the database was altered, so that nothing can be proven from it.
    pub async fn order_proofs(
        &self,
        ctx: &RequestContext,
        id: OrderId,
        (before, limit): (Option<EventId>, u32),
    ) -> Result<Option<Vec<OrderProof>>, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let Some(account) = store::read_account_of(&mut read, owner).await? else {
            return Ok(None);
        };
        let orders = store::orders_page(&mut read, account.id, OrderFilter::One(id), (None, 1)).await?;
        if orders.is_empty() {
            return Ok(None);
        }
        let page = EventPage {
            before,
            limit: limit.min(PAGE_MAX),
        };
        let name = id.to_string();
        let events = self
            .inner
            .audit
            .events_for_target(&mut read, "order", &name, page)
            .await?;
        let mut proofs = Vec::with_capacity(events.len());
        for event in events {
            proofs.push(self.proven(&mut read, owner, event).await?);
        }
        Ok(Some(proofs))
    }

    async fn proven(
        &self,
        read: &mut TenantRead,
        caller: PrincipalId,
        event: RecordedEvent,
    ) -> Result<OrderProof, TradingError> {
        let audit = &self.inner.audit;
        let (state, proof) = match audit.proof(read, event.id).await {
            Ok(Some(bundle)) => (EventState::Integrated, Some(bundle.to_string())),
            Ok(None) => (EventState::Recorded, None),
            Err(ProveError::Pending(state)) => (state, None),
            Err(ProveError::Db(error)) => return Err(error.into()),
            Err(damaged) => return Err(TradingError::Unproven(damaged)),
        };
        let state = match proof {
            Some(_) => audit.state(read, event.id).await?.unwrap_or(state),
            None => state,
        };
        // What customers and the market do is the customer's own; an administrator's address is not.
        let own = event.actor_kind == "system" || event.actor_id == Some(caller);
        let entry = match proof.is_some() && own {
            true => audit.entry(read, event.id).await?,
            false => None,
        };
        Ok(OrderProof {
            id: event.id,
            action: event.action,
            occurred_at: event.occurred_at,
            state: state.to_string(),
            entry: entry.and_then(|bytes| String::from_utf8(bytes).ok()),
            proof,
        })
    }
}
