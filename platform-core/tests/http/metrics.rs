//! The registry of metrics.

use platform_core::metrics::prometheus_client::metrics::counter::Counter;
use platform_core::metrics::{Bounded, Metrics};

use crate::support::Log;

#[test]
fn a_name_is_exported_once_and_a_second_metric_of_it_is_reported() {
    let log = Log::capture();
    let metrics = Metrics::new();
    let (first, second) = (Counter::<u64>::default(), Counter::<u64>::default());
    first.inc();

    metrics.register("parcels", "Parcels", first);
    metrics.register("parcels", "Parcels", second);

    assert_eq!(metrics.encode().matches("parcels_total").count(), 1);
    assert!(metrics.encode().contains("parcels_total 1"));
    assert_eq!(log.lines()[0]["level"], "WARN");
}

#[test]
fn the_page_ends_as_openmetrics_demands() {
    assert_eq!(Metrics::new().encode(), "# EOF\n");
}

#[test]
fn a_bounded_label_takes_as_many_values_as_it_was_given() {
    let label = Bounded::new(3);

    let values: std::collections::BTreeSet<_> = (0..100).map(|n| label.label(&n.to_string())).collect();

    assert_eq!(
        values.iter().map(|value| &**value).collect::<Vec<_>>(),
        ["0", "1", "2", "other"]
    );
}
