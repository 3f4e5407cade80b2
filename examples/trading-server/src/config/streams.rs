//! How many streams there may be.

use super::Settings;
use super::reader::Reader;

/// How many streams there may be at a time.
#[derive(Debug, Clone)]
pub struct Streams {
    /// In all.
    pub connections_max: usize,
    /// On which nobody has signed in. The rest is for those who sign in with the request or by a ticket.
    pub anonymous_max: usize,
    /// From one address; of IPv6 from its first 64 bits.
    pub per_address_max: usize,
    /// Of one principal.
    pub per_principal_max: usize,
    /// Of one tenant.
    pub per_tenant_max: usize,
}

/// Reads the section `stream`.
pub(super) fn streams(reader: &mut Reader) -> Streams {
    Streams {
        connections_max: reader.number("stream.connections_max", 1..=1_000_000),
        anonymous_max: reader.number("stream.anonymous_max", 0..=1_000_000),
        per_address_max: reader.number("stream.per_address_max", 1..=1_000_000),
        per_principal_max: reader.number("stream.per_principal_max", 1..=1_000_000),
        per_tenant_max: reader.number("stream.per_tenant_max", 1..=1_000_000),
    }
}

/// Values that are fine alone and wrong together.
pub(super) fn contradictions(reader: &mut Reader, settings: &Settings) {
    let Streams {
        connections_max,
        anonymous_max,
        ..
    } = settings.stream;
    if reader.is_sound(&["stream.anonymous_max", "stream.connections_max"]) && anonymous_max > connections_max
    {
        reader.problem(
            "stream.anonymous_max",
            anonymous_max.to_string(),
            format!("at most stream.connections_max, {connections_max}"),
        );
    }
}
