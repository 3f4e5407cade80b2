//! The writer of the logs: a thread of its own behind a bounded queue, so that a slow terminal or collector slows no request.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written, at most; more are dropped and counted.
const QUEUE_LINES_MAX: usize = 8192;

/// How long the end of the process waits for the lines that wait.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Starts a thread that writes lines to standard error.
pub(super) fn to_stderr() -> io::Result<(LineWriter, LogThread)> {
    LogThread::start(io::stderr(), QUEUE_LINES_MAX)
}

/// Puts lines into the queue; never blocks.
#[derive(Debug, Clone)]
pub struct LineWriter {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes, and its end.
#[derive(Debug)]
pub struct LogThread {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
    finished: Receiver<()>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    End,
}

impl LogThread {
    /// Starts a thread that writes to `to`, with room for `lines_max` waiting lines.
    ///
    /// # Errors
    /// The operating system refused the thread.
    pub fn start(to: impl Write + Send + 'static, lines_max: usize) -> io::Result<(LineWriter, Self)> {
        let (queue, entries) = sync_channel(lines_max);
        let (finish, finished) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        thread::Builder::new().name("logs".to_owned()).spawn(move || {
            write_entries(&entries, to, &counter);
            let _ = finish.send(());
        })?;
        let writer = LineWriter {
            queue: queue.clone(),
            dropped: Arc::clone(&dropped),
        };
        let logs = Self {
            queue,
            dropped,
            finished,
        };
        Ok((writer, logs))
    }

    /// How many lines found the queue full so far.
    pub fn dropped_lines(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes the lines that wait and ends the thread, within a second; later lines are dropped.
    pub fn shutdown(self) {
        drop(self);
    }
}

/// Ending on drop keeps the last lines of a process that returns early.
impl Drop for LogThread {
    fn drop(&mut self) {
        let mut patience = FLUSH_WITHIN;
        let step = Duration::from_millis(10);
        // A full queue means the writer is slow: wait for room, but not for ever.
        while self.queue.try_send(Entry::End).is_err() {
            match self.finished.recv_timeout(step) {
                Err(RecvTimeoutError::Timeout) if patience > step => patience -= step,
                _ => return,
            }
        }
        let _ = self.finished.recv_timeout(patience);
    }
}

fn write_entries(entries: &Receiver<Entry>, mut to: impl Write, dropped: &AtomicU64) {
    let mut reported = 0;
    while let Ok(Entry::Line(line)) = entries.recv() {
        let _ = to.write_all(&line);
        let so_far = dropped.load(Ordering::Relaxed);
        if so_far > reported {
            let _ = writeln!(
                to,
                r#"{{"level":"warn","message":"log lines were dropped","dropped":{}}}"#,
                so_far - reported
            );
            reported = so_far;
        }
    }
    let _ = to.flush();
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
