//! Masks show what they promise and nothing else, and the last net under the logs catches what it promises.

#![expect(clippy::unwrap_used, reason = "tests")]

mod corpus;
mod layer;
mod net;
mod properties;
mod redact;
mod shapes;
