//! Several instances over one PostgreSQL and one Redis.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::SinkExt as _;
use platform_core::Sources;
use platform_core::TenantId;
use platform_core::hub::{Presence, PresenceConfig, RedisPresence};
use platform_core::testing::TestDb;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use trading_server::database::MIGRATIONS;

use crate::external::by_url;
use crate::support::{
    Api, Launch, PASSWORD, PATIENCE, REDIS_PASSWORD, RedisServer, Server, Socket, buy, eventually, hear,
};

/// A leader that was killed is followed by another within the length of its lease, four seconds, and the time between two tries; the
/// rest is for a machine that is busy.
const FAILOVER: Duration = Duration::from_secs(20);

const STALE_AFTER: Duration = Duration::from_secs(3);

/// What instances have in common.
struct Common {
    database: TestDb,
    redis: RedisServer,
    folder: tempfile::TempDir,
}

impl Common {
    async fn new(test: &str) -> Option<Self> {
        let redis = RedisServer::start(test).await?;
        let database = TestDb::own(&MIGRATIONS).await;
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            database,
            redis,
            folder,
        })
    }

    fn launch(&self) -> Launch {
        // What is kept beside the database is each instance's own.
        let spool = self
            .folder
            .path()
            .join(TenantId::generate(&Sources::system()).to_string());
        by_url(&self.database.app_url())
            .env("PLATFORM_AUDIT_SPOOL_DIR", spool.to_str().unwrap())
            .env("REDIS_URL", self.redis.url())
            .env("PLATFORM_REDIS_PREFIX", self.redis.prefix())
            .env("PLATFORM_DEMO", "on")
            .env("PLATFORM_DEMO_PASSWORD", PASSWORD)
            .env("PLATFORM_METRICS_ACCESS", "open")
            .env(
                "PLATFORM_MARKET_STALE_AFTER_MS",
                STALE_AFTER.as_millis().to_string(),
            )
            .env("PLATFORM_HTTP_RATE_LIMIT_PER_S", "1000000")
            .env("PLATFORM_HTTP_RATE_LIMIT_BURST", "1000000")
    }

    /// Two of them: the one that leads comes first.
    async fn two(&self) -> (Server, Server) {
        let first = self.launch().start().await;
        eventually("a leader", || async { leads(&first).await.then_some(()) }).await;
        let second = self.launch().start().await;
        second.api().tenant("acme").quote("TSLA").await;
        assert!(!leads(&second).await);
        (first, second)
    }
}

async fn counts(server: &Server, sample: &str) -> bool {
    let metrics = server.api().get("/metrics").await;
    metrics.expect(200).text.lines().any(|line| line == sample)
}

async fn leads(server: &Server) -> bool {
    counts(server, "market_leader 1").await
}

/// All quotes of one moment, without what an answer adds for whoever asks.
async fn quotes(api: &Api) -> BTreeMap<u64, Value> {
    let answer = api.get("/api/v1/quotes").await.expect(200).json();
    let rows = answer["data"]
        .as_array()
        .or_else(|| answer.as_array())
        .unwrap()
        .clone();
    let row = |quote: Value| {
        let kept = [
            "symbol",
            "bid",
            "bid_size",
            "ask",
            "ask_size",
            "last",
            "at",
            "source_at",
            "source",
        ];
        let told: Vec<Value> = kept.iter().map(|field| quote[*field].clone()).collect();
        (quote["seq"].as_u64().unwrap(), Value::Array(told))
    };
    rows.into_iter().map(row).collect()
}

async fn newest(api: &Api) -> u64 {
    quotes(api).await.into_keys().max().unwrap_or(0)
}

async fn open(server: &Server, ticket: &str) -> Option<Socket> {
    let opened = connect_async(format!("ws://{}/ws?ticket={ticket}", server.address())).await;
    opened.ok().map(|(socket, _)| socket)
}

