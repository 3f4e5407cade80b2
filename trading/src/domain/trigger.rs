//! When a stop is elected.

use super::words::word_enum;
use super::{Price, QuoteView, Side};

word_enum! {
    /// Which price of a quote elects a stop.
    ///
    /// Brokers differ: some elect on the last trade, some on the quote, and of those some on the side that the order will trade
    /// against, some on the other. `quote` here is the side that the order will trade against.
    #[derive(Default)]
    Trigger ("trigger") {
        /// The price of the last trade: a buy at the stop or above, a sell at the stop or below. A print outside the bid and
        /// ask of its own quote is ignored: it is late or wrong.
        #[default]
        Last = "last",
        /// The price at which the order would trade: a buy when the ask is at the stop or above, a sell when the bid is at the
        /// stop or below.
        Quote = "quote",
    }
}

impl Trigger {
    /// Whether the quote elects a stop of this side and price.
    ///
    /// ```
    /// use trading::{QuoteView, Side, Trigger};
    ///
    /// let size = "100".parse()?;
    /// let [bid, ask, last] = ["99.90".parse()?, "100.00".parse()?, "99.95".parse()?];
    /// let quote = QuoteView { seq: 1, bid, ask, last, bid_size: size, ask_size: size };
    ///
    /// assert!(Trigger::Last.elects(Side::Sell, "99.95".parse()?, &quote));
    /// assert!(!Trigger::Last.elects(Side::Buy, "100.00".parse()?, &quote));
    /// assert!(Trigger::Quote.elects(Side::Buy, "100.00".parse()?, &quote));
    /// # Ok::<(), trading::DecimalError>(())
    /// ```
    pub fn elects(self, side: Side, stop: Price, quote: &QuoteView) -> bool {
        self.price(side, quote).is_some_and(|price| match side {
            Side::Buy => price >= stop,
            Side::Sell => price <= stop,
        })
    }

    /// The price of the quote that elects stops of this side; `None` where the quote elects none.
    pub(crate) fn price(self, side: Side, quote: &QuoteView) -> Option<Price> {
        match (self, side) {
            (Self::Last, _) => Some(quote.last).filter(|last| (quote.bid..=quote.ask).contains(last)),
            (Self::Quote, Side::Buy) => Some(quote.ask),
            (Self::Quote, Side::Sell) => Some(quote.bid),
        }
    }
}
