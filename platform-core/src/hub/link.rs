//! One connection, as its protocol acts on it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::board::{News, Told};
use super::facade::Inner;
use super::lane::Lane;
use super::mailbox::Mailbox;
use super::place::Place;
use super::registry::ConnectionId;
use super::{Board, CloseReason, Frame, HubError, Identity, Since};
use crate::RequestMeta;
use crate::bus::Topic;

/// One connection, as its [`Protocol`](super::Protocol) acts on it: who it is, what it follows, what it is told.
///
/// What it holds of the hub ends with it.
pub struct Link {
    hub: Arc<Inner>,
    id: ConnectionId,
    mailbox: Arc<Mailbox>,
    /// Gone when it ends.
    place: Option<Place>,
    meta: RequestMeta,
    followed: HashSet<Topic>,
    watched: Vec<(Board, Told)>,
}

impl Link {
    /// A connection is open.
    pub(super) fn new(place: Place, meta: RequestMeta) -> Self {
        let hub = Arc::clone(place.hub());
        let mailbox = Arc::new(Mailbox::new(&hub.config, hub.history.is_some()));
        let id = hub.registry.enter(&mailbox, place.identity().cloned());
        hub.metrics.opened(place.identity().is_some());
        Self {
            hub,
            id,
            mailbox,
            place: Some(place),
            meta,
            followed: HashSet::new(),
            watched: Vec::new(),
        }
    }

    /// Who has authenticated on it.
    pub fn identity(&self) -> Option<&Identity> {
        self.place.as_ref()?.identity().map(AsRef::as_ref)
    }

    /// What is known of the request that opened it, but for its deadline and its idempotency key: whoever verifies a credential that is
    /// shown on the connection wants to know from where.
    pub fn meta(&self) -> &RequestMeta {
        &self.meta
    }

    /// Sends a message, behind those that wait.
    pub fn say(&self, frame: Frame) {
        self.mailbox.say(frame);
    }

    /// Ends the connection. What waits for the client is not sent any more.
    pub fn close(&self, reason: CloseReason) {
        self.mailbox.close(reason);
    }

    /// Ends the connection with a last message, instead of all that waits for the client.
    pub fn close_saying(&self, last: Frame, reason: CloseReason) {
        self.mailbox.close_saying(last, reason);
    }

    /// Somebody has authenticated.
    ///
    /// # Errors
    /// [`HubError::AlreadyAuthenticated`]; [`HubError::TooManyOfPrincipal`] and [`HubError::TooManyOfTenant`]: nobody has authenticated,
    /// and the connection is to be [ended](HubError::ends_it).
    pub fn admit(&mut self, identity: Identity) -> Result<(), HubError> {
        let identity = Arc::new(identity);
        let place = self.place.as_mut().ok_or(HubError::Draining)?;
        place.admit(&identity).inspect_err(|error| {
            if error.ends_it().is_some() {
                self.hub.metrics.refused(*error);
            }
        })?;
        self.hub.registry.admit(self.id, &identity);
        self.hub.metrics.authenticated();
        Ok(())
    }

    /// Follows an ordered topic. One that is followed already is followed from there anew.
    ///
    /// # Errors
    /// [`HubError::UnknownTopic`] when it is another tenant's; [`HubError::TooManySubscriptions`]; [`HubError::NoHistory`] when it is to
    /// begin with an event and the hub has no [`History`](super::History).
    pub async fn follow(&mut self, topic: &Topic, since: Since) -> Result<(), HubError> {
        if !topic.is_open_to(self.identity().map(|identity| identity.tenant)) {
            return Err(HubError::UnknownTopic);
        }
        let lane = match since {
            Since::Now => Lane::Live { next: None },
            Since::Seq(_) if self.hub.history.is_none() => return Err(HubError::NoHistory),
            Since::Seq(seq) => Lane::after(seq),
        };
        if !self.followed.contains(topic) {
            self.room_for(1)?;
        }
        self.followed.insert(topic.clone());
        self.mailbox.open_lane(topic, lane);
        self.hub.registry.follow(topic, self.id, &self.mailbox);
        // History is read when this has returned: what is published elsewhere from then on is heard, what was before is read.
        self.hub.registry.settled(topic).await;
        Ok(())
    }

    /// Follows a topic no more.
    pub fn unfollow(&mut self, topic: &Topic) {
        if self.followed.remove(topic) {
            self.hub.registry.unfollow(topic, self.id);
            self.mailbox.close_lane(topic);
        }
    }

    /// The topics that it follows.
    pub fn followed(&self) -> impl Iterator<Item = &Topic> {
        self.followed.iter()
    }

