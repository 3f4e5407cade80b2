//! Logs, and traces with the feature `otel`.
//!
//! Every line of a request carries `request.id`, `trace.id` and `tenant.id` beside its own fields: the fields of the spans
//! around an event are part of its line. Secrets are kept out of logs by their types; what slips through in a name, a
//! message or a URL is masked here, as the last resort.

mod fields;
mod layer;
mod line;
#[cfg(feature = "otel")]
mod otel;
mod writer;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use platform_core::Sources;

use crate::config::Settings;

pub use layer::LogLayer;
pub use line::Shape;
pub use platform_crypto::{MASK, is_secret_name, redact};
pub use writer::{LineWriter, LogThread};

/// The installed telemetry: keeps the writer of the logs and the exporter of the traces alive.
#[derive(Debug)]
#[must_use = "dropping it ends the logs"]
pub struct Telemetry {
    logs: LogThread,
    #[cfg(feature = "otel")]
    traces: Option<otel::Traces>,
}

/// Why the telemetry could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The directives of `log.filter` cannot be understood.
    #[error("the log filter cannot be understood")]
    Filter(#[source] ParseError),
    /// The thread that writes the logs cannot be started.
    #[error("the thread that writes the logs cannot be started")]
    Thread(#[source] std::io::Error),
    /// This process has a subscriber already.
    #[error("this process has a tracing subscriber already")]
    Installed(#[source] TryInitError),
    /// Traces are configured and there is no tokio runtime to export them on.
    #[cfg(feature = "otel")]
    #[error("traces need a tokio runtime to be exported on")]
    NoRuntime,
    /// The exporter of traces cannot be built.
    #[cfg(feature = "otel")]
    #[error("the exporter of traces cannot be built")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

impl Telemetry {
    /// Installs the subscriber of the process. With traces it must run inside the tokio runtime, whose threads the exporter
    /// uses.
    ///
    /// # Errors
    /// [`TelemetryError`]; the process then has no logs and should print the error and end.
    pub fn install(settings: &Settings, sources: Sources) -> Result<Self, TelemetryError> {
        let filter = filter(&settings.log.filter).map_err(TelemetryError::Filter)?;
        let (writer, logs) = writer::to_stderr().map_err(TelemetryError::Thread)?;
        let shape = Shape::from(settings.log.format);
        let log_layer = LogLayer::new(shape, writer, sources.clone());
        #[cfg(feature = "otel")]
        let (traces, trace_layer) = otel::start(&settings.otel, sources)?;
        let subscriber = tracing_subscriber::registry().with(filter).with(log_layer);
        #[cfg(feature = "otel")]
        let subscriber = subscriber.with(trace_layer);
        subscriber.try_init().map_err(TelemetryError::Installed)?;
        Ok(Self {
            logs,
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// How many lines were dropped because standard error was slower than the server.
    pub fn dropped_lines(&self) -> u64 {
        self.logs.dropped_lines()
    }

    /// Exports the spans that wait, for 2 s at most, then writes the lines that wait, for 1 s at most. Blocks for that long.
    pub fn shutdown(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.shutdown();
        }
        self.logs.shutdown();
    }
}

/// The client library of Vault calls every answer an error that is not a success, such as that of a secret that is not there yet.
/// Where one matters, platform-crypto says so.
const SILENT: [&str; 2] = ["rustify", "vaultrs"];

/// The filter of these directives, which have to name a silent library to hear of it.
fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    let unnamed = SILENT.iter().filter(|library| !directives.contains(**library));
    unnamed.fold(EnvFilter::try_new(directives), |filter, library| {
        Ok(filter?.add_directive(format!("{library}=off").parse()?))
    })
}

/// Can `text` be understood as log directives? The parser takes a URL for the name of a module; nobody means that.
pub(crate) fn is_filter(text: &str) -> bool {
    !text.contains("://") && EnvFilter::try_new(text).is_ok()
}
