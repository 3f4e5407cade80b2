//! What an application gets that installs the layer.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use platform_crypto::{RedactWriter, redact_layer};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Logs a value in each of the places where one may stand.
fn log_everywhere(secret: &str) {
    let request = tracing::info_span!("request", session.token = secret, note = tracing::field::Empty);
    request.record("note", format!("Bearer {secret}"));
    let _entered = request.entered();
    let error = io::Error::other(format!("token={secret}"));
    tracing::info!(
        password = secret,
        otp = 123_456_789,
        url = format!("redis://:{secret}@cache"),
        body = ?format!("{{\"secret\":\"{secret}\"}}"),
        error = &error as &dyn std::error::Error,
        order.id = 7,
        "signed in with pst1_{secret}"
    );
}

#[test]
fn the_layer_masks_fields_of_spans_and_events_and_the_message() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(redact_layer(lines.clone()));

    tracing::subscriber::with_default(subscriber, || log_everywhere("Hunter2Hunter2Hunter2"));

    let text = lines.text();
    assert!(!text.contains("Hunter2") && !text.contains("123456789"), "{text}");
    assert!(text.contains("signed in with *** password=*** otp=***"), "{text}");
    assert!(text.contains("redis://:***@cache"), "{text}");
    assert!(text.contains("order.id=7"), "{text}");
}

#[test]
fn a_json_line_is_masked_by_the_writer_and_stays_json() {
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(RedactWriter::new(lines.clone()));
    let subscriber = tracing_subscriber::registry().with(layer);

    tracing::subscriber::with_default(subscriber, || log_everywhere("Hunter2Hunter2Hunter2"));

    let text = lines.text();
    assert!(!text.contains("Hunter2") && !text.contains("123456789"), "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["fields"]["order.id"], 7);
    assert_eq!(line["fields"]["otp"], "***");
}

#[test]
fn a_value_can_neither_begin_a_line_nor_steer_a_terminal() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(redact_layer(lines.clone()));

    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(agent = "a\nERROR forged", "cleared \u{1b}[2J");
    });

    assert_eq!(lines.text().lines().count(), 1);
    assert!(!lines.text().contains('\u{1b}'));
}

#[test]
fn a_long_value_is_cut_and_what_stands_at_the_cut_is_masked_or_not_shown() {
    let secret = "ada@example.com";
    for before in [8_180, 8_191, 8_192, 12_280, 12_287, 20_000] {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(redact_layer(lines.clone()));
        let value = format!("{} {secret} {}", "x".repeat(before), "y ".repeat(8_192));

        tracing::subscriber::with_default(subscriber, || tracing::info!(value, "long"));

        let line = lines.text();
        assert!(!line.contains("ada"), "{before}");
        assert!(line.contains('…') && line.contains("xxx"), "{before}");
        assert!(line.len() < 8_192 + 256, "{before}: {}", line.len());
    }
}
