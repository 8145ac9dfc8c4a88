//! The supervisor's own log, in Odoo's format, so that one rule parses the whole container.

use std::fmt;
use std::io;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

use crate::output::record::Record;
use crate::output::{self, Format, json};

/// Reads `ENTRYPOINT_LOG_LEVEL`.
///
/// # Errors
/// The accepted form.
pub fn level(text: &str) -> Result<Level, &'static str> {
    match text {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        _ => Err("not a level (write error, warn, info or debug)"),
    }
}

/// The format that `ENTRYPOINT_LOG_FORMAT` asks for. A wrong one is reported by the settings; until then it is text.
pub fn format() -> Format {
    std::env::var("ENTRYPOINT_LOG_FORMAT")
        .ok()
        .and_then(|text| output::format(&text).ok())
        .unwrap_or_default()
}

/// Sends the log to where Odoo's goes too. A wrong level is reported by the settings; until then it is info.
pub fn start() {
    let level = std::env::var("ENTRYPOINT_LOG_LEVEL").ok().and_then(|text| level(&text).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(Level::INFO))
        .with_writer(|| Stderr)
        .event_format(OdooFormat(format()))
        .finish();
    // A second start in one process (tests) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The last words: why this process ends. On stderr as they are, or as one record.
pub fn last_words(text: &str) {
    match format() {
        Format::Text => output::say(format!("{text}\n").as_bytes()),
        Format::Json => output::say(record(Format::Json, "ERROR", text).as_bytes()),
    }
}

/// The line that says how many lines of Odoo were dropped.
pub fn dropped(lines: u64) -> String {
    let text = format!("nobody read the log for a while: {lines} lines were dropped here");
    record(format(), "WARNING", &text)
}

/// One record of this program with its end.
fn record(format: Format, level: &str, message: &str) -> String {
    // Only a clock before the year 0 has no text.
    let (time, pid) = (timestamp().unwrap_or_default(), std::process::id());
    match format {
        Format::Text => format!("{time} {pid} {level} ? odoo-entrypoint: {message}\n"),
        Format::Json => {
            let logger = "odoo-entrypoint";
            json::object(&Record { time: &time, pid, level, database: None, logger, message }, None)
        }
    }
}

/// The output's queue.
struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        output::say(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `2025-11-23 22:28:01,123 1 INFO ? odoo-entrypoint: message`, as `odoo/netsvc.py` formats its lines.
struct OdooFormat(Format);

impl<S, N> FormatEvent<S, N> for OdooFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            _ => "DEBUG",
        };
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        writer.write_str(&record(self.0, level, &message))
    }
}

/// UTC with milliseconds after a comma, from the library's `2025-11-23T22:28:01.123456Z`.
fn timestamp() -> Result<String, fmt::Error> {
    let mut text = String::new();
    SystemTime.format_time(&mut Writer::new(&mut text))?;
    text.truncate("2025-11-23T22:28:01.123".len());
    Ok(text.replacen('T', " ", 1).replacen('.', ",", 1))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_supervisors_lines_are_records_as_odoos_are() {
        let text = super::record(super::Format::Text, "INFO", "a message");
        let record = crate::output::record::parse(text.trim_end()).unwrap();
        assert_eq!((record.logger, record.message), ("odoo-entrypoint", "a message"));
        let text = super::record(super::Format::Json, "INFO", "a\nmessage");
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&record["level"], &record["message"]), (&"INFO".into(), &"a\nmessage".into()));
    }

    #[test]
    fn the_timestamp_has_odoos_shape() {
        let text = super::timestamp().unwrap();
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99 99:99:99,999");
    }
}
