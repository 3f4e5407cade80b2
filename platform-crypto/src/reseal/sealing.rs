//! Opening values under their old keys and sealing them under new ones.

use std::collections::HashMap;

use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;

use super::page::Move;
use super::plan::Plan;
use super::{FailureReason, ResealFailure};
use crate::keyring::{KeyError, Keyring};
use crate::row::ColumnParts;
use crate::{KeyId, Keys, SealError, SealKeys, Sealed, SubjectId, SubjectKey};

/// The keys that a step seals with.
pub(super) struct Sealers<'a> {
    plan: &'a Plan,
    /// `None` for a subject that was erased.
    subjects: HashMap<SubjectId, Option<SubjectKey>>,
}

/// What became of the values of a column.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) moves: Vec<Move>,
    pub(super) failures: Vec<ResealFailure>,
    /// The key had sealed as often as this process may: what came after was left for a later pass.
    pub(super) spent: Option<KeyId>,
}

impl<'a> Sealers<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            subjects: HashMap::new(),
        }
    }

    /// Has the keys of these subjects at hand. A subject that has none gets one.
    pub(super) async fn load(
        &mut self,
        keyring: &Keyring,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subjects: impl IntoIterator<Item = SubjectId>,
    ) -> Result<(), KeyError> {
        for subject in subjects {
            if self.subjects.contains_key(&subject) {
                continue;
            }
            let key = match keyring.ensure_subject(tx, ctx, subject).await {
                Ok(key) => Some(key),
                Err(KeyError::SubjectErased(_)) => None,
                Err(error) => return Err(error),
            };
            self.subjects.insert(subject, key);
        }
        Ok(())
    }

    /// Seals values of a column anew, each for whom its row is about, until the tenant's key has sealed as often as it may.
    ///
    /// # Errors
    /// [`KeyError::Corrupt`] when an opened value cannot be sealed, which no value can cause.
    pub(super) fn reseal(
        &self,
        column: &ColumnParts,
        values: Vec<(Uuid, Vec<u8>)>,
        subjects: &HashMap<Uuid, SubjectId>,
    ) -> Result<Outcome, KeyError> {
        let mut outcome = Outcome::default();
        for (row, old) in values {
            let old = Sealed::<Vec<u8>>::from_bytes(old);
            let subject = subjects.get(&row).map(|subject| self.subjects.get(subject));
            let sealed = match subject {
                None => reseal(column, &self.plan.keys, &self.plan.keys, row, &old),
                Some(Some(Some(key))) => reseal(column, &self.plan.keys, key, row, &old),
                Some(_) => Ok(Err(FailureReason::SubjectErased)),
            };
            match sealed {
                Ok(Ok(new)) => outcome.moves.push(Move {
                    row,
                    old: old.as_bytes().to_vec(),
                    new: new.as_bytes().to_vec(),
                }),
                Ok(Err(reason)) => outcome.failures.push(ResealFailure {
                    row: row.into(),
                    column: column.column.column().to_owned(),
                    reason,
                    key: old.key_id().ok(),
                }),
                Err(SealError::BudgetSpent(key)) => {
                    outcome.spent = Some(key);
                    break;
                }
                // The keys seal, are the tenant's, and what was opened is short enough.
                Err(_) => return Err(KeyError::Corrupt),
            }
        }
        Ok(outcome)
    }
}

/// The value under the new key, or why it does not open under the old one.
fn reseal(
    column: &ColumnParts,
    from: &Keys,
    to: &impl SealKeys,
    row: Uuid,
    old: &Sealed<Vec<u8>>,
) -> Result<Result<Sealed<Vec<u8>>, FailureReason>, SealError> {
    let at = column.column.at(from.tenant(), row);
    match from.open(&at, old) {
        Ok(plain) => to.seal(&at, plain.expose()).map(Ok),
        Err(error) => Ok(Err(FailureReason::of(&error))),
    }
}
