//! Lists of symbols that the owner of an account keeps an eye on.

use platform_audit::{Action, Activity, AuditError, Event as AuditEvent, Outcome, Retention};
use platform_core::pg::{DbError, TenantTx};
use platform_core::{Forbidden, RequestContext, Timestamp};
use serde_json::json;

use super::accounts::owner;
use super::error::through_trading;
use super::{AccountId, Trading, TradingError};
use crate::Symbol;
use crate::store::{self, AccountRow};

platform_core::id_type! {
    /// Names a watchlist.
    pub struct WatchlistId;
}

/// The most watchlists of an account.
pub const WATCHLISTS_MAX: usize = 20;

/// The most symbols on a watchlist.
pub const WATCHLIST_SYMBOLS_MAX: usize = 100;

/// The most characters of a watchlist's name.
pub const WATCHLIST_NAME_CHARS_MAX: usize = 64;

/// What a new account's first list is called.
const FIRST_LIST: &str = "My Watchlist";

const CREATE: Action = Action::new("watchlist.create");
const DELETE: Action = Action::new("watchlist.delete");
const ADD: Action = Action::new("watchlist.add");
const REMOVE: Action = Action::new("watchlist.remove");

/// A list of symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchlist {
    /// Its id.
    pub id: WatchlistId,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its symbols in the order in which they were added.
    pub items: Vec<Watched>,
}

/// A symbol on a list.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Watched {
    /// The symbol.
    pub symbol: Symbol,
    /// When it was added.
    pub added_at: Timestamp,
}

/// Why a watchlist was not changed. Nothing was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchlistError {
    /// The account has no such list, or the list does not have the symbol.
    #[error("there is no such watchlist, or nothing of the kind on it")]
    NotFound,
    /// The name is empty, longer than [`WATCHLIST_NAME_CHARS_MAX`], or has control characters or space around it.
    #[error(
        "a name has 1 to {WATCHLIST_NAME_CHARS_MAX} characters, none of them a control character, and no space around it"
    )]
    InvalidName,
    /// The account has a list of this name.
    #[error("there is a watchlist of this name")]
    NameTaken,
    /// Nothing with this symbol is traded here.
    #[error("nothing with the symbol {0} is traded here")]
    UnknownSymbol(Symbol),
    /// The account has [`WATCHLISTS_MAX`] lists.
    #[error("an account has at most {WATCHLISTS_MAX} watchlists")]
    TooMany,
    /// The list would have more than [`WATCHLIST_SYMBOLS_MAX`] symbols.
    #[error("a watchlist has at most {WATCHLIST_SYMBOLS_MAX} symbols")]
    TooManySymbols,
    /// Anything that is not about this list.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

through_trading! {
    WatchlistError: DbError, AuditError, Forbidden;
}

