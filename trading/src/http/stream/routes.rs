//! The routes of the stream.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Meta, Problem, Query};
use platform_core::hub::{Handshake, Identity, Opening};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{STREAM_PERMISSIONS, Streams};

/// A ticket is kept by nobody but who asked.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// How a stream is opened.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OpenQuery {
    /// A ticket of `POST /ws/ticket`.
    ticket: Option<String>,
}

/// A ticket, good once and for half a minute.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct IssuedTicket {
    /// What is shown as `?ticket=` or in an `auth` message.
    ticket: String,
    /// Until when it is good.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Stream quotes and what happens to the own account over a WebSocket.
///
/// Say `{"type":"subscribe","symbols":["AAPL"]}` or `{"type":"subscribe_all"}`; `unsubscribe`, `unsubscribe_all` and `ping` are
/// messages too. The current quotes come at once, then `{"type":"quotes","quotes":[…]}` as they change. A slow client gets the newest quote
/// of each symbol and not those between.
///
/// Whoever signs in, with a ticket in the URL or with `{"type":"auth","token":…}` or `{"type":"auth","ticket":…}`, is told
/// `{"type":"authenticated","seq":…}`, and then every event of their account as `order`, `account` or `alert`, each with the next `seq`.
/// After a break `{"type":"resume","seq":…}` brings what came after that number.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "quotes",
    operation_id = "stream_quotes",
    params(OpenQuery),
    responses(
        (status = 101, description = "The WebSocket is open."),
        (status = 401, description = "`unauthenticated`: the ticket has been used or is too old", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_streams_of_address`, `too_many_streams_of_principal`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`too_many_streams`, `too_many_anonymous_streams`, `too_many_streams_of_tenant`, `draining`, `tickets_unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(in crate::http) async fn open(
    State(streams): State<Streams>,
    Meta(meta): Meta,
    caller: Option<Caller>,
    Query(query): Query<OpenQuery>,
    handshake: Handshake,
) -> Result<Response, Problem> {
    let identity = match (query.ticket, caller) {
        (Some(ticket), _) => {
            let identity = streams.tickets.redeem(&ticket).await?;
            Some(identity.ok_or_else(Problem::unauthenticated)?)
        }
        (None, Some(Caller(ctx))) => Identity::of(&ctx, &STREAM_PERMISSIONS),
        (None, None) => None,
    };
    streams.quotes.start();
    let opening = Opening { meta, identity };
    Ok(streams.hub.accept(handshake, streams.protocol, opening)?)
}

/// Get a ticket for the stream, which a browser shows instead of a header.
///
/// It is good once, for 30 seconds, for the one who asks.
#[utoipa::path(
    post,
    path = "/ws/ticket",
    tag = "quotes",
    operation_id = "issue_stream_ticket",
    responses(
        (status = 201, description = "The ticket.", body = IssuedTicket),
        (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`too_many_tickets`, `tickets_unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(in crate::http) async fn issue_ticket(
    State(streams): State<Streams>,
    Caller(ctx): Caller,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<IssuedTicket>), Problem> {
    let identity = Identity::of(&ctx, &STREAM_PERMISSIONS).ok_or_else(Problem::unauthenticated)?;
    let ticket = streams.tickets.issue(&identity).await?;
    let issued = IssuedTicket {
        ticket: ticket.expose().to_owned(),
        expires_at: ticket.expires_at,
    };
    Ok((StatusCode::CREATED, [NO_STORE], Json(issued)))
}
