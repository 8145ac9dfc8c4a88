//! An Odoo to test with: the double, or the real one, with a database, a role and a configuration of its own.

use super::addons::Addon;
use super::http::{self, Response};
use super::postgres::{Cluster, Database, Role};
use super::process::{Launch, Process};
use super::{SOON, Test, ports, until};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io, iter};

/// The only Python that Debian's packages for Odoo are installed for.
const PYTHON: &str = "/usr/bin/python3";
const DEFAULT_SOURCE: &str = "/opt/odoo-18.0";

/// Which program stands behind the name `odoo-bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Odoo {
    /// `tests/double/odoo-bin`.
    Double,
    /// A source tree of Odoo 18.
    Real(PathBuf),
}

impl Odoo {
    /// The real one: `ODOO_SOURCE`, else /opt/odoo-18.0.
    ///
    /// # Errors
    /// The reason to skip the tests that need it.
    pub fn real() -> Result<Self, String> {
        let source = env::var_os("ODOO_SOURCE").map_or_else(|| PathBuf::from(DEFAULT_SOURCE), PathBuf::from);
        if source.join("odoo-bin").is_file() {
            return Ok(Self::Real(source));
        }
        Err("no Odoo source tree: set ODOO_SOURCE".to_owned())
    }

    /// An executable of the name `odoo-bin` in a directory of the test.
    pub fn command(&self, test: &Test) -> PathBuf {
        match self {
            Self::Double => test.world.double().to_owned(),
            Self::Real(source) => {
                let dir = test.make_dir("bin");
                let wrapper = dir.join("odoo-bin");
                if !wrapper.exists() {
                    let program = source.join("odoo-bin");
                    let text = format!("#!/bin/sh\nexec {PYTHON} {} \"$@\"\n", program.display());
                    fs::write(&wrapper, text).expect("the wrapper");
                    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))
                        .expect("the wrapper's mode");
                }
                wrapper
            }
        }
    }

    /// The directory of the modules it comes with, which a configured `addons_path` has to name.
    pub fn addons(&self) -> Option<PathBuf> {
        match self {
            Self::Double => None,
            Self::Real(source) => Some(source.join("addons")),
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Double => "template_double",
            Self::Real(_) => "template_real",
        }
    }

    /// How long an installation of `base` may take.
    fn patience(&self) -> Duration {
        if *self == Self::Double { SOON } else { Duration::from_secs(200) }
    }

    /// The template with `base` installed, made at first use. Its objects belong to a role of the same name.
    pub fn template(&self, test: &Test) -> String {
        test.world.template(self.key(), || {
            let (cluster, key) = (test.cluster(), self.key());
            let role = cluster.create_role(key, "template", "");
            let database = cluster.create_database(key, &role);
            let mut conf = Conf::default();
            conf.connection(cluster, &role).set("data_dir", test.make_dir("template").display());
            conf.set("without_demo", "all");
            let launch = test.launch(self.command(test)).arg("-c").arg(conf.write(test, "template.conf"));
            let flags = ["-d", key, "-i", "base", "--stop-after-init", "--no-http", "--max-cron-threads=0"];
            launch.args(flags).run_within(self.patience()).expect_code(0);
            cluster.sql("postgres", &format!("ALTER DATABASE {key} OWNER TO {}", super::postgres::ADMIN));
            // Both live as long as the cluster.
            std::mem::forget((role, database));
            key.to_owned()
        })
    }
}

/// Copies the double to where the unprivileged user can read it and returns the executable.
pub(super) fn install_double(base: &Path) -> PathBuf {
    let to = base.join("double");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/double");
    let status = std::process::Command::new("cp").arg("-R").arg(from).arg(&to).status().expect("run cp");
    assert!(status.success(), "copy the double: {status}");
    to.join("odoo-bin")
}

/// An odoo.conf.
#[derive(Clone, Debug, Default)]
pub struct Conf(BTreeMap<String, String>);

impl Conf {
    pub fn set(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.0.insert(key.to_owned(), value.to_string());
        self
    }

    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.0.remove(key);
        self
    }

    /// The db_* keys for `role` on `cluster`, over TCP.
    pub fn connection(&mut self, cluster: &Cluster, role: &Role) -> &mut Self {
        self.set("db_host", "127.0.0.1").set("db_port", cluster.port());
        self.set("db_user", &role.name).set("db_password", &role.password)
    }

    pub fn text(&self) -> String {
        let lines = self.0.iter().map(|(key, value)| format!("{key} = {value}\n"));
        iter::once("[options]\n".to_owned()).chain(lines).collect()
    }

    /// Writes it to a file of the test.
    pub fn write(&self, test: &Test, name: &str) -> PathBuf {
        test.write(name, self.text())
    }
}

