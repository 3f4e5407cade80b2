//! JSON that PostgreSQL can store, and how wide it prints it.

use serde_json::Value;

use super::{CanonicalJson, JsonInvalid};

/// The most digits behind the point that PostgreSQL's `numeric` holds, and so its `jsonb`.
const FRACTION_DIGITS_MAX: usize = 16_383;

/// A value cannot be stored as `jsonb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unstorable {
    /// As text it is longer than allowed.
    TooLarge,
    /// It holds the character U+0000.
    Text,
    /// It is nested too deep.
    TooDeep,
    /// A number of it is too small or too large.
    Number,
}

/// The canonical form of a value that PostgreSQL prints in at most `bytes_max` bytes.
pub(crate) fn storable(value: &Value, bytes_max: usize) -> Result<CanonicalJson, Unstorable> {
    let json = CanonicalJson::from_value(value).map_err(|error| match error {
        JsonInvalid::TooDeep => Unstorable::TooDeep,
        _ => Unstorable::Number,
    })?;
    if printed_bytes(value, bytes_max)? > bytes_max {
        return Err(Unstorable::TooLarge);
    }
    Ok(json)
}

/// How many bytes `jsonb` is as text: with a blank behind each comma and colon, and with numbers written out.
fn printed_bytes(value: &Value, bytes_max: usize) -> Result<usize, Unstorable> {
    let mut bytes: usize = 0;
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        let own = match value {
            Value::Null | Value::Bool(true) => 4,
            Value::Bool(false) => 5,
            Value::Number(number) => number_bytes(&number.to_string())?,
            Value::String(text) => text_bytes(text)?,
            Value::Array(items) => {
                values.extend(items);
                2 + 2 * items.len().saturating_sub(1)
            }
            Value::Object(members) => {
                let mut own = 2 + 2 * members.len().saturating_sub(1);
                for (name, member) in members {
                    own += text_bytes(name)? + 2;
                    values.push(member);
                }
                own
            }
        };
        bytes = bytes.saturating_add(own);
        if bytes > bytes_max {
            return Err(Unstorable::TooLarge);
        }
    }
    Ok(bytes)
}

fn text_bytes(text: &str) -> Result<usize, Unstorable> {
    let mut bytes = 2;
    for byte in text.bytes() {
        bytes += match byte {
            0 => return Err(Unstorable::Text),
            b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 2,
            byte if byte < b' ' => 6,
            _ => 1,
        };
    }
    Ok(bytes)
}

fn number_bytes(number: &str) -> Result<usize, Unstorable> {
    // In its one spelling it has an exponent when it would be long otherwise.
    let number = super::number::canonical(number).map_err(|_| Unstorable::Number)?;
    let unsigned = number.trim_start_matches('-');
    let sign = number.len() - unsigned.len();
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| Unstorable::Number)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = usize::try_from(exponent.unsigned_abs()).map_err(|_| Unstorable::Number)?;
    let (whole, fraction) = if exponent < 0 {
        // A mantissa with an exponent has one digit before its point.
        (1, shift - 1 + whole.len() + fraction.len())
    } else {
        (whole.len() + shift, fraction.len().saturating_sub(shift))
    };
    if fraction > FRACTION_DIGITS_MAX {
        return Err(Unstorable::Number);
    }
    Ok(sign + whole + if fraction == 0 { 0 } else { 1 + fraction })
}
