//! How far a long task is, on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

const WIDTH: u64 = 40;
const EVERY: Duration = Duration::from_millis(100);

/// A line on standard error that is written over and over, where that is a terminal.
pub(crate) struct Bar {
    label: String,
    shown_at: Option<Instant>,
    is_shown: bool,
}

impl Bar {
    /// A bar for something of this name; nothing is shown unless `wanted`.
    pub(crate) fn new(label: &str, wanted: bool) -> Self {
        Self {
            label: label.to_owned(),
            shown_at: None,
            is_shown: wanted && std::io::stderr().is_terminal(),
        }
    }

    /// Shows how far it is, ten times a second at most.
    pub(crate) fn tell(&mut self, done: u64, total: u64) {
        let now = Instant::now();
        let is_due = self.shown_at.is_none_or(|at| now - at >= EVERY) || done >= total;
        if !self.is_shown || !is_due {
            return;
        }
        self.shown_at = Some(now);
        let line = drawn(&self.label, done, total);
        let mut terminal = std::io::stderr().lock();
        let _ = write!(terminal, "\r{line}");
        let _ = terminal.flush();
    }
}

/// Leaves the line empty for what is printed next.
impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown_at.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn drawn(label: &str, done: u64, total: u64) -> String {
    let filled = done
        .min(total)
        .checked_mul(WIDTH)
        .and_then(|filled| filled.checked_div(total))
        .unwrap_or(0);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("{label:<16.16} [{bar}] {done} of {total}")
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn a_bar_is_as_full_as_the_task_is_done_and_never_fuller() {
        assert!(drawn("acme", 0, 10).contains("[........................................]"));
        assert!(drawn("acme", 5, 10).contains("[####################....................] 5 of 10"));
        assert!(drawn("acme", 11, 10).contains("[########################################]"));
        assert!(drawn("acme", 0, 0).contains("[........................................]"));
    }
}
