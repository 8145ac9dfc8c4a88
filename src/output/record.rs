//! A line of Odoo's log (`odoo/netsvc.py`): `2025-11-23 22:28:01,123 17 INFO db odoo.modules.loading: text`. Pure.

/// The parts of a line that begins a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// `2025-11-23 22:28:01,123`, in UTC.
    pub time: &'a str,
    /// The process.
    pub pid: u32,
    /// `INFO` and its like.
    pub level: &'a str,
    /// The database; `None` where Odoo writes `?`.
    pub database: Option<&'a str>,
    /// The logger.
    pub logger: &'a str,
    /// The rest of the line, without the blank that Odoo leaves at its end.
    pub message: &'a str,
}

const TIME: &str = "0000-00-00 00:00:00,000";
const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/// Whether a line can begin a record: decides for nearly every line of a traceback without parsing.
pub fn may_begin(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_digit) && line.get(4) == Some(&b'-') && line.get(10) == Some(&b' ')
}

/// Reads the first line of a record; `None` for every other line.
pub fn parse(line: &str) -> Option<Record<'_>> {
    let (time, rest) = line.split_at_checked(TIME.len())?;
    let alike = |(given, form): (u8, u8)| if form == b'0' { given.is_ascii_digit() } else { given == form };
    if !time.bytes().zip(TIME.bytes()).all(alike) {
        return None;
    }
    let (pid, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (level, rest) = rest.split_once(' ')?;
    if !LEVELS.contains(&level) {
        return None;
    }
    let (database, rest) = rest.split_once(' ')?;
    let (logger, message) = rest.split_once(':')?;
    if logger.is_empty() || logger.contains(' ') {
        return None;
    }
    Some(Record {
        time,
        pid: pid.parse().ok()?,
        level,
        database: (database != "?").then_some(database),
        logger,
        message: message.strip_prefix(' ').unwrap_or(message).trim_end_matches([' ', '\r']),
    })
}

/// What a line tells the supervisor beside what it tells people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A process has decided, or was told, to execute itself anew (`odoo/service/server.py`).
    Reloading(u32),
    /// Module n of m is being loaded (`odoo/modules/loading.py`).
    Progress(u32, u32),
}

/// Reads along for what matters after a death.
#[derive(Debug, Default)]
pub struct Watch {
    /// The last error: its line, and the last line of its traceback.
    last_error: Option<String>,
    /// Within the lines of an error.
    in_error: bool,
}

/// An error is quoted up to here.
const QUOTED: usize = 500;

impl Watch {
    /// Takes one line, without its end.
    pub fn line(&mut self, line: &[u8]) -> Option<Notice> {
        if !may_begin(line) {
            // A traceback without a record: Python's own last words, or a thread's.
            if line.starts_with(b"Traceback (most recent call last)") && !self.in_error {
                (self.last_error, self.in_error) = (Some(String::new()), true);
            } else if self.in_error && line.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                // Of a traceback only the unindented lines name errors; the last one counts.
                let head = self.last_error.take().unwrap_or_default();
                let head = head.split(" / ").next().unwrap_or_default().to_owned();
                let text = quoted(line);
                self.last_error = Some(if head.is_empty() { text } else { format!("{head} / {text}") });
            }
            return None;
        }
        // Only its beginning means anything here, and a busy log has long lines.
        let text = String::from_utf8_lossy(line.get(..2 * QUOTED).unwrap_or(line));
        let record = parse(&text)?;
        self.in_error = matches!(record.level, "ERROR" | "CRITICAL");
        if self.in_error {
            let text = format!("{}: {}", record.logger, record.message);
            self.last_error = Some(quoted(text.as_bytes()));
        }
        match record.logger {
            "odoo.service.server" if record.message == "Initiating server reload" => {
                Some(Notice::Reloading(record.pid))
            }
            "odoo.modules.loading" => progress(record.message),
            _ => None,
        }
    }

    /// The last error of the process that has just died; the next one starts anew.
    pub fn take_last_error(&mut self) -> Option<String> {
        self.in_error = false;
        self.last_error.take().filter(|text| !text.is_empty())
    }
}

fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut short: String = text.trim_end().chars().take(QUOTED).collect();
    if short.len() < text.trim_end().len() {
        short.push_str(" ...");
    }
    short
}

/// `Loading module sale (7/42)`.
fn progress(message: &str) -> Option<Notice> {
    let counts = message.strip_prefix("Loading module ")?.split_once('(')?.1.strip_suffix(')')?;
    let (at, of) = counts.split_once('/')?;
    Some(Notice::Progress(at.parse().ok()?, of.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "2025-11-23 22:28:01,123 17 ERROR prod odoo.sql_db: bad query: SELECT 1 ";

    #[test]
    fn a_line_of_odoo_has_its_parts() {
        let record = parse(LINE).unwrap();
        assert_eq!((record.pid, record.level, record.database), (17, "ERROR", Some("prod")));
        assert_eq!((record.logger, record.message), ("odoo.sql_db", "bad query: SELECT 1"));
        assert_eq!(parse("2025-11-23 22:28:01,123 1 INFO ? odoo: x").unwrap().database, None);
        for other in [
            "",
            "Traceback (most recent call last):",
            "2025-11-23",
            "2025-11-23 22:28:01,123 x INFO ? a: b",
            "2025-11-23 22:28:01,123 1 LOUD ? a: b",
            "2025-11-23 22:28:01,123 1 INFO ? no logger here: b",
            "ü025-11-23 22:28:01,123 1 INFO ? a: b",
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_last_error_is_remembered_with_the_end_of_its_traceback() {
        let mut watch = Watch::default();
        for line in [
            LINE,
            "Traceback (most recent call last):",
            "  File \"x.py\", line 1, in <module>",
            "    boom()",
            "ValueError: first",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "psycopg2.OperationalError: gone",
            "2025-11-23 22:28:01,124 17 INFO prod odoo: going on",
            "not an error",
        ] {
            watch.line(line.as_bytes());
        }
        assert_eq!(
            watch.take_last_error().as_deref(),
            Some("odoo.sql_db: bad query: SELECT 1 / psycopg2.OperationalError: gone")
        );
        assert_eq!(watch.take_last_error(), None);
        for line in ["Traceback (most recent call last):", "  x", "ImportError: no module"] {
            watch.line(line.as_bytes());
        }
        assert_eq!(watch.take_last_error().as_deref(), Some("ImportError: no module"));
    }

    #[test]
    fn what_the_supervisor_has_to_know_is_noticed() {
        let mut watch = Watch::default();
        let line = "2025-11-23 22:28:01,123 17 INFO ? odoo.service.server: Initiating server reload ";
        assert_eq!(watch.line(line.as_bytes()), Some(Notice::Reloading(17)));
        let line = "2025-11-23 22:28:01,123 17 INFO prod odoo.modules.loading: Loading module sale (7/42) ";
        assert_eq!(watch.line(line.as_bytes()), Some(Notice::Progress(7, 42)));
    }
}
