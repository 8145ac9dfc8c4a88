//! The shape of Odoo's log lines.

/// The parts of a line that has Odoo's prefix.
#[derive(Debug)]
pub struct Line<'a> {
    pub pid: &'a str,
    pub level: &'a str,
    pub database: &'a str,
    pub logger: &'a str,
    /// With whatever stands at its end.
    pub message: &'a str,
}

/// `2025-11-23 22:28:01,123 4711 INFO db odoo.http: message `; `None` for a line without that prefix.
pub fn parse(line: &str) -> Option<Line<'_>> {
    let (date, rest) = line.split_once(' ')?;
    let (time, rest) = rest.split_once(' ')?;
    let (pid, rest) = rest.split_once(' ')?;
    let (level, rest) = rest.split_once(' ')?;
    let (database, rest) = rest.split_once(' ')?;
    let (logger, message) = rest.split_once(": ")?;
    let digits = |text: &str, pattern: &str| {
        let fits = |(a, b): (char, char)| if b == '0' { a.is_ascii_digit() } else { a == b };
        text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(fits)
    };
    let valid = digits(date, "0000-00-00")
        && digits(time, "00:00:00,000")
        && pid.bytes().all(|byte| byte.is_ascii_digit())
        && ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"].contains(&level)
        && !logger.contains(' ');
    valid.then_some(Line { pid, level, database, logger, message })
}

/// Whether a record of that level and logger with that text in its first line is in the log.
pub fn has(log: &str, level: &str, logger: &str, text: &str) -> bool {
    let mut lines = log.lines().filter_map(parse);
    lines.any(|line| line.level == level && line.logger == logger && line.message.contains(text))
}

/// Fails with the whole log unless [`has`] holds.
#[track_caller]
pub fn expect(log: &str, level: &str, logger: &str, text: &str) {
    assert!(has(log, level, logger, text), "no {level} {logger}: {text}\nin\n{log}");
}
