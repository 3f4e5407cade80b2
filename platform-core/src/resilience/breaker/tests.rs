//! The breaker against a model that remembers every call.

use proptest::prelude::*;

use super::*;
use crate::resilience::window::SLICES;

const CONFIG: BreakerConfig = BreakerConfig {
    window: Duration::from_secs(5),
    failure_percent: 50,
    calls_min: 4,
    open_for: Duration::from_secs(30),
    probes: 2,
};

/// A slice of the window.
const SLICE_MS: u64 = 5_000 / SLICES as u64;

#[derive(Debug, Clone, Copy)]
enum Step {
    Admit,
    /// Answers the call that was let through so many calls ago.
    Answer {
        which: usize,
        failed: bool,
    },
    Abandon {
        which: usize,
    },
    Wait {
        millis: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Admit),
        4 => (0_usize..4, any::<bool>()).prop_map(|(which, failed)| Step::Answer { which, failed }),
        1 => (0_usize..4).prop_map(|which| Step::Abandon { which }),
        1 => prop_oneof![0_u64..700, 4_000_u64..6_000, 29_000_u64..31_000].prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the documentation says, without any economy.
#[derive(Debug, Default)]
struct Model {
    now_ms: u64,
    /// When it opened last.
    opened_ms: Option<u64>,
    half_open: bool,
    /// Since it closed: when, and whether it failed.
    calls: Vec<(u64, bool)>,
    /// Since it was half open.
    probes_out: u32,
    probes_well: u32,
    phase: u32,
}

impl Model {
    fn state(&self) -> BreakerState {
        match (self.half_open, self.opened_ms) {
            (true, _) => BreakerState::HalfOpen,
            (false, Some(_)) => BreakerState::Open,
            (false, None) => BreakerState::Closed,
        }
    }

    fn admit(&mut self) -> Option<u32> {
        if self.state() == BreakerState::Open {
            if self.now_ms < self.opened_ms? + 30_000 {
                return None;
            }
            (self.half_open, self.probes_out, self.probes_well) = (true, 0, 0);
            self.phase += 1;
        }
        if self.half_open {
            if self.probes_out + self.probes_well == CONFIG.probes {
                return None;
            }
            self.probes_out += 1;
        }
        Some(self.phase)
    }

    fn answer(&mut self, phase: u32, failed: bool) {
        if phase != self.phase {
            return;
        }
        if self.half_open {
            self.probes_out -= 1;
            self.probes_well += u32::from(!failed);
            if failed {
                self.open();
            } else if self.probes_well == CONFIG.probes {
                (self.half_open, self.opened_ms) = (false, None);
                self.calls.clear();
                self.phase += 1;
            }
            return;
        }
        self.calls.push((self.now_ms, failed));
        let slice = |at_ms: u64| at_ms / SLICE_MS;
        let counted = |call: &&(u64, bool)| slice(call.0) + u64::from(SLICES) > slice(self.now_ms);
        let calls = self.calls.iter().filter(counted).count();
        let failures = self.calls.iter().filter(counted).filter(|call| call.1).count();
        if failed && calls >= 4 && failures * 2 >= calls {
            self.open();
        }
    }

    fn open(&mut self) {
        (self.half_open, self.opened_ms) = (false, Some(self.now_ms));
        self.phase += 1;
    }
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_breaker_does_what_a_model_does_that_remembers_every_call(steps in steps()) {
        let mut breaker = Breaker::new(CONFIG);
        let mut model = Model::default();
        let mut under_way: Vec<(Admitted, u32)> = Vec::new();
        for step in steps {
            let now = at(model.now_ms);
            match step {
                Step::Admit => {
                    let admitted = breaker.admit(now);
                    let expected = model.admit();
                    prop_assert_eq!(admitted.is_ok(), expected.is_some());
                    under_way.extend(admitted.ok().zip(expected));
                }
                Step::Answer { which, failed } if which < under_way.len() => {
                    let (call, phase) = under_way.remove(which);
                    breaker.answer(call, now, failed);
                    model.answer(phase, failed);
                }
                Step::Abandon { which } if which < under_way.len() => {
                    let (call, phase) = under_way.remove(which);
                    breaker.abandon(call);
                    if model.half_open && phase == model.phase {
                        model.probes_out -= 1;
                    }
                }
                Step::Answer { .. } | Step::Abandon { .. } => {}
                Step::Wait { millis } => model.now_ms += millis,
            }
            prop_assert_eq!(breaker.state(), model.state());
        }
    }

    #[test]
    fn an_open_breaker_lets_nothing_through_before_its_time(waits in prop::collection::vec(0_u64..5_000, 1..20)) {
        let mut breaker = opened();
        let mut waited = 0;
        for wait in waits {
            waited += wait;
            let refused = breaker.admit(at(waited)).err().map(|refused| refused.retry_after);
            match 30_000_u64.checked_sub(waited).filter(|left| *left > 0) {
                Some(left) => prop_assert_eq!(refused, Some(at(left))),
                None => {
                    prop_assert_eq!(refused, None);
                    break;
                }
            }
        }
    }
}

/// Open since the beginning.
fn opened() -> Breaker {
    let mut breaker = Breaker::new(CONFIG);
    for _ in 0..4 {
        let call = breaker.admit(Duration::ZERO).unwrap();
        breaker.answer(call, Duration::ZERO, true);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn a_breaker_opens_at_half_of_its_fewest_calls_and_not_before() {
    let mut breaker = Breaker::new(CONFIG);
    for failed in [false, false, true] {
        let call = breaker.admit(Duration::ZERO).unwrap();
        breaker.answer(call, Duration::ZERO, failed);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    let call = breaker.admit(Duration::ZERO).unwrap();
    breaker.answer(call, Duration::ZERO, true);

    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn failures_are_forgotten_after_the_window() {
    let mut breaker = Breaker::new(CONFIG);
    for _ in 0..3 {
        let call = breaker.admit(Duration::ZERO).unwrap();
        breaker.answer(call, Duration::ZERO, true);
    }

    let call = breaker.admit(at(5_000)).unwrap();
    breaker.answer(call, at(5_000), true);

    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn what_was_begun_before_it_opened_says_nothing_afterwards() {
    let mut breaker = Breaker::new(CONFIG);
    let slow = breaker.admit(Duration::ZERO).unwrap();
    for _ in 0..4 {
        let call = breaker.admit(Duration::ZERO).unwrap();
        breaker.answer(call, Duration::ZERO, true);
    }
    let probe = breaker.admit(at(30_000)).unwrap();

    breaker.answer(slow, at(30_000), true);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);

    breaker.answer(probe, at(30_000), false);
    let probe = breaker.admit(at(30_000)).unwrap();
    breaker.answer(probe, at(30_000), false);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_is_given_up_leaves_its_place_to_another() {
    let mut breaker = opened();
    let probes = [
        breaker.admit(at(30_000)).unwrap(),
        breaker.admit(at(30_000)).unwrap(),
    ];
    assert!(breaker.admit(at(30_000)).is_err());

    breaker.abandon(probes[0]);

    assert!(breaker.admit(at(30_000)).is_ok());
    assert!(breaker.admit(at(30_000)).is_err());
}
