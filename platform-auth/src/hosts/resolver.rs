//! Who looks into the DNS.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How many texts of an answer are looked at.
const TEXTS_MAX: usize = 64;

/// Looks for TXT records. One is here that asks the system's name servers (feature `dns`); an embedder may have another.
///
/// It is given five seconds, and of its answer 64 texts are looked at.
#[async_trait]
pub trait TxtResolver: Send + Sync + fmt::Debug + 'static {
    /// The texts of every TXT record of a name, the parts of each put together; none when there is no such record.
    async fn texts(&self, name: &str) -> Result<Vec<String>, TxtUnavailable>;
}

/// The DNS did not answer, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the TXT records of the name could not be had")]
pub struct TxtUnavailable;

/// Whether a record of the name has this text.
pub(super) async fn has_text(
    resolver: &dyn TxtResolver,
    name: &str,
    text: &str,
) -> Result<bool, TxtUnavailable> {
    let asked = tokio::time::timeout(ANSWER_MAX, resolver.texts(name));
    let texts = asked.await.map_err(|_| TxtUnavailable)??;
    Ok(texts.iter().take(TEXTS_MAX).any(|found| found == text))
}
