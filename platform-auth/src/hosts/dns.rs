//! The DNS, asked through the system's name servers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use super::{TxtResolver, TxtUnavailable};

/// The longest text that is put together from the parts of a record.
const TEXT_BYTES_MAX: usize = 1024;

/// The name servers that the system is set up with. Nothing they say is kept: whoever has just put a record there finds it.
pub struct DnsResolver(TokioResolver);

/// The system is set up with no name servers.
#[derive(Debug, thiserror::Error)]
#[error("the system's name servers could not be read")]
pub struct NoSystemResolver(#[source] hickory_resolver::net::NetError);

impl DnsResolver {
    /// Reads which name servers the system asks. Asks none yet.
    ///
    /// # Errors
    /// [`NoSystemResolver`], when there are none or the file cannot be read.
    pub fn of_system() -> Result<Self, NoSystemResolver> {
        let mut builder = TokioResolver::builder_tokio().map_err(NoSystemResolver)?;
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(2);
        options.attempts = 2;
        options.cache_size = 0;
        options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
        Ok(Self(builder.build().map_err(NoSystemResolver)?))
    }
}

#[async_trait]
impl TxtResolver for DnsResolver {
    async fn texts(&self, name: &str) -> Result<Vec<String>, TxtUnavailable> {
        // With the dot at the end no search domain of the system's is tried.
        let answer = match self.0.txt_lookup(format!("{name}.")).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => {
                tracing::warn!(%error, "the DNS did not answer");
                return Err(TxtUnavailable);
            }
        };
        let texts = answer.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => {
                let bytes: Vec<u8> = txt.txt_data.iter().flatten().copied().collect();
                (bytes.len() <= TEXT_BYTES_MAX).then(|| String::from_utf8(bytes).ok())?
            }
            _ => None,
        });
        Ok(texts.collect())
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver").finish_non_exhaustive()
    }
}
