//! What may be done, and how it may end.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

/// So many users there are.
pub(crate) const USERS: usize = 3;

/// Sessions and grants are named by the order in which they were made; a name that is too high stands for the one with the remainder.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// With the password, from nowhere.
    SignIn {
        user: usize,
    },
    /// With the password, in a session, which ends.
    SignInAgain {
        session: usize,
    },
    SignOut {
        session: usize,
    },
    /// Asks who one is and what one may do.
    Use {
        session: usize,
    },
    /// All others of the user end, and the one of the call goes on as another.
    ChangePassword {
        session: usize,
    },
    Disable {
        user: usize,
    },
    Enable {
        user: usize,
    },
    /// Gives a user who is active the permission from some time on, for some time.
    Grant {
        user: usize,
        after: Duration,
        lasting: Option<Duration>,
    },
    Revoke {
        grant: usize,
    },
    Advance {
        by: Duration,
    },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Done,
    /// Somebody is let in, as this user, and may do what is granted, or not.
    Known { user: usize, may: bool },
    /// Nobody is let in.
    Refused,
    /// There is nothing to do it to yet.
    Nothing,
}

/// Times at which something ends, a moment before it, and others.
fn spans() -> impl Strategy<Value = Duration> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let tick = Duration::from_millis(1);
    prop_oneof![
        Just(tick),
        Just(minutes(1) - tick),
        Just(minutes(1)),
        Just(minutes(29)),
        Just(minutes(30) - tick),
        Just(minutes(30)),
        Just(minutes(6 * 60)),
        Just(minutes(12 * 60)),
        (1_u64..7200).prop_map(Duration::from_secs),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS;
    let any = || 0..64_usize;
    prop_oneof![
        4 => user().prop_map(|user| Step::SignIn { user }),
        1 => any().prop_map(|session| Step::SignInAgain { session }),
        2 => any().prop_map(|session| Step::SignOut { session }),
        8 => any().prop_map(|session| Step::Use { session }),
        1 => any().prop_map(|session| Step::ChangePassword { session }),
        1 => user().prop_map(|user| Step::Disable { user }),
        2 => user().prop_map(|user| Step::Enable { user }),
        3 => (user(), prop_oneof![Just(Duration::ZERO), spans()], proptest::option::of(spans()))
            .prop_map(|(user, after, lasting)| Step::Grant { user, after, lasting }),
        2 => any().prop_map(|grant| Step::Revoke { grant }),
        5 => spans().prop_map(|by| Step::Advance { by }),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..40)
}
