//! Reading JSON without losing anything of it.
//!
//! `serde_json` would do but for three things: it lets a repeated name win silently, it rounds or keeps the spelling of numbers
//! depending on a feature that any crate in the build can switch, and with that feature it takes an object with one private name for a
//! number.

use std::iter::Peekable;
use std::str::CharIndices;

use super::canonical::JSON_DEPTH_MAX;
use super::number;

/// A JSON value whose numbers are canonical and whose objects are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A text is not JSON, or not JSON that can be made canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonInvalid {
    /// It is not JSON (RFC 8259), or a string in it has half a surrogate pair.
    #[error("the text is not json from byte {at} on")]
    Malformed {
        /// Where.
        at: usize,
    },
    /// An object has one name twice.
    #[error("an object has a name twice")]
    RepeatedName,
    /// Arrays and objects are nested deeper than [`JSON_DEPTH_MAX`].
    #[error("arrays and objects are nested deeper than {JSON_DEPTH_MAX}")]
    TooDeep,
    /// A number is further from one than 200,000 powers of ten.
    #[error("a number has too large an exponent")]
    NumberOutOfRange,
}

impl Json {
    /// Reads JSON with at most `depth_max` arrays and objects within one another.
    pub(crate) fn parse(text: &str, depth_max: usize) -> Result<Self, JsonInvalid> {
        let mut parser = Parser {
            text,
            depth_left: depth_max,
            chars: text.char_indices().peekable(),
        };
        let value = parser.value()?;
        parser.skip_blanks();
        match parser.chars.peek() {
            None => Ok(value),
            Some(_) => Err(parser.malformed()),
        }
    }

    /// An object with its members in the order of RFC 8785, section 3.2.3: by the UTF-16 code units of their names.
    pub(super) fn object(mut members: Vec<(String, Self)>) -> Result<Self, JsonInvalid> {
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(JsonInvalid::RepeatedName);
        }
        Ok(Self::Object(members))
    }
}

struct Parser<'a> {
    text: &'a str,
    /// How many arrays and objects may still be opened.
    depth_left: usize,
    chars: Peekable<CharIndices<'a>>,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Json, JsonInvalid> {
        self.skip_blanks();
        match self.peek() {
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some('"') => self.string().map(Json::Text),
            Some('-' | '0'..='9') => self.number(),
            Some('t') => self.word("true", Json::Bool(true)),
            Some('f') => self.word("false", Json::Bool(false)),
            Some('n') => self.word("null", Json::Null),
            _ => Err(self.malformed()),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, JsonInvalid>) -> Result<Json, JsonInvalid> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(JsonInvalid::TooDeep)?;
        let nested = read(self)?;
        self.depth_left += 1;
        Ok(nested)
    }

    fn object(&mut self) -> Result<Json, JsonInvalid> {
        self.expect('{')?;
        let mut members = Vec::new();
        self.skip_blanks();
        if self.takes('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            let name = self.string()?;
            self.skip_blanks();
            self.expect(':')?;
            members.push((name, self.value()?));
            self.skip_blanks();
            if self.takes('}') {
                return Json::object(members);
            }
            self.expect(',')?;
        }
    }

    fn array(&mut self) -> Result<Json, JsonInvalid> {
        self.expect('[')?;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.takes(']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_blanks();
            if self.takes(']') {
                return Ok(Json::Array(items));
            }
            self.expect(',')?;
        }
    }

    fn string(&mut self) -> Result<String, JsonInvalid> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some((_, '"')) => return Ok(text),
                Some((_, '\\')) => text.push(self.escaped()?),
                Some((_, c)) if c >= ' ' => text.push(c),
                _ => return Err(self.malformed()),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, JsonInvalid> {
        match self.chars.next().map(|(_, c)| c) {
            Some(c @ ('"' | '\\' | '/')) => Ok(c),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.code_point(),
            _ => Err(self.malformed()),
        }
    }

    fn code_point(&mut self) -> Result<char, JsonInvalid> {
        let first = self.code_unit()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            self.expect('\\')?;
            self.expect('u')?;
            units.push(self.code_unit()?);
        }
        match char::decode_utf16(units)
            .collect::<Result<Vec<_>, _>>()
            .as_deref()
        {
            Ok([c]) => Ok(*c),
            _ => Err(self.malformed()),
        }
    }

    fn code_unit(&mut self) -> Result<u16, JsonInvalid> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.chars.next().and_then(|(_, c)| c.to_digit(16));
            let digit = digit.and_then(|digit| u16::try_from(digit).ok());
            unit = (unit << 4) | digit.ok_or_else(|| self.malformed())?;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Json, JsonInvalid> {
        let start = self.at();
        self.takes('-');
        if !self.takes('0') {
            self.digits()?;
        }
        if self.takes('.') {
            self.digits()?;
        }
        if self.takes('e') || self.takes('E') {
            let _sign = self.takes('+') || self.takes('-');
            self.digits()?;
        }
        number::canonical(&self.text[start..self.at()]).map(Json::Number)
    }

    fn digits(&mut self) -> Result<(), JsonInvalid> {
        let start = self.at();
        while self.chars.next_if(|(_, c)| c.is_ascii_digit()).is_some() {}
        if self.at() == start {
            Err(self.malformed())
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonInvalid> {
        word.chars().try_for_each(|c| self.expect(c))?;
        Ok(value)
    }

    fn skip_blanks(&mut self) {
        while self
            .chars
            .next_if(|(_, c)| matches!(c, ' ' | '\t' | '\n' | '\r'))
            .is_some()
        {}
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), JsonInvalid> {
        if self.takes(wanted) {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn malformed(&mut self) -> JsonInvalid {
        JsonInvalid::Malformed { at: self.at() }
    }
}
