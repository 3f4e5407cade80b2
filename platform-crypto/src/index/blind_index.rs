//! The declaration of an index.

use std::fmt::{self, Debug};

use zeroize::Zeroizing;

use super::{LowEntropy, Normalizer, NotIndexable};

/// How long a tag is that has to be unique, in bits.
const UNIQUE_BITS: u32 = 128;

/// A blind index: which sealed column it is for, what counts as the same value there, and how much its tags may tell.
///
/// A tag is an HMAC-SHA256 of the normalised value under the tenant's index key, truncated. Whoever sees the table, but has no
/// key, learns which rows have equal tags and nothing else; no two tenants' tags can be compared. Declare it as a constant:
///
/// ```
/// use platform_crypto::{BlindIndex, LowEntropy, Normalizer};
///
/// /// Sign-in by e-mail: one user for each address.
/// const EMAIL: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Email);
/// /// Search by name among about 100,000 customers.
/// const NAME: BlindIndex = BlindIndex::sampled("crm.customer.name", Normalizer::Text, 100_000);
/// /// Everybody with the key could try all numbers: only with a stated reason, and never unique.
/// const PHONE: BlindIndex =
///     BlindIndex::low_entropy("crm.customer.phone", LowEntropy::Phone, 100_000, "the call centre finds callers by number");
///
/// assert_eq!((EMAIL.bits(), NAME.bits(), PHONE.bits()), (128, 15, 15));
/// ```
///
/// A column whose values can be listed gets neither an untruncated index nor one by accident:
///
/// ```compile_fail
/// # use platform_crypto::{BlindIndex, LowEntropy};
/// const PHONE: BlindIndex = BlindIndex::unique("crm.customer.phone", LowEntropy::Phone);
/// ```
///
/// ```compile_fail
/// # use platform_crypto::{BlindIndex, LowEntropy};
/// const PHONE: BlindIndex = BlindIndex::sampled("crm.customer.phone", LowEntropy::Phone, 100_000);
/// ```
///
/// ```compile_fail
/// # use platform_crypto::{BlindIndex, LowEntropy};
/// const PHONE: BlindIndex = BlindIndex::low_entropy("crm.customer.phone", LowEntropy::Phone, 100_000, "");
/// ```
///
/// And a population too small to hide in gets none at all:
///
/// ```compile_fail
/// # use platform_crypto::{BlindIndex, LowEntropy};
/// const ANSWER: BlindIndex = BlindIndex::low_entropy("crm.customer.answer", LowEntropy::Word, 2, "yes and no");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlindIndex {
    name: &'static str,
    rule: Rule,
    bits: u32,
    unique: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    High(Normalizer),
    Low(LowEntropy),
}

impl BlindIndex {
    /// The smallest population of a truncated index. Below it a tag would have one bit, or none.
    pub const POPULATION_MIN: u64 = 8;

    /// An index in which a value stands once within the tenant. Its tags have 128 bits, so that equal tags mean equal values.
    ///
    /// `name` is the name of the sealed column, `schema.table.column`, 1 to 191 bytes. It goes into the tags: never change it.
    ///
    /// # Panics
    /// At compile time, in a constant, when the name is empty or too long.
    pub const fn unique(name: &'static str, normalizer: Normalizer) -> Self {
        Self::new(name, Rule::High(normalizer), UNIQUE_BITS, true)
    }

    /// An index whose tags are so short that each stands for at least two different values, so that a tag alone proves nothing.
    ///
    /// `population` is how many different values the column is expected to hold within one tenant. A tag gets
    /// `log2(population) - 1` bits, rounded down: two to four values for each tag once the column is full. A search finds
    /// candidates; open them and compare. A unique index needs no second one beside it.
    ///
    /// # Panics
    /// At compile time, in a constant, when the name is empty or too long or `population` is less than
    /// [`POPULATION_MIN`](Self::POPULATION_MIN).
    pub const fn sampled(name: &'static str, normalizer: Normalizer, population: u64) -> Self {
        Self::new(name, Rule::High(normalizer), sampled_bits(population), false)
    }

    /// A [sampled](Self::sampled) index over a column whose values can be listed. Whoever holds the tenant's index key can narrow
    /// every row down to the values that share its tag; `reason` says for what that is accepted.
    ///
    /// # Panics
    /// As [`sampled`](Self::sampled), and when the reason is empty.
    pub const fn low_entropy(
        name: &'static str,
        normalizer: LowEntropy,
        population: u64,
        reason: &'static str,
    ) -> Self {
        assert!(
            !reason.is_empty(),
            "an index over a column of few values needs a reason"
        );
        Self::new(name, Rule::Low(normalizer), sampled_bits(population), false)
    }

    const fn new(name: &'static str, rule: Rule, bits: u32, unique: bool) -> Self {
        assert!(
            !name.is_empty() && name.len() <= 191,
            "the name of an index has 1 to 191 bytes"
        );
        Self {
            name,
            rule,
            bits,
            unique,
        }
    }

    /// The name of the sealed column.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How many bits a tag has.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Whether a value stands once within the tenant.
    pub const fn is_unique(&self) -> bool {
        self.unique
    }

    /// The form in which a value is compared.
    ///
    /// # Errors
    /// [`NotIndexable`]: the value gets no tag.
    pub fn normalize(&self, value: &str) -> Result<Zeroizing<String>, NotIndexable> {
        match self.rule {
            Rule::High(normalizer) => normalizer.normalize(value),
            Rule::Low(normalizer) => normalizer.normalize(value),
        }
    }

    /// Names the rule and its version; another name gives other tags.
    pub(super) const fn rule(&self) -> (&'static str, u8) {
        match self.rule {
            Rule::High(normalizer) => (normalizer.name(), normalizer.version()),
            Rule::Low(normalizer) => (normalizer.name(), normalizer.version()),
        }
    }
}

impl Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.unique { "unique" } else { "sampled" };
        write!(f, "BlindIndex({}, {kind}, {} bits)", self.name, self.bits)
    }
}

const fn sampled_bits(population: u64) -> u32 {
    assert!(
        population >= BlindIndex::POPULATION_MIN,
        "too few different values to hide among: an index would tell them apart"
    );
    population.ilog2() - 1
}
