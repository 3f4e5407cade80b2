//! Findings that somebody has looked at.

use anyhow::anyhow;
use platform_audit::{AcknowledgeError, Acknowledged, EventId, ProducerId, ProducerNumbers};

use super::Site;
use crate::cli::OfTenant;
use crate::exit::Exit;
use crate::refusal::Refusal;

/// What the options name.
pub(super) fn what(
    event: Option<EventId>,
    producer: Option<ProducerId>,
    numbers: Option<&str>,
) -> Result<Acknowledged, Refusal> {
    if let Some(event) = event {
        return Ok(Acknowledged::Rejected(event));
    }
    let gap = producer.zip(numbers.and_then(parsed));
    let Some((producer, (first, last))) = gap else {
        let error =
            anyhow!("--event, or --producer with --numbers such as 4 or 4-7, says what is acknowledged");
        return Err(Refusal::new(Exit::Usage, error));
    };
    Ok(Acknowledged::Gap(ProducerNumbers {
        producer,
        first,
        last,
    }))
}

pub(super) async fn run(
    site: &Site,
    tenant: &OfTenant,
    what: Acknowledged,
    reason: &str,
) -> Result<String, Refusal> {
    let ctx = site.context(tenant, "acknowledge a finding in the trail").await?;
    let recorded = site.trail.log.acknowledge(&site.db, &ctx, what, reason).await;
    let event = recorded.map_err(|error| {
        let exit = match &error {
            AcknowledgeError::Audit(_) | AcknowledgeError::Db(_) => Exit::Unavailable,
            _ => Exit::Usage,
        };
        Refusal::new(exit, error)
    })?;
    Ok(format!(
        "acknowledged by event {event}, as soon as a signed checkpoint covers it\n"
    ))
}

fn parsed(numbers: &str) -> Option<(u64, u64)> {
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    first.parse().ok().zip(last.parse().ok())
}
