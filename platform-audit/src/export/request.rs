//! What is to be exported, and how.

use std::str::FromStr;

use crate::{EventFilter, Reader, UnknownWord};

/// What is to be exported, and in which form.
///
/// ```
/// use platform_audit::{EventFilter, Export, ExportFormat};
///
/// let everything = Export::whole();
/// let orders = Export::selected(EventFilter::new().action("order.")).format(ExportFormat::Csv);
/// # let _ = (everything, orders);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub(super) format: ExportFormat,
    pub(super) reader: Reader,
    pub(super) selection: Selection,
}

/// Which positions of the log are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every position from this number on, up to a checkpoint: what the whole of it can be verified with.
    Whole {
        /// The first position; 0 for all.
        first_seq: u64,
    },
    /// The events that pass a filter, each with its proof in one checkpoint.
    Selected(EventFilter),
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// JSON Lines of the format [`EXPORT_FORMAT`](crate::EXPORT_FORMAT), which can be verified.
    #[default]
    JsonLines,
    /// A table for spreadsheets, without proofs.
    Csv,
    /// JSON Lines of OCSF events, for systems that collect security events; without proofs.
    Ocsf,
}

impl Export {
    /// Every position up to the newest checkpoint.
    pub const fn whole() -> Self {
        Self::whole_from(0)
    }

    /// Every position from this number on, for whoever has those before it already.
    pub const fn whole_from(first_seq: u64) -> Self {
        Self::of(Selection::Whole { first_seq })
    }

    /// The events that pass a filter.
    pub const fn selected(filter: EventFilter) -> Self {
        Self::of(Selection::Selected(filter))
    }

    const fn of(selection: Selection) -> Self {
        Self {
            format: ExportFormat::JsonLines,
            reader: Reader::Tenant,
            selection,
        }
    }

    /// In this form.
    #[must_use]
    pub const fn format(mut self, format: ExportFormat) -> Self {
        self.format = format;
        self
    }

    /// For this reader. For [`Reader::Tenant`], which is the default, what is hidden from the tenant is a hash in a whole export and
    /// left out of every other.
    #[must_use]
    pub const fn reader(mut self, reader: Reader) -> Self {
        self.reader = reader;
        self
    }
}

impl Selection {
    /// `whole` or `selected`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Whole { .. } => "whole",
            Self::Selected(_) => "selected",
        }
    }

    pub(super) const fn first_seq(&self) -> u64 {
        match self {
            Self::Whole { first_seq } => *first_seq,
            Self::Selected(_) => 0,
        }
    }

    /// The filter; the one that lets everything pass for a whole export.
    pub(super) fn filter(&self) -> EventFilter {
        match self {
            Self::Whole { .. } => EventFilter::new(),
            Self::Selected(filter) => filter.clone(),
        }
    }
}

impl ExportFormat {
    /// The word for it: `jsonl`, `csv` or `ocsf`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::JsonLines, Self::Csv, Self::Ocsf]
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or(UnknownWord {
                kind: "export format",
            })
    }
}
