//! Text that somebody has made up to keep the last net busy.

use std::time::Duration;

use platform_crypto::redact;
use rustix::time::{ClockId, clock_gettime};

const KIB: usize = 1024;

/// Eight times the text may take eight times as long, and a few times more where it no longer fits into a cache; what goes through
/// the text again for every piece of it takes sixty-four times as long.
const SHORT: usize = 64 * KIB;
const LONG: usize = 8 * SHORT;

/// What the processor has done for this thread, whatever else the machine is busy with.
fn worked() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        spent.tv_sec.unsigned_abs(),
        spent.tv_nsec.unsigned_abs().try_into().unwrap(),
    )
}

/// Of a few runs the one that was disturbed least.
fn time_for(text: &str) -> Duration {
    let times = (0..3).map(|_| {
        let start = worked();
        let masked = redact(text);
        assert!(masked.len() <= 2 * text.len());
        worked() - start
    });
    times.min().unwrap()
}

fn assert_linear(head: &str, piece: &str) {
    let text = |bytes: usize| format!("{head}{}", piece.repeat(bytes / piece.len()));
    let (short, long) = (time_for(&text(SHORT)), time_for(&text(LONG)));
    assert!(
        long < 30 * short + Duration::from_millis(200),
        "{head}{piece}…: {short:?} for {SHORT} bytes, {long:?} for {LONG}"
    );
}

#[test]
fn no_text_takes_more_time_than_its_length_asks_for() {
    let pieces = [
        ("", "a=["),
        ("", "a={\""),
        ("", "key=["),
        ("", "key ["),
        ("key=[", "\\"),
        ("key=[", "\\a"),
        ("key=\"", "\\\\'"),
        ("", "key\\\\"),
        ("", "key     "),
        ("", "key=Some("),
        ("", "%40"),
        ("", "a%40"),
        ("", "@"),
        ("", "a@b.c1@"),
        ("x=", "eyJ"),
        ("x=", "eyJ."),
        ("", "eyJ.eyJ "),
        ("", "basic "),
        ("", "bearer a"),
        ("", "://a"),
        ("", "http://a:"),
        ("", "-----BEGIN "),
        ("", "-----BEGIN X-----"),
        ("", "DE89 "),
        ("DE89 ", "AAAA"),
        ("", "4242 4242 "),
        ("", "123-45-"),
        ("\"a\":", "       "),
    ];

    for (head, piece) in pieces {
        assert_linear(head, piece);
    }
}
