//! `odoo.conf`: read as Odoo 18 reads it, and rendered so that Odoo reads back exactly what was meant.
//!
//! Odoo's dialect is Python's `configparser.RawConfigParser` with its defaults (`odoo/tools/config.py`, `load`):
//! `=` or `:` separates, keys are lower-cased, `#` and `;` start comment lines only, deeper indented lines go on with
//! the value above, a key or a section that stands twice is an error, and `[DEFAULT]` is inherited by every section.
//! What Python raises a traceback for at import is a [`SyntaxError`] with line and column here.

use std::fmt::Write as _;

/// Where and why the text is not an `odoo.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub message: String,
}

/// One key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Lower-cased, as Odoo stores it.
    pub key: String,
    /// Without blanks around it; lines joined by `\n`.
    pub value: String,
    /// The line of the key, counted from 1.
    pub line: usize,
}

/// One section, `[DEFAULT]` already folded in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Case-sensitive, as it stands between the brackets.
    pub name: String,
    /// In the file's order, inherited ones first.
    pub entries: Vec<Entry>,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Every section but `[DEFAULT]`, in the file's order.
    pub sections: Vec<Section>,
}

impl Document {
    /// The entries of `[options]`; empty where the section is missing, which Odoo takes in silence.
    pub fn options(&self) -> &[Entry] {
        self.sections.iter().find(|section| section.name == "options").map_or(&[], |section| &section.entries)
    }
}

/// A section under construction: the lines of each value are joined at the end.
struct Open {
    name: String,
    entries: Vec<(String, Vec<String>, usize)>,
}

/// Reads a file. Pure; `bytes` is the whole file.
///
/// # Errors
/// The first thing that Python's parser would refuse, or that is not UTF-8 (Odoo opens the file with the locale's
/// encoding, which is UTF-8 in every image).
pub fn parse(bytes: &[u8]) -> Result<Document, SyntaxError> {
    let text = decode(bytes)?;
    if text.starts_with('\u{feff}') {
        return Err(SyntaxError {
            line: 1,
            column: 1,
            message: "a byte order mark stands before the first section".to_owned(),
        });
    }
    // Python opens the file with universal newlines and then splits at `\n` alone.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut sections: Vec<Open> = Vec::new();
    let mut current: Option<usize> = None;
    let mut in_value = false;
    let mut indent = 0;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let value = line.trim_matches(blank);
        if value.starts_with(['#', ';']) {
            continue;
        }
        if value.is_empty() {
            if in_value && let Some(lines) = last_value(&mut sections, current) {
                lines.push(String::new());
            }
            continue;
        }
        let line_indent = line.chars().take_while(|c| blank(*c)).count();
        if in_value
            && line_indent > indent
            && let Some(lines) = last_value(&mut sections, current)
        {
            lines.push(value.to_owned());
            continue;
        }
        indent = line_indent;
        let error = |message: String| SyntaxError { line: number, column: line_indent + 1, message };
        if let Some(name) = section_header(value) {
            in_value = false;
            current = Some(match sections.iter().position(|section| section.name == name) {
                Some(known) if name == "DEFAULT" => known,
                Some(_) => return Err(error(format!("the section [{name}] stands twice"))),
                None => {
                    sections.push(Open { name: name.to_owned(), entries: Vec::new() });
                    sections.len() - 1
                }
            });
            continue;
        }
        let Some(section) = current.and_then(|index| sections.get_mut(index)) else {
            return Err(error("there is text before the first [section]".to_owned()));
        };
        let Some(separator) = value.find(['=', ':']) else {
            return Err(error("neither a [section], nor `key = value`".to_owned()));
        };
        let key = value[..separator].trim_end_matches(blank).to_lowercase();
        if key.is_empty() {
            return Err(error("there is no key before the separator".to_owned()));
        }
        if section.entries.iter().any(|(known, ..)| *known == key) {
            return Err(error(format!("the key {key} stands twice in [{}]", section.name)));
        }
        let first = value[separator + 1..].trim_matches(blank).to_owned();
        section.entries.push((key, vec![first], number));
        in_value = true;
    }
    Ok(close(sections))
}

fn decode(bytes: &[u8]) -> Result<&str, SyntaxError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let good = String::from_utf8_lossy(good);
        let line = good.rsplit('\n').next().unwrap_or_default();
        SyntaxError {
            line: good.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message: format!("the byte 0x{:02x} is not UTF-8", bad.first().copied().unwrap_or_default()),
        }
    })
}

