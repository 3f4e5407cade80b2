//! The whole net in one line.

use tracing::Subscriber;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::{RedactFields, RedactWriter};

/// A `tracing_subscriber` layer that writes masked lines: fields by their names and values ([`RedactFields`]), and once more the
/// line as a whole ([`RedactWriter`]).
///
/// It offers, the application installs. The layer can be configured further as any of `tracing_subscriber::fmt`; with `.json()` the
/// fields are masked in the line alone.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry().with(platform_crypto::redact_layer(std::io::stderr));
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info!(user.email = "ada@example.com", "signed in with pst1_0123456789abcdef_secret");
///     // INFO …: signed in with *** user.email=***
/// });
/// ```
pub fn redact_layer<S, M>(writer: M) -> fmt::Layer<S, RedactFields, Format, RedactWriter<M>>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    M: for<'writer> MakeWriter<'writer> + 'static,
{
    fmt::Layer::<S, DefaultFields>::default()
        .with_ansi(false)
        .fmt_fields(RedactFields)
        .with_writer(RedactWriter::new(writer))
}
