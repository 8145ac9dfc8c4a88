//! The options themselves, in the order in which the rendered file lists them.

use super::Kind::{self, Bool, Choice, Float, Int, List, Text};
use super::{OptionSpec, Place};

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
    doc: &'static str,
    flags: &'static [&'static str],
    kind: Kind,
    default: &'static str,
) -> OptionSpec {
    OptionSpec { key, doc, flags, off: &[], kind, default, place: Place::File, secret: false }
}

const fn secret(
    key: &'static str,
    doc: &'static str,
    flags: &'static [&'static str],
    default: &'static str,
) -> OptionSpec {
    OptionSpec { key, doc, flags, off: &[], kind: Text, default, place: Place::File, secret: true }
}

const fn off(key: &'static str, doc: &'static str, off: &'static [&'static str]) -> OptionSpec {
    OptionSpec { key, doc, flags: &[], off, kind: Bool, default: "True", place: Place::File, secret: false }
}

const fn flag(
    key: &'static str,
    doc: &'static str,
    flags: &'static [&'static str],
    kind: Kind,
    default: &'static str,
) -> OptionSpec {
    OptionSpec { key, doc, flags, off: &[], kind, default, place: Place::Flag, secret: false }
}

/// A key that Odoo computes, or fails on: `Registry.registries` compares `registry_lru_size` with a number, and a file has
/// only texts.
const fn nowhere(key: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec {
        key,
        doc,
        flags: &[],
        off: &[],
        kind: Text,
        default: "",
        place: Place::Computed,
        secret: false,
    }
}

