//! The layer that turns events into lines.

use std::io::Write;

use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use platform_core::Sources;

use super::fields::Fields;
use super::line::{Line, Shape};

/// Writes one line for each event, with the fields of the spans around it; the inner span wins over the outer, the event over
/// both. Each line is one call of the writer.
///
/// ```
/// use platform_core::Sources;
/// use tracing_subscriber::layer::SubscriberExt;
/// use trading_server::telemetry::{LogLayer, Shape};
///
/// let layer = LogLayer::new(Shape::Json, std::io::stderr, Sources::system());
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || {
///     let _request = tracing::info_span!("request", request.id = "r1").entered();
///     tracing::info!("has request.id");
/// });
/// ```
#[derive(Debug)]
pub struct LogLayer<W> {
    shape: Shape,
    writer: W,
    sources: Sources,
}

impl<W> LogLayer<W> {
    /// A layer that writes lines of this shape, stamped by the clock of `sources`.
    pub fn new(shape: Shape, writer: W, sources: Sources) -> Self {
        Self {
            shape,
            writer,
            sources,
        }
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in ctx
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span);
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        let message = text_of(own.take("message"));
        let bridged_target = own.take("log.target").map(|target| text_of(Some(target)));
        fields.extend(&own);
        let line = Line {
            at: self.sources.now(),
            level: *event.metadata().level(),
            target: bridged_target.as_deref().unwrap_or(event.metadata().target()),
            message: &message,
            fields: &fields,
        };
        // Nobody is left to tell when the log itself cannot be written.
        let _ = self
            .writer
            .make_writer()
            .write_all(line.render(self.shape).as_bytes());
    }
}

fn text_of(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
