//! Texts to types, with the accepted form in each refusal.

use std::path::PathBuf;
use std::time::Duration;

/// Reads `500ms`, `30s`, `5m`, `2h` or a bare `0`; the accepted form otherwise.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "not a duration (write 500ms, 30s, 5m or 2h)";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let number: u64 = text[..digits].parse().map_err(|_| FORM)?;
    let milliseconds = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(FORM),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or(FORM)
}

/// Reads a yes or no as people write it in an environment; Odoo's file knows `True` and `False` only, so the
/// renderer writes those.
pub fn boolean(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("not a yes or no (write true or false)"),
    }
}

/// Reads a decimal integer, leading zeros allowed (`08` is 8 for a person, an error for Odoo).
pub fn integer(text: &str) -> Result<i64, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().map_err(|_| {
        if digits {
            "too large a number (write a smaller one)"
        } else {
            "not a whole number (write digits only, such as 4)"
        }
    })
}

/// Reads the path of a file or folder that has to be absolute: what it is relative to is nobody's choice in a container.
pub fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.starts_with('/') { Ok(text.into()) } else { Err("not an absolute path (write /the/whole/path)") }
}

/// Splits a comma list, without blanks and empty elements.
pub fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Writes a duration the way [`duration`] reads it, in the largest unit that is exact.
pub fn format_duration(value: Duration) -> String {
    let milliseconds = value.as_millis();
    match milliseconds {
        0 => "0".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_round_trip() {
        for text in ["0", "500ms", "30s", "5m", "2h", "90s"] {
            assert_eq!(format_duration(duration(text).unwrap()), text);
        }
        for text in
            ["", "5", "5 s", "-1s", "1.5s", "5d", "s", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn yes_and_no_are_forgiving_in_the_environment_only() {
        assert_eq!(boolean("TRUE"), Ok(true));
        assert_eq!(boolean("off"), Ok(false));
        assert!(boolean("").is_err() && boolean("2").is_err());
    }

    #[test]
    fn lists_lose_their_blanks() {
        assert_eq!(list(" a, b,,c "), ["a", "b", "c"]);
        assert!(list(" , ").is_empty());
    }
}
