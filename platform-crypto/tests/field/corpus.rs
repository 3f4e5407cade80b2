//! Values that were sealed by a release open for ever.

use platform_core::uuid::Uuid;
use platform_crypto::{Column, DataKey, FieldKey, OpenError, Sealed};
use serde::Deserialize;

use crate::support::{hex, unhex};

/// Everything sealed by releases so far. Entries are added by a release that writes something new, and never changed or removed.
pub(crate) const V1: &str = include_str!("../corpus/v1.json");

#[derive(Deserialize)]
struct Corpus {
    values: Vec<Entry>,
}

/// A sealed value, and all that it takes to open it.
#[derive(Deserialize)]
pub(crate) struct Entry {
    name: String,
    key: String,
    tenant: Uuid,
    table: String,
    column: String,
    row: Uuid,
    plain: String,
    sealed: String,
}

impl Entry {
    /// What becomes of it today.
    pub(crate) fn open(&self) -> Result<String, OpenError> {
        let column = Column::<Vec<u8>>::new(
            Box::leak(self.table.as_str().into()),
            Box::leak(self.column.as_str().into()),
        );
        let key = FieldKey::new(DataKey::from_slice(&unhex(&self.key)).unwrap());
        let at = column.at(platform_core::TenantId::from_stored(self.tenant), self.row);
        let opened = key.open(&at, &Sealed::from_bytes(unhex(&self.sealed)))?;
        Ok(hex(opened.expose()))
    }

    pub(crate) fn plain(&self) -> &str {
        &self.plain
    }
}

// C19
#[test]
fn every_value_of_the_corpus_opens() {
    let corpus: Corpus = serde_json::from_str(V1).unwrap();
    assert!(corpus.values.len() >= 10);
    for entry in corpus.values {
        assert_eq!(entry.open().as_deref(), Ok(entry.plain()), "{}", entry.name);
    }
}
