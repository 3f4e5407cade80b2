//! Instances in one process, in time that is Tokio's and stands still.

use std::sync::Arc;
use std::time::Duration;

use platform_core::bus::{Bus, Bytes, Heard, Listener};
use platform_core::lease::{Holder, Leases, MemoryLeases};
use platform_core::metrics::Metrics;
use platform_core::resilience::Policies;
use platform_core::{Clock, OsRandom, Sources, Timestamp};
use time::macros::datetime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::packet::{Head, packets};
use super::{MarketSharing, SharedMarket};
use crate::{
    BoardConfig, MarketFeed, MarketWorker, QuoteBoard, ReplayConfig, ReplayData, SimulatorConfig, Symbol,
};

const TICK: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(120);

/// A clock that follows Tokio's.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        datetime!(2026-01-05 15:00 UTC) + self.0.elapsed()
    }
}

/// What instances have in common.
struct Common {
    bus: Bus,
    leases: Leases,
    sources: Sources,
}

impl Common {
    fn new() -> Self {
        let sources = Sources::shared(Arc::new(TokioClock(Instant::now())), Arc::new(OsRandom));
        Self {
            bus: Bus::in_process(),
            leases: Leases::new(MemoryLeases::new(&sources), &sources),
            sources,
        }
    }

    fn instance(&self) -> Instance {
        Instance::of(self, MarketFeed::simulated(SimulatorConfig::default()))
    }

    async fn listener(&self) -> Listener {
        let listener = self.bus.listener();
        let topic = platform_core::bus::Topic::public("trading.quotes").unwrap();
        listener.add(&topic).await.unwrap();
        listener
    }

    async fn say(&self, body: impl Into<Bytes>) {
        let topic = platform_core::bus::Topic::public("trading.quotes").unwrap();
        self.bus.publish(&topic, body.into()).await.unwrap();
    }
}

