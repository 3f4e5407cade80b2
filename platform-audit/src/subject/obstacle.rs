//! What forbids the erasure of a data subject, as far as the trail knows.

use std::fmt::{self, Display};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};
use platform_core::time::format_description::well_known::Rfc3339;
use platform_crypto::{EraseError, KeyError, KeyId, KeyLogError, SubjectId};

use super::about::events_about;
use crate::{HoldId, Retention};

/// A data subject was not erased, because events about it have to be kept as they are. Nothing was changed.
///
/// A keyring whose log is an [`AuditLog`](crate::AuditLog) gives it as the cause of its error; [`of`](Self::of) finds it there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("data subject {subject} may not be erased yet: {basis}")]
pub struct ErasureRefused {
    /// Who.
    pub subject: SubjectId,
    /// On what ground.
    pub basis: ErasureBasis,
}

/// The ground on which an erasure is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasureBasis {
    /// Holds stand on the subject itself, or on events about it.
    Held {
        /// The holds, 100 at most.
        holds: Vec<HoldId>,
    },
    /// A law demands that events are kept which hold values sealed under the subject's key.
    Duty {
        /// Their retention class.
        class: Retention,
        /// The law.
        law: String,
        /// When the last of them may go. Ask again then.
        until: Timestamp,
    },
}

impl ErasureRefused {
    /// The refusal that is behind an error of erasing, if it is one.
    pub fn of(error: &EraseError) -> Option<&Self> {
        match error {
            EraseError::Keys(KeyError::Log(cause)) => match cause.as_ref() {
                KeyLogError::Refused(cause) => cause.downcast_ref(),
                _ => None,
            },
            _ => None,
        }
    }
}

impl ErasureBasis {
    /// A stable code: `audit_hold` or `retention_duty`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "audit_hold",
            Self::Duty { .. } => "retention_duty",
        }
    }
}

impl Display for ErasureBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { holds } => write!(f, "{} hold(s) stand on events about it", holds.len()),
            Self::Duty { law, until, .. } => {
                let until = until.to_utc().format(&Rfc3339).map_err(|_| fmt::Error)?;
                write!(f, "{law} demands that events are kept until {until}")
            }
        }
    }
}

const HOLDS: &str = concat!(
    events_about!("", ""),
    "select h.id from platform_audit.hold h
     where h.tenant_id = $1 and h.released_at is null
       and (
         h.actor_id = $2 or h.target_id = $2::text
         or exists (
           select from about a join platform_audit.event e on e.tenant_id = $1 and e.id = a.id
           where (h.recorded_from is null or e.recorded_at >= h.recorded_from)
             and (h.recorded_to is null or e.recorded_at < h.recorded_to)
             and (h.actor_id is null or h.actor_id = e.actor_id or h.actor_id = e.on_behalf_of)
             and (
               h.target_kind is null
               or e.targets @> jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('kind', h.target_kind, 'id', h.target_id)))
             )
         )
       )
     order by h.id
     limit 100"
);

const DUTY: &str = concat!(
    events_about!(
        "and e.changes is not null and (position($3 in e.changes::text) > 0 or position($4 in e.changes::text) > 0)",
        ""
    ),
    "select c.name, c.duty, max(e.recorded_at + c.keep_min) as until
     from about a
     join platform_audit.event e on e.tenant_id = $1 and e.id = a.id
     join platform_audit.retention_class c on c.name = e.retention
     where c.duty is not null and e.recorded_at + c.keep_min > now()
     group by c.name, c.duty
     order by until desc
     limit 1"
);

/// Looks for what forbids that the key of a subject is destroyed, and keeps holds from being placed until the transaction ends.
///
/// Values that are sealed under the key are looked for in events about the subject: those that it did, that were done for it or that
/// have it among their targets.
pub(crate) async fn obstacle(
    tx: &mut TenantTx,
    subject: SubjectId,
    key: KeyId,
) -> Result<Option<ErasureBasis>, DbError> {
    let tenant = tx.tenant();
    sqlx::query(
        "select pg_advisory_xact_lock_shared(hashtextextended('platform_audit.hold ' || $1::text, 0))",
    )
    .bind(tenant)
    .execute(&mut *tx)
    .await?;
    let holds: Vec<HoldId> = sqlx::query_scalar(HOLDS)
        .bind(tenant)
        .bind(subject)
        .persistent(false)
        .fetch_all(&mut *tx)
        .await?;
    if !holds.is_empty() {
        return Ok(Some(ErasureBasis::Held { holds }));
    }
    let [plain, padded] = sealed_under(key);
    let duty: Option<(String, String, Timestamp)> = sqlx::query_as(DUTY)
        .bind(tenant)
        .bind(subject)
        .bind(plain)
        .bind(padded)
        .persistent(false)
        .fetch_optional(&mut *tx)
        .await?;
    let Some((class, law, until)) = duty else {
        return Ok(None);
    };
    let class = class.parse().map_err(|error| sqlx::Error::ColumnDecode {
        index: "name".to_owned(),
        source: Box::<crate::InvalidRetention>::new(error),
    })?;
    Ok(Some(ErasureBasis::Duty { class, law, until }))
}

/// How the base64 of a value begins that is sealed under a key, without padding and with: version 1, suite 1 or 129, the key's id. These
/// are 18 bytes, which base64 ends with a whole character.
fn sealed_under(key: KeyId) -> [String; 2] {
    [0x01, 0x81].map(|suite| {
        let mut header = vec![0x01, suite];
        header.extend_from_slice(key.as_bytes());
        STANDARD.encode(header)
    })
}
