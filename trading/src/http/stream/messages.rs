//! What is said over the stream.

use platform_core::TenantId;
use platform_core::hub::Frame;
use serde::{Deserialize, Serialize};

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientMessage {
    Subscribe {
        symbols: Vec<String>,
    },
    Unsubscribe {
        symbols: Vec<String>,
    },
    SubscribeAll {},
    UnsubscribeAll {},
    Ping {},
    /// One of the two.
    Auth {
        token: Option<String>,
        ticket: Option<String>,
    },
    Resume {
        seq: u64,
    },
}

/// What the server says besides quotes and events.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    /// How many symbols there are.
    Connected {
        symbols: usize,
        authenticated: bool,
    },
    /// Events of the account come, from the one after this number.
    Authenticated {
        tenant_id: TenantId,
        seq: u64,
    },
    Subscribed {
        symbols: Vec<&'a str>,
    },
    /// Events of the account come from the one after this number.
    Resumed {
        seq: u64,
    },
    Pong {},
    Error {
        code: &'a str,
        message: &'a str,
    },
}

impl ServerMessage<'_> {
    pub(super) fn frame(&self) -> Frame {
        Frame::json(self).expect("words and numbers are JSON")
    }
}