/// Python's `str.isspace`, which counts four separators that Unicode's `White_Space` does not.
fn blank(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `\[(?P<header>.+)\]`, matched at the start and greedy: what follows the last bracket is ignored.
fn section_header(value: &str) -> Option<&str> {
    let rest = value.strip_prefix('[')?;
    let end = rest.rfind(']')?;
    (end > 0).then(|| &rest[..end])
}

fn last_value(sections: &mut [Open], current: Option<usize>) -> Option<&mut Vec<String>> {
    sections.get_mut(current?)?.entries.last_mut().map(|(_, lines, _)| lines)
}

fn close(sections: Vec<Open>) -> Document {
    let mut inherited = Vec::new();
    let mut closed = Vec::new();
    for section in sections {
        let entries: Vec<Entry> = section
            .entries
            .into_iter()
            .map(|(key, lines, line)| Entry {
                key,
                value: lines.join("\n").trim_end_matches(blank).to_owned(),
                line,
            })
            .collect();
        if section.name == "DEFAULT" {
            inherited = entries;
        } else {
            closed.push(Section { name: section.name, entries });
        }
    }
    if !inherited.is_empty() {
        for section in &mut closed {
            let own = std::mem::take(&mut section.entries);
            section.entries = inherited
                .iter()
                .filter(|entry| own.iter().all(|other| other.key != entry.key))
                .cloned()
                .collect();
            section.entries.extend(own);
        }
    }
    Document { sections: closed }
}

/// Renders sections as text that [`parse`], and Python, read back unchanged.
///
/// The caller vouches for keys and for values without `\r`, NUL or blanks at their ends ([`unrepresentable`] tells).
pub fn render<'a, S, E>(sections: S) -> String
where
    S: IntoIterator<Item = (&'a str, E)>,
    E: IntoIterator<Item = (&'a str, &'a str)>,
{
    let mut text = String::new();
    for (name, entries) in sections {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[{name}]");
        for (key, value) in entries {
            let mut lines = value.split('\n');
            let _ = writeln!(text, "{key} = {}", lines.next().unwrap_or_default());
            for line in lines {
                if line.is_empty() {
                    text.push('\n');
                } else {
                    let _ = writeln!(text, "    {line}");
                }
            }
        }
    }
    text
}

/// Why a value can stand in no file of this kind, libpq's password file included, or `None` when it can.
pub fn unspeakable(value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        Some("it holds a NUL byte, which no configuration file can hold")
    } else if value.contains(['\n', '\r']) {
        Some("it holds a line break, which odoo.conf cannot hold")
    } else {
        None
    }
}

/// Why a value from outside cannot stand in the file, or `None` when it can.
pub fn unrepresentable(value: &str) -> Option<&'static str> {
    if let Some(why) = unspeakable(value) {
        Some(why)
    } else if value.trim_matches(blank) != value {
        Some("it begins or ends with a blank, which Odoo strips when it reads odoo.conf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<(String, String)> {
        let document = parse(text.as_bytes()).unwrap();
        document.options().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
    }

    fn error(text: &str) -> (usize, usize, String) {
        let error = parse(text.as_bytes()).unwrap_err();
        (error.line, error.column, error.message)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn values_are_literal_but_for_the_blanks_around_them() {
        assert_eq!(
            options("[options]\nDb_Password: a#b;c%d=e:f\nlist_db = \"False\" ; no comment\nempty =\n"),
            [
                pair("db_password", "a#b;c%d=e:f"),
                pair("list_db", "\"False\" ; no comment"),
                pair("empty", "")
            ]
        );
    }

    #[test]
    fn deeper_lines_go_on_with_the_value_and_comments_do_not_end_it() {
        assert_eq!(
            options("[options]\naddons_path = /a,\n  /b,\n# a comment\n\n  /c\nworkers = 2\n"),
            [pair("addons_path", "/a,\n/b,\n\n/c"), pair("workers", "2")]
        );
    }

    #[test]
    fn the_default_section_is_inherited() {
        assert_eq!(
            options("[DEFAULT]\nworkers = 1\nproxy_mode = True\n[options]\nworkers = 4\n"),
            [pair("proxy_mode", "True"), pair("workers", "4")]
        );
    }

    #[test]
    fn what_python_refuses_has_a_place() {
        assert_eq!(error("a = 1\n").0, 1);
        assert_eq!(
            error("[options]\na = 1\n  [x]\nA = 2\n"),
            (4, 1, "the key a stands twice in [options]".to_owned())
        );
        assert_eq!(
            error("[options]\n\n\n   nonsense\n"),
            (4, 4, "neither a [section], nor `key = value`".to_owned())
        );
        assert_eq!(error("[a]\n[a]\n").2, "the section [a] stands twice");
        assert_eq!(error("[options]\n= 3\n").2, "there is no key before the separator");
        assert_eq!(error("\u{feff}[options]\n").2, "a byte order mark stands before the first section");
        let bad = parse(b"[options]\nab = \xff\n").unwrap_err();
        assert_eq!((bad.line, bad.column), (2, 6));
    }

    #[test]
    fn a_rendered_file_reads_back_unchanged() {
        let text = render([
            ("options", vec![("addons_path", "/a,\n/b,\n\n/c"), ("db_password", "#;%='\"")]),
            ("queue_job", vec![("channels", "root:2")]),
        ]);
        assert_eq!(
            text,
            "[options]\naddons_path = /a,\n    /b,\n\n    /c\ndb_password = #;%='\"\n\n[queue_job]\nchannels = root:2\n"
        );
        assert_eq!(options(&text), [pair("addons_path", "/a,\n/b,\n\n/c"), pair("db_password", "#;%='\"")]);
    }

    #[test]
    fn some_values_cannot_stand_in_the_file() {
        assert!(unrepresentable("a\nb").is_some());
        assert!(unrepresentable(" a").is_some());
        assert!(unrepresentable("a\0").is_some());
        assert!(unrepresentable("a b").is_none());
    }
}
