//! Giving out all orders of an account as a table.

use std::borrow::Cow;

use platform_audit::data_exported;
use platform_core::{RequestContext, RequestMeta, Timestamp};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::accounts::owner;
use super::{AccountId, OrderStatusFilter, OrderView, Trading, TradingError};
use crate::OrderId;
use crate::domain::word_enum;
use crate::store;

/// Orders that are read at a time.
const PAGE: u32 = 500;

word_enum! {
    /// How orders are written.
    OrderExportFormat ("format") {
        /// A table for spreadsheets (RFC 4180), with a line of names.
        Csv = "csv",
        /// A JSON object in each line, as in the list of orders.
        Jsonl = "jsonl",
    }
}

/// With what a spreadsheet takes a cell for a formula, the wide forms that some turn into the narrow ones included.
const FORMULA_STARTS: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

const COLUMNS: [&str; 18] = [
    "id",
    "client_order_id",
    "symbol",
    "side",
    "order_type",
    "time_in_force",
    "quantity",
    "limit_price",
    "stop_price",
    "status",
    "reason",
    "filled_quantity",
    "average_price",
    "hold",
    "fees",
    "accepted_at",
    "expires_at",
    "updated_at",
];

/// An export of orders on its way: page by page, the newest order first.
///
/// It holds no transaction between two pages. Orders that are placed after it began are not in it; one that changes meanwhile is in it
/// once, as it was when its page was read.
#[derive(Debug)]
pub struct OrderExport {
    trading: Trading,
    ctx: RequestContext,
    account: Option<AccountId>,
    filter: OrderStatusFilter,
    format: OrderExportFormat,
    before: Option<OrderId>,
    is_begun: bool,
    is_done: bool,
}

impl Trading {
    /// Begins to give out the orders of the caller's account. That it was asked for is an event of the audit trail.
    ///
    /// # Errors
    /// [`TradingError`]; [`TradingError::Audit`] when it could not be recorded.
    pub async fn export_orders(
        &self,
        ctx: &RequestContext,
        filter: OrderStatusFilter,
        format: OrderExportFormat,
    ) -> Result<OrderExport, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let account = store::read_account_of(&mut read, owner).await?;
        read.finish().await?;
        let account = account.map(|account| account.id);
        let event = data_exported("orders", format.as_str(), &json!({ "account": account }));
        self.inner.audit.record_alone(&self.inner.db, ctx, event).await?;
        // A client may take its time; each page has the limits of a statement.
        let meta = RequestMeta {
            deadline: None,
            ..ctx.meta().clone()
        };
        Ok(OrderExport {
            trading: self.clone(),
            ctx: ctx.clone().in_request(meta),
            account,
            filter,
            format,
            before: None,
            is_begun: false,
            is_done: false,
        })
    }
}

impl OrderExport {
    /// How it is written.
    pub fn format(&self) -> OrderExportFormat {
        self.format
    }

    /// The next lines; `None` at the end.
    ///
    /// # Errors
    /// [`TradingError`] when a page could not be read; what came before is not the whole.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, TradingError> {
        let mut lines = Vec::new();
        if !self.is_begun {
            self.is_begun = true;
            if self.format == OrderExportFormat::Csv {
                lines = table(std::iter::once(COLUMNS.map(Cow::Borrowed)))?;
            }
        }
        let Some(account) = self.account.filter(|_| !self.is_done) else {
            return Ok(Some(lines).filter(|lines| !lines.is_empty()));
        };
        let mut read = self.trading.inner.db.read(&self.ctx).await?;
        let page = (self.before, PAGE);
        let rows = store::orders_page(&mut read, account, self.filter.into(), page).await?;
        read.finish().await?;
        self.is_done = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        self.before = rows.last().map(|row| row.order.intake.order_id);
        let orders: Vec<OrderView> = rows.iter().map(OrderView::from).collect();
        match self.format {
            OrderExportFormat::Csv => lines.extend(table(orders.iter().map(cells))?),
            OrderExportFormat::Jsonl => {
                for order in &orders {
                    serde_json::to_writer(&mut lines, order).map_err(unwritable)?;
                    lines.push(b'\n');
                }
            }
        }
        Ok(Some(lines).filter(|lines| !lines.is_empty()))
    }
}

fn table<'a>(rows: impl Iterator<Item = [Cow<'a, str>; COLUMNS.len()]>) -> Result<Vec<u8>, TradingError> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row.iter().map(|cell| cell.as_bytes()))
            .map_err(unwritable)?;
    }
    writer
        .into_inner()
        .map_err(|error| unwritable(error.into_error()))
}

fn cells(order: &OrderView) -> [Cow<'_, str>; COLUMNS.len()] {
    [
        order.id.to_string().into(),
        order.client_order_id.as_deref().map(neutral).unwrap_or_default(),
        neutral(order.symbol.as_str()),
        order.side.as_str().into(),
        order.order_type.as_str().into(),
        order.time_in_force.as_str().into(),
        order.quantity.to_string().into(),
        text(order.limit_price),
        text(order.stop_price),
        order.status.as_str().into(),
        text(order.reason),
        order.filled_quantity.to_string().into(),
        text(order.average_price),
        order.hold.to_string().into(),
        order.fees.to_string().into(),
        time(Some(order.accepted_at)),
        time(order.expires_at),
        time(Some(order.updated_at)),
    ]
}

/// A text that no spreadsheet takes for a formula: with an apostrophe before it where it would. The cells without it are words of this
/// crate, ids, times, and amounts of at least nothing.
fn neutral(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(FORMULA_STARTS) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

fn text(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map(|value| value.to_string()).unwrap_or_default().into()
}

fn time(at: Option<Timestamp>) -> Cow<'static, str> {
    at.and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
        .into()
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> TradingError {
    TradingError::Db(sqlx::Error::Encode(Box::new(error)).into())
}
