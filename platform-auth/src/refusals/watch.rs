//! The 403s of the HTTP stack.

use async_trait::async_trait;
use platform_core::http::{Refusal, WatchRefusals};

use crate::Auth;
use crate::trail::Asked;

/// Records callers who were refused: as many one by one as [`RefusalConfig`](crate::RefusalConfig) says, and the next event tells
/// how many more there were.
///
/// A client that goes away does not take the event with it. An event that cannot be recorded is logged and counted: the caller is
/// refused in any case.
#[async_trait]
impl WatchRefusals for Auth {
    async fn refused(&self, refusal: Refusal) {
        let asked = Asked {
            method: refusal.method,
            route: refusal.route,
            detail: refusal.detail,
        };
        self.record_refused(&refusal.ctx, refusal.code, asked).await;
    }
}
