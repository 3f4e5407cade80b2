//! What a [`BusBackend`] must do.
//!
//! | id | scenario |
//! |---|---|
//! | `BUS-01` | who listens hears, and nobody else |
//! | `BUS-02` | topics of one name in two tenants and in public are three |
//! | `BUS-03` | every listener hears, each once |
//! | `BUS-04` | who has removed a topic hears no more of it |
//! | `BUS-05` | who adds a topic again hears of it again |
//! | `BUS-06` | notices of one publisher come in their order (if declared) |
//! | `BUS-07` | a body comes as it was sent, of every byte and up to the largest size |
//! | `BUS-08` | a body that is too large is refused and nothing is told |
//! | `BUS-09` | a slow listener is told that it missed, keeps a bounded number waiting and delays nobody |
//! | `BUS-10` | who listens to many topics hears of each |
//! | `BUS-11` | a listener that is gone leaves nothing behind |
//! | `BUS-12` | another instance hears (if shared), and nobody but it otherwise |

#![expect(
    clippy::panic,
    reason = "a scenario panics when a backend does not do what it declares"
)]

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::bus::{Bus, BusBackend, BusError, Heard, Listener, NOTICE_BYTES_MAX, Topic};
use crate::{Sources, TenantId};

/// How long a notice may take, so long that no busy machine fails for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes the backends of one scenario: each call one more instance, as of one more process. Instances of a shared backend reach each
/// other, and nobody else at the same time.
#[async_trait::async_trait]
pub trait BusFactory: Send + Sync {
    /// The backend under test.
    type Backend: BusBackend;

    /// One more instance.
    async fn instance(&self) -> Self::Backend;
}

/// Runs every scenario, and tells the ids of those that the backend's declared capabilities call for.
///
/// # Panics
/// With the id of a scenario that fails.
pub async fn run(factory: &impl BusFactory) -> Vec<&'static str> {
    let instance = factory.instance().await;
    let (switchboard, caps) = (instance.switchboard().clone(), instance.caps());
    let bus = Bus::new(instance);
    let other = Bus::new(factory.instance().await);
    let mut ran = Vec::new();
    let mut did = |id| ran.push(id);

    only_who_listens_hears(&bus).await;
    did("BUS-01");
    tenants_are_apart(&bus).await;
    did("BUS-02");
    every_listener_hears_once(&bus).await;
    did("BUS-03");
    a_removed_topic_is_silent(&bus).await;
    did("BUS-04");
    a_topic_can_be_added_again(&bus).await;
    did("BUS-05");
    if caps.is_ordered {
        notices_come_in_order(&bus).await;
        did("BUS-06");
    }
    bodies_come_as_they_were_sent(&bus).await;
    did("BUS-07");
    a_large_body_is_refused(&bus).await;
    did("BUS-08");
    a_slow_listener_misses(&bus).await;
    did("BUS-09");
    many_topics_are_heard(&bus).await;
    did("BUS-10");
    a_listener_leaves_nothing(&bus, &switchboard).await;
    did("BUS-11");
    another_instance_hears(&bus, &other, caps.is_shared).await;
    did("BUS-12");
    ran
}

async fn only_who_listens_hears(bus: &Bus) {
    let (told, untold) = (topic("told"), topic("untold"));
    let mut listener = listening(bus, &told).await;
    let mut elsewhere = listening(bus, &untold).await;

    publish(bus, &told, "one").await;
    publish(bus, &untold, "two").await;

    assert_eq!(body(&mut listener, "BUS-01").await, "one", "BUS-01");
    assert_eq!(
        body(&mut elsewhere, "BUS-01").await,
        "two",
        "BUS-01: a listener heard of another topic"
    );
}

async fn tenants_are_apart(bus: &Bus) {
    let (one, two) = (topic("orders"), topic("orders"));
    let public = Topic::public(&fresh("orders")).expect("a name of letters");
    let mut listeners = Vec::new();
    for topic in [&one, &two, &public] {
        listeners.push(listening(bus, topic).await);
    }

    for (topic, text) in [(&one, "one"), (&two, "two"), (&public, "public")] {
        publish(bus, topic, text).await;
    }

    for (listener, text) in listeners.iter_mut().zip(["one", "two", "public"]) {
        assert_eq!(
            body(listener, "BUS-02").await,
            text,
            "BUS-02: a notice reached another tenant"
        );
    }
}

async fn every_listener_hears_once(bus: &Bus) {
    let topic = topic("all");
    let mut listeners = Vec::new();
    for _ in 0..5 {
        let listener = listening(bus, &topic).await;
        listener
            .add(&topic)
            .await
            .expect("BUS-03: a topic is added twice");
        listeners.push(listener);
    }

    publish(bus, &topic, "first").await;
    publish(bus, &topic, "second").await;

    for listener in &mut listeners {
        assert_eq!(body(listener, "BUS-03").await, "first", "BUS-03");
        assert_eq!(body(listener, "BUS-03").await, "second", "BUS-03: heard twice");
    }
}

async fn a_removed_topic_is_silent(bus: &Bus) {
    let (removed, kept) = (topic("removed"), topic("kept"));
    let mut listener = listening(bus, &removed).await;
    listener.add(&kept).await.expect("BUS-04");

    listener.remove(&removed);
    publish(bus, &removed, "unheard").await;
    publish(bus, &kept, "heard").await;

    assert_eq!(body(&mut listener, "BUS-04").await, "heard", "BUS-04");
}