struct Instance {
    sharing: MarketSharing,
    board: QuoteBoard,
    metrics: Metrics,
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Instance {
    fn of(common: &Common, feed: MarketFeed) -> Self {
        let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
        let (sources, metrics) = (&common.sources, Metrics::new());
        let policies = Policies::new(sources, &metrics);
        let source = policies
            .policy("market_data", SharedMarket::source_policy())
            .unwrap();
        let holder = Holder::new("test").unwrap();
        let shared = SharedMarket::new(&common.bus, &common.leases, holder, source);
        let sharing = MarketSharing::new(shared, &board, sources);
        sharing.register(&metrics);
        let mut worker = MarketWorker::new(feed, board.clone(), sources.clone())
            .while_leading(sharing.leading())
            .playing_along(sharing.played())
            .every(TICK);
        let stop = CancellationToken::new();
        let (ours, theirs, works) = (sharing.clone(), stop.clone(), stop.clone());
        let running = vec![
            tokio::spawn(async move { ours.run(theirs).await }),
            tokio::spawn(async move { worker.run(works).await }),
        ];
        Self {
            sharing,
            board,
            metrics,
            stop,
            running,
        }
    }

    fn leads(&self) -> bool {
        *self.sharing.leading().borrow()
    }

    fn seq(&self) -> u64 {
        self.board.all().iter().map(|quote| quote.seq).max().unwrap_or(0)
    }

    /// Waits until this instance shows a greater number than this.
    async fn passes(&self, seq: u64) {
        let passed = async {
            while self.seq() <= seq {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, passed).await.expect("the market goes on");
    }

    fn counts(&self, sample: &str) -> bool {
        self.metrics.encode().contains(sample)
    }

    /// As if the process had been killed: nothing is given back.
    fn kill(&self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Everything but what only the board's own tests look at.
fn shown(board: &QuoteBoard) -> Vec<(Symbol, u64, String, Timestamp)> {
    let row = |quote: &Arc<crate::PublishedQuote>| (quote.symbol, quote.seq, quote.bid.to_string(), quote.at);
    board.all().iter().map(row).collect()
}

async fn two(common: &Common) -> (Instance, Instance) {
    let first = common.instance();
    first.passes(0).await;
    (first, common.instance())
}

#[tokio::test(start_paused = true)]
async fn one_instance_publishes_and_the_other_shows_the_same_under_the_same_numbers() {
    let common = Common::new();
    let (leader, follower) = two(&common).await;

    follower.passes(leader.seq()).await;
    sleep(TICK / 2).await;

    assert!(leader.leads() && !follower.leads());
    assert_eq!(shown(&leader.board), shown(&follower.board));
    assert!(leader.counts("market_leader 1") && follower.counts("market_leader 0"));
    assert!(follower.counts("quote_frames_missed_total 0"));
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_dies_the_other_goes_on_within_a_lease_with_greater_numbers_and_its_prices() {
    let common = Common::new();
    let (leader, follower) = two(&common).await;
    follower.passes(leader.seq()).await;
    sleep(Duration::from_secs(30)).await;

    leader.kill();
    let (before, died) = (shown(&follower.board), Instant::now());
    follower.passes(leader.seq()).await;

    assert!(follower.leads());
    assert!(
        died.elapsed() < Duration::from_millis(5_100),
        "{:?}",
        died.elapsed()
    );
    for (before, after) in before.iter().zip(shown(&follower.board)) {
        assert!(after.1 > before.1);
        let [before, after] = [&before.2, &after.2].map(|bid| bid.parse::<crate::Price>().unwrap().e4());
        assert!((before - after).abs() * 50 < before, "{before} and then {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over_at_once_and_what_comes_back_follows() {
    let common = Common::new();
    let (leader, follower) = two(&common).await;
    follower.passes(leader.seq()).await;

    leader.stop.cancel();
    let stopped = Instant::now();
    follower.passes(leader.seq()).await;

    assert!(!leader.leads() && follower.leads());
    assert!(
        stopped.elapsed() < Duration::from_secs(2),
        "{:?}",
        stopped.elapsed()
    );
    let back = common.instance();
    back.passes(0).await;
    assert!(!back.leads());
    assert_eq!(back.board.all().len(), follower.board.all().len());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_comes_late_to_a_market_that_rests_is_shown_all_of_it() {
    let common = Common::new();
    let leader = common.instance();
    leader.passes(0).await;
    // The worker that moves the market ends; whoever leads tells what there is.
    leader.running[1].abort();

    let late = common.instance();
    late.passes(0).await;

    assert_eq!(shown(&late.board), shown(&leader.board));
}

#[tokio::test(start_paused = true)]
async fn what_a_former_leader_says_late_is_not_shown() {
    let common = Common::new();
    let mut listener = common.listener().await;
    let (leader, follower) = two(&common).await;
    follower.passes(leader.seq()).await;
    leader.kill();
    follower.passes(leader.seq()).await;
    let third = common.instance();
    third.passes(0).await;

    // Newer than anything that was shown, by the number, and of the first term.
    let mut late = leader.board.whole_frame().unwrap();
    for quote in &mut late.quotes {
        quote.seq += 3_600_000_000;
    }
    let origin = leader.sharing.origin;
    let first = Head {
        origin,
        term: 1,
        played_us: 0,
    };
    let Heard::Notice(heard) = listener.next().await else {
        panic!("nothing is lost here")
    };
    assert_eq!(super::packet::head(&heard.body).unwrap().0.term, 1);
    for packet in packets(first, &late) {
        common.say(packet).await;
    }
    third.passes(third.seq()).await;

    assert!(third.counts(r#"quote_frames_dropped_total{reason="outdated"} 1"#));
    assert!(third.seq() < late.quotes[0].seq);
}

#[tokio::test(start_paused = true)]
async fn a_source_of_nothing_but_unreadable_frames_is_left_for_half_a_minute() {
    let common = Common::new();
    // Somebody else has the lease and publishes what nobody can read.
    let lease = hold(&common).await;
    let follower = common.instance();
    sleep(Duration::from_millis(1)).await;
    for _ in 0..10 {
        common.say("quotes").await;
    }
    sleep(Duration::from_millis(1)).await;
    assert!(follower.counts(r#"circuit_breaker_state{name="market_data"} 1"#));
    assert!(follower.counts(r#"quote_frames_dropped_total{reason="unreadable"} 10"#));

    let say = async || {
        let board = begun(&common, MarketFeed::simulated(SimulatorConfig::default()));
        for packet in packets(head_of(&lease), &board.whole_frame().unwrap()) {
            common.say(packet).await;
        }
    };
    say().await;
    sleep(Duration::from_secs(29)).await;
    assert_eq!(follower.seq(), 0, "it is open");
    sleep(Duration::from_secs(2)).await;
    for _ in 0..3 {
        say().await;
        sleep(Duration::from_millis(1)).await;
    }

    assert!(follower.seq() > 0);
    assert!(follower.counts(r#"circuit_breaker_state{name="market_data"} 0"#));
}

#[tokio::test(start_paused = true)]
async fn silence_opens_the_breaker_and_a_leader_of_its_own_needs_no_source() {
    let common = Common::new();
    let _lease = hold(&common).await;
    let follower = common.instance();

    sleep(Duration::from_secs(51)).await;
    assert!(follower.counts(r#"circuit_breaker_state{name="market_data"} 1"#));
    assert!(follower.sharing.check().name() == "market_data");

    // The lease ends by itself, and this instance leads though its breaker is open.
    follower.passes(0).await;
    assert!(follower.leads());
}

#[tokio::test(start_paused = true)]
async fn who_hears_nothing_of_the_market_for_a_while_does_not_see_it_until_it_is_heard_of_again() {
    let common = Common::new();
    let lease = hold(&common).await;
    let follower = common.instance();
    let sees = || *follower.sharing.sees().borrow();
    let say = async || {
        let board = begun(&common, MarketFeed::simulated(SimulatorConfig::default()));
        for packet in packets(head_of(&lease), &board.whole_frame().unwrap()) {
            common.say(packet).await;
        }
        sleep(Duration::from_millis(1)).await;
    };
    sleep(Duration::from_millis(1)).await;
    assert!(!sees(), "nothing was heard yet");
    say().await;
    assert!(sees());
    common.say("quotes").await;
    sleep(Duration::from_millis(1)).await;
    assert!(sees(), "one frame that nobody can read is no silence");

    sleep(Duration::from_secs(4)).await;
    assert!(sees());
    sleep(Duration::from_secs(2)).await;
    assert!(!sees());

    say().await;
    assert!(sees());
    sleep(Duration::from_secs(60)).await;
    assert!(follower.leads() && sees(), "it leads by itself");
}

#[tokio::test(start_paused = true)]
async fn a_recording_goes_on_where_the_leader_before_was() {
    let common = Common::new();
    let feed = || {
        MarketFeed::replay(
            ReplayData::bundled().unwrap(),
            ReplayConfig::default(),
            SimulatorConfig::default(),
        )
    };
    let leader = Instance::of(&common, feed());
    leader.passes(0).await;
    let follower = Instance::of(&common, feed());
    sleep(Duration::from_secs(100)).await;
    let day = |board: &QuoteBoard| board.latest("AAPL".parse().unwrap()).unwrap().source_at;
    let first_day = day(&begun(&common, feed()));

    leader.kill();
    let before = day(&follower.board);
    follower.passes(leader.seq()).await;
    let after = day(&follower.board);

    assert!(before > first_day + time::Duration::days(90));
    assert!(
        after >= before && after - before < time::Duration::days(5),
        "{before} {after}"
    );
}

/// Somebody who has the lease for a while and does nothing with it.
async fn hold(common: &Common) -> platform_core::lease::Lease {
    let name = platform_core::lease::LeaseName::platform("trading.market").unwrap();
    let ttl = platform_core::lease::Ttl::new(Duration::from_secs(60)).unwrap();
    let holder = Holder::new("somebody").unwrap();
    let taken = common.leases.try_acquire(&name, ttl, &holder).await.unwrap();
    taken.expect("nobody else has it")
}

fn head_of(lease: &platform_core::lease::Lease) -> Head {
    Head {
        origin: uuid::Uuid::nil(),
        term: u64::try_from(lease.token.as_i64()).unwrap(),
        played_us: 0,
    }
}

/// A market that has just begun.
fn begun(common: &Common, mut feed: MarketFeed) -> QuoteBoard {
    let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
    board.publish(common.sources.now(), feed.advance(common.sources.now()));
    board
}
