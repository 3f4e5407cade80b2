use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SimpleSpanProcessor, SpanData};
use platform_core::Sources;
use tracing_subscriber::layer::SubscriberExt;

use super::{Masked, layer, provider, start};
use crate::config::Otel;
use crate::telemetry::TelemetryError;

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
        span.in_scope(|| tracing::error!(detail = "pst1_abcdefghijkl", "refused ann@example.com"));
    });

    let exported = format!("{spans:?}");
    for secret in ["ann@example.com", "hunter2", "pst1_abc"] {
        assert!(!exported.contains(secret), "{secret} in {exported}");
    }
}

fn exporting_to(endpoint: &str) -> Otel {
    Otel {
        endpoint: Some(endpoint.to_owned()),
        sample_ratio: 1.0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_are_sent_and_a_collector_that_never_answers_does_not_hold_up_the_end() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let (mut connection, _) = collector.accept().unwrap();
        let mut preface = [0; 14];
        connection.read_exact(&mut preface).unwrap();
        (connection, preface)
    });
    let (traces, layer) = start(&exporting_to(&endpoint), Sources::system()).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);

    tracing::subscriber::with_default(subscriber, || tracing::info_span!("tick").in_scope(|| {}));
    let before = Instant::now();
    traces.unwrap().shutdown();

    assert!(
        before.elapsed() < Duration::from_secs(4),
        "{:?}",
        before.elapsed()
    );
    let (_connection, preface) = received.join().unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0");
}

#[test]
fn without_a_runtime_the_export_is_refused_not_a_panic() {
    let refused =
        start::<tracing_subscriber::Registry>(&exporting_to("http://127.0.0.1:4317"), Sources::system());

    assert!(matches!(refused, Err(TelemetryError::NoRuntime)));
}

#[tokio::test]
async fn a_collector_can_be_reached_over_tls() {
    let started =
        start::<tracing_subscriber::Registry>(&exporting_to("https://localhost:4317"), Sources::system());

    assert!(started.is_ok());
}
