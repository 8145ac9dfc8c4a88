//! From environment, flags and the base file to values that nobody has to check again.
//!
//! [`raw`] is the input as it came, [`resolve`] the one function between, [`Settings`] the result: whoever holds one
//! holds a valid one. Everything here is pure but [`source`], which reads.

pub mod document;
pub mod parse;
pub mod raw;
pub mod reference;
pub mod resolve;
pub mod secret;
pub mod show;
pub mod source;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::secret::Secret;
use crate::database;
use crate::lifecycle::Policy;
use crate::odoo::conf::Entry;

/// Where a value comes from, in the words that an error or a warning needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of Odoo.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// The content of the file that a `_FILE` variable names.
    SecretFile {
        /// The variable, `_FILE` included.
        variable: String,
        /// The file.
        path: String,
    },
    /// The base file.
    BaseFile {
        /// Its path.
        path: String,
        /// The key's line, counted from 1.
        line: usize,
    },
    /// What this image sets when nobody says otherwise.
    Image,
    /// Computed from the container's limits, because `workers` is `auto`.
    Sizing,
    /// Folders of modules that were found.
    Discovery,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
            Origin::SecretFile { variable, path } => write!(f, "file {path} named by {variable}"),
            Origin::BaseFile { path, line } => write!(f, "{path} line {line}"),
            Origin::Image => f.write_str("the image's default"),
            Origin::Sizing => f.write_str("the container's limits"),
            Origin::Discovery => f.write_str("discovery"),
        }
    }
}

/// One option of the rendered file.
#[derive(Clone)]
pub struct Setting {
    /// The key in `[options]`.
    pub key: String,
    /// The text as it will stand in the file. Possibly a secret: ask `odoo::options` before showing it.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What else was said about it and is not used, the strongest first.
    pub shadowed: Vec<Shadowed>,
}

/// A value that another one of more weight has replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// The text. Possibly a secret, as [`Setting::text`].
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// One of the supervisor's own variables as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSetting {
    /// The variable.
    pub name: &'static str,
    /// Its text; empty where the default is computed.
    pub text: String,
    /// Whether the environment says so, and not the default.
    pub given: bool,
}

/// Odoo as the supervisor has to know it.
#[derive(Clone)]
pub struct Odoo {
    /// Every option of the rendered file, table order first.
    pub options: Vec<Setting>,
    /// Other sections of the base file, kept for the modules that read them.
    pub sections: Vec<(String, Vec<Entry>)>,
    /// What stays on Odoo's command line.
    pub arguments: Vec<String>,
    /// Address Odoo binds; `0.0.0.0` where nothing is said.
    pub http_interface: String,
    /// The port of pages, and in threaded mode of the websocket.
    pub http_port: u16,
    /// The websocket's port in prefork mode.
    pub gevent_port: u16,
    /// Whether Odoo serves HTTP at all.
    pub http_enable: bool,
    /// 0 is threaded mode, more is prefork mode.
    pub workers: u32,
    /// Threads, or in prefork mode processes, for scheduled actions.
    pub max_cron_threads: u64,
    /// Connections that one process may hold.
    pub db_maxconn: u64,
    /// Whether `unaccent` is wanted in databases that are created.
    pub unaccent: bool,
    /// The template of databases that are created.
    pub db_template: String,
}

impl Odoo {
    /// Prefork mode: a master, its workers and a gevent process, instead of one process with threads.
    pub fn prefork(&self) -> bool {
        self.workers > 0
    }
}

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One attempt.
    Once,
    /// Attempts until this much time has passed.
    For(Duration),
    /// Attempts without end.
    Forever,
}

/// Everything `serve` needs to know, checked.
#[derive(Clone)]
pub struct Settings {
    /// Address of the probes.
    pub listen: SocketAddr,
    /// Folders for the rendered file, the first writable one is taken.
    pub runtime_dirs: Vec<PathBuf>,
    /// `ENTRYPOINT_ODOO_BIN`.
    pub odoo_bin: Option<PathBuf>,
    /// The connection that Odoo will use.
    pub database: database::Target,
    /// The databases that are served; empty when none is chosen.
    pub databases: Vec<String>,
    /// How long to wait for PostgreSQL.
    pub wait: Limit,
    /// How long a refusal is retried.
    pub auth_grace: Duration,
    /// Whether a missing database is created.
    pub create_database: bool,
    /// Modules that have to be installed; empty when nothing may be installed.
    pub init: Vec<String>,
    /// The lifecycle's numbers.
    pub policy: Policy,
    /// Whether a browser finds a page until Odoo is started.
    pub starting_page: bool,
    /// The folder of the hook folders.
    pub hooks_dir: PathBuf,
    /// Where the reason of an end is left, if that file exists.
    pub termination_log: PathBuf,
    /// Odoo's own settings.
    pub odoo: Odoo,
    /// The supervisor's own variables, in the order of the documentation.
    pub own: Vec<OwnSetting>,
    /// A master password that is given as plain text: it is hashed before Odoo sees it.
    pub master_password: Option<Secret>,
    /// Threads of a numeric library in each process of Odoo.
    pub numeric_threads: u64,
    /// Whether public defaults and a superuser's role are errors and not warnings.
    pub strict: bool,
    /// Whether modules that are not for the Community Edition are refused at start.
    pub ce_only: bool,
    /// What has been decided and is worth a line at start.
    pub notes: Vec<String>,
    /// What is odd but not wrong, one line each; logged at start.
    pub warnings: Vec<String>,
}
