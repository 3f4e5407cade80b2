//! What the trail says about itself: which events a process has recorded, and which were pruned.

use platform_core::uuid::Uuid;

use super::row_state::RowState;
use crate::entry::Json;
use crate::note::parse_decimal;
use crate::{DETAIL_BYTES_MAX, Entry, ProducerId};

const ACKNOWLEDGE: &str = "audit.acknowledge";
const ATTEST: &str = "audit.attest";
const PRUNE: &str = "audit.prune";

/// A first and a last number.
pub(super) type Run = (u64, u64);

/// What an event means for the accounts, apart from being there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// Who recorded it as which of its events.
    pub(super) counter: Option<(ProducerId, u64)>,
    pub(super) claim: Option<Box<Claim>>,
}

/// What an event asserts about others; to be believed when the event is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    Attested(Attestation),
    Pruned(Pruning),
    Acknowledged(Acknowledged),
}

/// An operator has looked at what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// At an event that was kept out of the tree for these reasons, and at what its row said.
    Rejected {
        id: Uuid,
        reasons: Vec<Box<str>>,
        row: RowState,
    },
    /// At numbers of a producer whose events are gone.
    Gap { producer: ProducerId, run: Run },
}

/// Every number of a producer from one to another was committed, but for those named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attestation {
    pub(super) producer: ProducerId,
    pub(super) from: u64,
    pub(super) through: u64,
    pub(super) absent: Vec<Run>,
    pub(super) unknown: Vec<Run>,
}

/// The events at these positions were deleted because their time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pruning {
    pub(super) positions: Vec<Run>,
    /// The events at these are not deleted after all.
    pub(super) kept: Vec<Run>,
    /// The numbers that their producers had given them.
    pub(super) counters: Vec<(ProducerId, Vec<Run>)>,
}

impl Note {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            counter: entry.producer.zip(entry.counter),
            claim: Claim::of(entry).map(Box::new),
        }
    }

    pub(super) fn runs(&self) -> usize {
        self.claim.as_ref().map_or(0, |claim| claim.runs())
    }
}

impl Claim {
    /// How many runs it is made of, as a measure of what it takes.
    fn runs(&self) -> usize {
        match self {
            Self::Attested(Attestation { absent, unknown, .. }) => absent.len() + unknown.len(),
            Self::Pruned(Pruning {
                positions,
                kept,
                counters,
            }) => {
                let counters: usize = counters.iter().map(|(_, runs)| 1 + runs.len()).sum();
                positions.len() + kept.len() + counters
            }
            Self::Acknowledged(Acknowledged::Rejected { reasons, .. }) => reasons.len(),
            Self::Acknowledged(Acknowledged::Gap { .. }) => 1,
        }
    }

    /// A claim that is not formed like one is none: that can only lead to more being found. Nor is one without a seal: events from
    /// before there were seals can be anybody's, and no program that makes claims is older.
    fn of(entry: &Entry) -> Option<Self> {
        if entry.seal.is_none() || ![ACKNOWLEDGE, ATTEST, PRUNE].contains(&entry.action.as_str()) {
            return None;
        }
        // No program records a longer one.
        let detail = entry.detail.as_ref()?.as_str();
        if detail.len() > DETAIL_BYTES_MAX {
            return None;
        }
        let mut detail = Members::of(Json::parse(detail, DEPTH_MAX).ok()?)?;
        if entry.action == ACKNOWLEDGE {
            return Acknowledged::of(detail).map(Self::Acknowledged);
        }
        if entry.action == ATTEST {
            return Some(Self::Attested(Attestation {
                producer: match detail.take("producer")? {
                    Json::Text(id) => producer_id(&id)?,
                    _ => return None,
                },
                from: number(&detail.take("from")?)?,
                through: number(&detail.take("through")?)?,
                absent: detail.runs("absent")?,
                unknown: detail.runs("unknown")?,
            }));
        }
        let counters = match detail.take("counters") {
            None => Vec::new(),
            Some(counters) => Members::of(counters)?
                .0
                .into_iter()
                .map(|(producer, counters)| Some((producer_id(&producer)?, runs(&counters)?)))
                .collect::<Option<_>>()?,
        };
        Some(Self::Pruned(Pruning {
            positions: detail.runs("ranges")?,
            kept: detail.runs("kept")?,
            counters,
        }))
    }
}

impl Acknowledged {
    fn of(mut detail: Members) -> Option<Self> {
        if let Some(producer) = detail.take("producer") {
            let (first, last) = (number(&detail.take("first")?)?, number(&detail.take("last")?)?);
            return Some(Self::Gap {
                producer: producer_id(&text(producer)?)?,
                run: (first, last),
            });
        }
        let Json::Array(reasons) = detail.take("rejected")? else {
            return None;
        };
        let is_word = |reason: &String| {
            reason
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        };
        let reasons = reasons
            .into_iter()
            .map(|reason| text(reason).filter(is_word).map(Into::into));
        Some(Self::Rejected {
            id: text(detail.take("event")?)?.parse().ok()?,
            reasons: reasons.collect::<Option<_>>()?,
            row: RowState::from_text(&text(detail.take("row")?)?)?,
        })
    }
}

fn text(json: Json) -> Option<String> {
    match json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// An object in an object, with arrays of pairs.
const DEPTH_MAX: usize = 4;

struct Members(Vec<(String, Json)>);

impl Members {
    fn of(json: Json) -> Option<Self> {
        match json {
            Json::Object(members) => Some(Self(members)),
            _ => None,
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The runs of this member, none when there is no such member.
    fn runs(&mut self, name: &str) -> Option<Vec<Run>> {
        self.take(name).map_or(Some(Vec::new()), |json| runs(&json))
    }
}

fn producer_id(text: &str) -> Option<ProducerId> {
    text.parse::<Uuid>().ok().map(ProducerId::from_stored)
}

fn number(json: &Json) -> Option<u64> {
    match json {
        Json::Number(number) => parse_decimal(number),
        _ => None,
    }
}

fn runs(json: &Json) -> Option<Vec<Run>> {
    let Json::Array(runs) = json else { return None };
    let run = |run: &Json| match run {
        Json::Array(ends) => match ends.as_slice() {
            [first, last] => Some((number(first)?, number(last)?)).filter(|(first, last)| first <= last),
            _ => None,
        },
        _ => None,
    };
    runs.iter().map(run).collect()
}
