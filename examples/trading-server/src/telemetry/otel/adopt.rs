//! One id for a request in the logs and in the traces.
//!
//! The HTTP stack opens a span `request` with the fields `trace.id`, `parent.span.id` (when the caller sent one) and
//! optionally `span.id` and `trace.sampled`. It knows nothing of OpenTelemetry, whose layer would make up ids of its own. So
//! two layers stand around that one: [`Adopt`] runs before it and lays the ids out on this thread, [`Release`] runs after it
//! and clears them away. Both steps happen within one call of the subscriber, so no other span can pick them up.

use std::cell::{Cell, RefCell};
use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context as OtelContext, ContextGuard};
use opentelemetry_sdk::trace::IdGenerator;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use platform_core::Sources;

thread_local! {
    /// The caller's span, as the parent of the span that is being made.
    static PARENT: RefCell<Option<ContextGuard>> = const { RefCell::new(None) };
    /// The ids of the span that is being started.
    static NEXT: Cell<Option<Announced>> = const { Cell::new(None) };
}

/// Makes ids, and takes those that [`Adopt`] laid out.
#[derive(Debug)]
pub(super) struct Ids(Sources);

impl Ids {
    pub(super) fn new(sources: Sources) -> Self {
        Self(sources)
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let announced = NEXT.get().map(|ids| ids.trace);
        announced.unwrap_or_else(|| TraceId::from(u128::from_be_bytes(self.0.bytes()).max(1)))
    }

    fn new_span_id(&self) -> SpanId {
        let announced = NEXT.get().and_then(|ids| ids.span);
        announced.unwrap_or_else(|| SpanId::from(u64::from_be_bytes(self.0.bytes()).max(1)))
    }
}

/// Stands before the layer of OpenTelemetry.
#[derive(Debug)]
pub(super) struct Adopt;

impl<S> Layer<S> for Adopt
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if attributes.metadata().name() != "request" {
            return;
        }
        let mut seen = Seen::default();
        attributes.record(&mut seen);
        let Some(trace) = seen.trace else { return };
        if let Some(parent) = seen.parent {
            let flags = if seen.unsampled {
                TraceFlags::default()
            } else {
                TraceFlags::SAMPLED
            };
            let caller = SpanContext::new(trace, parent, flags, true, TraceState::default());
            let guard = OtelContext::current().with_remote_span_context(caller).attach();
            PARENT.set(Some(guard));
        }
        if let Some(span) = ctx.span(id) {
            let announced = Announced {
                trace,
                span: seen.span,
            };
            span.extensions_mut().replace(announced);
        }
    }

    /// The layer of OpenTelemetry starts a span when it is entered for the first time.
    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        let announced = ctx
            .span(id)
            .and_then(|span| span.extensions_mut().remove::<Announced>());
        NEXT.set(announced);
    }
}

/// Stands behind the layer of OpenTelemetry.
#[derive(Debug)]
pub(super) struct Release;

impl<S: Subscriber> Layer<S> for Release {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        drop(PARENT.take());
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        NEXT.set(None);
    }
}

#[derive(Debug, Clone, Copy)]
struct Announced {
    trace: TraceId,
    span: Option<SpanId>,
}

/// The ids among the fields of a span.
#[derive(Debug, Default)]
struct Seen {
    trace: Option<TraceId>,
    span: Option<SpanId>,
    parent: Option<SpanId>,
    unsampled: bool,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace.id" => self.trace = TraceId::from_hex(value).ok().filter(|id| *id != TraceId::INVALID),
            "span.id" => self.span = span_id(value),
            "parent.span.id" => self.parent = span_id(value),
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "trace.sampled" {
            self.unsampled = !value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "trace.id" | "span.id" | "parent.span.id") {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

fn span_id(hex: &str) -> Option<SpanId> {
    SpanId::from_hex(hex).ok().filter(|id| *id != SpanId::INVALID)
}
