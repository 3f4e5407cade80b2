//! Secrets that come from outside the process, and what of them and of sealed values gets out.

#![allow(clippy::unwrap_used, reason = "tests")]

mod env;
mod files;
mod held;
mod leaks;
mod login;
mod support;
mod volume;
