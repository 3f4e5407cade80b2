use proptest::prelude::*;
use time::macros::date;
use trading::{Bar, DayPath, Price, SESSION_SECONDS};

use crate::support::symbol;

prop_compose! {
    /// Any valid bar, from a hundredth of a cent to the greatest price, flat ones included.
    fn any_bar()(
        prices in prop_oneof![
            prop::array::uniform4(1_i64..=200),
            prop::array::uniform4(1_000_000_i64..2_000_000),
            prop::array::uniform4(1_i64..=99_999_999_999_999),
        ],
        flat in prop::bool::weighted(0.1),
        volume in 0_u64..1_000_000_000_000_000,
    ) -> Bar {
        let mut sorted = if flat { [prices[0]; 4] } else { prices };
        let swapped = sorted[0] > sorted[3];
        sorted.sort_unstable();
        let [low, one, other, high] = sorted.map(|e4| Price::from_e4(e4).unwrap());
        let (open, close) = if swapped { (other, one) } else { (one, other) };
        Bar { date: date!(2013 - 03 - 01), open, high, low, close, volume }
    }
}

proptest! {
    #[test]
    fn a_path_never_leaves_its_bar(bar in any_bar(), seconds in prop::collection::vec(0..=SESSION_SECONDS, 50)) {
        let path = DayPath::new(symbol("ACME"), &bar);

        for second in seconds {
            let price = path.price_at(second);
            prop_assert!(bar.low <= price && price <= bar.high);
        }
    }

    #[test]
    fn a_path_runs_from_open_over_both_extremes_to_close(bar in any_bar()) {
        let path = DayPath::new(symbol("ACME"), &bar);
        let quarter = SESSION_SECONDS / 4;

        let way = [0, quarter, 3 * quarter, SESSION_SECONDS].map(|second| path.price_at(second));

        let (first, second) = if bar.close >= bar.open { (bar.low, bar.high) } else { (bar.high, bar.low) };
        prop_assert_eq!(way, [bar.open, first, second, bar.close]);
    }

    #[test]
    fn a_path_is_the_same_every_time(bar in any_bar(), second in 0..=SESSION_SECONDS) {
        let once = DayPath::new(symbol("ACME"), &bar).price_at(second);
        let again = DayPath::new(symbol("ACME"), &bar).price_at(second);

        prop_assert_eq!(once, again);
    }
}
