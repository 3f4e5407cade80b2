//! How a connection begins.

use super::Identity;
use crate::RequestMeta;

/// The request that opens a connection.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What is known of the request. The connection is counted under its source address, and goes on under its request id.
    pub meta: RequestMeta,
    /// Who authenticated with the request, if anybody did.
    pub identity: Option<Identity>,
}

impl Opening {
    /// The request of somebody who has not authenticated yet.
    pub fn anonymous(meta: RequestMeta) -> Self {
        Self { meta, identity: None }
    }

    /// What of the request holds for as long as the connection: its deadline does not, and neither does its idempotency key.
    pub(super) fn lasting(self) -> (RequestMeta, Option<Identity>) {
        let meta = RequestMeta {
            deadline: None,
            idempotency_key: None,
            ..self.meta
        };
        (meta, self.identity)
    }
}
