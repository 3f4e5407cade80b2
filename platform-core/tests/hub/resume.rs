//! Ordered topics: every event once and in order, across races, reconnects and lost notices (I23).

use std::sync::Arc;

use platform_core::hub::HubConfig;
use platform_core::{Random, SeededRandom};

use crate::support::{Client, Log, Service, identity, public, publish, topic_of};

const POLICY: u16 = 1008;
const AGAIN: u16 = 1013;

fn kept(config: HubConfig) -> (Arc<Log>, Service) {
    let log = Arc::new(Log::default());
    let service = Service::with(config, |builder| builder.history(log.clone()));
    (log, service)
}

#[tokio::test]
async fn who_follows_from_now_hears_what_is_published_next() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    publish(&service.hub, &log, &topic).await;
    let mut client = service.connect().await;

    assert_eq!(client.ask("follow orders now").await, "ok");
    publish(&service.hub, &log, &topic).await;
    publish(&service.hub, &log, &topic).await;

    assert_eq!(
        (client.hear().await, client.hear().await),
        ("2".into(), "3".into())
    );
}

#[tokio::test]
async fn who_resumes_gets_what_it_lacks_and_then_what_comes() {
    let (log, service) = kept(HubConfig {
        history_page: 7,
        ..public()
    });
    let topic = topic_of("orders");
    for _ in 0..50 {
        publish(&service.hub, &log, &topic).await;
    }
    let mut client = service.connect().await;

    assert_eq!(client.ask("follow orders 13").await, "ok");
    for seq in 14..=50 {
        assert_eq!(client.hear().await, seq.to_string());
    }
    publish(&service.hub, &log, &topic).await;
    assert_eq!(client.hear().await, "51");
    assert_eq!(client.ask("unfollow orders").await, "ok");
    publish(&service.hub, &log, &topic).await;
    assert_eq!(client.ask("say nothing more").await, "nothing more");
}

#[tokio::test]
async fn events_that_are_published_in_another_order_are_sent_in_theirs() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders 0").await, "ok");
    let events: Vec<_> = (0..6).map(|_| log.keep(&topic, |seq| seq.to_string())).collect();

    for place in [1, 0, 5, 3, 3, 4, 2] {
        let (seq, frame) = &events[place];
        service.hub.publish(&topic, *seq, frame).await.unwrap();
    }

    for seq in 1..=6 {
        assert_eq!(client.hear().await, seq.to_string());
    }
    assert_eq!(client.ask("say nothing more").await, "nothing more");
}

#[tokio::test]
async fn an_event_that_is_only_announced_is_read() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders 0").await, "ok");
    for _ in 0..3 {
        log.keep(&topic, |seq| seq.to_string());
    }

    assert_eq!(service.hub.topics(), std::slice::from_ref(&topic));
    service.hub.announce(&topic, 3);
    for seq in 1..=3 {
        assert_eq!(client.hear().await, seq.to_string());
    }
    service.hub.announce(&topic, 3);
    publish(&service.hub, &log, &topic).await;

    assert_eq!(client.hear().await, "4");
    assert_eq!(client.ask("say nothing more").await, "nothing more");
}

#[tokio::test]
async fn a_topic_that_is_followed_anew_is_sent_from_there() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    for _ in 0..3 {
        publish(&service.hub, &log, &topic).await;
    }
    let mut client = service.connect().await;

    for _ in 0..3 {
        client.say("follow orders 0").await;
    }
    client.say("follow orders 2").await;
    let mut heard = Vec::new();
    while heard.last().map(String::as_str) != Some("3")
        || heard.iter().filter(|text| *text == "ok").count() < 4
    {
        heard.push(client.hear().await);
    }

    // The last time counts for what comes after its answer.
    let last = heard.iter().rposition(|text| text == "ok").unwrap();
    assert_eq!(heard[last + 1..], ["3"], "{heard:?}");
}

#[tokio::test]
async fn events_that_are_gone_close_it_because_the_state_has_to_be_read_anew() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    for _ in 0..10 {
        publish(&service.hub, &log, &topic).await;
    }
    *log.gone.lock().unwrap() = 5;
    let mut client = service.connect().await;

    client.say("follow orders 4").await;

    assert_eq!(client.closing().await, (POLICY, "history_gone".to_owned()));
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders 5").await, "ok");
    assert_eq!(client.hear().await, "6");
}

