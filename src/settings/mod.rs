//! From environment, flags and the base file to values that nobody has to check again.
//!
//! [`raw`] is the input as it came, [`resolve`] the one function between, [`Settings`] the result: whoever holds one
//! holds a valid one. Everything here is pure but [`source`], which reads.

pub mod parse;
pub mod raw;
pub mod reference;
pub mod resolve;
pub mod secret;
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
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
            Origin::SecretFile { variable, path } => write!(f, "file {path} named by {variable}"),
            Origin::BaseFile { path, line } => write!(f, "{path} line {line}"),
            Origin::Image => f.write_str("the image's default"),
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
    /// What is odd but not wrong, one line each; logged at start.
    pub warnings: Vec<String>,
}
