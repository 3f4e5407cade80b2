//! A stream ends with the rights that it was opened with.

use futures::{SinkExt as _, StreamExt as _};
use platform_core::Sources;
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Api, DataDir, Launch, PATIENCE, Server, Socket};

async fn signed_in(server: &Server, token: &str) -> Socket {
    let (mut socket, _) = connect_async(format!("ws://{}/ws", server.address()))
        .await
        .unwrap();
    let auth = json!({ "type": "auth", "token": token });
    socket.send(Message::text(auth.to_string())).await.unwrap();
    loop {
        let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        let Message::Text(text) = message else {
            panic!("{message:?}")
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        match message["type"].as_str().unwrap() {
            "authenticated" => return socket,
            "connected" => {}
            _ => panic!("{message}"),
        }
    }
}

/// The reason with which the server ends it.
async fn ended(socket: &mut Socket) -> String {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
            Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn is_open(socket: &mut Socket) -> bool {
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) if text.contains("pong") => return true,
            Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
            _ => return false,
        }
    }
}

async fn made(admin: &Api, path: &str, body: Value) -> Value {
    admin.post(path, &body).await.expect(201).json()
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

/// A program with a key that may trade by a grant: the token and the grant.
async fn program(admin: &Api, name: &str, addresses: Option<Value>) -> (String, String) {
    let role = json!({ "name": format!("Trader {name}"), "permissions": ["trading:trade"] });
    let role = made(admin, "/admin/v1/roles", role).await;
    let service = json!({ "name": format!("Robot {name}") });
    let service = made(admin, "/admin/v1/service-principals", service).await;
    let grant = json!({ "principal": { "kind": "service", "id": service["id"] }, "role": role["id"] });
    let grant = made(admin, "/admin/v1/grants", grant).await;
    let tomorrow = (Sources::system().now() + Duration::DAY)
        .format(&Rfc3339)
        .unwrap();
    let mut key = json!({ "name": "Stream", "scopes": ["trading:trade"], "expires_at": tomorrow });
    if let Some(addresses) = addresses {
        key["addresses"] = addresses;
    }
    let path = format!("/admin/v1/service-principals/{}/api-keys", id(&service));
    let issued = made(admin, &path, key).await;
    (
        issued["token"].as_str().unwrap().to_owned(),
        id(&grant).to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_a_permission_is_taken_a_session_ends_or_the_tenant_is_suspended() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let user = server.sign_in("acme", "demo@example.com").await;
    let leaver = server.api().register("acme", "leaver@example.com").await;
    let foreign = server.sign_in("globex", "demo@example.com").await;
    let (key, grant) = program(&admin, "One", None).await;
    let mut by_key = signed_in(&server, &key).await;
    let mut of_user = signed_in(&server, user.token()).await;
    let mut of_leaver = signed_in(&server, leaver.token()).await;
    let mut of_foreign = signed_in(&server, foreign.token()).await;

    let revoked = admin
        .call(Method::DELETE, &format!("/admin/v1/grants/{grant}"), None)
        .await;
    assert!(revoked.status < 300, "{revoked:?}");
    assert_eq!(ended(&mut by_key).await, "permissions_changed");
    // It may come back, with what it has left.
    let mut again = signed_in(&server, &key).await;
    leaver
        .call(Method::POST, "/api/v1/auth/logout", None)
        .await
        .expect(204);
    assert_eq!(ended(&mut of_leaver).await, "session_ended");
    for socket in [&mut of_user, &mut again, &mut of_foreign] {
        assert!(is_open(socket).await);
    }

    let suspend = ["tenant", "suspend", "--slug", "acme", "--reason", "ticket 7"];
    let suspend = suspend.into_iter().fold(Launch::on(&data), Launch::arg);
    suspend.run().await.expect(0, &["tenant acme is suspended now"]);
    for socket in [&mut of_user, &mut again] {
        assert_eq!(ended(socket).await, "session_ended");
    }
    assert!(is_open(&mut of_foreign).await);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_bound_to_networks_opens_a_stream_from_there_alone() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let (here, _) = program(&admin, "Here", Some(json!(["127.0.0.0/8"]))).await;
    let (elsewhere, _) = program(&admin, "Elsewhere", Some(json!(["203.0.113.0/24"]))).await;

    let mut socket = signed_in(&server, &here).await;
    assert!(is_open(&mut socket).await);

    let (mut refused, _) = connect_async(format!("ws://{}/ws", server.address()))
        .await
        .unwrap();
    let auth = json!({ "type": "auth", "token": elsewhere });
    refused.send(Message::text(auth.to_string())).await.unwrap();
    assert_eq!(ended(&mut refused).await, "unauthenticated");
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_as_many_streams_as_the_configuration_says() {
    let data = DataDir::new();
    let launch = Launch::on(&data)
        .env("PLATFORM_STREAM_PER_ADDRESS_MAX", "2")
        .env("PLATFORM_HTTP_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = launch.start().await;
    let from = async |address: &str| {
        let url = format!("ws://{}/ws", server.address());
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("x-forwarded-for", address.parse().unwrap());
        connect_async(request).await.map(|(socket, _)| socket)
    };

    let held = (
        from("203.0.113.7").await.unwrap(),
        from("203.0.113.7").await.unwrap(),
    );
    let third = from("203.0.113.7").await.map(drop);
    let another = from("203.0.113.8").await;

    let Err(Error::Http(answer)) = third else {
        panic!("{third:?}")
    };
    assert_eq!(answer.status().as_u16(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    let body: Value = serde_json::from_slice(answer.body().as_deref().unwrap()).unwrap();
    assert_eq!(body["code"], "too_many_streams_of_address");
    assert!(another.is_ok());
    drop(held);
    server.stop().await.expect(0, &[]);
}
