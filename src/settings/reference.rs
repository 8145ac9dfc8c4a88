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
    /// A value as it might be written.
    pub example: &'static str,
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
        example: "postgres.internal",
    },
    Connection {
        name: "PORT",
        option: "db_port",
        default: "5432",
        aliases: &["PGPORT", "DB_PORT_5432_TCP_PORT"],
        empty_counts: false,
        doc: "PostgreSQL's port",
        example: "5433",
    },
    Connection {
        name: "USER",
        option: "db_user",
        default: "odoo",
        aliases: &["POSTGRES_USER", "PGUSER", "DB_ENV_POSTGRES_USER"],
        empty_counts: false,
        doc: "the database role; Odoo refuses `postgres`",
        example: "erp",
    },
    Connection {
        name: "PASSWORD",
        option: "db_password",
        default: "odoo",
        aliases: &["POSTGRES_PASSWORD", "PGPASSWORD", "DB_ENV_POSTGRES_PASSWORD"],
        empty_counts: true,
        doc: "its password; better: PASSWORD_FILE",
        example: "",
    },
    Connection {
        name: "DB",
        option: "db_name",
        default: "odoo",
        aliases: &["PGDATABASE"],
        empty_counts: true,
        doc: "the database; a comma list for several, empty for none",
        example: "production",
    },
];

/// A variable of the supervisor itself.
#[derive(Debug)]
pub struct Variable {
    /// The whole name.
    pub name: &'static str,
    /// As it would be written; empty where the default is computed (`doc` says how).
    pub default: &'static str,
    /// What it does, in one line for people.
    pub doc: &'static str,
    /// Why the default is what it is.
    pub why: &'static str,
    /// A value as it might be written.
    pub example: &'static str,
}

/// The prefix of the supervisor's own variables; an unknown one is an error.
pub const PREFIX: &str = "ENTRYPOINT_";

