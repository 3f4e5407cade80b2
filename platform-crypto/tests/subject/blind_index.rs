//! Tags: what they find and what they tell.

use platform_crypto::{BlindIndex, Normalizer};

pub(crate) const LOGIN: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Email);
