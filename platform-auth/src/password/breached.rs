//! Passwords that were stolen elsewhere.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

/// A longer line is none of such a list.
const LINE_BYTES_MAX: usize = 128;

const HASH_BYTES: usize = 40;

/// A file of the SHA-1 hashes of stolen passwords, as the download of "Have I Been Pwned" orders them: a line for each, in ascending
/// order, of 40 hexadecimal digits, with whatever follows a `:`.
///
/// It is searched where it lies, about 30 reads for a billion lines, and nothing of it is kept in memory. It may be replaced while the
/// service runs, by renaming another file to its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreachedPasswords(PathBuf);

/// The list of stolen passwords cannot be read, or is not one. Until it can be, no password is set.
#[derive(Debug, thiserror::Error)]
#[error("the list of stolen passwords cannot be used")]
pub struct InvalidBreachedList(#[from] io::Error);

impl BreachedPasswords {
    /// A list, after a look at its first and its last line.
    ///
    /// # Errors
    /// [`InvalidBreachedList`] when it cannot be read, is empty, or these lines are not as described or not in order.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, InvalidBreachedList> {
        let list = Self(path.into());
        let mut file = File::open(&list.0)?;
        let size = file.seek(SeekFrom::End(0))?;
        if size == 0 {
            return Err(malformed("it is empty").into());
        }
        let first = line_at(&mut file, 0, 0, size)?;
        let last = line_at(&mut file, size - 1, 0, size)?;
        if first.hash > last.hash {
            return Err(malformed("it is not in ascending order").into());
        }
        Ok(list)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Does it hold this password?
    pub(super) fn holds(&self, password: &[u8]) -> Result<bool, InvalidBreachedList> {
        let wanted = hexadecimal(&Sha1::digest(password));
        let mut file = File::open(&self.0)?;
        // Between the two, each the beginning of a line or the end of the file, the line stands if it is there.
        let (mut from, mut to) = (0, file.seek(SeekFrom::End(0))?);
        while from < to {
            let line = line_at(&mut file, from + (to - from) / 2, from, to)?;
            match line.hash.as_slice().cmp(wanted.as_slice()) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => from = line.end,
                Ordering::Greater => to = line.start,
            }
        }
        Ok(false)
    }
}

struct Line {
    start: u64,
    end: u64,
    hash: [u8; HASH_BYTES],
}

/// The line in which the byte at `at` stands, within the bounds given, which are the beginnings of lines.
fn line_at(file: &mut File, at: u64, from: u64, to: u64) -> io::Result<Line> {
    let max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let first = at.saturating_sub(max).max(from);
    let window = to.min(at.saturating_add(max)) - first;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(first))?;
    file.by_ref().take(window).read_to_end(&mut bytes)?;
    let at = usize::try_from(at - first).unwrap_or(usize::MAX);
    let (before, after) = bytes
        .split_at_checked(at)
        .ok_or_else(|| malformed("it became shorter while it was read"))?;
    let start = match before.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => newline + 1,
        None if first == from => 0,
        None => return Err(malformed("a line of it is too long")),
    };
    let end = match after.iter().position(|byte| *byte == b'\n') {
        Some(newline) => at + newline + 1,
        None if first.saturating_add(length(&bytes)) == to => bytes.len(),
        None => return Err(malformed("a line of it is too long")),
    };
    let line = bytes.get(start..end).unwrap_or_default();
    Ok(Line {
        start: first + length(&bytes[..start]),
        end: first + length(&bytes[..end]),
        hash: hash_of(line)?,
    })
}

fn hash_of(line: &[u8]) -> io::Result<[u8; HASH_BYTES]> {
    let (hash, rest) = line
        .split_first_chunk::<HASH_BYTES>()
        .ok_or_else(|| malformed("a line of it is too short"))?;
    let ends = matches!(rest.first(), None | Some(b':' | b'\r' | b'\n'));
    if !ends || !hash.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed("a line of it is no SHA-1 hash"));
    }
    Ok(hash.to_ascii_uppercase().try_into().unwrap_or(*hash))
}

fn hexadecimal(digest: &[u8]) -> Vec<u8> {
    let digits = b"0123456789ABCDEF";
    let digit = |at: u8| digits.get(usize::from(at)).copied().unwrap_or_default();
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
        .collect()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn list(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("breached-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn lines(passwords: impl IntoIterator<Item = String>, end: &str) -> String {
        let mut hashes: Vec<_> = passwords
            .into_iter()
            .map(|password| String::from_utf8(hexadecimal(&Sha1::digest(password))).unwrap())
            .collect();
        hashes.sort();
        let mut text = String::new();
        for (count, hash) in hashes.iter().enumerate() {
            write!(
                text,
                "{hash}:{}{end}",
                10_usize.pow(u32::try_from(count % 9).unwrap())
            )
            .unwrap();
        }
        text
    }

    #[test]
    fn every_password_of_a_list_is_found_and_no_other() {
        for end in ["\r\n", "\n"] {
            for count in [1, 2, 3, 1000] {
                let text = lines((0..count).map(|number| format!("stolen {number}")), end);
                // With the end of the last line and without.
                for text in [text.as_str(), text.trim_end()] {
                    let path = list("found", text);
                    let list = BreachedPasswords::open(&path).unwrap();

                    for number in 0..count {
                        assert!(list.holds(format!("stolen {number}").as_bytes()).unwrap());
                        assert!(!list.holds(format!("kept {number}").as_bytes()).unwrap());
                    }
                    std::fs::remove_file(path).unwrap();
                }
            }
        }
    }

    #[test]
    fn the_hash_is_the_one_of_the_download() {
        // As https://api.pwnedpasswords.com/range/5BAA6 lists "password".
        let path = list("known", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:52256179\r\n");

        assert!(
            BreachedPasswords::open(&path)
                .unwrap()
                .holds(b"password")
                .unwrap()
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_such_list_is_refused_at_once() {
        let good = lines(["a".to_owned(), "b".to_owned()], "\n");
        let (one, other) = good.split_once('\n').unwrap();
        let reversed = format!("{other}{one}\n");
        let long = format!("{}\n", "A".repeat(500));
        for (name, text) in [
            ("empty", ""),
            ("plain", "password\nqwerty\n"),
            ("reversed", &reversed),
            ("long", &long),
        ] {
            let path = list(name, text);
            assert!(BreachedPasswords::open(&path).is_err(), "{name}");
            std::fs::remove_file(path).unwrap();
        }
        assert!(BreachedPasswords::open("/nowhere/at/all").is_err());
    }

    #[test]
    fn a_list_that_goes_away_answers_nothing() {
        let path = list("gone", &lines(["a".to_owned()], "\n"));
        let list = BreachedPasswords::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();

        assert!(list.holds(b"whatever it is").is_err());
    }
}
