//! Traces over OTLP (gRPC).

mod adopt;
mod masked;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanProcessor,
};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use platform_core::Sources;

use self::adopt::{Adopt, Ids, Release};
use self::masked::Masked;
use super::TelemetryError;
use crate::config::Otel;

/// Spans that wait for export, at most; more are dropped, and their number is logged at the end.
const QUEUE_SPANS_MAX: usize = 8192;
const EXPORT_WITHIN: Duration = Duration::from_secs(5);
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// The running export.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Exports what waits, for 2 s at most.
    pub(super) fn shutdown(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_WITHIN) {
            tracing::warn!(error = %error, "the last traces were not exported");
        }
    }
}

/// Starts the export when an endpoint is configured. Must run inside the tokio runtime.
pub(super) fn start<S>(
    settings: &Otel,
    sources: Sources,
) -> Result<(Option<Traces>, Option<impl Layer<S> + use<S>>), TelemetryError>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup> + Send + Sync,
{
    let Some(endpoint) = &settings.endpoint else {
        return Ok((None, None));
    };
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(TelemetryError::NoRuntime);
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_WITHIN)
        .build()
        .map_err(TelemetryError::Exporter)?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .build();
    let processor = BatchSpanProcessor::builder(Masked(exporter))
        .with_batch_config(batches)
        .build();
    let provider = provider(processor, settings.sample_ratio, sources);
    let layer = layer(&provider).with_filter(NotTheExporter);
    Ok((Some(Traces(provider)), Some(layer)))
}

fn provider(
    processor: impl SpanProcessor + 'static,
    sample_ratio: f64,
    sources: Sources,
) -> SdkTracerProvider {
    let resource = Resource::builder_empty()
        .with_service_name("trading-server")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            sample_ratio,
        ))))
        .with_id_generator(Ids::new(sources))
        .with_resource(resource)
        .build()
}

/// The layer of tracing-opentelemetry between the two that hand it the ids of a request.
fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup> + Send + Sync,
{
    let traced = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("trading-server"))
        .with_location(false)
        .with_threads(false);
    Adopt.and_then(traced).and_then(Release)
}

/// The exporter's own calls are not traced, or each export would be the reason for another.
struct NotTheExporter;

impl<S> Filter<S> for NotTheExporter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &tracing_subscriber::layer::Context<'_, S>) -> bool {
        let own = ["opentelemetry", "tonic", "h2", "hyper", "tower"];
        !own.iter().any(|target| metadata.target().starts_with(target))
    }
}

#[cfg(test)]
mod tests;
