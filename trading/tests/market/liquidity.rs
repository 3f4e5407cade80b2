use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use trading::{Liquidity, NotTaken, Quantity, QuoteBoard, Side, TakeRequest};

use crate::support::{NOW, board, board_with, buy, price, shares, symbol, update};

fn sell(count: i64) -> TakeRequest {
    TakeRequest {
        side: Side::Sell,
        ..buy(count)
    }
}

fn quoted() -> QuoteBoard {
    let board = board();
    board.publish(NOW, vec![update("A")]);
    board
}

fn granted(board: &QuoteBoard, request: &TakeRequest) -> Result<Quantity, NotTaken> {
    board.take(request).map(|reservation| {
        let granted = reservation.granted();
        reservation.commit();
        granted
    })
}

#[test]
fn buyers_share_the_ask_size_and_sellers_the_bid_size() {
    let board = quoted();

    assert_eq!(granted(&board, &buy(400)), Ok(shares(400)));
    assert_eq!(granted(&board, &buy(400)), Ok(shares(100)));
    assert_eq!(granted(&board, &buy(1)), Ok(shares(0)));
    assert_eq!(granted(&board, &sell(400)), Ok(shares(300)));
    assert_eq!(granted(&board, &sell(1)), Ok(shares(0)));
}

#[test]
fn a_reservation_names_its_price_and_its_quote() {
    let board = quoted();

    let bought = board.take(&buy(1)).unwrap();
    let sold = board.take(&sell(1)).unwrap();

    assert_eq!((bought.price(), sold.price()), (price("10.01"), price("10.00")));
    assert_eq!(bought.quote().seq, board.latest(symbol("A")).unwrap().seq);
}

#[test]
fn looking_tells_what_taking_would_grant_and_sets_nothing_aside() {
    let board = quoted();
    let all_or_none = TakeRequest {
        all_or_none: true,
        ..buy(501)
    };
    let looked = |request: &TakeRequest| board.look(request).map(|(_, granted)| granted);

    assert_eq!(looked(&buy(600)), Ok(shares(500)));
    assert_eq!(looked(&all_or_none), Ok(shares(0)));
    assert_eq!(granted(&board, &buy(600)), Ok(shares(500)));
    assert_eq!(looked(&buy(1)), Ok(shares(0)));
    assert_eq!(looked(&sell(400)), Ok(shares(300)));

    let (quote, _) = board.look(&buy(1)).unwrap();
    let newer = TakeRequest {
        newer_than: Some(quote.seq),
        ..buy(1)
    };
    assert_eq!(looked(&newer), Err(NotTaken::NotNewer));
}

#[test]
fn a_new_quote_offers_its_sizes_anew() {
    let board = quoted();
    granted(&board, &buy(500)).unwrap();

    board.publish(NOW, vec![update("A")]);

    assert_eq!(granted(&board, &buy(600)), Ok(shares(500)));
}

#[test]
fn what_is_released_dropped_or_not_traded_goes_back() {
    let board = quoted();

    board.take(&buy(500)).unwrap().release();
    drop(board.take(&buy(500)).unwrap());
    board.take(&buy(500)).unwrap().commit_part(shares(200));

    assert_eq!(granted(&board, &buy(500)), Ok(shares(300)));
}

#[test]
fn nothing_goes_back_to_a_newer_quote() {
    let board = quoted();
    let late = board.take(&buy(500)).unwrap();
    board.publish(NOW, vec![update("A")]);
    granted(&board, &buy(450)).unwrap();

    late.release();

    assert_eq!(granted(&board, &buy(500)), Ok(shares(50)));
}

#[test]
fn the_limit_is_the_worst_price_and_touching_it_is_enough() {
    let board = quoted();
    let limited = |request: TakeRequest, text| TakeRequest {
        limit: Some(price(text)),
        ..request
    };

    assert_eq!(
        granted(&board, &limited(buy(1), "10.0099")),
        Err(NotTaken::OutsideLimit)
    );
    assert_eq!(granted(&board, &limited(buy(1), "10.01")), Ok(shares(1)));
    assert_eq!(
        granted(&board, &limited(sell(1), "10.0001")),
        Err(NotTaken::OutsideLimit)
    );
    assert_eq!(granted(&board, &limited(sell(1), "10.00")), Ok(shares(1)));
}

#[test]
fn all_or_none_takes_everything_or_leaves_everything() {
    let board = quoted();
    let all_or_none = |count| TakeRequest {
        all_or_none: true,
        ..buy(count)
    };

    assert_eq!(granted(&board, &all_or_none(501)), Ok(shares(0)));
    assert_eq!(granted(&board, &all_or_none(500)), Ok(shares(500)));
}

#[test]
fn an_order_takes_nothing_from_a_quote_that_is_not_newer_than_itself() {
    let board = quoted();
    let accepted_on = board.latest(symbol("A")).unwrap().seq;
    let resting = TakeRequest {
        newer_than: Some(accepted_on),
        ..buy(1)
    };

    assert_eq!(granted(&board, &resting), Err(NotTaken::NotNewer));
    board.publish(NOW, vec![update("A")]);
    assert_eq!(granted(&board, &resting), Ok(shares(1)));
}

