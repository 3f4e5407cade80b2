//! What clients say, and what is done.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{HeaderValue, Request, header};
use platform_core::http::{AuthOutcome, Authenticate};
use platform_core::hub::{Board, CloseReason, Frame, HubError, Identity, Link, Protocol, Since, Tickets};
use platform_core::{RequestMeta, error_chain};

use super::STREAM_PERMISSIONS;
use super::account::{last_seq, topic_of};
use super::config::StreamBackends;
use super::messages::{ClientMessage, ServerMessage};
use crate::{TRADE, Trading};

/// Symbols that one message may name.
const SYMBOLS_PER_MESSAGE_MAX: usize = 1_000;

/// What is spoken over every connection.
pub(super) struct StreamProtocol {
    trading: Trading,
    quotes: Board,
    tickets: Tickets,
    authenticate: Option<Arc<dyn Authenticate>>,
}

/// Why a message was not done, for the client.
struct Complaint {
    code: &'static str,
    message: String,
}

impl StreamProtocol {
    pub(super) fn new(
        trading: &Trading,
        quotes: &Board,
        tickets: &Tickets,
        backends: &StreamBackends,
    ) -> Self {
        Self {
            trading: trading.clone(),
            quotes: quotes.clone(),
            tickets: tickets.clone(),
            authenticate: backends.authenticate.clone(),
        }
    }

    async fn obey(&self, link: &mut Link, message: ClientMessage) -> Result<(), Complaint> {
        match message {
            ClientMessage::Ping {} => {
                link.say(ServerMessage::Pong {}.frame());
                Ok(())
            }
            ClientMessage::SubscribeAll {} => {
                link.watch_all(&self.quotes)?;
                self.confirm(link)
            }
            ClientMessage::UnsubscribeAll {} => {
                link.unwatch_all(&self.quotes);
                self.confirm(link)
            }
            // All or none: a client that misspells one symbol should not have to find out which of them work.
            ClientMessage::Subscribe { symbols } => {
                if symbols.is_empty() || symbols.len() > SYMBOLS_PER_MESSAGE_MAX {
                    return Err(HubError::UnknownKey.into());
                }
                link.watch(&self.quotes, symbols)?;
                self.confirm(link)
            }
            ClientMessage::Unsubscribe { symbols } => {
                link.unwatch(&self.quotes, symbols.iter().take(SYMBOLS_PER_MESSAGE_MAX));
                self.confirm(link)
            }
            ClientMessage::Auth { token, ticket } => self.sign_in(link, token, ticket).await,
            ClientMessage::Resume { seq } => self.resume(link, seq).await,
        }
    }

    fn confirm(&self, link: &Link) -> Result<(), Complaint> {
        let watched = link.watched(&self.quotes);
        let symbols = watched.iter().map(AsRef::as_ref).collect();
        link.say(ServerMessage::Subscribed { symbols }.frame());
        Ok(())
    }

    /// Whoever shows a credential that is not good is closed: nothing is to be guessed here.
    async fn sign_in(
        &self,
        link: &mut Link,
        token: Option<String>,
        ticket: Option<String>,
    ) -> Result<(), Complaint> {
        if link.identity().is_some() {
            return Err(HubError::AlreadyAuthenticated.into());
        }
        let identity = match (token, ticket) {
            (Some(token), None) => self.identity_by_token(&token, link.meta()).await?,
            (None, Some(ticket)) => self
                .tickets
                .redeem(&ticket)
                .await
                .map_err(|error| Complaint::unavailable(&error))?,
            _ => return Err(Complaint::new("malformed_message", "show a token or a ticket")),
        };
        let Some(identity) = identity else {
            link.close(CloseReason::Unauthenticated);
            return Ok(());
        };
        if let Err(error) = link.admit(identity) {
            let complaint = Complaint::from(error);
            let Some(reason) = error.ends_it() else {
                return Err(complaint);
            };
            link.close_saying(complaint.frame(), reason);
            return Ok(());
        }
        self.follow_account(link).await
    }

