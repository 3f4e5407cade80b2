//! Which class of the schema an event belongs to.

use crate::{Activity, Entry};

/// A class of OCSF 1.6.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Authentication,
    UserAccess,
    Api,
}

/// What was done, as a class names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) class: Class,
    pub(super) activity_id: u16,
    pub(super) activity_name: &'static str,
}

const OTHER: u16 = 99;

impl Class {
    pub(super) const fn uid(self) -> u16 {
        match self {
            Self::Authentication => 3002,
            Self::UserAccess => 3005,
            Self::Api => 6003,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication",
            Self::UserAccess => "User Access Management",
            Self::Api => "API Activity",
        }
    }

    pub(super) const fn category(self) -> (u16, &'static str) {
        match self {
            Self::Authentication | Self::UserAccess => (3, "Identity & Access Management"),
            Self::Api => (6, "Application Activity"),
        }
    }
}

impl Done {
    pub(super) fn of(entry: &Entry) -> Self {
        let about_user = entry
            .targets
            .iter()
            .any(|target| target.kind == super::people::USER);
        let (class, activity_id, activity_name) = match entry.activity {
            Activity::SignIn => (Class::Authentication, 1, "Logon"),
            Activity::SignOut => (Class::Authentication, 2, "Logoff"),
            Activity::Grant if about_user => (Class::UserAccess, 1, "Assign Privileges"),
            Activity::Revoke if about_user => (Class::UserAccess, 2, "Revoke Privileges"),
            Activity::Create => (Class::Api, 1, "Create"),
            Activity::Read => (Class::Api, 2, "Read"),
            Activity::Update => (Class::Api, 3, "Update"),
            Activity::Delete => (Class::Api, 4, "Delete"),
            other => (Class::Api, OTHER, other.as_str()),
        };
        Self {
            class,
            activity_id,
            activity_name,
        }
    }

    pub(super) fn type_uid(self) -> u32 {
        u32::from(self.class.uid()) * 100 + u32::from(self.activity_id)
    }
}
