//! A writer of lines that masks them.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::redact;

/// Puts [`redact`] between a formatter of `tracing_subscriber` and the writer that it wraps: whatever the format, JSON included, a
/// line is masked as it is written.
///
/// It expects whole lines, as `tracing_subscriber` writes them: what is cut in two between two writes is not recognised.
///
/// ```
/// use platform_crypto::RedactWriter;
///
/// let layer = tracing_subscriber::fmt::layer::<tracing_subscriber::Registry>()
///     .json()
///     .with_writer(RedactWriter::new(std::io::stderr));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RedactWriter<M>(M);

impl<M> RedactWriter<M> {
    /// Masks what goes to the writers that `inner` makes.
    pub const fn new(inner: M) -> Self {
        Self(inner)
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactWriter<M> {
    type Writer = RedactLines<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactLines(self.0.make_writer())
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        RedactLines(self.0.make_writer_for(meta))
    }
}

/// What [`RedactWriter`] makes for one line.
#[derive(Debug)]
pub struct RedactLines<W>(W);

impl<W: Write> Write for RedactLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
