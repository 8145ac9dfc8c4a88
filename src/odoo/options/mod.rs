//! Odoo 18.0's options: key in the file, flags, type, default, and where each may stand.
//!
//! The one place where they are known. Source: `odoo/tools/config.py` of 18.0 (the option groups of
//! `configmanager.__init__` and the two copy lists of `_parse_config`), and the few keys other files read with
//! `config.get()`.

mod table;

pub use self::table::OPTIONS;

/// How Odoo reads the value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Taken as it is. `True` and `False` alone become booleans, for every kind.
    Text,
    /// A switch. In the file only `True`/`true`/`False`/`false` are booleans; any other text is true.
    Bool,
    /// `optparse`'s integer: decimal, `0x`, `0b`, a leading `0` is octal.
    Int,
    /// A decimal fraction.
    Float,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Comma-separated, without blanks.
    List,
}

/// Where a value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, and as a flag if it has one.
    File,
    /// As a flag only; the file is not asked.
    Flag,
    /// Nowhere: Odoo computes it.
    Computed,
}

/// One option.
#[derive(Debug)]
pub struct OptionSpec {
    /// The key in `[options]`.
    pub key: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Flags that take a value, or switch [`Kind::Bool`] on. [`OptionSpec::off`] holds those that switch it off.
    pub flags: &'static [&'static str],
    /// Flags that mean `False` (`--no-http`).
    pub off: &'static [&'static str],
    /// The type.
    pub kind: Kind,
    /// Odoo's own default as it would stand in a file; empty where it is computed or `''`.
    pub default: &'static str,
    /// Where it may stand.
    pub place: Place,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// Flags that Odoo turns into entries of `log_handler`: name and entry. They take no value.
pub const LOG_SHORTHANDS: &[(&str, &str)] =
    &[("--log-web", "odoo.http:DEBUG"), ("--log-sql", "odoo.sql_db:DEBUG")];

/// Old names that Odoo still maps in the file (`configmanager.load`).
const OUTDATED: &[(&str, &str)] =
    &[("xmlrpc_port", "http_port"), ("xmlrpc_interface", "http_interface"), ("xmlrpc", "http_enable")];

/// Names of old that Odoo reads once more and warns of (`configmanager._warn_deprecated_options`), and those of today.
const DEPRECATED: &[(&str, &str)] = &[
    ("geoip_database", "geoip_city_db"),
    ("osv_memory_age_limit", "transient_age_limit"),
    ("longpolling_port", "gevent_port"),
];

/// Today's name of a key that Odoo is giving up.
pub fn successor(key: &str) -> Option<&'static str> {
    DEPRECATED.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
}

/// The option of that key, or `None` for keys that are not Odoo's.
pub fn find(key: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.key == key)
}

/// Whether a key's value must not be shown: it is a secret of Odoo's, or the name says so for a module's.
pub fn is_secret(key: &str) -> bool {
    if let Some(option) = find(key) {
        return option.secret;
    }
    let key = key.to_lowercase();
    let words = ["pass", "pwd", "secret", "token", "credential", "private", "dsn", "apikey"];
    words.iter().any(|word| key.contains(word)) || key == "key" || key.ends_with("_key")
}

/// The key Odoo stores a file's key under.
pub fn current_name(key: &str) -> &str {
    OUTDATED.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| new)
}

/// Whether Odoo takes the text of a file as true: only these four spellings are booleans, the rest is a text, and a
/// text is true unless it is empty (`config.py`, `load`).
pub fn truthy(text: &str) -> bool {
    match text {
        "True" | "true" => true,
        "False" | "false" => false,
        other => !other.is_empty(),
    }
}

/// Reads an integer as `optparse` does: `0x10` is 16, `010` is 8, `1_000` is 1000, and `08` is an error.
pub fn odoo_integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = if let Some(hex) = lower.strip_prefix("0x") {
        (hex, 16)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (if binary.is_empty() { "0" } else { binary }, 2)
    } else if lower.starts_with('0') {
        (lower.strip_prefix("0o").unwrap_or(&lower), 8)
    } else {
        (lower.as_str(), 10)
    };
    let well_grouped = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if !well_grouped || (radix != 10 && digits.starts_with(['+', '-'])) {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_and_flags_are_unique() {
        let mut keys = HashSet::new();
        let mut flags = HashSet::new();
        for option in OPTIONS {
            assert!(keys.insert(option.key), "{} stands twice", option.key);
            for flag in option.flags.iter().chain(option.off) {
                assert!(flags.insert(flag), "{flag} stands twice");
            }
            assert!(
                option.off.is_empty() || option.kind == Kind::Bool,
                "{} cannot be switched off",
                option.key
            );
        }
    }

    #[test]
    fn integers_are_read_as_optparse_reads_them() {
        // Figures taken from CPython 3.11's optparse.
        for (text, value) in
            [("10", 10), ("010", 8), ("0x10", 16), ("0b11", 3), ("1_000", 1000), ("0", 0), ("-1", -1)]
        {
            assert_eq!(odoo_integer(text), Some(value), "{text}");
        }
        for text in ["08069", "", "False", "1.0", "abc", "1__0"] {
            assert_eq!(odoo_integer(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_true_unless_empty_or_false() {
        assert!(truthy("no") && truthy("0") && truthy("TRUE") && truthy("true"));
        assert!(!truthy("False") && !truthy("false") && !truthy(""));
    }
}
