//! Odoo 18.0's options: key in the file, flags, type, default, and where each may stand.
//!
//! The one place where they are known. Source: `odoo/tools/config.py` of 18.0 (the option groups of
//! `configmanager.__init__` and the two copy lists of `_parse_config`), and the few keys other files read with
//! `config.get()`.

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

const LOG_LEVELS: &[&str] = &[
    "info",
    "debug_rpc",
    "warn",
    "test",
    "critical",
    "runbot",
    "debug_sql",
    "error",
    "debug",
    "debug_rpc_answer",
    "notset",
];
const SSL_MODES: &[&str] = &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

const fn file(
    key: &'static str,
    flags: &'static [&'static str],
    kind: Kind,
    default: &'static str,
) -> OptionSpec {
    OptionSpec { key, flags, off: &[], kind, default, place: Place::File, secret: false }
}

const fn secret(key: &'static str, flags: &'static [&'static str], default: &'static str) -> OptionSpec {
    OptionSpec { key, flags, off: &[], kind: Text, default, place: Place::File, secret: true }
}

const fn off(key: &'static str, off: &'static [&'static str]) -> OptionSpec {
    OptionSpec { key, flags: &[], off, kind: Bool, default: "True", place: Place::File, secret: false }
}

const fn flag(
    key: &'static str,
    flags: &'static [&'static str],
    kind: Kind,
    default: &'static str,
) -> OptionSpec {
    OptionSpec { key, flags, off: &[], kind, default, place: Place::Flag, secret: false }
}

use Kind::{Bool, Choice, Float, Int, List, Text};

/// Every option, in the order in which the rendered file lists them.
pub const OPTIONS: &[OptionSpec] = &[
    // Database
    file("db_host", &["--db_host"], Text, "False"),
    file("db_port", &["--db_port"], Int, "False"),
    file("db_user", &["-r", "--db_user"], Text, "False"),
    secret("db_password", &["-w", "--db_password"], "False"),
    file("db_name", &["-d", "--database"], List, "False"),
    file("db_sslmode", &["--db_sslmode"], Choice(SSL_MODES), "prefer"),
    file("db_maxconn", &["--db_maxconn"], Int, "64"),
    file("db_maxconn_gevent", &["--db_maxconn_gevent"], Int, "False"),
    file("db_template", &["--db-template"], Text, "template0"),
    file("db_replica_host", &["--db_replica_host"], Text, "False"),
    file("db_replica_port", &["--db_replica_port"], Int, "False"),
    file("db_replica_user", &[], Text, ""),
    secret("db_replica_password", &[], ""),
    file("db_replica_sslmode", &[], Choice(SSL_MODES), ""),
    file("pg_path", &["--pg_path"], Text, "None"),
    file("unaccent", &["--unaccent"], Bool, "False"),
    // Files and addons
    file("data_dir", &["-D", "--data-dir"], Text, ""),
    file("addons_path", &["--addons-path"], List, ""),
    file("upgrade_path", &["--upgrade-path"], List, ""),
    file("pre_upgrade_scripts", &["--pre-upgrade-scripts"], List, ""),
    file("server_wide_modules", &["--load"], List, "base,web"),
    file("without_demo", &["--without-demo"], Text, "False"),
    file("import_partial", &["-P", "--import-partial"], Text, ""),
    file("load_language", &["--load-language"], List, ""),
    file("language", &["-l", "--language"], Text, ""),
    file("overwrite_existing_translations", &["--i18n-overwrite"], Bool, "False"),
    file("translate_out", &["--i18n-export"], Text, ""),
    file("translate_in", &["--i18n-import"], Text, ""),
    file("bin_path", &[], Text, ""),
    file("csv_internal_sep", &[], Text, ","),
    file("reportgz", &[], Bool, "False"),
    file("geoip_city_db", &["--geoip-city-db", "--geoip-db"], Text, "/usr/share/GeoIP/GeoLite2-City.mmdb"),
    file("geoip_country_db", &["--geoip-country-db"], Text, "/usr/share/GeoIP/GeoLite2-Country.mmdb"),
    file("pidfile", &["--pidfile"], Text, "None"),
    // HTTP
    off("http_enable", &["--no-http", "--no-xmlrpc"]),
    file("http_interface", &["--http-interface", "--xmlrpc-interface"], Text, ""),
    file("http_port", &["-p", "--http-port", "--xmlrpc-port"], Int, "8069"),
    file("gevent_port", &["--gevent-port"], Int, "8072"),
    file("proxy_mode", &["--proxy-mode"], Bool, "False"),
    file("x_sendfile", &["--x-sendfile"], Bool, "False"),
    file("dbfilter", &["--db-filter"], Text, ""),
    off("list_db", &["--no-database-list"]),
    secret("admin_passwd", &[], "admin"),
    file("websocket_keep_alive_timeout", &[], Int, "3600"),
    file("websocket_rate_limit_burst", &[], Int, "10"),
    file("websocket_rate_limit_delay", &[], Float, "0.2"),
    file("publisher_warranty_url", &[], Text, "http://services.odoo.com/publisher-warranty/"),
    // Processes and limits
    file("workers", &["--workers"], Int, "0"),
    file("max_cron_threads", &["--max-cron-threads"], Int, "2"),
    file("limit_memory_soft", &["--limit-memory-soft"], Int, "2147483648"),
    file("limit_memory_soft_gevent", &["--limit-memory-soft-gevent"], Int, "False"),
    file("limit_memory_hard", &["--limit-memory-hard"], Int, "2684354560"),
    file("limit_memory_hard_gevent", &["--limit-memory-hard-gevent"], Int, "False"),
    file("limit_time_cpu", &["--limit-time-cpu"], Int, "60"),
    file("limit_time_real", &["--limit-time-real"], Int, "120"),
    file("limit_time_real_cron", &["--limit-time-real-cron"], Int, "-1"),
    file("limit_time_worker_cron", &["--limit-time-worker-cron"], Int, "0"),
    file("limit_request", &["--limit-request"], Int, "65536"),
    file("osv_memory_count_limit", &["--osv-memory-count-limit"], Int, "0"),
    file("transient_age_limit", &["--transient-age-limit"], Float, "1.0"),
    file("registry_lru_size", &[], Int, ""),
    // Logs
    file("logfile", &["--logfile"], Text, "None"),
    file("syslog", &["--syslog"], Bool, "False"),
    file("log_level", &["--log-level"], Choice(LOG_LEVELS), "info"),
    file("log_handler", &["--log-handler"], List, ":INFO"),
    file("log_db", &["--log-db"], Text, "False"),
    file("log_db_level", &["--log-db-level"], Text, "warning"),
    // Mail
    file("email_from", &["--email-from"], Text, "False"),
    file("from_filter", &["--from-filter"], Text, "False"),
    file("smtp_server", &["--smtp"], Text, "localhost"),
    file("smtp_port", &["--smtp-port"], Int, "25"),
    file("smtp_ssl", &["--smtp-ssl"], Bool, "False"),
    file("smtp_user", &["--smtp-user"], Text, "False"),
    secret("smtp_password", &["--smtp-password"], "False"),
    file("smtp_ssl_certificate_filename", &["--smtp-ssl-certificate-filename"], Text, "False"),
    file("smtp_ssl_private_key_filename", &["--smtp-ssl-private-key-filename"], Text, "False"),
    // Tests and development
    file("test_file", &["--test-file"], Text, "False"),
    file("test_tags", &["--test-tags"], Text, "None"),
    file("screencasts", &["--screencasts"], Text, "None"),
    file("screenshots", &["--screenshots"], Text, ""),
    file("shell_interface", &["--shell-interface"], Text, "None"),
    // What the file cannot say
    flag("stop_after_init", &["--stop-after-init"], Bool, "False"),
    flag("dev_mode", &["--dev"], List, ""),
    flag("test_enable", &["--test-enable"], Bool, "False"),
    flag("translate_modules", &["--modules"], List, "all"),
    flag("init", &["-i", "--init"], List, ""),
    flag("update", &["-u", "--update"], List, ""),
    flag("config", &["-c", "--config"], Text, ""),
    flag("save", &["-s", "--save"], Bool, "False"),
    OptionSpec {
        key: "root_path",
        flags: &[],
        off: &[],
        kind: Text,
        default: "",
        place: Place::Computed,
        secret: false,
    },
];

/// Flags that Odoo turns into entries of `log_handler`: name and entry. They take no value.
pub const LOG_SHORTHANDS: &[(&str, &str)] =
    &[("--log-web", "odoo.http:DEBUG"), ("--log-sql", "odoo.sql_db:DEBUG")];

/// Old names that Odoo still maps in the file (`configmanager.load`).
const OUTDATED: &[(&str, &str)] =
    &[("xmlrpc_port", "http_port"), ("xmlrpc_interface", "http_interface"), ("xmlrpc", "http_enable")];

/// The option of that key, or `None` for keys that are not Odoo's.
pub fn find(key: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.key == key)
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
            assert!(option.off.is_empty() || option.kind == Bool, "{} cannot be switched off", option.key);
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
