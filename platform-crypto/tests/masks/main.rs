//! Masks show what they promise and nothing else, and the last net under the logs catches what it promises.

#![expect(clippy::unwrap_used, reason = "tests")]

mod corpus;
mod hostile;
mod layer;
mod net;
mod properties;
mod redact;
mod shapes;
