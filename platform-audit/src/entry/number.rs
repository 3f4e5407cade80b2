//! One spelling for every number, without rounding it.

use super::JsonInvalid;

/// The largest power of ten by which a number may be above or below one. PostgreSQL's `numeric`, and so `jsonb`, holds less.
const EXPONENT_MAX: i64 = 200_000;

/// Up to which power of ten digits are written out instead of an exponent, as in ECMAScript.
const WRITTEN_OUT_MAX: i64 = 21;

/// Brings a number of JSON's grammar into its one spelling: the layout that RFC 8785 takes from ECMAScript, applied to all digits of
/// the number instead of those of the nearest double. `-0` is `0`.
pub(super) fn canonical(text: &str) -> Result<String, JsonInvalid> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        return Ok("0".to_owned());
    }
    let exponent: i64 = exponent.parse().map_err(|_| JsonInvalid::NumberOutOfRange)?;
    let zeros_before = length(all.len() - significant.len())?;
    let point = length(whole.len())?
        .checked_sub(zeros_before)
        .and_then(|point| point.checked_add(exponent))
        .filter(|point| point.unsigned_abs() <= EXPONENT_MAX.unsigned_abs())
        .ok_or(JsonInvalid::NumberOutOfRange)?;
    Ok(format!("{sign}{}", lay_out(digits, point)))
}

/// Writes `0.digits * 10^point`, where the digits have no zero at either end.
fn lay_out(digits: &str, point: i64) -> String {
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    let whole_digits = usize::try_from(point).ok();
    if (1..=WRITTEN_OUT_MAX).contains(&point) {
        return match whole_digits.and_then(|at| digits.split_at_checked(at)) {
            Some((whole, "")) => whole.to_owned(),
            Some((whole, fraction)) => format!("{whole}.{fraction}"),
            None => {
                let missing = point - i64::try_from(digits.len()).unwrap_or(point);
                format!("{digits}{}", zeros(missing))
            }
        };
    }
    if (-5..=0).contains(&point) {
        return format!("0.{}{digits}", zeros(-point));
    }
    let (first, rest) = digits.split_at(1);
    let mantissa = if rest.is_empty() {
        first.to_owned()
    } else {
        format!("{first}.{rest}")
    };
    format!("{mantissa}e{:+}", point - 1)
}

fn length(length: usize) -> Result<i64, JsonInvalid> {
    i64::try_from(length).map_err(|_| JsonInvalid::NumberOutOfRange)
}
