//! What the tasks read from the command line and print.

use anyhow::anyhow;
use platform_core::Timestamp;
use platform_core::time::format_description::well_known::Rfc3339;

use crate::exit::Exit;
use crate::refusal::Refusal;

/// `kind` or `kind:id`.
pub(super) fn target(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (text, None),
    }
}

/// A time, such as `2026-01-31T00:00:00Z`.
pub(super) fn time(text: &str) -> Result<Timestamp, Refusal> {
    Timestamp::parse(text, &Rfc3339).map_err(|_| {
        let error = anyhow!("{text:?} is no time such as 2026-01-31T00:00:00Z");
        Refusal::new(Exit::Usage, error)
    })
}

pub(super) fn shown(at: Timestamp) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
