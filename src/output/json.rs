//! One JSON object a record (`ENTRYPOINT_LOG_FORMAT=json`). Pure.
//!
//! `{"time":"2025-11-23T22:28:01.123Z","pid":17,"level":"ERROR","database":"prod","logger":"odoo.sql_db","message":"..."}`:
//! a traceback is part of its record's message. What no record begins (a program's own prints) has neither time nor level.

use std::fmt::Write;

use super::record::{self, Record};

/// A record grows to this; what follows becomes a record of its own, so that a line without end cannot fill the memory.
pub const RECORD_LIMIT: usize = 1024 * 1024;

/// Gathers lines into records.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The lines of the record so far, each with its end.
    pending: Vec<u8>,
}

impl Assembler {
    /// Takes one line, or a piece of one that is too long; appends what has become complete.
    pub fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        if (record::may_begin(line) || self.pending.len() + line.len() > RECORD_LIMIT)
            && !self.pending.is_empty()
        {
            self.flush(to);
        }
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
    }

    /// Whether a record waits for its further lines.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// No further line of this record will come.
    pub fn flush(&mut self, to: &mut Vec<u8>) {
        if self.pending.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.pending);
        let text = text.trim_end_matches('\n');
        let (first, rest) = text.split_once('\n').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let object = match record::parse(first) {
            Some(record) => object(&record, rest),
            None => plain(text),
        };
        to.extend_from_slice(object.as_bytes());
        self.pending.clear();
        self.pending.shrink_to(4096);
    }
}

/// A record with the lines that belong to it.
pub fn object(record: &Record<'_>, rest: Option<&str>) -> String {
    let mut text = String::with_capacity(160 + record.message.len() + rest.map_or(0, str::len));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{{\"time\":\"{}Z\",\"pid\":{},\"level\":\"{}\",\"database\":",
        record.time.replacen(' ', "T", 1).replacen(',', ".", 1),
        record.pid,
        record.level
    );
    match record.database {
        Some(database) => quote(database, &mut text),
        None => text.push_str("null"),
    }
    text.push_str(",\"logger\":");
    quote(record.logger, &mut text);
    text.push_str(",\"message\":");
    match rest {
        Some(rest) => quote(&format!("{}\n{rest}", record.message), &mut text),
        None => quote(record.message, &mut text),
    }
    text.push_str("}\n");
    text
}

fn plain(message: &str) -> String {
    let mut text =
        "{\"time\":null,\"pid\":null,\"level\":null,\"database\":null,\"logger\":null,\"message\":"
            .to_owned();
    quote(message, &mut text);
    text.push_str("}\n");
    text
}

/// A JSON string (RFC 8259, section 7).
fn quote(value: &str, to: &mut String) {
    to.push('"');
    // What needs no escape goes over in one piece: nearly all of every line. All that needs one is ASCII.
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f)) {
        let (piece, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        to.push_str(piece);
        let mut chars = from.chars();
        match chars.next() {
            None => {}
            Some('"') => to.push_str("\\\""),
            Some('\\') => to.push_str("\\\\"),
            Some('\n') => to.push_str("\\n"),
            Some('\t') => to.push_str("\\t"),
            Some(c) => _ = write!(to, "\\u{:04x}", u32::from(c)),
        }
        rest = chars.as_str();
    }
    to.push_str(rest);
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assembled(lines: &[&[u8]]) -> Vec<serde_json::Value> {
        let (mut assembler, mut to) = (Assembler::default(), Vec::new());
        for line in lines {
            assembler.line(line, &mut to);
        }
        assembler.flush(&mut to);
        let text = String::from_utf8(to).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_traceback_is_one_record() {
        let records = assembled(&[
            b"2025-11-23 22:28:01,123 17 ERROR prod odoo.http: Exception ",
            b"Traceback (most recent call last):",
            b"  File \"a\"",
            b"ValueError: \xff \"x\"",
            b"2025-11-23 22:28:02,000 18 INFO ? werkzeug: GET / ",
        ]);
        assert_eq!(
            records,
            [
                serde_json::json!({
                    "time": "2025-11-23T22:28:01.123Z", "pid": 17, "level": "ERROR", "database": "prod", "logger": "odoo.http",
                    "message": "Exception\nTraceback (most recent call last):\n  File \"a\"\nValueError: \u{fffd} \"x\""
                }),
                serde_json::json!({
                    "time": "2025-11-23T22:28:02.000Z", "pid": 18, "level": "INFO", "database": null, "logger": "werkzeug",
                    "message": "GET /"
                }),
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_passed_on_and_cannot_fill_the_memory() {
        let records = assembled(&[b"a print"]);
        assert_eq!(
            (&records[0]["message"], &records[0]["level"]),
            (&"a print".into(), &serde_json::Value::Null)
        );
        let long = vec![b'x'; RECORD_LIMIT / 2 + 1];
        assert_eq!(assembled(&[&long, &long, &long]).len(), 3);
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut quoted = String::new();
            quote(&text, &mut quoted);
            prop_assert!(!quoted.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
