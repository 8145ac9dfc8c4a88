//! The supervisor's own log, in Odoo's format, so that one rule parses the whole container.

use std::fmt;
use std::io;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

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

/// Sends the log to stderr, where Odoo's goes too. A wrong level is reported by the settings; until then it is info.
pub fn start() {
    let level = std::env::var("ENTRYPOINT_LOG_LEVEL").ok().and_then(|text| level(&text).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(Level::INFO))
        .with_writer(|| Stderr)
        .event_format(OdooFormat)
        .finish();
    // A second start in one process (tests) keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// stderr, and no complaint when nobody reads there: the library would complain by a macro that panics for the same reason.
struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `2025-11-23 22:28:01,123 1 INFO ? odoo-entrypoint: message`, as `odoo/netsvc.py` formats its lines.
struct OdooFormat;

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
        write!(writer, "{} {} {level} ? odoo-entrypoint: ", timestamp()?, std::process::id())?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
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
    fn the_timestamp_has_odoos_shape() {
        let text = super::timestamp().unwrap();
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "9999-99-99 99:99:99,999");
    }
}
