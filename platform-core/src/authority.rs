//! What a principal may do: everywhere, on single resources, and when.

mod coverage;

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

pub use self::coverage::Coverage;

use crate::window::merged;
use crate::{Limit, Permission, PermissionSet, Resource, Timestamp, Window};

/// Permissions that a principal was granted, where and when they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// What may be done. Holdings of one role share one set, which keeps what is made of many of them small.
    pub permissions: PermissionSet,
    /// To what it is limited; `None` for the whole tenant.
    pub on: Option<OwnedResource>,
    /// When.
    pub window: Window,
}

/// A [`Resource`] as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnedResource {
    /// What sort of thing it is.
    pub kind: Box<str>,
    /// Which one it is.
    pub id: Box<str>,
}

/// Every holding of a principal, compiled for decisions; cheap to clone.
///
/// A decision looks a resource up by bisection and then at one entry for each role that was granted on it; it allocates nothing.
///
/// ```
/// use platform_core::{Granted, Holding, OwnedResource, Permission, PermissionSet, Resource, Window};
/// use time::macros::datetime;
///
/// const READ: Permission = Permission::new("parcels:read");
/// let until = datetime!(2026-01-02 18:00 UTC);
/// let granted = Granted::new([Holding {
///     permissions: PermissionSet::from_iter([READ]),
///     on: Some(OwnedResource { kind: "depot".into(), id: "north".into() }),
///     window: Window::new(None, Some(until)).expect("it is not empty"),
/// }]);
///
/// let depot = Resource::new("depot", "north")?;
/// assert!(granted.holds_on(READ, &depot, until - time::Duration::MILLISECOND));
/// assert!(!granted.holds_on(READ, &depot, until));
/// assert!(!granted.holds(READ, until - time::Duration::MILLISECOND));
/// # Ok::<(), platform_core::InvalidResourceId>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Granted(Option<Arc<Compiled>>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Compiled {
    everywhere: Vec<Spans>,
    /// In the order of their resources, each once.
    limited: Vec<(OwnedResource, Vec<Spans>)>,
}

/// When one set of permissions is held.
#[derive(Debug, PartialEq, Eq)]
struct Spans {
    permissions: PermissionSet,
    /// In order, with gaps between them.
    windows: Vec<Window>,
}

impl Granted {
    /// Compiles holdings.
    pub fn new(holdings: impl IntoIterator<Item = Holding>) -> Self {
        let mut holdings: Vec<_> = holdings.into_iter().collect();
        if holdings.is_empty() {
            return Self::default();
        }
        holdings.sort_by(|a, b| {
            let by_resource = a.on.cmp(&b.on);
            by_resource.then_with(|| a.permissions.address().cmp(&b.permissions.address()))
        });
        let mut compiled = Compiled::default();
        let same_resource = |a: &Holding, b: &Holding| a.on == b.on;
        for group in holdings.chunk_by(same_resource) {
            let spans = spans_of(group);
            match group.first().and_then(|holding| holding.on.clone()) {
                None => compiled.everywhere = spans,
                Some(resource) => compiled.limited.push((resource, spans)),
            }
        }
        Self(Some(Arc::new(compiled)))
    }

    /// Is nothing granted, ever?
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many entries it takes: one for each set of permissions on each resource.
    pub fn size(&self) -> usize {
        let entries = self.0.as_ref().map(|compiled| {
            let limited: usize = compiled.limited.iter().map(|(_, spans)| spans.len()).sum();
            compiled.everywhere.len() + limited
        });
        entries.unwrap_or(0)
    }

    /// Does it give the permission in the whole tenant at this instant?
    pub fn holds(&self, permission: Permission, at: Timestamp) -> bool {
        any_holds(self.everywhere(), permission, at)
    }

    /// Does it give the permission on this resource at this instant, by itself or because it does in the whole tenant?
    pub fn holds_on(&self, permission: Permission, resource: &Resource<'_>, at: Timestamp) -> bool {
        let limited = self.limited_to(resource.kind(), resource.id());
        any_holds(limited, permission, at) || self.holds(permission, at)
    }

    /// Does it give the permission on anything, or in the whole tenant, at this instant? Of resources, only those that `counts` says yes to.
    fn holds_somewhere(
        &self,
        permission: Permission,
        at: Timestamp,
        counts: impl Fn(&OwnedResource) -> bool,
    ) -> bool {
        let compiled = self.0.as_deref();
        let mut limited = compiled.iter().flat_map(|compiled| &compiled.limited);
        self.holds(permission, at)
            || limited.any(|(resource, spans)| any_holds(spans, permission, at) && counts(resource))
    }

    fn everywhere(&self) -> &[Spans] {
        self.0.as_ref().map_or(&[], |compiled| &compiled.everywhere)
    }

    fn limited_to(&self, kind: &str, id: &str) -> &[Spans] {
        let at = self.place_of(kind, id);
        at.map_or(&[], |at| self.limited_at(at))
    }

    /// The place of a resource among those that something was granted on.
    fn place_of(&self, kind: &str, id: &str) -> Option<usize> {
        let compiled = self.0.as_ref()?;
        let order = |known: &OwnedResource| -> Ordering { (&*known.kind, &*known.id).cmp(&(kind, id)) };
        let found = compiled.limited.binary_search_by(|(known, _)| order(known));
        found.ok()
    }

    fn limited_at(&self, place: usize) -> &[Spans] {
        let entry = self.0.as_ref().and_then(|compiled| compiled.limited.get(place));
        entry.map_or(&[], |(_, spans)| spans)
    }
}

