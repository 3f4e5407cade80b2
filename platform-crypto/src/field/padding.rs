//! Padding of values whose length tells too much (ISO/IEC 7816-4: a byte 0x80, then zeros).

use super::Padding;

const MARK: u8 = 0x80;

/// How many bytes `len` bytes have when padded.
pub(super) const fn padded_len(len: usize, padding: Option<Padding>) -> usize {
    match padding {
        None => len,
        Some(padding) => (len / padding.bytes() + 1) * padding.bytes(),
    }
}

/// Appends the padding that makes `bytes` grow to `to`; nothing when there is none.
pub(super) fn pad(bytes: &mut Vec<u8>, to: usize) {
    if bytes.len() < to {
        bytes.push(MARK);
        bytes.resize(to, 0);
    }
}

/// How many of the opened bytes are the value; `None` when they were not padded. Called on authentic bytes only.
pub(super) fn unpadded_len(bytes: &[u8]) -> Option<usize> {
    let mark = bytes.iter().rposition(|byte| *byte != 0)?;
    (bytes[mark] == MARK).then_some(mark)
}
