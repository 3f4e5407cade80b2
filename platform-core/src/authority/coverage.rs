//! What somebody may give away, asked many times.

use std::collections::HashMap;

use super::{Authority, OwnedResource, Spans};
use crate::window::{covered_by, merged};
use crate::{Permission, Window};

/// An [`Authority`] of which it is asked many times whether it [covers](Authority::covers) something.
///
/// What it holds in the whole tenant, and on each resource, is put in order once for each permission. A question then takes as long as it
/// takes to look a few instants up, however much was granted: a question for each of 10,000 grants does not look at 10,000 each.
#[derive(Debug)]
pub struct Coverage<'a> {
    authority: &'a Authority,
    everywhere: HashMap<Permission, Vec<Window>>,
    /// By the place of the resource.
    limited: HashMap<(Permission, usize), Vec<Window>>,
}

impl<'a> Coverage<'a> {
    pub(super) fn of(authority: &'a Authority) -> Self {
        Self {
            authority,
            everywhere: HashMap::new(),
            limited: HashMap::new(),
        }
    }

    /// Is the permission held at every instant of a window, on this resource or, without one, in the whole tenant?
    pub fn covers(&mut self, permission: Permission, on: Option<&OwnedResource>, window: Window) -> bool {
        let Authority {
            always,
            granted,
            limit,
            ..
        } = self.authority;
        let is_left = match on {
            Some(on) => limit.leaves_on(permission, &on.kind, &on.id),
            None => limit.leaves(permission),
        };
        if !is_left || always.holds(permission) {
            return is_left;
        }
        let everywhere = self.everywhere.entry(permission);
        let everywhere = everywhere.or_insert_with(|| windows_of(granted.everywhere(), permission));
        let place = on.and_then(|on| granted.place_of(&on.kind, &on.id));
        let limited = place.map(|place| {
            let limited = self.limited.entry((permission, place));
            limited.or_insert_with(|| windows_of(granted.limited_at(place), permission))
        });
        // Several roles may take turns.
        covered_by(window, [everywhere, limited.map_or(&[], |limited| limited)])
    }
}

/// When the permission is held by any of these.
fn windows_of(spans: &[Spans], permission: Permission) -> Vec<Window> {
    let held = spans.iter().filter(|spans| spans.permissions.holds(permission));
    merged(held.flat_map(|spans| spans.windows.iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::{Granted, Holding, PermissionSet, Timestamp};

    const OPEN: Permission = Permission::new("parcels:open");
    const SPANS: i64 = 30_000;

    /// The first minute of each hour since 1970.
    fn minute(hour: i64) -> Window {
        let at = |second: i64| Timestamp::from_unix_timestamp(hour * 3_600 + second).unwrap();
        Window::new(Some(at(0)), Some(at(60))).unwrap()
    }

    fn on(hour: i64) -> Option<OwnedResource> {
        (hour % 2 == 0).then(|| OwnedResource {
            kind: "depot".into(),
            id: (hour % 4).to_string().into(),
        })
    }

    /// With a look at everything that was granted for each question this takes minutes.
    #[test]
    fn many_questions_after_much_that_was_granted_are_answered_in_time() {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let permissions = PermissionSet::from_iter([OPEN]);
            let granted = Granted::new((0..SPANS).map(|hour| Holding {
                permissions: permissions.clone(),
                on: on(hour),
                window: minute(hour),
            }));
            let authority = Authority::default().with(granted, minute(0).from().unwrap());
            let mut coverage = authority.coverage();
            let covered = (0..SPANS).filter(|hour| coverage.covers(OPEN, on(*hour).as_ref(), minute(*hour)));
            let covered = covered.count();
            // Nothing is held from one hour on into the next.
            let longer = |hour| Window::new(minute(hour).from(), minute(hour + 2).until()).unwrap();
            let beyond = (0..SPANS).filter(|hour| coverage.covers(OPEN, on(*hour).as_ref(), longer(*hour)));
            let _ = tell.send((covered, beyond.count()));
        });

        let counts = told.recv_timeout(Duration::from_secs(20)).unwrap();

        assert_eq!(counts, (SPANS.try_into().unwrap(), 0));
    }
}
