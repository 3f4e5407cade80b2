use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use platform_core::{ManualClock, Sources, SystemClock};
use serde_json::{Value, json};
use time::macros::datetime;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use trading_server::telemetry::{LogLayer, LogThread, Shape};

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

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

/// What `work` logs, at 03:04:05.678 on a second of January.
fn logged(shape: Shape, work: impl FnOnce()) -> String {
    let lines = Lines::default();
    let clock = ManualClock::starting_at(datetime!(2026-01-02 03:04:05.678 UTC));
    let sources = Sources::new(clock, platform_core::SeededRandom::new(1));
    let subscriber = tracing_subscriber::registry().with(LogLayer::new(shape, lines.clone(), sources));
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json_line(work: impl FnOnce()) -> Value {
    serde_json::from_str(&logged(Shape::Json, work)).unwrap()
}

#[test]
fn a_line_within_a_request_carries_the_ids_of_the_request_at_its_top_level() {
    let line = json_line(|| {
        let request = tracing::info_span!(
            "request",
            request.id = "r1",
            trace.id = "t1",
            tenant.id = tracing::field::Empty
        );
        request.record("tenant.id", "n1");
        let _entered = request.entered();
        let _inner = tracing::info_span!("place", order.id = %7).entered();
        tracing::info!(duration_ms = 12, "placed order {}", 7);
    });

    let expected = json!({
        "timestamp": "2026-01-02T03:04:05.678Z", "level": "info", "target": "it::telemetry", "message": "placed order 7",
        "request.id": "r1", "trace.id": "t1", "tenant.id": "n1", "order.id": "7", "duration_ms": 12,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_json_line_begins_with_time_level_and_message() {
    let line = logged(Shape::Json, || tracing::warn!(a = "\"", "slow"));

    assert_eq!(
        line,
        "{\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\",\"target\":\"it::telemetry\",\"message\":\"slow\",\"a\":\"\\\"\"}\n"
    );
}

#[test]
fn the_event_wins_over_the_inner_span_and_that_over_the_outer() {
    let line = json_line(|| {
        let _outer = tracing::info_span!("outer", a = 1, b = 1, c = 1).entered();
        let _inner = tracing::info_span!("inner", b = 2, c = 2).entered();
        tracing::info!(c = 3, level = "fake", "x");
    });

    assert_eq!(
        (&line["a"], &line["b"], &line["c"]),
        (&json!(1), &json!(2), &json!(3))
    );
    assert_eq!(
        (&line["level"], &line["field.level"]),
        (&json!("info"), &json!("fake"))
    );
}

#[test]
fn an_error_is_logged_with_its_whole_chain() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("port in use"));

    let line = json_line(|| tracing::error!(error = &error as &(dyn std::error::Error + 'static), "stopped"));

    assert_eq!(line["error"], "cannot start: port in use");
}

#[test]
fn no_secret_reaches_a_line_in_either_shape() {
    let work = || {
        let _request = tracing::info_span!(
            "request",
            user.email = "ann@example.com",
            session.token = 12345678
        )
        .entered();
        tracing::warn!(
            authorization = "Bearer hunter2secret",
            api_key = true,
            cause = ?Some("postgres://app:hunter2secret@db/x"),
            detail = %"see/x_pst1_hunter2secret",
            "sign-in of ann@example.com with password=hunter2secret",
        );
    };

    for shape in [Shape::Json, Shape::Pretty] {
        let line = logged(shape, work);
        for secret in ["hunter2secret", "ann@", "12345678"] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
        assert!(line.contains("***") && line.contains("sign-in of"), "{line}");
    }
}

#[test]
fn a_pretty_line_stays_one_line_whatever_a_client_sends() {
    let line = logged(Shape::Pretty, || {
        tracing::info!(
            agent = "curl\n03:04:05 forged",
            plain = "x",
            "hello\u{1b}[31m\nworld"
        );
    });

    assert_eq!(
        line,
        "03:04:05.678  INFO it::telemetry: hello\\u{1b}[31m\\nworld agent=\"curl\\n03:04:05 forged\" plain=x\n"
    );
}

/// A writer that waits for permission before each line.
struct Slow {
    permits: Receiver<()>,
    started: Sender<()>,
    lines: Lines,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.started.send(());
        let _ = self.permits.recv();
        self.lines.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_terminal_drops_lines_counts_them_and_never_blocks_the_server() {
    let (permit, permits) = channel();
    let (started, has_started) = channel();
    let lines = Lines::default();
    let slow = Slow {
        permits,
        started,
        lines: lines.clone(),
    };
    let (mut writer, thread) = LogThread::start(slow, 2).unwrap();

    writer.write_all(b"1\n").unwrap();
    has_started.recv().unwrap();
    for line in [b"2\n", b"3\n", b"4\n", b"5\n"] {
        writer.write_all(line).unwrap();
    }
    assert_eq!(thread.dropped_lines(), 2);
    drop(permit);
    thread.shutdown();

    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        written.starts_with("1\n") && written.contains("2\n3\n"),
        "{written}"
    );
    assert!(written.contains("\"dropped\":2"), "{written}");
}

#[test]
fn lines_written_before_the_end_are_not_lost() {
    let lines = Lines::default();
    let (writer, thread) = LogThread::start(lines.clone(), 100).unwrap();
    let sources = Sources::new(SystemClock, platform_core::OsRandom);
    let subscriber = tracing_subscriber::registry().with(LogLayer::new(Shape::Json, writer, sources));

    tracing::subscriber::with_default(subscriber, || (0..50).for_each(|n| tracing::info!(n, "line")));
    thread.shutdown();

    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().count(), 50);
}
