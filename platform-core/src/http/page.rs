//! Keyset pages.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;

/// How many items a page holds when the client does not say.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// How many items a page holds at most.
pub const PAGE_LIMIT_MAX: u32 = 200;

const CURSOR_BYTES_MAX: usize = 1024;

/// The query parameters of a list: `limit` and `cursor`.
///
/// It can be a `#[serde(flatten)]` field of a larger query, or stand beside one as a second
/// [`Query`](super::Query).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items to answer: 1 to 200, otherwise 50.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before; absent for the first page.
    #[serde(default)]
    #[param(max_length = 1024)]
    cursor: Option<String>,
}

/// The part of a list that is asked for. `C` is what the list is ordered by, such as a time and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<C> {
    /// How many items to answer: 1 to 200.
    pub limit: u32,
    /// The item to go on after; `None` for the first page.
    pub after: Option<C>,
}

impl PageQuery {
    /// Checks the parameters and reads the cursor.
    ///
    /// # Errors
    /// 422 `invalid_limit` for a limit that is not 1 to 200, 400 `invalid_cursor` for a cursor that this list did not make.
    pub fn resolve<C: DeserializeOwned>(&self) -> Result<PageRequest<C>, Problem> {
        let limit = self
            .limit
            .as_deref()
            .map_or(Ok(PAGE_LIMIT_DEFAULT), checked_limit)?;
        let after = self.cursor.as_deref().map(decode).transpose()?;
        Ok(PageRequest { limit, after })
    }
}

impl<C> PageRequest<C> {
    /// How many rows to fetch: one more than asked for, which tells whether there is another page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// One page of a list.
///
/// ```
/// use platform_core::http::{Page, PageQuery, Problem};
///
/// # fn main() -> Result<(), Problem> {
/// let request = PageQuery::default().resolve::<(u64,)>()?;
/// let rows: Vec<u64> = (1..=51).collect(); // SELECT … WHERE id > $after ORDER BY id LIMIT request.fetch()
/// let page = Page::build(rows, request.limit, |id| (*id,));
/// assert_eq!(page.data.len(), 50);
/// assert!(page.next_cursor.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub data: Vec<T>,
    /// The cursor of the next page; null on the last one. It means nothing to a client.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of rows that were fetched with a limit of one more than asked for. `cursor` names what the list is ordered by.
    ///
    /// # Panics
    /// When the cursor cannot be written as JSON. A tuple or a struct of ids, texts and integers always can.
    pub fn build<C: Serialize>(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| encode(&cursor(row)));
        Self {
            data: rows,
            next_cursor,
        }
    }

    /// The same page of other items, such as the public form of rows.
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(form).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

fn checked_limit(text: &str) -> Result<u32, Problem> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit))
        .ok_or_else(|| {
            let detail = format!("limit must be from 1 to {PAGE_LIMIT_MAX}");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_limit", detail.clone()).field(
                "limit",
                "out_of_range",
                detail,
            )
        })
}

fn encode(cursor: &impl Serialize) -> String {
    let json = serde_json::to_vec(cursor).expect("a cursor of plain values is written as JSON");
    URL_SAFE_NO_PAD.encode(json)
}

fn decode<C: DeserializeOwned>(cursor: &str) -> Result<C, Problem> {
    let invalid = || {
        let detail = "cursor must be the next_cursor of the page before";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
    };
    if cursor.len() > CURSOR_BYTES_MAX {
        return Err(invalid());
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    serde_json::from_slice(&json).map_err(|_| invalid())
}
