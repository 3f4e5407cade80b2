//! W3C trace context.

use std::fmt;

use crate::Sources;

/// The trace a request belongs to, as in the `traceparent` header of W3C Trace Context (level 1, section 3.2).
///
/// ```
/// use platform_core::TraceContext;
///
/// let incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(incoming).expect("a valid header");
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.to_string(), incoming);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    parent_span_id: Option<u64>,
    sampled: bool,
}

impl TraceContext {
    /// Starts a new, sampled trace.
    pub fn root(sources: &Sources) -> Self {
        let trace_id = u128::from_be_bytes(sources.bytes()).max(1);
        let span_id = u64::from_be_bytes(sources.bytes()).max(1);
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            sampled: true,
        }
    }

    /// Reads a `traceparent` header; `None` when it is not one, which starts a new trace.
    pub fn parse(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let version = hex_field(fields.next()?, 2)?;
        let trace_id = hex_field(fields.next()?, 32)?;
        let span_id = hex_field(fields.next()?, 16)?;
        let flags = hex_field(fields.next()?, 2)?;
        let surplus = fields.next().is_some();
        if version == 0xff || (version == 0 && surplus) || trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            span_id: u64::try_from(span_id).ok()?,
            parent_span_id: None,
            sampled: flags & 1 == 1,
        })
    }

    /// The same trace with a span of its own, for work done here and for calls to others.
    #[must_use]
    pub fn child(self, sources: &Sources) -> Self {
        Self {
            span_id: u64::from_be_bytes(sources.bytes()).max(1),
            parent_span_id: Some(self.span_id),
            ..self
        }
    }

    /// The trace id: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The id of the current span: 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// The id of the span this one is a child of, when it is known.
    pub fn parent_span_id(&self) -> Option<String> {
        self.parent_span_id.map(|span_id| format!("{span_id:016x}"))
    }

    /// Did whoever started the trace ask for it to be recorded?
    pub fn sampled(&self) -> bool {
        self.sampled
    }
}

/// The value of a `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self})")
    }
}

fn hex_field(text: &str, length: usize) -> Option<u128> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != length || !text.bytes().all(lower_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_breaks_the_recommendation_starts_a_new_trace() {
        let broken = [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-surplus",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ];

        for header in broken {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }

    #[test]
    fn a_later_version_may_carry_more_fields() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";

        assert!(TraceContext::parse(later).is_some());
    }
}
