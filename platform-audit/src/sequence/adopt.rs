//! Going on with a tree that was refused, after an operator has looked.

use platform_core::pg::{DbError, RoleTx};
use platform_core::{RequestContext, TenantId};
use serde_json::json;

use super::append::Choice;
use super::config::Unsealed;
use super::error::SequencerError;
use super::lease::{Claim, Lease};
use super::load::{Against, TAIL_PAGE};
use super::marks::{Mark, Marks};
use super::sequencer::{Sequencer, off_thread};
use super::shard::{Adopting, Shard};
use super::stored::{self, StoredCheckpoint};
use super::trees::Tree;
use super::waiting::{self, Older};
use crate::{
    Action, Activity, AuditError, AuditLog, Event, EventId, Outcome, Refusal, SEQUENCER, Severity, TreeHead,
};

const ADOPTED: Action = Action::new("audit.adopt");

/// A tree that is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// What was marked before: the largest head that anybody outside may hold a signature of.
    pub before: Mark,
    /// The head that is gone on from.
    pub head: TreeHead,
    /// The event that tells of it.
    pub event: EventId,
}

/// A tree was not adopted, and stays refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The tree is not refused: there is nothing to adopt.
    #[error("the tenant's trail is not refused")]
    NotRefused,
    /// Another process sequences the tenant. Ask that one, or stop it.
    #[error("another process sequences the tenant")]
    Elsewhere,
    /// What the database holds contradicts itself. Put the database right first, from a backup.
    #[error("the database is not sound: {0}")]
    Unsound(Refusal),
    /// What the database holds is not what was looked at a moment ago: other events that are said to be from before there were seals
    /// have come. Look at them, and adopt again.
    #[error("the tenant's trail has changed while it was adopted")]
    Changed,
    /// It could not be recorded, so it was not done.
    #[error("the adoption could not be recorded")]
    Unrecorded(#[from] AuditError),
    /// The marks or the published files could not be changed; their failure is in the health.
    #[error("the marks or the published checkpoints could not be changed")]
    Files,
    /// The database refused or could not be reached.
    #[error("the tenant's tree could not be looked at")]
    Sequencer(#[from] SequencerError),
}

impl From<DbError> for AdoptError {
    fn from(error: DbError) -> Self {
        Self::Sequencer(error.into())
    }
}

/// A tree as the database alone tells of it.
struct Found {
    tenant: TenantId,
    tree: Tree,
    checkpoint: Option<StoredCheckpoint>,
    contradicts_published: bool,
    /// Events from before there were seals that come next.
    unsealed: Option<Older>,
}

impl Sequencer {
    /// Takes the tree of the context's tenant as the database holds it now for the true one, in place of what was marked before: for an
    /// operator who has looked into why it was [refused](Refusal), and has decided to go on with it, such as after a restore that is
    /// known to have lost events.
    ///
    /// What the database holds has to be sound in itself: tiles, leaves and the newest checkpoint that this log has signed. Whoever
    /// holds a larger checkpoint from before has a proof that the log was begun anew there, and that cannot and should not be mended;
    /// published files that contradict the tree are put aside, beside the others. Who did it and why is recorded first, as
    /// `audit.adopt` in the tenant's trail. The caller has made sure that whoever asks may.
    ///
    /// Of a trail that is refused for its events from [before there were seals](Refusal::UnsealedWaiting) these get their places now, the
    /// event tells how many they were, and none without a seal comes after them.
    ///
    /// Waits for a running round.
    ///
    /// # Errors
    /// [`AdoptError`]: the tree stays refused.
    pub async fn adopt(
        &self,
        audit: &AuditLog,
        ctx: &RequestContext,
        reason: &str,
    ) -> Result<Adopted, AdoptError> {
        let tenant = ctx.tenant();
        let mut shards = self.shards.lock().await;
        let shard = self.shard_of(&mut shards, tenant).await?;
        if let Some(marks) = self.newest_marks(vec![tenant]).await? {
            let before = marks.get(&tenant).copied().unwrap_or_default();
            let refusal = before
                .refused
                .or_else(|| shard.refused.get(&tenant).copied())
                .ok_or(AdoptError::NotRefused)?;
            let mut found = self.look_again(shard, tenant, refusal).await?;
            let head = found.tree.growth.head();
            let unsealed = found
                .unsealed
                .map(|older| json!({ "events": older.count, "first": older.first, "last": older.last }));
            let told = json!({
                "refusal": refusal.code(),
                "reason": reason,
                "before": { "size": before.head.size, "root": before.head.root.to_base64() },
                "adopted": { "size": head.size, "root": head.root.to_base64() },
                "unsealed": unsealed,
            });
            let event = Event::new(ADOPTED, Outcome::Success)
                .activity(Activity::Update)
                .severity(Severity::Critical)
                .target("trail", tenant.to_string())
                .detail(told);
            let event = audit.record_alone(&self.db, ctx, event).await?;
            if let Some(older) = found.unsealed {
                self.take_unsealed(shard, found, older).await?;
                found = self.look_again(shard, tenant, refusal).await?;
            }
            let (head, signed) = (found.tree.growth.head(), found.tree.signed);
            let contradicted = found.contradicts_published || refusal == Refusal::PublishedForked;
            let published_fits = !contradicted || self.begin_anew(found).await?;
            let mark = Mark {
                head,
                stored: signed.size,
                refused: None,
            };
            let adopt = move |marks: &Marks| marks.adopt(tenant, mark);
            if published_fits && self.with_marks(adopt).await?.is_some() {
                shard.refused.remove(&tenant);
                shard.aside.remove(&tenant);
                shard.forget(tenant);
                if head.size > signed.size {
                    shard.unsigned.insert(tenant);
                }
                tracing::warn!(tenant.id = %tenant, "the trail of tenant {tenant} is gone on with as it is");
                return Ok(Adopted { before, head, event });
            }
        }
        Err(AdoptError::Files)
    }

    /// The share of a tenant, whose lease is taken if it is free.
    async fn shard_of<'a>(
        &self,
        shards: &'a mut Vec<Shard>,
        tenant: TenantId,
    ) -> Result<&'a mut Shard, AdoptError> {
        let number = self.config.shard_of(tenant);
        let at = match shards.iter().position(|shard| shard.number == number) {
            Some(at) => at,
            None => {
                let claim = Claim {
                    shard: number,
                    holder: self.holder,
                    lasts: self.config.lease,
                };
                let lease = Lease::take(&self.db, claim).await?.ok_or(AdoptError::Elsewhere)?;
                shards.push(Shard::new(claim, lease, &self.config));
                shards.len() - 1
            }
        };
        shards.get_mut(at).ok_or(AdoptError::Elsewhere)
    }

    /// Publishes what the database holds in place of what was published beyond it, or contradicts it.
    async fn begin_anew(&self, found: Found) -> Result<bool, SequencerError> {
        let key = self.key.clone();
        let mut stored = self.unpublished_of(found.tenant).await?;
        stored.retain(|one| one.head.size < found.tree.signed.size);
        stored.extend(found.checkpoint.map(|newest| (found.tenant, newest).into()));
        let beyond = (found.tenant, found.tree.signed.size);
        let begun = self.with_outlet(move |outlet| outlet.begin_anew(beyond, &stored, &key));
        Ok(begun.await?.is_some())
    }

    /// Gives places to the events from before there were seals, those that were told of and no others.
    async fn take_unsealed(&self, shard: &mut Shard, found: Found, older: Older) -> Result<(), AdoptError> {
        let tenant = found.tenant;
        shard.trees.insert(tenant, found.tree);
        shard.adopting = Some(Adopting {
            tenant,
            first: older.first,
            last: older.last,
            left: usize::try_from(older.count).unwrap_or(0),
        });
        let taken = self.take_all_unsealed(shard, tenant).await;
        shard.adopting = None;
        shard.forget(tenant);
        taken
    }

    async fn take_all_unsealed(&self, shard: &mut Shard, tenant: TenantId) -> Result<(), AdoptError> {
        while let Some(told) = shard.adopting.filter(|told| told.left > 0) {
            let appended = self.append_batch(shard, Choice::Only(tenant)).await?;
            let appended = appended.ok_or(AdoptError::Elsewhere)?;
            let taken = appended.sequenced + appended.rejected;
            if taken == 0 {
                return Err(AdoptError::Changed);
            }
            self.signals.moved();
            let left = told.left.saturating_sub(taken);
            shard.adopting = Some(Adopting { left, ..told });
        }
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let others = waiting::with_older(&mut tx, &[tenant]).await?;
        tx.rollback().await?;
        match others.is_empty() {
            true => Ok(()),
            false => Err(AdoptError::Changed),
        }
    }

    async fn look_again(
        &self,
        shard: &mut Shard,
        tenant: TenantId,
        refusal: Refusal,
    ) -> Result<Found, AdoptError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        if !shard.lease.fence(&mut tx).await? {
            return Err(AdoptError::Elsewhere);
        }
        let looked = self.look_at(&mut tx, tenant, refusal).await;
        tx.commit().await?;
        looked
    }

    async fn look_at(
        &self,
        tx: &mut RoleTx,
        tenant: TenantId,
        refusal: Refusal,
    ) -> Result<Found, AdoptError> {
        // Whoever adopts a tree for another reason is not told of these.
        let is_told = self.config.unsealed == Unsealed::Adopted && refusal == Refusal::UnsealedWaiting;
        let unsealed = match self.config.unsealed {
            // Those that were adopted before, by somebody who was stopped before they were marked.
            Unsealed::Adopted if is_told => Unsealed::UntilSealed,
            as_configured => as_configured,
        };
        let rows = stored::lock_heads(tx, &[tenant]).await?;
        let head = rows.get(&tenant).copied().unwrap_or_else(TreeHead::empty);
        let checkpoint = stored::newest_checkpoints(tx, &[tenant]).await?.remove(&tenant);
        let mut judged = self
            .judge_against(
                tx,
                tenant,
                head,
                Against {
                    published: true,
                    ..Against::default()
                },
                unsealed,
            )
            .await?;
        let contradicts_published = matches!(judged, Err(Refusal::PublishedForked));
        if contradicts_published {
            judged = self
                .judge_against(tx, tenant, head, Against::default(), unsealed)
                .await?;
        }
        let unsealed = match is_told {
            true => waiting::older(tx, tenant).await?,
            false => None,
        };
        Ok(Found {
            tenant,
            tree: judged.map_err(AdoptError::Unsound)?,
            checkpoint,
            contradicts_published,
            unsealed,
        })
    }

    /// Looks at one tree, with all of its unsigned leaves.
    async fn judge_against(
        &self,
        tx: &mut RoleTx,
        tenant: TenantId,
        head: TreeHead,
        against: Against,
        unsealed: Unsealed,
    ) -> Result<Result<Tree, Refusal>, AdoptError> {
        let known = self.gather(tx, &[(tenant, head)], &against).await?;
        let key = self.key.clone();
        let judge = move || known.iter().map(|known| known.judge(&key, unsealed)).next();
        let judged = off_thread(judge).await.map_err(SequencerError::from)?;
        let (tree, mut tail) = match judged {
            Some(Ok(judged)) => judged,
            Some(Err(refusal)) => return Ok(Err(refusal)),
            None => return Err(AdoptError::Elsewhere),
        };
        while let Some(unfinished) = tail {
            if let Some(finished) = unfinished.finish() {
                return Ok(finished.map(|_| tree));
            }
            let (judged, next) = self.judge_page(tx, tenant, unfinished, TAIL_PAGE).await?;
            if let Err(refusal) = judged {
                return Ok(Err(refusal));
            }
            tail = Some(next);
        }
        Ok(Ok(tree))
    }
}
