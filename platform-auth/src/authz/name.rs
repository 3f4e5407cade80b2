//! Names of roles and groups.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};

use crate::Role;

const CHARS_MAX: usize = 64;

/// More marks on one letter are a picture, not a word.
const MARKS_MAX: usize = 3;

/// The name of a role or a group: 1 to 64 letters, digits, and blanks, hyphens, underscores and dots between them, of one script.
///
/// Kept in Unicode's normal form KC. Two names that differ in case alone are the same name. Mixed scripts are refused as UTS 39,
/// section 5.1, has it (Japanese and Korean mix theirs), and so is what looks like the name of a built-in role.
///
/// ```
/// use platform_auth::UniqueName;
///
/// let name = UniqueName::parse("Rechnungsprüfung 2")?;
/// assert_eq!(name.as_str(), "Rechnungsprüfung 2");
/// // A Cyrillic а among Latin letters.
/// assert!(UniqueName::parse("p\u{430}yments").is_err());
/// # Ok::<(), platform_auth::InvalidUniqueName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueName {
    text: String,
    key: String,
}

/// A text is not the name of a role or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUniqueName {
    /// It is empty or longer than 64 characters.
    #[error("a name has 1 to {CHARS_MAX} characters")]
    Length,
    /// It holds something other than letters, digits, and single blanks, hyphens, underscores and dots between them.
    #[error("a name has letters and digits, with single blanks, hyphens, underscores and dots between them")]
    Character,
    /// It mixes scripts, as names do that are to be taken for others.
    #[error("a name is written in one script")]
    MixedScripts,
    /// It is that of a built-in role, or looks like it.
    #[error("this name is that of a built-in role")]
    Reserved,
}

impl UniqueName {
    /// Checks a name and brings it into its normal form.
    ///
    /// # Errors
    /// [`InvalidUniqueName`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidUniqueName> {
        // Normalising can make a text 18 times as long.
        if text.chars().take(CHARS_MAX + 1).count() > CHARS_MAX {
            return Err(InvalidUniqueName::Length);
        }
        let text: String = text.nfkc().collect();
        if text.is_empty() || text.chars().count() > CHARS_MAX {
            return Err(InvalidUniqueName::Length);
        }
        if !is_well_formed(&text) {
            return Err(InvalidUniqueName::Character);
        }
        if !text.as_str().is_single_script() {
            return Err(InvalidUniqueName::MixedScripts);
        }
        let key = folded(&text);
        if is_reserved(&key) {
            return Err(InvalidUniqueName::Reserved);
        }
        Ok(Self { text, key })
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same for two names that differ in case alone.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_well_formed(text: &str) -> bool {
    // What came before: a separator at the beginning, so that none can stand there.
    let mut after_separator = true;
    let mut marks = 0;
    for c in text.chars() {
        if matches!(c, ' ' | '-' | '_' | '.') {
            if after_separator {
                return false;
            }
            after_separator = true;
            continue;
        }
        // Outside the profile are letters that nobody sees, such as the fillers of Hangul.
        if !c.identifier_allowed() {
            return false;
        }
        let is_mark = is_combining_mark(c);
        marks = if is_mark { marks + 1 } else { 0 };
        if marks > MARKS_MAX || (is_mark && after_separator) || !(is_mark || c.is_alphanumeric()) {
            return false;
        }
        after_separator = false;
    }
    !after_separator
}

/// By way of upper case, which tells ß from ss no more than a reader does.
fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase().nfkc().collect()
}

fn is_reserved(key: &str) -> bool {
    let looks: String = skeleton(key).collect();
    let mut builtin = [Role::User, Role::Admin].into_iter().map(Role::as_str);
    builtin.any(|name| skeleton(name).eq(looks.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_a_name_or_refused_and_a_name_stays_itself(text in "\\PC{0,70}|[a-zа-я\u{300}\u{202e} ._-]{0,20}") {
            if let Ok(name) = UniqueName::parse(&text) {
                prop_assert_eq!(&UniqueName::parse(name.as_str()).unwrap(), &name);
                prop_assert!((1..=CHARS_MAX).contains(&name.as_str().chars().count()));
                if let Ok(louder) = UniqueName::parse(&name.as_str().to_uppercase()) {
                    prop_assert_eq!(louder.key(), name.key());
                }
            }
        }
    }

    fn refused(text: &str) -> InvalidUniqueName {
        UniqueName::parse(text).expect_err(text)
    }

    #[test]
    fn names_of_many_scripts_are_names() {
        for text in [
            "Trader",
            "Back-office 2",
            "Účetní",
            "Бухгалтер",
            "Λογιστής",
            "会計担当",
            "経理チーム",
            "회계 담당",
            "محاسب",
            "हिन्दी",
            "a.b_c-d",
            "7",
        ] {
            assert!(UniqueName::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn two_spellings_of_one_name_are_the_same() {
        let key = |text: &str| UniqueName::parse(text).unwrap().key;
        for (one, other) in [
            ("Trader", "tRADER"),
            ("ΛΟΓΙΣΤΗΣ", "λογιστης"),
            ("Straße", "STRASSE"),
            // Full-width letters, a composed and a decomposed é.
            ("Trader", "\u{ff34}\u{ff52}ader"),
            ("caf\u{e9}", "cafe\u{301}"),
        ] {
            assert_eq!(key(one), key(other), "{one}");
        }
        assert_eq!(UniqueName::parse("\u{ff34}rader").unwrap().as_str(), "Trader");
    }

    #[test]
    fn mixed_scripts_are_refused() {
        // Cyrillic а and е, Greek ο.
        for text in ["p\u{430}yments", "Trad\u{435}r", "Tr\u{3bf}ll", "会計д"] {
            assert_eq!(refused(text), InvalidUniqueName::MixedScripts, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_turns_the_text_round_is_refused() {
        for text in [
            "a\u{0}b",
            "a\nb",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{feff}b",
            "a\u{115f}b",
            "a\u{ad}b",
            "a\u{e0041}b",
        ] {
            assert_eq!(refused(text), InvalidUniqueName::Character, "{text:?}");
        }
    }

    #[test]
    fn separators_stand_alone_between_words() {
        for text in [
            " a", "a ", "a  b", "-a", "a.", "a-_b", "a/b", "a:b", "a'b", "<b>", "\u{301}a",
        ] {
            assert_eq!(refused(text), InvalidUniqueName::Character, "{text:?}");
        }
        assert_eq!(
            refused("e\u{316}\u{317}\u{318}\u{319}"),
            InvalidUniqueName::Character
        );
    }

    #[test]
    fn a_name_has_bounds() {
        assert_eq!(refused(""), InvalidUniqueName::Length);
        assert_eq!(refused(&"x".repeat(65)), InvalidUniqueName::Length);
        assert!(UniqueName::parse(&"x".repeat(64)).is_ok());
        // One character that is 18 in its normal form.
        assert_eq!(refused(&"\u{fdfa}".repeat(60)), InvalidUniqueName::Length);
    }

    #[test]
    fn the_name_of_a_built_in_role_is_taken_in_whatever_dress() {
        // The last but one in full-width letters; rn looks like m.
        for text in ["admin", "Admin", "USER", "\u{ff41}dmin", "adrnin"] {
            assert_eq!(refused(text), InvalidUniqueName::Reserved, "{text}");
        }
        assert!(UniqueName::parse("administrator").is_ok());
    }
}