#[test]
fn nothing_is_taken_from_a_stale_missing_or_unknown_quote() {
    let board = quoted();
    let of = |text| TakeRequest {
        symbol: symbol(text),
        ..buy(1)
    };
    let late = TakeRequest {
        now: NOW + Duration::from_secs(6),
        ..buy(1)
    };

    assert_eq!(granted(&board, &late), Err(NotTaken::Stale));
    assert_eq!(granted(&board, &of("B")), Err(NotTaken::Stale));
    assert_eq!(granted(&board, &of("D")), Err(NotTaken::UnknownSymbol));
    assert_eq!(granted(&board, &buy(0)), Ok(shares(0)));
}

#[test]
fn unlimited_liquidity_gives_whatever_is_wanted() {
    let board = board_with(Liquidity::Unlimited);
    board.publish(NOW, vec![update("A")]);

    assert_eq!(granted(&board, &buy(1_000_000)), Ok(shares(1_000_000)));
    assert_eq!(granted(&board, &buy(1_000_000)), Ok(shares(1_000_000)));
}

#[test]
fn threads_together_never_get_more_than_is_displayed() {
    const THREADS: i64 = 8;
    for _ in 0..50 {
        let board = quoted();
        let committed = AtomicI64::new(0);
        let start = Barrier::new(usize::try_from(THREADS).unwrap());

        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (board, committed, start) = (&board, &committed, &start);
                scope.spawn(move || {
                    start.wait();
                    for round in 0..200 {
                        let reservation = board.take(&buy(1 + (thread + round) % 7)).unwrap();
                        if (thread + round) % 3 == 0 {
                            committed.fetch_add(reservation.granted().e6(), Ordering::Relaxed);
                            reservation.commit();
                        }
                    }
                });
            }
        });

        let taken = committed.load(Ordering::Relaxed);
        assert!(taken <= shares(500).e6(), "{taken}");
        // What was released is still there, to the last share.
        let rest = granted(&board, &buy(500)).unwrap().e6();
        assert_eq!(taken + rest, shares(500).e6());
    }
}

#[test]
fn threads_never_get_more_of_a_quote_than_it_displays_while_quotes_change() {
    const QUOTES: usize = 300;
    let board = quoted();
    let taken = std::sync::Mutex::new(std::collections::HashMap::<u64, i64>::new());
    let done = std::sync::atomic::AtomicBool::new(false);

    std::thread::scope(|scope| {
        for thread in 0_i64..4 {
            let (board, taken, done) = (&board, &taken, &done);
            scope.spawn(move || {
                let mut round = thread;
                while !done.load(Ordering::Acquire) {
                    round += 1;
                    let reservation = board.take(&buy(100)).unwrap();
                    if round % 2 == 0 {
                        *taken.lock().unwrap().entry(reservation.quote().seq).or_default() +=
                            reservation.granted().e6();
                        reservation.commit();
                    }
                }
            });
        }
        for _ in 0..QUOTES {
            board.publish(NOW, vec![update("A")]);
            std::thread::yield_now();
        }
        done.store(true, Ordering::Release);
    });

    for (seq, sum) in taken.into_inner().unwrap() {
        assert!(sum <= shares(500).e6(), "{sum} of quote {seq}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Take { count: i64, commit: Option<i64> },
    Keep { count: i64 },
    LetGo,
    Publish,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_i64..700, prop::option::of(0_i64..700)).prop_map(|(count, commit)| Step::Take { count, commit }),
        2 => (1_i64..700).prop_map(|count| Step::Keep { count }),
        2 => Just(Step::LetGo),
        1 => Just(Step::Publish),
    ]
}

proptest! {
    #[test]
    fn what_is_left_is_what_was_displayed_less_what_was_taken(steps in prop::collection::vec(any_step(), 1..60)) {
        let board = quoted();
        let mut left = 500;
        let mut kept = Vec::new();

        for step in steps {
            match step {
                Step::Take { count, commit } => {
                    let reservation = board.take(&buy(count)).unwrap();
                    let expected = count.min(left);
                    prop_assert_eq!(reservation.granted(), shares(expected));
                    if let Some(traded) = commit {
                        reservation.commit_part(shares(traded));
                        left -= traded.min(expected);
                    }
                }
                Step::Keep { count } => {
                    left -= count.min(left);
                    kept.push(board.take(&buy(count)).unwrap());
                }
                Step::LetGo => {
                    if let Some(reservation) = kept.pop() {
                        let is_current = reservation.quote().seq == board.latest(symbol("A")).unwrap().seq;
                        left += if is_current { reservation.granted().e6() / 1_000_000 } else { 0 };
                        reservation.release();
                    }
                }
                Step::Publish => {
                    board.publish(NOW, vec![update("A")]);
                    left = 500;
                }
            }
        }
        prop_assert_eq!(granted(&board, &buy(500)).unwrap().e6(), shares(left).e6());
    }
}

#[test]
fn an_exhausted_quote_is_still_told_to_the_one_who_gets_nothing_of_it() {
    let board = quoted();
    granted(&board, &buy(500)).unwrap();

    let empty = board.take(&buy(1)).unwrap();

    assert_eq!(empty.granted(), shares(0));
    assert_eq!(empty.quote().seq, board.latest(symbol("A")).unwrap().seq);
}
