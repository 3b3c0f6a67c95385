//! Durations as Go spells them: `300ms`, `1h30m`, `1.5s`.

use std::time::Duration;

use super::ConfigError;

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration that is not negative.
///
/// ```
/// # use etcdkit_server::config::parse_duration;
/// # use std::time::Duration;
/// assert_eq!(parse_duration("1m1.5s").unwrap(), Duration::from_millis(61_500));
/// assert_eq!(parse_duration("0").unwrap(), Duration::ZERO);
/// assert!(parse_duration("5").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ConfigError> {
    let rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() || rest.starts_with('-') {
        return Err(invalid(text));
    }
    let mut total = Duration::ZERO;
    let mut rest = rest;
    while !rest.is_empty() {
        let (part, left) = next_part(text, rest)?;
        total = total.checked_add(part).ok_or_else(|| invalid(text))?;
        rest = left;
    }
    // Go counts nanoseconds in an int64.
    if total.as_nanos() > i64::MAX as u128 {
        return Err(invalid(text));
    }
    Ok(total)
}

fn next_part<'a>(text: &str, rest: &'a str) -> Result<(Duration, &'a str), ConfigError> {
    let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, rest) = rest.split_at(number_end);
    if number.is_empty() || number == "." || number.matches('.').count() > 1 {
        return Err(invalid(text));
    }
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    if unit.is_empty() {
        return Err(ConfigError(format!("time: missing unit in duration {text:?}")));
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(ConfigError(format!("time: unknown unit {unit:?} in duration {text:?}")));
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid(text))? };
    let whole = whole.checked_mul(*nanos).ok_or_else(|| invalid(text))?;
    let fraction = format!("0.{fraction}0").parse::<f64>().map_err(|_| invalid(text))? * *nanos as f64;
    let part = Duration::from_nanos(whole).checked_add(Duration::from_nanos(fraction as u64));
    Ok((part.ok_or_else(|| invalid(text))?, rest))
}

fn invalid(text: &str) -> ConfigError {
    ConfigError(format!("time: invalid duration {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_accepts_is_accepted() {
        let table = [
            ("5s", 5_000_000_000),
            ("1h2m3s", 3_723_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("+7ns", 7),
            ("0s", 0),
        ];
        for (text, nanos) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "5", "s", "-5s", "1x", "1..5s", ".s", "99999999999h", "5 s", "１s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
