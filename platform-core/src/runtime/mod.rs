//! Modules, workers, health and shutdown.
