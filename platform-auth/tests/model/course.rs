//! What can happen.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const USERS: usize = 3;
pub(crate) const DEPOTS: [&str; 2] = ["north", "south"];

/// More sessions than this are not begun in a course: each costs the hash of a password.
pub(crate) const SESSIONS_MAX: usize = 6;

/// What happens to the users of a tenant. Sessions and grants are named by their number in the order in which they came to be, counted
/// round; where there is none yet, nothing happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Somebody signs in, who had no session or does not show it.
    SignIn(usize),
    /// Somebody signs in anew in a session, which ends.
    SignInAgain(usize),
    SignOut(usize),
    /// In one session, its user ends another of the user's own, or tries to with somebody else's.
    End {
        by: usize,
        which: usize,
    },
    /// In one session, its user ends all others.
    EndOthers(usize),
    /// The permission to open, in a depot or all of them, from and until so many seconds from now.
    Grant {
        to: usize,
        on: Option<usize>,
        from: Option<u64>,
        until: Option<u64>,
    },
    Revoke(usize),
    Disable(usize),
    Enable(usize),
    Wait(Duration),
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    vec(event(), 1..40)
}

fn event() -> impl Strategy<Value = Event> {
    // Around every instant at which something changes: the use that is written down, the idle end, the end.
    let waits = [
        1, 1_000, 59_000, 60_000, 61_000, 1_740_000, 1_799_999, 1_800_000, 21_600_000,
    ];
    let bound = || proptest::option::weighted(0.6, select(vec![1_u64, 59, 60, 1_800]));
    let grant = (0..USERS, proptest::option::of(0..DEPOTS.len()), bound(), bound())
        .prop_filter("it holds an instant", |(_, _, from, until)| {
            from.unwrap_or(0) < until.unwrap_or(u64::MAX)
        })
        .prop_map(|(to, on, from, until)| Event::Grant { to, on, from, until });
    prop_oneof![
        3 => (0..USERS).prop_map(Event::SignIn),
        1 => (0..SESSIONS_MAX).prop_map(Event::SignInAgain),
        1 => (0..SESSIONS_MAX).prop_map(Event::SignOut),
        1 => (0..SESSIONS_MAX, 0..SESSIONS_MAX).prop_map(|(by, which)| Event::End { by, which }),
        1 => (0..SESSIONS_MAX).prop_map(Event::EndOthers),
        4 => grant,
        2 => (0..8_usize).prop_map(Event::Revoke),
        1 => (0..USERS).prop_map(Event::Disable),
        2 => (0..USERS).prop_map(Event::Enable),
        5 => select(waits.to_vec()).prop_map(|wait| Event::Wait(Duration::from_millis(wait))),
    ]
}