#[tokio::test]
async fn a_reader_that_lags_behind_is_asked_again() {
    let (log, service) = kept(public());
    let topic = topic_of("orders");
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders 0").await, "ok");
    let (_, _) = log.keep(&topic, |seq| seq.to_string());
    let (seq, frame) = log.keep(&topic, |seq| seq.to_string());
    *log.lagging.lock().unwrap() = 3;

    service.hub.publish(&topic, seq, &frame).await.unwrap();

    assert_eq!(
        (client.hear().await, client.hear().await),
        ("1".into(), "2".into())
    );
}

#[tokio::test]
async fn a_history_that_fails_closes_it_with_the_advice_to_resume() {
    let (log, service) = kept(public());
    *log.is_broken.lock().unwrap() = true;
    let mut client = service.connect().await;

    client.say("follow orders 0").await;

    assert_eq!(client.closing().await, (AGAIN, "history_unavailable".to_owned()));
}

#[tokio::test]
async fn without_a_history_nobody_resumes() {
    let service = Service::new(public());
    let mut client = service.connect().await;

    assert_eq!(client.ask("follow orders 1").await, "no_history");
    assert_eq!(client.ask("follow orders now").await, "ok");
}

#[tokio::test]
async fn another_tenants_topic_is_none() {
    let (log, service) = kept(public());
    let (own, other) = (identity(), identity());
    let (own_topic, other_topic) = (
        format!("{}/orders", own.tenant),
        format!("{}/orders", other.tenant),
    );
    publish(&service.hub, &log, &topic_of(&other_topic)).await;
    let (mut client, mut anonymous) = (service.connect_as(&own).await, service.connect().await);

    for since in ["now", "0"] {
        assert_eq!(
            client.ask(format!("follow {other_topic} {since}")).await,
            "unknown_topic"
        );
        assert_eq!(
            anonymous.ask(format!("follow {own_topic} {since}")).await,
            "unknown_topic"
        );
    }
    publish(&service.hub, &log, &topic_of(&other_topic)).await;
    assert_eq!(client.ask(format!("follow {own_topic} 0")).await, "ok");
    publish(&service.hub, &log, &topic_of(&own_topic)).await;
    assert_eq!(client.hear().await, "1");
}

/// Draws numbers of a seed.
struct Dice(SeededRandom);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }
}

/// Follows until it has seen `last`, breaks off at random, resumes after what it saw last.
async fn follow_through(service: &Service, dice: &Dice, last: u64) -> Vec<u64> {
    let mut seen: Vec<u64> = Vec::new();
    while seen.last().copied().unwrap_or(0) < last {
        let mut client: Client = service.connect().await;
        let after = seen.last().copied().unwrap_or(0);
        client.say(format!("follow orders {after}")).await;
        let patience = 1 + dice.below(60);
        let mut heard = 0;
        while heard < patience && seen.last().copied().unwrap_or(0) < last {
            // Closed by the server, as a slow client is: it resumes just the same.
            let Ok(text) = client.next().await else { break };
            if let Ok(seq) = text.parse() {
                seen.push(seq);
                heard += 1;
            }
        }
    }
    seen
}

/// I23. Four publishers race each other and eight clients, which come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_a_gap_or_a_repeat_while_events_come_and_clients_go() {
    const PUBLISHERS: u64 = 4;
    const EACH: u64 = 250;
    for seed in 0..6 {
        let (log, service) = kept(HubConfig {
            history_page: 1 + u32::try_from(seed).unwrap() * 9,
            ..public()
        });
        let service = Arc::new(service);
        let mut tasks = tokio::task::JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let (log, hub) = (Arc::clone(&log), service.hub.clone());
            let dice = Dice(SeededRandom::new(seed * 100 + publisher));
            tasks.spawn(async move {
                for _ in 0..EACH {
                    let (seq, frame) = log.keep(&topic_of("orders"), |seq| seq.to_string());
                    for _ in 0..dice.below(4) {
                        tokio::task::yield_now().await;
                    }
                    hub.publish(&topic_of("orders"), seq, &frame).await.unwrap();
                }
            });
        }
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..8 {
            let service = Arc::clone(&service);
            let dice = Dice(SeededRandom::new(seed * 1_000 + client));
            clients.spawn(async move { follow_through(&service, &dice, PUBLISHERS * EACH).await });
        }

        tasks.join_all().await;
        let everything: Vec<u64> = (1..=PUBLISHERS * EACH).collect();
        for seen in clients.join_all().await {
            assert_eq!(seen, everything, "seed {seed}");
        }
    }
}
