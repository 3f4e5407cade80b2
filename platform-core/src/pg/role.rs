//! Group roles beside the two that every transaction of a tenant works under.

use super::{APP_ROLE, SUBTREE_ROLE};

const PREFIX: &str = "platform_";
const NAME_BYTES_MAX: usize = PREFIX.len() + 40;

/// A group role of a crate's own, for work that no tenant's transaction can do: a job over the rows of all tenants, with the
/// privileges and policies that the crate's migrations give to it and no others.
///
/// Named in [`Migrations::roles`](crate::pg::Migrations::roles), which makes it; used with
/// [`Db::begin_as`](crate::pg::Db::begin_as).
///
/// ```
/// use platform_core::pg::GroupRole;
///
/// const COUNTER: GroupRole = GroupRole::new("platform_counter");
/// assert_eq!(COUNTER.name(), "platform_counter");
/// ```
///
/// Group roles belong to the whole server, and what is not named after the platform is somebody else's:
///
/// ```compile_fail
/// use platform_core::pg::GroupRole;
///
/// const COUNTER: GroupRole = GroupRole::new("pg_read_all_data");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupRole(&'static str);

impl GroupRole {
    /// The role of this name: `platform_` and 1 to 40 of `a-z` and `_`.
    ///
    /// # Panics
    /// When the name has another form or is that of a role that every tenant's transactions use. For a constant that is an error
    /// of the compiler.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            well_formed(name.as_bytes()),
            "a group role is named platform_ and 1 to 40 lower-case letters and underscores"
        );
        assert!(
            !same(name.as_bytes(), APP_ROLE.as_bytes()) && !same(name.as_bytes(), SUBTREE_ROLE.as_bytes()),
            "this role is the one that tenants' transactions work under"
        );
        Self(name)
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.0
    }
}

const fn well_formed(name: &[u8]) -> bool {
    let prefix = PREFIX.as_bytes();
    if name.len() <= prefix.len() || name.len() > NAME_BYTES_MAX {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        let fits = if at < prefix.len() {
            name[at] == prefix[at]
        } else {
            name[at].is_ascii_lowercase() || name[at] == b'_'
        };
        if !fits {
            return false;
        }
        at += 1;
    }
    true
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_name_that_is_not_the_platforms_or_needs_quoting_is_refused() {
        let long = format!("platform_{}", "a".repeat(41));
        let names = [
            "",
            "platform",
            "platform_",
            "platform_A",
            "platform_1",
            "platform_a b",
            "platform_a\"",
            "platform_a;",
            "postgres",
            "xplatform_a",
            "platform_ä",
            "platform_app",
            "platform_subtree",
            long.leak(),
        ];

        for name in names {
            assert!(catch_unwind(|| GroupRole::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_of_the_platform_is_kept() {
        let longest: &'static str = format!("platform_{}", "a".repeat(40)).leak();

        for name in [
            "platform_a",
            "platform_sequencer",
            "platform_app_",
            "platform__",
            longest,
        ] {
            assert_eq!(GroupRole::new(name).name(), name);
        }
    }
}
