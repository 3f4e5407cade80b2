//! Metrics with bounded labels.