    /// Watches some keys of a board, all of these or, when one is not the board's or is too many, none. What the board has under them
    /// comes at once.
    ///
    /// # Errors
    /// [`HubError::UnknownTopic`] when the board is another tenant's; [`HubError::UnknownKey`]; [`HubError::TooManySubscriptions`].
    pub fn watch(
        &mut self,
        board: &Board,
        keys: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), HubError> {
        self.may_watch(board)?;
        let places: Result<Vec<usize>, HubError> =
            keys.into_iter().map(|key| board.place(key.as_ref())).collect();
        let mut chosen = self.chosen(board);
        // Keys that are named again are told again.
        chosen.extend(places?.into_iter().map(|place| (place, (0, 0))));
        self.watch_places(board, chosen)
    }

    /// Watches every key of a board.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_all(&mut self, board: &Board) -> Result<(), HubError> {
        self.may_watch(board)?;
        let every = (0..board.keys().len()).map(|place| (place, (0, 0))).collect();
        self.watch_places(board, every)
    }

    /// Watches some keys of a board no more; a key that is not the board's changes nothing.
    pub fn unwatch(&mut self, board: &Board, keys: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut chosen = self.chosen(board);
        for key in keys {
            if let Ok(place) = board.place(key.as_ref()) {
                chosen.remove(&place);
            }
        }
        self.set(board, chosen);
    }

    /// Watches nothing of a board any more.
    pub fn unwatch_all(&mut self, board: &Board) {
        self.set(board, BTreeMap::new());
    }

    /// The keys of a board that it watches, in the board's order.
    pub fn watched(&self, board: &Board) -> Vec<Arc<str>> {
        let keys = board.keys();
        self.chosen(board)
            .keys()
            .filter_map(|place| keys.get(*place).cloned())
            .collect()
    }

    pub(super) fn hub(&self) -> &Arc<Inner> {
        &self.hub
    }

    pub(super) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// How many boards it watches.
    pub(super) fn boards(&self) -> usize {
        self.watched.len()
    }

    /// What one of them has that the client has not been told.
    pub(super) fn news(&mut self, place: usize) -> Option<News> {
        let (board, told) = self.watched.get_mut(place)?;
        board.news(told)
    }

    fn may_watch(&self, board: &Board) -> Result<(), HubError> {
        let tenant = self.identity().map(|identity| identity.tenant);
        if board.topic().is_open_to(tenant) {
            Ok(())
        } else {
            Err(HubError::UnknownTopic)
        }
    }

    fn watch_places(&mut self, board: &Board, places: BTreeMap<usize, (u64, u64)>) -> Result<(), HubError> {
        self.room_for(places.len().saturating_sub(self.chosen(board).len()))?;
        self.set(board, places);
        Ok(())
    }

    /// Replaces what it watches of a board.
    fn set(&mut self, board: &Board, places: BTreeMap<usize, (u64, u64)>) {
        self.watched.retain(|(known, _)| !known.is(board));
        if places.is_empty() {
            board.strike(self.id);
            return;
        }
        // Who watches everything is told by one version instead of one for each key, if all of them are to be told anyway.
        let is_all = places.len() == board.keys().len() && places.values().all(|told| *told == (0, 0));
        let told = if is_all {
            Told::All {
                version: 0,
                published: 0,
            }
        } else {
            Told::Some(places)
        };
        self.watched.push((board.clone(), told));
        board.enlist(self.id, &self.mailbox);
        self.mailbox.board_changed();
    }

    /// What it watches of a board, with what it was told; a place that is to be told anew is at 0.
    fn chosen(&self, board: &Board) -> BTreeMap<usize, (u64, u64)> {
        let told = self
            .watched
            .iter()
            .find(|(known, _)| known.is(board))
            .map(|(_, told)| told);
        match told {
            None => BTreeMap::new(),
            Some(Told::Some(places)) => places.clone(),
            Some(Told::All { version, .. }) => board.told_up_to(*version),
        }
    }

    fn room_for(&self, more: usize) -> Result<(), HubError> {
        let of_board = |(board, told): &(Board, Told)| match told {
            Told::All { .. } => board.keys().len(),
            Told::Some(places) => places.len(),
        };
        let watched: usize = self.watched.iter().map(of_board).sum();
        let max = self.hub.config.subscriptions_max;
        if watched + self.followed.len() + more > max {
            return Err(HubError::TooManySubscriptions(max));
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for topic in &self.followed {
            self.hub.registry.unfollow(topic, self.id);
        }
        for (board, _) in &self.watched {
            board.strike(self.id);
        }
        self.hub.metrics.ended(self.identity().is_some());
        // Before it is counted out: who waits for a connection to be gone finds its place free.
        self.place = None;
        self.hub.registry.leave(self.id);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