async fn ticket(api: &Api) -> String {
    let issued = api.post("/api/v1/ws/ticket", &json!({})).await.expect(201).json();
    issued["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_show_one_market_under_the_same_numbers() {
    let Some(common) = Common::new("instances::two_instances_show_one_market_under_the_same_numbers").await
    else {
        return;
    };
    let (first, second) = common.two().await;
    assert!(first.stdout().contains("shared by all instances"));
    let [one, two] = [&first, &second].map(|server| server.api().tenant("acme"));

    let (mut of_one, mut of_two) = (BTreeMap::new(), BTreeMap::new());
    let both = eventually("a hundred quotes at both", || {
        let (one, two) = (one.clone(), two.clone());
        async move { Some((quotes(&one).await, quotes(&two).await)) }
    });
    let (a, b) = both.await;
    of_one.extend(a);
    of_two.extend(b);
    let deadline = Instant::now() + PATIENCE;
    while of_one.keys().filter(|seq| of_two.contains_key(*seq)).count() < 100 {
        assert!(Instant::now() < deadline, "they show different markets");
        of_one.extend(quotes(&one).await);
        of_two.extend(quotes(&two).await);
    }

    for (seq, quote) in &of_one {
        assert!(of_two.get(seq).is_none_or(|other| other == quote), "{seq}");
    }
    assert!(counts(&second, "circuit_breaker_state{name=\"market_data\"} 0").await);
    assert!(counts(&second, "circuit_breaker_state{name=\"redis_publish\"} 0").await);
    second.stop().await.expect(0, &[]);
    first.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_presence_and_the_news_of_accounts_are_those_of_all_instances() {
    let name = "instances::tickets_presence_and_the_news_of_accounts_are_those_of_all_instances";
    let Some(common) = Common::new(name).await else {
        return;
    };
    let (first, second) = common.two().await;
    let user = first.sign_in("acme", "demo@example.com").await;
    let admin = second.sign_in("acme", "admin@example.com").await;

    let shown = ticket(&user).await;
    let mut socket = open(&second, &shown).await.expect("the other instance takes it");
    assert!(open(&first, &shown).await.is_none(), "it was taken");
    let mut other = open(&first, &ticket(&admin).await).await.unwrap();
    other
        .send(Message::text(json!({ "type": "ping" }).to_string()))
        .await
        .unwrap();
    hear(&mut other, "pong").await;

    let placed = user.order(&buy("TSLA", "1")).await["order"]["id"].clone();
    let heard = hear(&mut socket, "order").await;
    assert_eq!(heard["order_id"], placed);

    let tenants = platform_core::pg::Tenants::new(&common.database.connect_with(1).await);
    let acme: TenantId = tenants
        .by_slug(&"acme".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .id;
    let backend = RedisPresence::new(&common.redis.handle());
    let presence = Presence::new(backend, PresenceConfig::default(), &Sources::system());
    let count = async || presence.who(&Presence::connected(acme), 100).await.unwrap().len();
    eventually("both to be present", || async {
        (count().await == 2).then_some(())
    })
    .await;
    drop(other);
    eventually("one to be gone", || async { (count().await == 1).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_another_goes_on_with_greater_numbers() {
    let name = "instances::when_the_leader_is_killed_another_goes_on_with_greater_numbers";
    let Some(common) = Common::new(name).await else {
        return;
    };
    let (leader, follower) = common.two().await;
    let one = leader.api().tenant("acme");
    let two = follower.sign_in("acme", "demo@example.com").await;
    eventually("the follower to have followed for a while", || async {
        let recorded = two.get("/api/v1/bars/TSLA?timeframe=1s").await.expect(200).json();
        (recorded["data"].as_array()?.len() >= 3).then_some(())
    })
    .await;

    let (told, before) = (newest(&one).await, quotes(&two).await);
    // Dropping the process is SIGKILL.
    drop(leader);
    let killed = Instant::now();
    let mut shown = newest(&two).await;
    eventually("greater numbers", || {
        let (two, least) = (two.clone(), shown);
        async move {
            let seq = newest(&two).await;
            assert!(seq >= least, "a number went back");
            (seq > told).then_some(())
        }
    })
    .await;
    // What the leader had sent before it died may still have come.
    eventually("the other to lead", || async {
        leads(&follower).await.then_some(())
    })
    .await;
    assert!(killed.elapsed() < FAILOVER, "{:?}", killed.elapsed());
    shown = shown.max(newest(&two).await);
    eventually("the market to go on", || {
        let (two, shown) = (two.clone(), shown);
        async move { (newest(&two).await > shown + 1_000_000).then_some(()) }
    })
    .await;
    two.order(&buy("TSLA", "1")).await;
    // A recording goes on and does not begin anew.
    let day = |quotes: &BTreeMap<u64, Value>| {
        let mut replayed = quotes.values().filter(|quote| quote[0] == "AAPL");
        replayed.next().unwrap()[7].as_str().unwrap().to_owned()
    };
    assert!(day(&quotes(&two).await) > day(&before));

    // Whoever comes back follows.
    let back = common.launch().start().await;
    back.api().tenant("acme").quote("TSLA").await;
    assert!(!leads(&back).await && leads(&follower).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_leader_trades_on_its_followers_do_not_and_all_is_well_when_it_is_back() {
    let name =
        "instances::without_redis_the_leader_trades_on_its_followers_do_not_and_all_is_well_when_it_is_back";
    let Some(mut common) = Common::new(name).await else {
        return;
    };
    let (leader, follower) = common.two().await;
    let at_leader = leader.sign_in("acme", "demo@example.com").await;
    let at_follower = at_leader.at(follower.address());
    at_leader.order(&buy("TSLA", "0.001")).await;
    at_follower.order(&buy("TSLA", "0.001")).await;

    common.redis.kill();
    eventually("the follower to trade no more", || async {
        let answer = at_follower.post("/api/v1/orders", &buy("TSLA", "0.001")).await;
        (answer.status == 503).then(|| assert_eq!(answer.code(), "stale_quote"))
    })
    .await;
    let stale = at_follower.get("/api/v1/quotes/TSLA").await.expect(200).json();
    assert_eq!(stale["stale"], true, "{stale}");
    at_leader
        .post("/api/v1/orders", &buy("TSLA", "0.001"))
        .await
        .expect(201);
    for server in [&leader, &follower] {
        server.api().get("/readyz").await.expect(200);
        eventually("it to say so", || async {
            let health = server.api().get("/health").await.expect(200).json();
            (health["status"] == "degraded").then_some(())
        })
        .await;
    }
    eventually("the breaker to open", || async {
        counts(&leader, "circuit_breaker_state{name=\"redis_publish\"} 1")
            .await
            .then_some(())
    })
    .await;
    let refused = at_leader.post("/api/v1/ws/ticket", &json!({})).await;
    assert_eq!(refused.verdict(), (503, "tickets_unavailable".to_owned()));

    common.redis.run().await;
    eventually("the follower to trade again", || async {
        let answer = at_follower.post("/api/v1/orders", &buy("TSLA", "0.001")).await;
        (answer.status == 201).then_some(())
    })
    .await;
    assert!(leads(&leader).await && !leads(&follower).await);
    ticket(&at_leader).await;
    for server in [&leader, &follower] {
        eventually("all to be well", || async {
            let health = server.api().get("/health").await.expect(200).json();
            (health["status"] == "ok").then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_be_used_is_refused_at_the_start_by_its_key_and_without_its_password() {
    let name =
        "instances::a_redis_that_cannot_be_used_is_refused_at_the_start_by_its_key_and_without_its_password";
    let Some(mut redis) = RedisServer::start(name).await else {
        return;
    };
    let nowhere = tempfile::tempdir().unwrap();
    let launch = |url: &str| {
        Launch::bare()
            .env("REDIS_URL", url)
            .arg("--data-dir")
            .arg(nowhere.path().join("data"))
            .env("PLATFORM_LOG_FILTER", "debug")
    };
    let refused = async |url: String, code: i32, said: &[&str]| {
        let started = Instant::now();
        let ended = launch(&url).run().await;
        ended.expect(code, said);
        assert!(!ended.output().contains(REDIS_PASSWORD), "{ended:?}");
        assert!(!ended.stdout.contains("Listening"), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
    };

    let wrong = redis.url_with(&format!("{REDIS_PASSWORD}-of-somebody-else"));
    refused(wrong, 69, &["redis.url", "does not answer"]).await;
    let url = redis.url();
    redis.kill();
    refused(url.clone(), 69, &["redis.url", "does not answer"]).await;
    refused(url.replace("redis://", "http://"), 78, &["redis.url"]).await;
    refused(url.replace("/0", "/nought"), 78, &["redis.url"]).await;
}
