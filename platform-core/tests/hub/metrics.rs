//! What the metrics show.

use crate::support::{Log, Service, identity, public, publish, topic_of};

#[tokio::test]
async fn connections_messages_and_ends_are_counted_under_few_labels() {
    let log = std::sync::Arc::new(Log::default());
    let service = Service::with(public(), |builder| builder.history(log.clone()));
    let (mut known, mut anonymous) = (service.connect_as(&identity()).await, service.connect().await);
    assert_eq!(known.ask("follow orders 0").await, "ok");
    assert_eq!(anonymous.ask("watch A").await, "ok");

    publish(&service.hub, &log, &topic_of("orders")).await;
    service.quotes.publish([("A", "1".to_owned())]);
    assert_eq!(
        (known.hear().await, anonymous.hear().await),
        ("1".into(), "[1]".into())
    );

    let metric = |name: &str| service.metric(name);
    assert_eq!(metric("websocket_connections{authenticated=\"true\"}"), Some(1));
    assert_eq!(metric("websocket_connections{authenticated=\"false\"}"), Some(1));
    assert_eq!(
        metric("websocket_messages_sent_total{policy=\"ordered\"}"),
        Some(1)
    );
    assert_eq!(
        metric("websocket_messages_sent_total{policy=\"conflated\"}"),
        Some(1)
    );
    // Two greetings and two answers.
    assert_eq!(metric("websocket_messages_sent_total{policy=\"reply\"}"), Some(4));
    drop((known, anonymous));
    service.until(|service| service.hub.connections() == 0).await;
    assert_eq!(
        service.metric("websocket_connections_closed_total{reason=\"client_left\"}"),
        Some(2)
    );
}