/// Every option, in the order in which the rendered file lists them.
pub const OPTIONS: &[OptionSpec] = &[
    // Database
    file(
        "db_host",
        "PostgreSQL's host, or the folder of its unix socket; HOST is its short name",
        &["--db_host"],
        Text,
        "False",
    ),
    file("db_port", "PostgreSQL's port; PORT is its short name", &["--db_port"], Int, "False"),
    file("db_user", "the database role; USER is its short name", &["-r", "--db_user"], Text, "False"),
    secret(
        "db_password",
        "the role's password; PASSWORD is its short name",
        &["-w", "--db_password"],
        "False",
    ),
    file(
        "db_name",
        "the databases that are served; DB is its short name",
        &["-d", "--database"],
        List,
        "False",
    ),
    file(
        "db_sslmode",
        "how much TLS is demanded of PostgreSQL, in libpq's words",
        &["--db_sslmode"],
        Choice(SSL_MODES),
        "prefer",
    ),
    file("db_maxconn", "connections that one process may hold", &["--db_maxconn"], Int, "64"),
    file(
        "db_maxconn_gevent",
        "the same for the websocket process; unset follows db_maxconn",
        &["--db_maxconn_gevent"],
        Int,
        "False",
    ),
    file("db_template", "template of databases that are created", &["--db-template"], Text, "template0"),
    file(
        "db_replica_host",
        "host of a read-only replica; empty means the default socket",
        &["--db_replica_host"],
        Text,
        "False",
    ),
    file("db_replica_port", "port of the read-only replica", &["--db_replica_port"], Int, "False"),
    file("db_replica_user", "role on the replica; unset follows db_user", &[], Text, ""),
    secret("db_replica_password", "password on the replica; unset follows db_password", &[], ""),
    file(
        "db_replica_sslmode",
        "TLS towards the replica; unset follows db_sslmode",
        &[],
        Choice(SSL_MODES),
        "",
    ),
    file("pg_path", "folder of pg_dump, pg_restore and psql", &["--pg_path"], Text, "None"),
    file("unaccent", "use unaccent in databases that are created", &["--unaccent"], Bool, "False"),
    // Files and addons
    file(
        "data_dir",
        "folder of attachments and sessions; a volume, shared by all replicas",
        &["-D", "--data-dir"],
        Text,
        "",
    ),
    file("addons_path", "folders of modules; unset means they are discovered", &["--addons-path"], List, ""),
    file("upgrade_path", "folders of additional migration scripts", &["--upgrade-path"], List, ""),
    file(
        "pre_upgrade_scripts",
        "scripts that run before any module is upgraded",
        &["--pre-upgrade-scripts"],
        List,
        "",
    ),
    file("server_wide_modules", "modules that are loaded without a database", &["--load"], List, "base,web"),
    file(
        "without_demo",
        "any value but False installs modules without demo data",
        &["--without-demo"],
        Text,
        "False",
    ),
    file("import_partial", "file with the state of a large import", &["-P", "--import-partial"], Text, ""),
    file(
        "load_language",
        "languages to load at the first start, such as fr_FR,nl_BE",
        &["--load-language"],
        List,
        "",
    ),
    file("language", "language of a translation export or import", &["-l", "--language"], Text, ""),
    file(
        "overwrite_existing_translations",
        "translations of an update replace those of users",
        &["--i18n-overwrite"],
        Bool,
        "False",
    ),
    file(
        "translate_out",
        "file to export translations to; better as a flag of one run",
        &["--i18n-export"],
        Text,
        "",
    ),
    file(
        "translate_in",
        "file to import translations from; better as a flag of one run",
        &["--i18n-import"],
        Text,
        "",
    ),
    file("bin_path", "folder that is searched first for wkhtmltopdf and its like", &[], Text, ""),
    file("csv_internal_sep", "separator of CSV data files", &[], Text, ","),
    file("reportgz", "compress reports", &[], Bool, "False"),
    file(
        "geoip_city_db",
        "GeoIP database of cities",
        &["--geoip-city-db", "--geoip-db"],
        Text,
        "/usr/share/GeoIP/GeoLite2-City.mmdb",
    ),
    file(
        "geoip_country_db",
        "GeoIP database of countries",
        &["--geoip-country-db"],
        Text,
        "/usr/share/GeoIP/GeoLite2-Country.mmdb",
    ),
    file("pidfile", "file for the process id; leave it unset in a container", &["--pidfile"], Text, "None"),
    // HTTP
    off("http_enable", "serve HTTP", &["--no-http", "--no-xmlrpc"]),
    file(
        "http_interface",
        "address that Odoo binds; empty is every IPv4 address",
        &["--http-interface", "--xmlrpc-interface"],
        Text,
        "",
    ),
    file(
        "http_port",
        "port of pages, and in threaded mode of the websocket",
        &["-p", "--http-port", "--xmlrpc-port"],
        Int,
        "8069",
    ),
    file("gevent_port", "port of the websocket in prefork mode", &["--gevent-port"], Int, "8072"),
    file("proxy_mode", "trust X-Forwarded-* of the one proxy in front", &["--proxy-mode"], Bool, "False"),
    file("x_sendfile", "let the web server send attachments", &["--x-sendfile"], Bool, "False"),
    file(
        "dbfilter",
        "regular expression for the databases of a host; %h and %d stand for it",
        &["--db-filter"],
        Text,
        "",
    ),
    off("list_db", "list databases and allow the database manager", &["--no-database-list"]),
    secret(
        "admin_passwd",
        "master password of the database manager; a text is hashed, a hash is taken as it is",
        &[],
        "admin",
    ),
    file("websocket_keep_alive_timeout", "seconds until a websocket is renewed", &[], Int, "3600"),
    file("websocket_rate_limit_burst", "messages that a websocket may send at once", &[], Int, "10"),
    file("websocket_rate_limit_delay", "seconds between a websocket's messages", &[], Float, "0.2"),
    file(
        "publisher_warranty_url",
        "address of the publisher's warranty service",
        &[],
        Text,
        "http://services.odoo.com/publisher-warranty/",
    ),
    // Processes and limits
    file(
        "workers",
        "processes for HTTP; 0 is threaded mode; auto follows the container's limits",
        &["--workers"],
        Int,
        "0",
    ),
    file(
        "max_cron_threads",
        "threads or processes for scheduled actions; 0 for none",
        &["--max-cron-threads"],
        Int,
        "2",
    ),
    file(
        "limit_memory_soft",
        "bytes of virtual memory after which a worker is replaced",
        &["--limit-memory-soft"],
        Int,
        "2147483648",
    ),
    file(
        "limit_memory_soft_gevent",
        "the same for the websocket process; unset follows it",
        &["--limit-memory-soft-gevent"],
        Int,
        "False",
    ),
    file(
        "limit_memory_hard",
        "bytes of virtual memory that no worker gets",
        &["--limit-memory-hard"],
        Int,
        "2684354560",
    ),
    file(
        "limit_memory_hard_gevent",
        "the same for the websocket process; unset follows it",
        &["--limit-memory-hard-gevent"],
        Int,
        "False",
    ),
    file("limit_time_cpu", "seconds of CPU for a request (prefork)", &["--limit-time-cpu"], Int, "60"),
    file("limit_time_real", "seconds for a request", &["--limit-time-real"], Int, "120"),
    file(
        "limit_time_real_cron",
        "seconds for a scheduled action; -1 follows limit_time_real, 0 is none",
        &["--limit-time-real-cron"],
        Int,
        "-1",
    ),
    file(
        "limit_time_worker_cron",
        "seconds after which a cron worker is replaced; 0 is never",
        &["--limit-time-worker-cron"],
        Int,
        "0",
    ),
    file(
        "limit_request",
        "requests after which a worker is replaced (prefork)",
        &["--limit-request"],
        Int,
        "65536",
    ),
    file(
        "osv_memory_count_limit",
        "records kept of a transient model; 0 is no limit",
        &["--osv-memory-count-limit"],
        Int,
        "0",
    ),
    file(
        "transient_age_limit",
        "hours that records of a transient model are kept",
        &["--transient-age-limit"],
        Float,
        "1.0",
    ),
    // Logs
    file("logfile", "file for the log; leave it unset in a container", &["--logfile"], Text, "None"),
    file("syslog", "log to syslog", &["--syslog"], Bool, "False"),
    file("log_level", "how much Odoo logs", &["--log-level"], Choice(LOG_LEVELS), "info"),
    file("log_handler", "levels by logger, such as odoo.sql_db:DEBUG", &["--log-handler"], List, ":INFO"),
    file("log_db", "database that the log is written to as well", &["--log-db"], Text, "False"),
    file("log_db_level", "least level that is written there", &["--log-db-level"], Text, "warning"),
    // Mail
    file("email_from", "sender of mail that names none", &["--email-from"], Text, "False"),
    file("from_filter", "senders that the mail server accepts", &["--from-filter"], Text, "False"),
    file("smtp_server", "mail server", &["--smtp"], Text, "localhost"),
    file("smtp_port", "port of the mail server", &["--smtp-port"], Int, "25"),
    file("smtp_ssl", "STARTTLS towards the mail server", &["--smtp-ssl"], Bool, "False"),
    file("smtp_user", "account on the mail server", &["--smtp-user"], Text, "False"),
    secret("smtp_password", "password on the mail server", &["--smtp-password"], "False"),
    file(
        "smtp_ssl_certificate_filename",
        "client certificate for the mail server",
        &["--smtp-ssl-certificate-filename"],
        Text,
        "False",
    ),
    file(
        "smtp_ssl_private_key_filename",
        "key of that certificate",
        &["--smtp-ssl-private-key-filename"],
        Text,
        "False",
    ),
    // Tests and development
    file("test_file", "Python file with tests to run", &["--test-file"], Text, "False"),
    file("test_tags", "tests to run, such as /module:Class.method", &["--test-tags"], Text, "None"),
    file("screencasts", "folder for screencasts of browser tests", &["--screencasts"], Text, "None"),
    file("screenshots", "folder for screenshots of failed browser tests", &["--screenshots"], Text, ""),
    file("shell_interface", "Python shell that `odoo shell` prefers", &["--shell-interface"], Text, "None"),
    // What the file cannot say
    flag("stop_after_init", "end when everything is loaded", &["--stop-after-init"], Bool, "False"),
    flag("dev_mode", "developers' features, such as reload or xml", &["--dev"], List, ""),
    flag("test_enable", "run the tests of what is installed", &["--test-enable"], Bool, "False"),
    flag("translate_modules", "modules of a translation export", &["--modules"], List, "all"),
    flag(
        "init",
        "modules to install; ODOO_INIT does it once among all replicas",
        &["-i", "--init"],
        List,
        "",
    ),
    flag(
        "update",
        "modules to update; ODOO_UPDATE does it once among all replicas",
        &["-u", "--update"],
        List,
        "",
    ),
    flag("config", "the base file; ODOO_RC as a variable", &["-c", "--config"], Text, ""),
    flag("save", "write the options back into the file; refused", &["-s", "--save"], Bool, "False"),
    nowhere("registry_lru_size", "registries kept in memory; Odoo fails on a text there"),
    nowhere("root_path", "where Odoo is installed"),
];
