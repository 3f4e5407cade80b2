//! The texts of the statements that the re-sealing job runs, fixed when the row is compiled.

use crate::model::Row;

/// Bytes of a sealed value in front of its nonce: version, suite, key id.
const HEADER: u32 = 18;

fn key_id(column: &str) -> String {
    format!("substring({column} from 3 for 16)")
}

/// The next rows in the order of their ids: headers and sizes. `$1` tenant, `$2` first row, `$3` how many.
pub(crate) fn page(row: &Row<'_>) -> String {
    let headers: Vec<String> = sealed(row)
        .map(|column| format!("substring({column} from 1 for {HEADER})"))
        .collect();
    let sizes: Vec<String> = sealed(row)
        .map(|column| format!("octet_length({column})"))
        .collect();
    let subject = match row.subject_column() {
        Some(column) => format!("\"{}\"", column.value()),
        None => "null::uuid".to_owned(),
    };
    let id = row.row_column().value();
    format!(
        "select \"{id}\" as row_id, {subject} as subject_id, array[{headers}] as headers, array[{sizes}] as sizes \
         from {table} where \"{tenant}\" = $1 and \"{id}\" >= $2 order by \"{id}\" limit $3",
        headers = headers.join(", "),
        sizes = sizes.join(", "),
        table = row.table.quoted,
        tenant = row.tenant_column().value(),
    )
}

/// The values of some rows, whole. `$1` tenant, `$2` rows.
pub(crate) fn fetch(row: &Row<'_>, column: &str) -> String {
    let id = row.row_column().value();
    format!(
        "select \"{id}\" as row_id, \"{column}\" as sealed from {table} \
         where \"{tenant}\" = $1 and \"{id}\" = any ($2) and \"{column}\" is not null",
        table = row.table.quoted,
        tenant = row.tenant_column().value(),
    )
}

/// The same, and nobody changes these rows until the transaction ends.
pub(crate) fn hold(row: &Row<'_>, column: &str) -> String {
    format!("{} for no key update", fetch(row, column))
}

/// Puts values in the place of those that were read, where they still stand. `$1` tenant, `$2` rows, `$3` old, `$4` new.
pub(crate) fn swap(row: &Row<'_>, column: &str) -> String {
    format!(
        "update {table} as kept set \"{column}\" = fresh.new_value \
         from unnest($2::uuid[], $3::bytea[], $4::bytea[]) as fresh (row_id, old_value, new_value) \
         where kept.\"{tenant}\" = $1 and kept.\"{id}\" = fresh.row_id and kept.\"{column}\" = fresh.old_value",
        table = row.table.quoted,
        tenant = row.tenant_column().value(),
        id = row.row_column().value(),
    )
}

/// Is a value under this key? `$1` tenant, `$2` key id.
pub(crate) fn uses(row: &Row<'_>) -> String {
    let under: Vec<String> = sealed(row)
        .map(|column| format!("{} = $2", key_id(&column)))
        .collect();
    format!(
        "select exists (select from {table} where \"{tenant}\" = $1 and ({under}))",
        table = row.table.quoted,
        tenant = row.tenant_column().value(),
        under = under.join(" or "),
    )
}

/// How many rows are left, counted up to a limit. `$1` tenant, `$2` first row, `$3` limit.
pub(crate) fn remaining(row: &Row<'_>) -> String {
    format!(
        "select count(*) from (select from {table} where \"{tenant}\" = $1 and \"{id}\" >= $2 limit $3) as rest",
        table = row.table.quoted,
        tenant = row.tenant_column().value(),
        id = row.row_column().value(),
    )
}

fn sealed(row: &Row<'_>) -> impl Iterator<Item = String> {
    row.sealed()
        .map(|(field, _)| format!("\"{}\"", field.column.value()))
}
