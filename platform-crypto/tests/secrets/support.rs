//! What the tests of this binary share.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use platform_core::time::OffsetDateTime;
use platform_core::{ManualClock, OsRandom, Sources};
use platform_crypto::{SecretError, SecretName, SecretSource, SecretValue, SecretVersions};

pub(crate) fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

pub(crate) fn value(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes().to_vec().into(), None).unwrap()
}

/// The text of the current version.
pub(crate) fn current(versions: &SecretVersions) -> &str {
    versions.current.text().expose()
}

/// The text of the version before.
pub(crate) fn previous(versions: &SecretVersions) -> Option<&str> {
    let previous = versions.previous.as_ref()?;
    Some(previous.text().expose())
}

pub(crate) fn standing_still() -> (Sources, Arc<ManualClock>) {
    let start = OffsetDateTime::from_unix_timestamp(1_772_366_400).unwrap();
    let clock = Arc::new(ManualClock::starting_at(start));
    (Sources::shared(clock.clone(), Arc::new(OsRandom)), clock)
}

/// A source that is told what to say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    text: Option<String>,
    down: bool,
    hanging: bool,
    asked: usize,
}

impl Told {
    pub(crate) fn says(text: &str) -> Self {
        let told = Self::default();
        told.say(text);
        told
    }

    pub(crate) fn say(&self, text: &str) {
        self.0.lock().unwrap().text = Some(text.to_owned());
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    pub(crate) fn set_hanging(&self, hanging: bool) {
        self.0.lock().unwrap().hanging = hanging;
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

#[async_trait]
impl SecretSource for Told {
    async fn fetch(&self, name: &SecretName) -> Result<Option<SecretVersions>, SecretError> {
        // Others get a turn while this one waits for its answer.
        tokio::task::yield_now().await;
        let hangs = self.0.lock().unwrap().hanging;
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.down {
            return Err(SecretError::Unavailable {
                name: name.clone(),
                source: "the source is down".into(),
            });
        }
        Ok(state.text.as_deref().map(|text| SecretVersions::new(value(text))))
    }
}