fn spans_of(group: &[Holding]) -> Vec<Spans> {
    let same_set = |a: &Holding, b: &Holding| a.permissions.address() == b.permissions.address();
    let of_one_set = |same: &[Holding]| -> Option<Spans> {
        Some(Spans {
            permissions: same.first()?.permissions.clone(),
            windows: merged(same.iter().map(|holding| holding.window).collect()),
        })
    };
    group.chunk_by(same_set).filter_map(of_one_set).collect()
}

fn any_holds(spans: &[Spans], permission: Permission, at: Timestamp) -> bool {
    let mut spans = spans.iter();
    spans.any(|spans| is_within(&spans.windows, at) && spans.permissions.holds(permission))
}

/// Bisects: a role that was granted on one thing a thousand times is looked at ten times.
fn is_within(windows: &[Window], at: Timestamp) -> bool {
    let begun = windows.partition_point(|window| window.from().is_none_or(|from| from <= at));
    let last_begun = begun.checked_sub(1).and_then(|last| windows.get(last));
    last_begun.is_some_and(|window| window.contains(at))
}

/// What a principal may do: some of it everywhere in the tenant and always, and what was [granted](Granted) beside that; and of all this
/// no more than the [limit](Limit) of the credential that was shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// Within the permissions of the limit; its resources are looked at with each decision.
    always: PermissionSet,
    granted: Granted,
    as_of: Option<Timestamp>,
    limit: Limit,
}

/// What somebody may do everywhere who may do nothing everywhere.
static NOTHING: LazyLock<PermissionSet> = LazyLock::new(PermissionSet::default);

impl Authority {
    /// What may be done everywhere and always, and nothing else.
    pub fn new(always: PermissionSet) -> Self {
        Self {
            always,
            granted: Granted::default(),
            as_of: None,
            limit: Limit::default(),
        }
    }

    /// The same, of which no more is left than the limit leaves. What it was limited to before still holds, and so does the limit for what
    /// is granted later ([`with`](Self::with)).
    ///
    /// ```
    /// use platform_core::{Authority, Limit, OwnedResource, Permission, PermissionSet, Resource, Sources};
    ///
    /// const READ: Permission = Permission::new("parcels:read");
    /// const SEND: Permission = Permission::new("parcels:send");
    /// let now = Sources::system().now();
    /// let north = OwnedResource { kind: "depot".into(), id: "north".into() };
    ///
    /// let all = Authority::new(PermissionSet::from_iter([READ, SEND]));
    /// let limited = all.limited_to(&Limit::new(Some(PermissionSet::from_iter([READ])), Some(vec![north])));
    ///
    /// assert!(limited.holds_on(READ, &Resource::new("depot", "north")?, now));
    /// assert!(!limited.holds_on(READ, &Resource::new("depot", "south")?, now));
    /// assert!(!limited.holds_on(SEND, &Resource::new("depot", "north")?, now));
    /// // On one resource is not in the whole tenant.
    /// assert!(!limited.holds(READ));
    /// # Ok::<(), platform_core::InvalidResourceId>(())
    /// ```
    #[must_use]
    pub fn limited_to(self, limit: &Limit) -> Self {
        let limit = self.limit.and(limit);
        Self {
            always: limit.of(self.always),
            limit,
            ..self
        }
    }

    /// To what it is limited.
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The same with what was granted. `as_of` is when the principal was authenticated: the instant at which
    /// [`holds`](Self::holds) looks.
    #[must_use]
    pub fn with(self, granted: Granted, as_of: Timestamp) -> Self {
        Self {
            granted,
            as_of: Some(as_of),
            ..self
        }
    }

    /// What may be done everywhere and always.
    pub fn always(&self) -> &PermissionSet {
        match self.limit.is_to_resources() {
            true => &NOTHING,
            false => &self.always,
        }
    }

    /// Was the permission held in the whole tenant when the principal was authenticated? A request does not outlive that by much; for
    /// what takes longer there is [`holds_at`](Self::holds_at).
    pub fn holds(&self, permission: Permission) -> bool {
        let granted = || self.as_of.is_some_and(|at| self.granted.holds(permission, at));
        self.limit.leaves(permission) && (self.always.holds(permission) || granted())
    }

    /// Is the permission held in the whole tenant at this instant?
    pub fn holds_at(&self, permission: Permission, at: Timestamp) -> bool {
        let held = || self.always.holds(permission) || self.granted.holds(permission, at);
        self.limit.leaves(permission) && held()
    }

    /// Is the permission held on this resource at this instant, by itself or because it is in the whole tenant?
    pub fn holds_on(&self, permission: Permission, resource: &Resource<'_>, at: Timestamp) -> bool {
        let held = || self.always.holds(permission) || self.granted.holds_on(permission, resource, at);
        self.limit.leaves_on(permission, resource.kind(), resource.id()) && held()
    }

    /// Is the permission held at this instant in the whole tenant, or at least on something?
    pub fn holds_somewhere(&self, permission: Permission, at: Timestamp) -> bool {
        if !self.limit.leaves_somewhere(permission) {
            return false;
        }
        let counts =
            |resource: &OwnedResource| self.limit.leaves_on(permission, &resource.kind, &resource.id);
        self.always.holds(permission) || self.granted.holds_somewhere(permission, at, counts)
    }

    /// Is the permission held at every instant of a window, on this resource or, without one, in the whole tenant? Whoever gives
    /// something away has to hold that much of it.
    pub fn covers(&self, permission: Permission, on: Option<&OwnedResource>, window: Window) -> bool {
        self.coverage().covers(permission, on, window)
    }

    /// The same for many questions, one after another.
    pub fn coverage(&self) -> Coverage<'_> {
        Coverage::of(self)
    }
}

/// Says how much was granted, not what.
impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Granted({} entries)", self.size())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("always", &self.always)
            .field("granted", &self.granted)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
