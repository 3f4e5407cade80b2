//! Opening values under their old keys and sealing them under new ones.

use platform_core::uuid::Uuid;

use super::page::Move;
use super::plan::Plan;
use super::{FailureReason, ResealFailure};
use crate::keyring::KeyError;
use crate::row::ColumnParts;
use crate::{KeyId, OpenError, RowId, SealError, Sealed};

/// What became of the values of a column.
#[derive(Default)]
pub(super) struct Resealed {
    pub(super) moves: Vec<Move>,
    pub(super) failures: Vec<ResealFailure>,
    /// The key had sealed as often as this process may: what came after was left for a later pass.
    pub(super) spent: Option<KeyId>,
}

impl Plan {
    /// Seals values of a column anew, until the key's budget is spent.
    ///
    /// # Errors
    /// [`KeyError::Corrupt`] when an opened value cannot be sealed, which no value can cause.
    pub(super) fn reseal(
        &self,
        column: &ColumnParts,
        values: Vec<(Uuid, Vec<u8>)>,
    ) -> Result<Resealed, KeyError> {
        let mut resealed = Resealed::default();
        for (row, old) in values {
            let at = column.column.at(self.keys.tenant(), row);
            let sealed = Sealed::<Vec<u8>>::from_bytes(old);
            let plain = match self.keys.open(&at, &sealed) {
                Ok(plain) => plain,
                Err(error) => {
                    resealed
                        .failures
                        .extend(failure(column, row.into(), &sealed, &error));
                    continue;
                }
            };
            match self.keys.seal(&at, plain.expose()) {
                Ok(fresh) => resealed.moves.push(Move {
                    row,
                    old: sealed.as_bytes().to_vec(),
                    new: fresh.as_bytes().to_vec(),
                }),
                Err(SealError::BudgetSpent(key)) => {
                    resealed.spent = Some(key);
                    break;
                }
                // The keys seal, are the tenant's, and what was opened is short enough.
                Err(_) => return Err(KeyError::Corrupt),
            }
        }
        Ok(resealed)
    }
}

/// Nothing where the key is missing, gone a moment ago: the value is left for the next pass, which has another plan.
fn failure(
    column: &ColumnParts,
    row: RowId,
    sealed: &Sealed<Vec<u8>>,
    error: &OpenError,
) -> Option<ResealFailure> {
    Some(ResealFailure {
        row,
        column: column.column.column().to_owned(),
        reason: FailureReason::of(error)?,
        key: sealed.key_id().ok(),
    })
}
