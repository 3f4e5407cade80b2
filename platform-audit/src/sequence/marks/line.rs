//! The lines of the journal.

use platform_core::TenantId;

use super::Mark;
use crate::key::MacKey;
use crate::{NodeHash, Refusal, TreeHead};

const HEADING: &str = "platform-audit-marks v1";
const MAC_HEX: usize = 64;
const STANDING: &str = "good";

/// The longest line that is read; those that are written have less than half of it.
pub(super) const LINE_BYTES_MAX: u64 = 512;

/// The first line: which of the files that have stood under this name it is.
///
/// `platform-audit-marks v1 <generation> <mac>`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Grows by one whenever the journal is written anew.
    pub(super) generation: u64,
}

/// A mark as it was written.
///
/// `<number> <sync> <tenant> <size> <root> <stored> <state> <mac>`, where `state` is `good` or the code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Its place, counted from 1, so that a line that was taken out is missed.
    pub(super) number: u64,
    /// How often the file had been flushed before: lines of one flush may be lost together, older ones may not.
    pub(super) sync: u64,
    pub(super) tenant: TenantId,
    pub(super) mark: Mark,
}

impl Header {
    pub(super) fn to_line(self, key: &MacKey) -> String {
        let text = format!("{HEADING} {}", self.generation);
        authenticated(&text, 0, key)
    }

    pub(super) fn parse(line: &[u8], key: &MacKey) -> Option<Self> {
        let text = authentic(line, 0, key)?;
        let generation = text.strip_prefix(HEADING)?.strip_prefix(' ')?.parse().ok()?;
        Some(Self { generation })
    }
}

impl Line {
    pub(super) fn to_line(self, header: Header, key: &MacKey) -> String {
        let Self {
            number,
            sync,
            tenant,
            mark,
        } = self;
        let TreeHead { size, root } = mark.head;
        let (stored, state) = (mark.stored, mark.refused.map_or(STANDING, Refusal::code));
        let root = root.to_base64();
        let text = format!("{number} {sync} {tenant} {size} {root} {stored} {state}");
        authenticated(&text, header.generation, key)
    }

    pub(super) fn parse(line: &[u8], header: Header, key: &MacKey) -> Option<Self> {
        Self::read(authentic(line, header.generation, key)?)
    }

    /// Whether it was written to its end, with whatever key: a crash leaves no such line but those that are authentic.
    pub(super) fn is_whole(line: &[u8]) -> bool {
        split(line).is_some_and(|(text, _)| Self::read(text).is_some())
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        Some(Self {
            number: word()?.parse().ok()?,
            sync: word()?.parse().ok()?,
            tenant: word()?.parse().ok()?,
            mark: Mark {
                head: TreeHead {
                    size: word()?.parse().ok()?,
                    root: NodeHash::from_base64(word()?).ok()?,
                },
                stored: word()?.parse().ok()?,
                refused: match word()? {
                    STANDING => None,
                    code => Some(Refusal::from_code(code)),
                },
            },
        })
    }
}

/// The generation is no part of a line, and is authenticated with it: a line stands for itself in its own file alone.
fn message(text: &str, generation: u64) -> Vec<u8> {
    format!("{HEADING}\n{generation}\n{text}").into_bytes()
}

fn authenticated(text: &str, generation: u64, key: &MacKey) -> String {
    let mut line = format!("{text} ");
    for byte in key.tag(&message(text, generation)) {
        line.push_str(&format!("{byte:02x}"));
    }
    line.push('\n');
    line
}

/// The text of a whole line that was written with the key.
fn authentic<'a>(line: &'a [u8], generation: u64, key: &MacKey) -> Option<&'a str> {
    let (text, tag) = split(line)?;
    key.verifies(&message(text, generation), &tag).then_some(text)
}

/// The text of a whole line and what authenticates it, right or wrong.
fn split(line: &[u8]) -> Option<(&str, [u8; MAC_HEX / 2])> {
    let line = str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (text, hex) = line.rsplit_once(' ')?;
    let mut tag = [0; MAC_HEX / 2];
    if hex.len() != MAC_HEX {
        return None;
    }
    for (byte, digits) in tag.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some((text, tag))
}
