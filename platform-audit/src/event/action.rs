//! What was done.

const ACTION_BYTES_MAX: usize = 64;

/// The highest version of an action.
pub const ACTION_VERSION_MAX: u16 = 32_767;

/// What was done, named `module.verb` in lower case: `order.place`, `auth.sign_in`.
///
/// ```
/// use platform_audit::Action;
///
/// const PLACED: Action = Action::new("order.place");
/// assert_eq!(PLACED.name(), "order.place");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action(&'static str);

impl Action {
    /// Declares an action. Make it a `const`, so that a wrong name does not compile.
    ///
    /// # Panics
    /// When the name is not two or more words of `a-z`, `0-9` and `_`, each beginning with a letter, joined by dots, of 64 bytes at most.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            well_formed(name.as_bytes()),
            "an action is named like module.verb, in lower case"
        );
        Self(name)
    }

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

const fn well_formed(name: &[u8]) -> bool {
    let mut words = 1;
    let mut at_word_start = true;
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' => at_word_start = false,
            b'0'..=b'9' | b'_' if !at_word_start => {}
            b'.' if !at_word_start => {
                words += 1;
                at_word_start = true;
            }
            _ => return false,
        }
        at += 1;
    }
    words >= 2 && !at_word_start && name.len() <= ACTION_BYTES_MAX
}
