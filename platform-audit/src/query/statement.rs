//! A filter as part of a statement.

use platform_core::TenantId;
use serde_json::json;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::types::Json;

use super::filter::EventFilter;
use super::reader::Reader;

/// The conditions of a filter on `platform_audit.event e`, over the parameters $1 to $13 that [`arguments`] gives. A macro, so that
/// `concat!` makes it part of a static statement.
///
/// Send such a statement with `persistent(false)`: it is then planned for the values at hand, so that conditions without a value
/// cost nothing and those with one find their index.
macro_rules! filter_conditions {
    () => {
        "e.tenant_id = $1
         and ($2::timestamptz is null or e.recorded_at >= $2)
         and ($3::timestamptz is null or e.recorded_at < $3)
         and ($4::timestamptz is null or e.occurred_at >= $4)
         and ($5::timestamptz is null or e.occurred_at < $5)
         and ($6::uuid is null or e.actor_id = $6)
         and ($7::text is null or e.action = $7)
         and ($8::text is null or starts_with(e.action, $8))
         and ($9::text is null or e.outcome = $9)
         and ($10::text is null or e.severity = $10)
         and ($11::uuid is null or e.request_id = $11)
         and ($12::jsonb is null or e.targets @> $12)
         and ($13 or e.visibility = 'tenant')"
    };
}
pub(crate) use filter_conditions;

/// The parameters of [`filter_conditions`].
pub(crate) fn arguments(
    tenant: TenantId,
    reader: Reader,
    filter: &EventFilter,
) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    let mut add = || {
        arguments.add(tenant)?;
        arguments.add(filter.recorded_from)?;
        arguments.add(filter.recorded_to)?;
        arguments.add(filter.occurred_from)?;
        arguments.add(filter.occurred_to)?;
        arguments.add(filter.actor_id)?;
        arguments.add(filter.whole_action())?;
        arguments.add(filter.action_beginning())?;
        arguments.add(filter.outcome.map(|outcome| outcome.as_str()))?;
        arguments.add(filter.severity.map(|severity| severity.as_str()))?;
        arguments.add(filter.request_id)?;
        arguments.add(contained(filter).map(Json))?;
        arguments.add(reader == Reader::Platform)
    };
    add().map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}

/// What the column `targets` has to contain.
fn contained(filter: &EventFilter) -> Option<serde_json::Value> {
    match (&filter.target_kind, &filter.target_id) {
        (Some(kind), Some(id)) => Some(json!([{ "kind": kind, "id": id }])),
        (Some(kind), None) => Some(json!([{ "kind": kind }])),
        (None, _) => None,
    }
}