/// The supervisor's own variables. The names without the prefix are the fields of [`super::raw::RawSettings`].
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "ENTRYPOINT_LISTEN",
        default: "[::]:8080",
        doc: "address of the probes; [::] answers on IPv4 too",
        why: "Odoo has 8069 and 8072",
        example: "127.0.0.1:9000",
    },
    Variable {
        name: "ENTRYPOINT_WAIT_TIMEOUT",
        default: "5m",
        doc: "how long to wait for PostgreSQL; 0 = one attempt, forever = no end",
        why: "a large cluster that recovers from a crash takes minutes",
        example: "forever",
    },
    Variable {
        name: "ENTRYPOINT_AUTH_GRACE",
        default: "5s",
        doc: "how long a refusal (password, missing database) is retried",
        why: "init scripts create roles and databases a little after the server is up",
        example: "30s",
    },
    Variable {
        name: "ENTRYPOINT_CREATE_DB",
        default: "true",
        doc: "create a missing database, if the role may",
        why: "a first start needs no step by hand; production manifests say false",
        example: "false",
    },
    Variable {
        name: "ENTRYPOINT_STRICT",
        default: "false",
        doc: "refuse the public default password and a superuser's role, instead of a warning",
        why: "a first try on one's own machine has both",
        example: "true",
    },
    Variable {
        name: "ENTRYPOINT_CE_ONLY",
        default: "false",
        doc: "refuse modules that are not for the Community Edition",
        why: "who has a subscription may mount what it covers",
        example: "true",
    },
    Variable {
        name: "ENTRYPOINT_EXTRA_ADDONS",
        default: "/mnt/extra-addons",
        doc: "folder of one's own modules",
        why: "the official image's place",
        example: "/srv/addons",
    },
    Variable {
        name: "ENTRYPOINT_OCA_ADDONS",
        default: "/mnt/oca-addons",
        doc: "folder of repositories, each with modules",
        why: "where the deployments mount them",
        example: "/srv/oca",
    },
    Variable {
        name: "ENTRYPOINT_BAKED_ADDONS",
        default: "auto",
        doc: "auto takes a folder that is mounted over the image's modules; require refuses it",
        why: "developers mount their working tree there",
        example: "require",
    },
    Variable {
        name: "ENTRYPOINT_BAKED_COPY",
        default: "/usr/share/odoo-ce/addons",
        doc: "the image's second copy of its modules, for when an old volume hides the first",
        why: "where the image has it",
        example: "/opt/addons",
    },
    Variable {
        name: "ENTRYPOINT_ODOO_BIN",
        default: "",
        doc: "Odoo's executable; unset: the first odoo or odoo-bin on the PATH that is not this program",
        why: "every image of Odoo has one of them there",
        example: "/opt/odoo/odoo-bin",
    },
    Variable {
        name: "ENTRYPOINT_RUNTIME_DIR",
        default: "",
        doc: "folder of the rendered file; unset: /run/odoo, else /tmp",
        why: "both are memory in the shipped manifests",
        example: "/dev/shm",
    },
    Variable {
        name: "ENTRYPOINT_DRAIN_DELAY",
        default: "0",
        doc: "unready for this long before Odoo is told to stop",
        why: "only a load balancer that polls needs it",
        example: "5s",
    },
    Variable {
        name: "ENTRYPOINT_STOP_TIMEOUT",
        default: "",
        doc: "Odoo's grace after TERM; unset: 15s threaded, limit_time_real + 5s prefork, 30s in an init",
        why: "what Odoo itself gives its requests",
        example: "60s",
    },
    Variable {
        name: "ENTRYPOINT_ORCHESTRATOR_GRACE",
        default: "",
        doc: "what the orchestrator gives a stop before it kills; shorter than ours is a warning",
        why: "only the manifests know it",
        example: "120s",
    },
    Variable {
        name: "ENTRYPOINT_HANG_TIMEOUT",
        default: "",
        doc: "no answer for this long is a hang: stacks, then a restart; unset: limit_time_real + 60s; 0 = never",
        why: "Odoo ends what takes longer itself, where it can",
        example: "5m",
    },
    Variable {
        name: "ENTRYPOINT_STARTING_PAGE",
        default: "on",
        doc: "a page on Odoo's port until Odoo is started: on or off",
        why: "who opens the site in an update sees why it is not there",
        example: "off",
    },
    Variable {
        name: "ENTRYPOINT_HOOKS_DIR",
        default: "/etc/odoo/entrypoint.d",
        doc: "folder of pre-init/, pre-update/ and pre-start/, whose executables run then",
        why: "beside Odoo's own configuration",
        example: "/opt/hooks",
    },
    Variable {
        name: "ENTRYPOINT_TERMINATION_LOG",
        default: "/dev/termination-log",
        doc: "file for the reason of an end, if it exists (terminationMessagePath)",
        why: "Kubernetes' default",
        example: "/tmp/why",
    },
    Variable {
        name: "ENTRYPOINT_RESTART",
        default: "on-failure",
        doc: "restart a crashed Odoo: on-failure, never or always",
        why: "a restart in place is seconds, one of the container minutes",
        example: "never",
    },
    Variable {
        name: "ENTRYPOINT_RESTART_LIMIT",
        default: "5/10m",
        doc: "crashes within a time before the container ends",
        why: "what fails six times is not mended by a seventh",
        example: "3/1m",
    },
    Variable {
        name: "ENTRYPOINT_LOG_LEVEL",
        default: "info",
        doc: "the supervisor's own log: error, warn, info or debug",
        why: "one line a phase",
        example: "debug",
    },
    Variable {
        name: "ENTRYPOINT_LOG_FORMAT",
        default: "text",
        doc: "text, as Odoo writes it, or json, one object a record",
        why: "what people and existing tools read",
        example: "json",
    },
];

/// The default of one of the supervisor's own variables.
pub fn default_of(name: &str) -> &'static str {
    VARIABLES.iter().find(|variable| variable.name == name).map_or("", |variable| variable.default)
}

/// Variables about Odoo that are no option of its file, for the help: name and one line.
pub const OWN_ODOO_VARIABLES: &[(&str, &str)] = &[
    ("ODOO_RC", "the base file, never written to [/etc/odoo/odoo.conf]"),
    ("ODOO_<OPTION>", "any option of odoo.conf: ODOO_WORKERS=4, ODOO_PROXY_MODE=true"),
    ("ODOO_INIT", "modules that have to be installed, by commas; none installs nothing [base]"),
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