impl Trading {
    /// The watchlists of the caller's account, the oldest first. The first look opens the account, which comes with a list.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn watchlists(&self, ctx: &RequestContext) -> Result<Vec<Watchlist>, TradingError> {
        let account = self.account_row(ctx).await?;
        let mut read = self.inner.db.read(ctx).await?;
        let lists = store::watchlists_of(&mut read, account.id).await?;
        read.finish().await?;
        Ok(lists)
    }

    /// Makes a list for the caller's account. A symbol that is named twice is on it once.
    ///
    /// # Errors
    /// [`WatchlistError::InvalidName`], [`WatchlistError::NameTaken`], [`WatchlistError::UnknownSymbol`],
    /// [`WatchlistError::TooMany`], [`WatchlistError::TooManySymbols`].
    pub async fn create_watchlist(
        &self,
        ctx: &RequestContext,
        name: &str,
        symbols: &[Symbol],
    ) -> Result<Watchlist, WatchlistError> {
        let owner = owner(ctx)?;
        check_name(name)?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = self.lock_or_open(&mut tx, ctx, owner).await?;
        let names = store::watchlist_names(&mut tx, account.id).await?;
        if names.iter().any(|taken| taken == name) {
            return Err(WatchlistError::NameTaken);
        }
        if names.len() >= WATCHLISTS_MAX {
            return Err(WatchlistError::TooMany);
        }
        let mut list = self.empty_list(name);
        for symbol in symbols {
            self.add_once(&mut list, *symbol)?;
        }
        store::insert_watchlist(&mut tx, account.id, &list).await?;
        let event = event(CREATE, Activity::Create, &account, list.id)
            .detail(json!({ "symbols": list.items.iter().map(|item| item.symbol).collect::<Vec<_>>() }));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(list)
    }

    /// Deletes a list of the caller's account.
    ///
    /// # Errors
    /// [`WatchlistError::NotFound`], also for another account's list.
    pub async fn delete_watchlist(
        &self,
        ctx: &RequestContext,
        list: WatchlistId,
    ) -> Result<(), WatchlistError> {
        let (mut tx, account, list) = self.lock_watchlist(ctx, list).await?;
        store::delete_watchlist(&mut tx, list.id).await?;
        let event = event(DELETE, Activity::Delete, &account, list.id);
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts a symbol on a list of the caller's account. Tells how the list stands, and whether the symbol is new on it.
    ///
    /// # Errors
    /// [`WatchlistError::NotFound`], also for another account's list, [`WatchlistError::UnknownSymbol`],
    /// [`WatchlistError::TooManySymbols`].
    pub async fn watch(
        &self,
        ctx: &RequestContext,
        list: WatchlistId,
        symbol: Symbol,
    ) -> Result<(Watchlist, bool), WatchlistError> {
        let (mut tx, account, mut list) = self.lock_watchlist(ctx, list).await?;
        if !self.add_once(&mut list, symbol)? {
            return Ok((list, false));
        }
        store::insert_watched(&mut tx, list.id, &[symbol], self.now()).await?;
        let event = event(ADD, Activity::Update, &account, list.id).detail(json!({ "symbol": symbol }));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok((list, true))
    }

    /// Takes a symbol off a list of the caller's account.
    ///
    /// # Errors
    /// [`WatchlistError::NotFound`] when the account has no such list, or the list no such symbol.
    pub async fn unwatch(
        &self,
        ctx: &RequestContext,
        list: WatchlistId,
        symbol: Symbol,
    ) -> Result<(), WatchlistError> {
        let (mut tx, account, list) = self.lock_watchlist(ctx, list).await?;
        if !store::delete_watched(&mut tx, list.id, symbol).await? {
            return Err(WatchlistError::NotFound);
        }
        let event = event(REMOVE, Activity::Update, &account, list.id).detail(json!({ "symbol": symbol }));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The list that a new account comes with. The event that tells of the account tells of it.
    pub(super) async fn first_watchlist(
        &self,
        tx: &mut TenantTx,
        account: AccountId,
    ) -> Result<(), TradingError> {
        store::insert_watchlist(tx, account, &self.empty_list(FIRST_LIST)).await?;
        Ok(())
    }

    /// A list of the caller's account, under the lock of the account: what is counted cannot change.
    async fn lock_watchlist(
        &self,
        ctx: &RequestContext,
        list: WatchlistId,
    ) -> Result<(TenantTx, AccountRow, Watchlist), WatchlistError> {
        let owner = owner(ctx)?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = store::lock_account_of(&mut tx, owner).await?;
        let account = account.ok_or(WatchlistError::NotFound)?;
        let list = store::load_watchlist(&mut tx, account.id, list).await?;
        Ok((tx, account, list.ok_or(WatchlistError::NotFound)?))
    }

    fn empty_list(&self, name: &str) -> Watchlist {
        Watchlist {
            id: WatchlistId::generate(self.sources()),
            name: name.to_owned(),
            created_at: self.now(),
            items: Vec::new(),
        }
    }

    /// Adds a symbol unless it is there; tells whether it was not.
    fn add_once(&self, list: &mut Watchlist, symbol: Symbol) -> Result<bool, WatchlistError> {
        if list.items.iter().any(|item| item.symbol == symbol) {
            return Ok(false);
        }
        if self.inner.board.instrument(symbol).is_none() {
            return Err(WatchlistError::UnknownSymbol(symbol));
        }
        if list.items.len() >= WATCHLIST_SYMBOLS_MAX {
            return Err(WatchlistError::TooManySymbols);
        }
        let added_at = self.now();
        list.items.push(Watched { symbol, added_at });
        Ok(true)
    }
}

fn check_name(name: &str) -> Result<(), WatchlistError> {
    let chars = name.chars().count();
    let well_formed = (1..=WATCHLIST_NAME_CHARS_MAX).contains(&chars)
        && name.trim() == name
        && !name.chars().any(char::is_control);
    match well_formed {
        true => Ok(()),
        false => Err(WatchlistError::InvalidName),
    }
}

/// A customer's own words, the name of the list, stay out of the trail, which nobody can erase.
fn event(action: Action, activity: Activity, account: &AccountRow, list: WatchlistId) -> AuditEvent {
    AuditEvent::new(action, Outcome::Success)
        .activity(activity)
        .retention(Retention::OPERATIONAL)
        .target("watchlist", list.to_string())
        .target("account", account.id.to_string())
}
