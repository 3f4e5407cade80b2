//! Text that somebody has made up to keep the last net busy.

use std::time::{Duration, Instant};

use platform_crypto::redact;

const KIB: usize = 1024;

/// Eight times the text may take eight times as long, and another eight on a machine that is busy with something else; what goes
/// through the text again for every piece of it takes sixty-four times as long.
const SHORT: usize = 64 * KIB;
const LONG: usize = 8 * SHORT;

/// Of a few runs the one that was disturbed least.
fn time_for(text: &str) -> Duration {
    let times = (0..3).map(|_| {
        let start = Instant::now();
        let masked = redact(text);
        assert!(masked.len() <= 2 * text.len());
        start.elapsed()
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
