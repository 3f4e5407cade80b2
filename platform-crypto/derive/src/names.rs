//! What a table and a column may be called: the statements are made of these names.

use syn::{Error, LitStr};

/// PostgreSQL's limit for a name.
const NAME_MAX: usize = 63;

/// A table in its schema.
pub(crate) struct TableName {
    /// `schema.table`, as it is bound into every sealed value.
    pub(crate) full: LitStr,
    pub(crate) quoted: String,
}

impl TableName {
    pub(crate) fn parse(name: LitStr) -> Result<Self, Error> {
        let text = name.value();
        match text.split_once('.') {
            Some((schema, table)) if is_name(schema) && is_name(table) => Ok(Self {
                quoted: format!("\"{schema}\".\"{table}\""),
                full: name,
            }),
            _ => Err(Error::new(
                name.span(),
                "a table is named with its schema, in lower-case letters, digits and underscores: \"shop.customer\"",
            )),
        }
    }
}

/// Checks a column's name.
pub(crate) fn column(name: LitStr) -> Result<LitStr, Error> {
    if is_name(&name.value()) {
        return Ok(name);
    }
    Err(Error::new(
        name.span(),
        "a column's name is made of lower-case letters, digits and underscores",
    ))
}

fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    begins_well && text.len() <= NAME_MAX && text.chars().all(is_word)
}