    /// Verified as the credential of a request from where the stream was opened: a key may be good from there alone, and whoever reads of
    /// it in the trail wants to know from where it was shown.
    async fn identity_by_token(
        &self,
        token: &str,
        meta: &RequestMeta,
    ) -> Result<Option<Identity>, Complaint> {
        let Some(authenticate) = &self.authenticate else {
            return Err(Complaint::new("unsupported", "open the stream with a ticket"));
        };
        // A token that cannot be in a header is no token.
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            return Ok(None);
        };
        bearer.set_sensitive(true);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers.insert(header::AUTHORIZATION, bearer);
        match authenticate.authenticate(&parts, meta).await {
            AuthOutcome::Authenticated(ctx) => Ok(Identity::of(&ctx, &STREAM_PERMISSIONS)),
            AuthOutcome::NotPresent => Ok(None),
            // Whether the token is good could not be found out.
            AuthOutcome::Failed(problem) if problem.status().is_server_error() => {
                Err(Complaint::new("unavailable", "try again"))
            }
            AuthOutcome::Failed(_) => Ok(None),
        }
    }

    /// Follows the account of who has signed in, if they may trade: from now on, and the client is told the number that it may resume from.
    async fn follow_account(&self, link: &mut Link) -> Result<(), Complaint> {
        let Some(identity) = link.identity() else {
            return Ok(());
        };
        let (tenant_id, principal) = (identity.tenant, identity.principal);
        let seq = if identity.may(TRADE) {
            let seq = last_seq(&self.trading, (tenant_id, principal)).await;
            seq.map_err(|error| Complaint::unavailable(&error))?
        } else {
            0
        };
        link.say(ServerMessage::Authenticated { tenant_id, seq }.frame());
        if link.identity().is_some_and(|identity| identity.may(TRADE)) {
            link.follow(&topic_of(tenant_id, principal), Since::Seq(seq))
                .await?;
        }
        Ok(())
    }

    async fn resume(&self, link: &mut Link, seq: u64) -> Result<(), Complaint> {
        let identity = link.identity();
        let identity = identity.ok_or_else(|| Complaint::new("unauthenticated", "sign in first"))?;
        if !identity.may(TRADE) {
            return Err(Complaint::new(
                "forbidden",
                "the permission trading:trade is needed",
            ));
        }
        let (tenant, principal) = (identity.tenant, identity.principal);
        let last = last_seq(&self.trading, (tenant, principal)).await;
        let last = last.map_err(|error| Complaint::unavailable(&error))?;
        if seq > last {
            return Err(Complaint::new(
                "unknown_seq",
                "the account has no event of this number",
            ));
        }
        link.say(ServerMessage::Resumed { seq }.frame());
        link.follow(&topic_of(tenant, principal), Since::Seq(seq)).await?;
        Ok(())
    }
}

#[async_trait]
impl Protocol for StreamProtocol {
    async fn opened(&self, link: &mut Link) {
        let connected = ServerMessage::Connected {
            symbols: self.quotes.keys().len(),
            authenticated: link.identity().is_some(),
        };
        link.say(connected.frame());
        if let Err(complaint) = self.follow_account(link).await {
            link.say(complaint.frame());
        }
    }

    async fn heard(&self, link: &mut Link, text: &str) {
        let done = match serde_json::from_str(text) {
            Ok(message) => self.obey(link, message).await,
            // The error would repeat what was sent, perhaps a token.
            Err(_) => Err(Complaint::new(
                "malformed_message",
                "send one of subscribe, unsubscribe, subscribe_all, unsubscribe_all, ping, auth, resume",
            )),
        };
        if let Err(complaint) = done {
            link.say(complaint.frame());
        }
    }
}

impl Complaint {
    fn new(code: &'static str, message: &'static str) -> Self {
        Self {
            code,
            message: message.to_owned(),
        }
    }

    /// Logs why, and tells the client to try again.
    fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %error_chain(error), "a message on the stream could not be answered");
        Self::new("unavailable", "try again")
    }

    fn frame(&self) -> Frame {
        let Self { code, message } = self;
        ServerMessage::Error { code, message }.frame()
    }
}

impl From<HubError> for Complaint {
    fn from(error: HubError) -> Self {
        match error {
            HubError::UnknownKey => Self::new(
                "unknown_symbol",
                "nothing with one of these symbols is traded here",
            ),
            other => Self {
                code: other.code(),
                message: other.to_string(),
            },
        }
    }
}
