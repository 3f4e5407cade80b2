//! Names of people.

use std::fmt;

const NAME_CHARS_MAX: usize = 100;

/// A first or last name: 1 to 100 characters of any script, without control characters. Its `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

/// A text is not a name of at most 100 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters and no control characters")]
pub struct InvalidName;

impl PersonName {
    /// Checks a name and keeps it without the blanks around it.
    ///
    /// # Errors
    /// [`InvalidName`] when it is blank, too long or holds control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = text.trim();
        let fits = !name.is_empty() && name.chars().take(NAME_CHARS_MAX + 1).count() <= NAME_CHARS_MAX;
        if !fits || name.chars().any(char::is_control) {
            return Err(InvalidName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(****)")
    }
}
