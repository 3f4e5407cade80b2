//! A server that is told to stop finishes what it has begun.

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Api, DataDir, Launch, PATIENCE, Server, buy, eventually};

/// An order whose body is half sent.
struct HalfSent {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl HalfSent {
    async fn order(server: &Server, api: &Api) -> Self {
        let body = buy("AAPL", "1").to_string();
        let (first, rest) = body.split_at(body.len() / 2);
        let head = format!(
            "POST /api/v1/orders HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
            api.token(),
            body.len()
        );
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // An answer to a later request shows that the earlier one has been read.
        api.get("/api/v1/account").await.expect(200);
        Self {
            stream,
            rest: rest.as_bytes().to_vec(),
        }
    }

    async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = Vec::new();
        let read = self.stream.read_to_end(&mut answer);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_and_streams_are_told_before_the_end() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    user.quote("AAPL").await;
    let (mut socket, _) = connect_async(format!("ws://{}/ws", server.address()))
        .await
        .unwrap();
    let half_sent = HalfSent::order(&server, &user).await;

    server.terminate();

    // The socket is closed with "service restart": its client comes back to another instance.
    let closed = loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => break frame.unwrap(),
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    };
    assert_eq!(closed.code, CloseCode::Restart);
    drop(socket);
    // Nobody new is let in.
    eventually("the listener to close", || async {
        TcpStream::connect(server.address()).await.is_err().then_some(())
    })
    .await;
    let answer = half_sent.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(data.postmaster().is_none());

    // What was answered is there.
    let server = Launch::on(&data).start().await;
    assert_eq!(user.at(server.address()).all("/api/v1/orders").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_outlasts_the_deadline_is_cut_off_and_the_exit_code_says_so() {
    let data = DataDir::new();
    let server = Launch::on(&data)
        .env("PLATFORM_SHUTDOWN_DRAIN_MS", "300")
        .start()
        .await;
    let user = server.sign_in("acme", "demo@example.com").await;
    let half_sent = HalfSent::order(&server, &user).await;

    let ended = server.stop().await;

    ended.expect(75, &["stopped at the deadline"]);
    assert!(
        data.postmaster().is_none(),
        "the database is stopped all the same"
    );
    drop(half_sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_notice_is_not_ready_and_still_answers_until_a_second_signal() {
    let data = DataDir::new();
    let server = Launch::on(&data)
        .env("PLATFORM_SHUTDOWN_NOTICE_MS", "3000")
        .start()
        .await;
    let api = server.api();
    api.get("/readyz").await.expect(200);

    server.terminate();

    eventually("the server to be not ready", || async {
        let answer = api.get("/readyz").await;
        (answer.status == 503).then(|| assert_eq!(answer.text, "not ready: draining\n"))
    })
    .await;
    api.get("/livez").await.expect(200);
    api.get("/api/v1/quotes").await.expect(200);
    // A second signal: the operator does not want to wait.
    server.terminate();
    let ended = server.ended().await;
    ended.expect(75, &["stopped at once"]);
}
