//! Every variable of this program, one record each. `--help` and "did you mean" come from here.

/// A connection setting: one variable, the option it stands for, and the names other images use for it.
#[derive(Debug)]
pub struct Connection {
    /// The variable.
    pub name: &'static str,
    /// Odoo's option.
    pub option: &'static str,
    /// What the image declares with `ENV`. A variable with exactly this value is a default, not a wish.
    pub default: &'static str,
    /// Asked after the variable, in this order.
    pub aliases: &'static [&'static str],
    /// Whether an empty value means something (`DB=`: none chosen, `PASSWORD=`: no password) or is no value.
    pub empty_counts: bool,
    /// One line for people.
    pub doc: &'static str,
}

/// The five connection settings, in the order of the documentation.
pub const CONNECTIONS: &[Connection] = &[
    Connection {
        name: "HOST",
        option: "db_host",
        default: "db",
        aliases: &["PGHOST", "DB_PORT_5432_TCP_ADDR"],
        empty_counts: false,
        doc: "PostgreSQL's host; a path is the folder of its unix socket",
    },
    Connection {
        name: "PORT",
        option: "db_port",
        default: "5432",
        aliases: &["PGPORT", "DB_PORT_5432_TCP_PORT"],
        empty_counts: false,
        doc: "PostgreSQL's port",
    },
    Connection {
        name: "USER",
        option: "db_user",
        default: "odoo",
        aliases: &["POSTGRES_USER", "PGUSER", "DB_ENV_POSTGRES_USER"],
        empty_counts: false,
        doc: "the database role; Odoo refuses `postgres`",
    },
    Connection {
        name: "PASSWORD",
        option: "db_password",
        default: "odoo",
        aliases: &["POSTGRES_PASSWORD", "PGPASSWORD", "DB_ENV_POSTGRES_PASSWORD"],
        empty_counts: true,
        doc: "its password; better: PASSWORD_FILE",
    },
    Connection {
        name: "DB",
        option: "db_name",
        default: "odoo",
        aliases: &["PGDATABASE"],
        empty_counts: true,
        doc: "the database; a comma list for several, empty for none",
    },
];

/// A variable of the supervisor itself.
#[derive(Debug)]
pub struct Variable {
    /// The whole name.
    pub name: &'static str,
    /// As it would be written; empty where the default is computed (`doc` says how).
    pub default: &'static str,
    /// One line for people: what it does and why the default.
    pub doc: &'static str,
}

const fn variable(name: &'static str, default: &'static str, doc: &'static str) -> Variable {
    Variable { name, default, doc }
}

/// The prefix of the supervisor's own variables; an unknown one is an error.
pub const PREFIX: &str = "ENTRYPOINT_";

/// The supervisor's own variables. The names without the prefix are the fields of [`super::raw::RawSettings`].
pub const VARIABLES: &[Variable] = &[
    variable("ENTRYPOINT_LISTEN", "[::]:8080", "address of the probes; [::] answers on IPv4 too"),
    variable(
        "ENTRYPOINT_WAIT_TIMEOUT",
        "5m",
        "how long to wait for PostgreSQL; 0 = one attempt, forever = no end",
    ),
    variable(
        "ENTRYPOINT_AUTH_GRACE",
        "5s",
        "how long a refusal is retried, since init scripts create roles late",
    ),
    variable("ENTRYPOINT_CREATE_DB", "true", "create a missing database"),
    variable(
        "ENTRYPOINT_ODOO_BIN",
        "",
        "Odoo's executable (default: the first odoo or odoo-bin on the PATH)",
    ),
    variable("ENTRYPOINT_RUNTIME_DIR", "", "folder of the rendered file (default: /run/odoo, else /tmp)"),
    variable("ENTRYPOINT_DRAIN_DELAY", "0", "unready for this long before Odoo is stopped"),
    variable(
        "ENTRYPOINT_STOP_TIMEOUT",
        "",
        "Odoo's grace after TERM (default: 15s threaded, limit_time_real + 5s prefork, 30s in an init)",
    ),
    variable(
        "ENTRYPOINT_ORCHESTRATOR_GRACE",
        "",
        "what the orchestrator gives a stop before it kills; shorter than ours is a warning",
    ),
    variable(
        "ENTRYPOINT_HANG_TIMEOUT",
        "",
        "no answer for this long is a hang: stacks, then a restart (default: limit_time_real + 60s; 0 = never)",
    ),
    variable("ENTRYPOINT_STARTING_PAGE", "on", "a page on Odoo's port until Odoo is started: on or off"),
    variable(
        "ENTRYPOINT_HOOKS_DIR",
        "/etc/odoo/entrypoint.d",
        "folder of pre-init/, pre-update/ and pre-start/, whose executables run then",
    ),
    variable(
        "ENTRYPOINT_TERMINATION_LOG",
        "/dev/termination-log",
        "file for the reason of an end, if it exists (terminationMessagePath)",
    ),
    variable("ENTRYPOINT_RESTART", "on-failure", "restart a crashed Odoo: on-failure, never or always"),
    variable("ENTRYPOINT_RESTART_LIMIT", "5/10m", "crashes within a time before giving up"),
    variable("ENTRYPOINT_LOG_LEVEL", "info", "the supervisor's own log: error, warn, info or debug"),
    variable("ENTRYPOINT_LOG_FORMAT", "text", "text, as Odoo writes it, or json, one object a record"),
];

/// `ODOO_*` variables that are neither options nor mistakes: Odoo reads them itself, or an image declares them.
pub const KNOWN_ODOO_VARIABLES: &[&str] = &[
    "ODOO_BUS_PUBLIC_SAMESITE_WS",
    "ODOO_FAKETIME_TEST_MODE",
    "ODOO_HTTP_SOCKET_TIMEOUT",
    "ODOO_INIT",
    "ODOO_LIMIT_LITEVAL_BUFFER",
    "ODOO_MAX_HTTP_THREADS",
    "ODOO_NOTIFY_CRON_CHANGES",
    "ODOO_NOTIFY_FUNCTION",
    "ODOO_NOTIFY_PAYLOAD_MAX_LENGTH",
    "ODOO_PGAPPNAME",
    "ODOO_PY_COLORS",
    "ODOO_RC",
    "ODOO_SFU_KEY",
    "ODOO_SFU_URL",
    "ODOO_SKIP_GC_SESSIONS",
    "ODOO_SOURCE",
    "ODOO_UPDATE",
    "ODOO_VERSION",
];
