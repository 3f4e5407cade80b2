//! Decimal text to scaled integers and back, without rounding and without floats.

/// A text is not an amount of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not a plain decimal number: digits, perhaps a point and digits; no exponent, plus sign, space or separator.
    #[error("a {what} is a plain decimal number such as {example}")]
    Malformed {
        /// The kind of amount.
        what: &'static str,
        /// An amount of that kind.
        example: &'static str,
    },
    /// More digits after the point than the kind has. They are refused, never rounded, even when they are zeros.
    #[error("a {what} has at most {scale} decimals")]
    TooManyDecimals {
        /// The kind of amount.
        what: &'static str,
        /// How many decimals it has.
        scale: usize,
    },
    /// A number, but too large or too small for the kind, or negative where it cannot be.
    #[error("a {what} lies between {min} and {max}")]
    OutOfRange {
        /// The kind of amount.
        what: &'static str,
        /// The least value, as text.
        min: String,
        /// The greatest value, as text.
        max: String,
    },
}

impl DecimalError {
    /// The stable code of the problem, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed_number",
            Self::TooManyDecimals { .. } => "too_many_decimals",
            Self::OutOfRange { .. } => "out_of_range",
        }
    }
}

/// What tells one kind of amount from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) what: &'static str,
    pub(super) example: &'static str,
    /// Digits after the point: the integer counts units of `10^-scale`.
    pub(super) scale: usize,
    /// Digits after the point that are always shown.
    pub(super) shown: usize,
    pub(super) min: i128,
    pub(super) max: i128,
}

impl Kind {
    pub(super) fn check(&self, value: i128) -> Result<i128, DecimalError> {
        if (self.min..=self.max).contains(&value) {
            Ok(value)
        } else {
            Err(self.out_of_range())
        }
    }

    /// Reads JSON's grammar of a number, without the exponent.
    pub(super) fn parse(&self, text: &str) -> Result<i128, DecimalError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if leading_zero || !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return Err(DecimalError::Malformed {
                what: self.what,
                example: self.example,
            });
        }
        let fraction = fraction.unwrap_or_default();
        if fraction.len() > self.scale {
            return Err(DecimalError::TooManyDecimals {
                what: self.what,
                scale: self.scale,
            });
        }
        if negative && self.min >= 0 {
            return Err(self.out_of_range());
        }

        let padding = std::iter::repeat_n(b'0', self.scale - fraction.len());
        let magnitude = whole
            .bytes()
            .chain(fraction.bytes())
            .chain(padding)
            .try_fold(0_i128, |value, digit| {
                value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
            })
            .ok_or_else(|| self.out_of_range())?;
        self.check(if negative { -magnitude } else { magnitude })
    }

    pub(super) fn format(&self, value: i128) -> String {
        let sign = if value < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", value.unsigned_abs(), width = self.scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale);
        let needed = fraction.trim_end_matches('0').len().max(self.shown);
        match needed {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{}", &fraction[..needed]),
        }
    }

    fn out_of_range(&self) -> DecimalError {
        DecimalError::OutOfRange {
            what: self.what,
            min: self.format(self.min),
            max: self.format(self.max),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