async fn a_topic_can_be_added_again(bus: &Bus) {
    let topic = topic("again");
    let mut listener = listening(bus, &topic).await;

    for round in 0..20 {
        listener.remove(&topic);
        listener.add(&topic).await.expect("BUS-05");
        let text = format!("round {round}");
        publish(bus, &topic, &text).await;
        assert_eq!(body(&mut listener, "BUS-05").await, text, "BUS-05");
    }
}

async fn notices_come_in_order(bus: &Bus) {
    let topic = topic("ordered");
    let mut listener = listening(bus, &topic).await;

    for number in 0..500 {
        publish(bus, &topic, &number.to_string()).await;
    }

    for number in 0..500 {
        assert_eq!(body(&mut listener, "BUS-06").await, number.to_string(), "BUS-06");
    }
}

async fn bodies_come_as_they_were_sent(bus: &Bus) {
    let topic = topic("bodies");
    let mut listener = listening(bus, &topic).await;
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let largest = every_byte
        .iter()
        .copied()
        .cycle()
        .take(NOTICE_BYTES_MAX)
        .collect();

    for sent in [Vec::new(), every_byte, largest] {
        let sent = Bytes::from(sent);
        bus.publish(&topic, sent.clone()).await.expect("BUS-07");
        let heard = notice(&mut listener, "BUS-07").await;
        assert!(heard == sent, "BUS-07: {} bytes came differently", sent.len());
    }
}

async fn a_large_body_is_refused(bus: &Bus) {
    let topic = topic("large");
    let mut listener = listening(bus, &topic).await;

    let refused = bus.publish(&topic, vec![0; NOTICE_BYTES_MAX + 1].into()).await;
    publish(bus, &topic, "next").await;

    assert!(
        matches!(refused, Err(BusError::TooLarge(_))),
        "BUS-08: {refused:?}"
    );
    assert_eq!(body(&mut listener, "BUS-08").await, "next", "BUS-08");
}

async fn a_slow_listener_misses(bus: &Bus) {
    const SENT: usize = 5_000;
    let topic = topic("slow");
    let mut slow = listening(bus, &topic).await;
    let mut quick = listening(bus, &topic).await;

    let mut quick_heard = 0;
    for number in 0..SENT {
        publish(bus, &topic, &number.to_string()).await;
        assert_eq!(
            body(&mut quick, "BUS-09").await,
            number.to_string(),
            "BUS-09: a slow listener disturbed another"
        );
        quick_heard += 1;
    }

    let (mut heard, mut missed) = (0, 0);
    while let Ok(next) = timeout(Duration::from_millis(200), slow.next()).await {
        match next {
            Heard::Notice(_) => heard += 1,
            Heard::Missed => missed += 1,
        }
    }
    assert_eq!(quick_heard, SENT, "BUS-09");
    assert!(missed > 0, "BUS-09: it was not told that it missed notices");
    assert!(heard < SENT, "BUS-09: everything waited for it, {heard} notices");
}

async fn many_topics_are_heard(bus: &Bus) {
    let mut listener = bus.listener();
    let topics: Vec<Topic> = (0..600).map(|number| topic(&format!("many-{number}"))).collect();
    let adding = topics.iter().map(|topic| listener.add(topic));
    for added in futures::future::join_all(adding).await {
        added.expect("BUS-10");
    }

    for topic in &topics {
        publish(bus, topic, topic.name()).await;
    }

    for topic in &topics {
        assert_eq!(body(&mut listener, "BUS-10").await, topic.name(), "BUS-10");
    }
}

async fn a_listener_leaves_nothing(bus: &Bus, switchboard: &crate::bus::Switchboard) {
    let topic = topic("gone");
    let listener = listening(bus, &topic).await;
    let interest = listener.interest();

    drop(listener);
    publish(bus, &topic, "nobody hears this").await;
    drop(interest);

    assert!(
        !switchboard.wants(&topic),
        "BUS-11: a topic outlived who wanted it"
    );
}

async fn another_instance_hears(bus: &Bus, other: &Bus, is_shared: bool) {
    let topic = topic("instances");
    let mut there = listening(other, &topic).await;

    publish(bus, &topic, "from the one").await;
    publish(other, &topic, "from the other").await;

    let first = body(&mut there, "BUS-12").await;
    let expected = if is_shared {
        "from the one"
    } else {
        "from the other"
    };
    assert_eq!(first, expected, "BUS-12");
}

fn topic(name: &str) -> Topic {
    Topic::tenant(TenantId::generate(&Sources::system()), name).expect("a name of letters")
}

fn fresh(name: &str) -> String {
    format!("{name}.{}", TenantId::generate(&Sources::system()))
}

async fn listening(bus: &Bus, topic: &Topic) -> Listener {
    let listener = bus.listener();
    listener.add(topic).await.expect("the backend is reached");
    listener
}

async fn publish(bus: &Bus, topic: &Topic, text: &str) {
    let body = Bytes::copy_from_slice(text.as_bytes());
    bus.publish(topic, body).await.expect("the backend is reached");
}

async fn notice(listener: &mut Listener, id: &str) -> Bytes {
    match timeout(PATIENCE, listener.next()).await {
        Ok(Heard::Notice(notice)) => notice.body,
        Ok(Heard::Missed) => panic!("{id}: told as missed"),
        Err(_) => panic!("{id}: nothing was heard"),
    }
}

async fn body(listener: &mut Listener, id: &str) -> String {
    String::from_utf8_lossy(&notice(listener, id).await).into_owned()
}
