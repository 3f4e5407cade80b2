use std::sync::{Arc, Mutex};

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SimpleSpanProcessor, SpanData};
use platform_core::Sources;
use tracing_subscriber::layer::SubscriberExt;

use super::{Masked, layer, provider};

#[derive(Debug, Clone, Default)]
struct Collected(Arc<Mutex<Vec<SpanData>>>);

impl opentelemetry_sdk::trace::SpanExporter for Collected {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// The spans that `work` made, by name.
fn spans_of(sample_ratio: f64, work: impl FnOnce()) -> Vec<SpanData> {
    let collected = Collected::default();
    let processor = SimpleSpanProcessor::new(Masked(collected.clone()));
    let provider = provider(processor, sample_ratio, Sources::system());
    let subscriber = tracing_subscriber::registry().with(layer(&provider));
    tracing::subscriber::with_default(subscriber, work);
    let mut spans = collected.0.lock().unwrap().clone();
    spans.sort_by(|one, other| one.name.cmp(&other.name));
    spans
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_request_continues_the_trace_of_its_caller() {
    let spans = spans_of(0.0, || {
        let request = tracing::info_span!("request", trace.id = TRACE, parent.span.id = "00f067aa0ba902b7");
        let _entered = request.entered();
        tracing::info_span!("query").in_scope(|| {});
    });

    let [query, request] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(request.span_context.trace_id().to_string(), TRACE);
    assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(request.parent_span_is_remote);
    assert_eq!(query.span_context.trace_id().to_string(), TRACE);
    assert_eq!(query.parent_span_id, request.span_context.span_id());
}

#[test]
fn a_request_without_a_caller_is_a_root_under_the_trace_id_of_its_log_lines() {
    let spans = spans_of(1.0, || {
        let request = tracing::info_span!("request", trace.id = TRACE, span.id = %"00f067aa0ba902b7");
        request.in_scope(|| {});
        request.in_scope(|| tracing::info_span!("query").in_scope(|| {}));
        drop(request);
        tracing::info_span!("tick").in_scope(|| {});
    });

    let [query, request, tick] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(request.span_context.trace_id().to_string(), TRACE);
    assert_eq!(request.span_context.span_id().to_string(), "00f067aa0ba902b7");
    assert_eq!(request.parent_span_id, SpanId::INVALID);
    assert_eq!(query.parent_span_id, request.span_context.span_id());
    assert_ne!(tick.span_context.trace_id(), request.span_context.trace_id());
}

#[test]
fn a_caller_that_does_not_sample_is_not_sampled_here() {
    let spans = spans_of(1.0, || {
        let request = tracing::info_span!(
            "request",
            trace.id = TRACE,
            parent.span.id = "00f067aa0ba902b7",
            trace.sampled = false
        );
        request.in_scope(|| {});
    });

    assert!(spans.is_empty(), "{spans:?}");
}

#[test]
fn exported_spans_are_masked() {
    let spans = spans_of(1.0, || {
        let span = tracing::info_span!(
            "sign_in",
            user.email = "ann@example.com",
            via = "postgres://a:hunter2@db/x"
        );
        span.in_scope(|| tracing::error!(detail = "pst1_abcdefghij", "refused ann@example.com"));
    });

    let exported = format!("{spans:?}");
    for secret in ["ann@example.com", "hunter2", "pst1_abc"] {
        assert!(!exported.contains(secret), "{secret} in {exported}");
    }
}
