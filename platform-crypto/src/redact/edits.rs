//! A text with some ranges replaced, copied only if there are any.

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;

pub(super) struct Edits<'a> {
    text: &'a str,
    /// Up to here the text is in `edited`.
    copied: usize,
    edited: String,
}

impl<'a> Edits<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            copied: 0,
            edited: String::new(),
        }
    }

    /// Puts the mask in place of a range. Ranges come in order and begin and end between characters.
    pub(super) fn hide(&mut self, range: Range<usize>) {
        self.hide_quoted(range, "");
    }

    /// The same with a quote on both sides, where the mask without it would not be JSON.
    pub(super) fn hide_quoted(&mut self, range: Range<usize>, quote: &str) {
        let hidden = self.text.get(range.clone()).unwrap_or_default();
        if quote.is_empty() && hidden == MASK {
            return;
        }
        self.edited
            .push_str(self.text.get(self.copied..range.start).unwrap_or_default());
        self.edited.push_str(quote);
        self.edited.push_str(MASK);
        self.edited.push_str(quote);
        self.copied = range.end;
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if self.edited.is_empty() {
            return Cow::Borrowed(self.text);
        }
        self.edited
            .push_str(self.text.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.edited)
    }
}