/// A database with `base` in it and everything to run an Odoo on it.
pub struct Site<'a> {
    // Fields are dropped in this order: the database before the role that owns it.
    pub database: Database,
    pub role: Role,
    pub conf: Conf,
    pub http_port: u16,
    pub gevent_port: u16,
    pub odoo: Odoo,
    pub cluster: Arc<Cluster>,
    test: &'a Test,
}

impl<'a> Site<'a> {
    pub(super) fn new(test: &'a Test, odoo: &Odoo) -> Self {
        let template = odoo.template(test);
        let cluster = Arc::clone(test.cluster());
        let role = cluster.create_role(&test.unique("role"), "secret", "");
        let database = cluster.copy_database(&test.unique("db"), &role, &template);
        Self::assemble(test, odoo, cluster, role, database)
    }

    /// A site with an empty database, on a cluster of one's own choice.
    pub fn empty(test: &'a Test, odoo: &Odoo, cluster: &Arc<Cluster>) -> Self {
        let role = cluster.create_role(&test.unique("role"), "secret", "");
        let database = cluster.create_database(&test.unique("db"), &role);
        Self::assemble(test, odoo, Arc::clone(cluster), role, database)
    }

    fn assemble(test: &'a Test, odoo: &Odoo, cluster: Arc<Cluster>, role: Role, database: Database) -> Self {
        let (http_port, gevent_port) = (ports::free(), ports::free());
        let mut conf = Conf::default();
        conf.connection(&cluster, &role)
            .set("db_name", &database.name)
            .set("data_dir", test.make_dir("data").display())
            .set("http_interface", "127.0.0.1")
            .set("http_port", http_port)
            .set("gevent_port", gevent_port)
            .set("max_cron_threads", 0)
            .set("without_demo", "all");
        Self { database, role, conf, http_port, gevent_port, odoo: odoo.clone(), cluster, test }
    }

    /// Adds an addon; the first one sets `addons_path`.
    pub fn addon(&mut self, addon: &Addon) -> &mut Self {
        let own = addon.write(self.test, "addons");
        let paths = [self.odoo.addons(), Some(own)].into_iter().flatten();
        let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
        self.conf.set("addons_path", paths.join(","));
        self
    }

    /// Odoo with this site's configuration by `ODOO_RC`.
    pub fn launch(&self) -> Launch<'a> {
        let conf = self.conf.write(self.test, "odoo.conf");
        self.test.launch(self.odoo.command(self.test)).env("ODOO_RC", conf)
    }

    /// A run that ends by itself: `arguments`, `--stop-after-init`, and nothing that serves.
    pub fn one_shot(&self, arguments: &[&str]) -> Launch<'a> {
        let flags = ["--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0"];
        self.launch().args(arguments).args(flags)
    }

    /// A server that has answered a request which needs the registry.
    pub fn serve(&self, arguments: &[&str]) -> Process {
        let process = self.launch().args(arguments).start();
        self.wait_ready(&process);
        process
    }

    /// Waits until `/websocket/health` is 200: it needs the registry of the one database.
    #[track_caller]
    pub fn wait_ready(&self, process: &Process) {
        until("/websocket/health is 200", 2 * SOON, || {
            assert!(process.exited().is_none(), "Odoo ended before it served");
            self.get("/websocket/health").ok().filter(|response| response.status == 200)
        });
    }

    /// `GET` on the HTTP port.
    ///
    /// # Errors
    /// As [`http::get`].
    pub fn get(&self, path: &str) -> io::Result<Response> {
        http::get(self.http_port, path, SOON)
    }

    /// The state of a module in the database.
    pub fn module_state(&self, name: &str) -> Option<String> {
        self.database.value(&format!("SELECT state FROM ir_module_module WHERE name = '{name}'"))
    }
}

/// The facts that the double wrote down (see the top of `tests/double/odoo-bin`).
pub struct Journal(PathBuf);

impl Journal {
    /// A journal in the test's directory; give its path to the double as `DOUBLE_JOURNAL`.
    pub fn new(test: &Test) -> Self {
        Self(test.write(&test.unique("journal"), ""))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All facts so far. The last line may still be missing, but none is ever half there.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a journal line")).collect()
    }

    /// Waits for the first fact of that name for which `matching` holds.
    #[track_caller]
    pub fn wait(&self, event: &str, matching: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        until(&format!("the journal has {event}"), SOON, || {
            self.events().into_iter().find(|fact| fact["event"] == event && matching(fact))
        })
    }

    /// How many facts of that name there are.
    pub fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|fact| fact["event"] == event).count()
    }
}
