//! A PostgreSQL server of the suite's own, with scram authentication on TCP and on a unix socket.

use super::process::process_id;
use super::{SOON, ports, procfs, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User, chown};
use postgres::{Client, Config, NoTls, SimpleQueryMessage};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use std::{env, fs};

/// The superuser of every cluster. (Not `postgres`: Odoo refuses that name, and so does the product.)
pub const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin-secret";

/// What a cluster is started with.
#[derive(Clone, Debug)]
pub struct Options {
    pub max_connections: u32,
    /// Further lines of postgresql.conf; the last one of a name wins.
    pub settings: Vec<(String, String)>,
    /// The whole pg_hba.conf instead of "scram for everybody".
    pub hba: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_connections: 300, settings: Vec::new(), hba: None }
    }
}

/// `pg_ctl`'s shutdown modes.
#[derive(Clone, Copy, Debug)]
pub enum StopMode {
    /// Waits for clients.
    Smart,
    /// Disconnects clients.
    Fast,
    /// Like a crash: recovery at the next start.
    Immediate,
}

/// A running (or stopped) server. Stopped and removed with its last handle.
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    server: Mutex<Option<Child>>,
}

impl Cluster {
    /// Makes a cluster in `dir` and starts it.
    pub fn start(dir: &Path, options: &Options) -> Arc<Self> {
        let bin = bin_dir();
        fs::create_dir(dir).expect("a cluster's directory");
        give_to_server(dir);
        let data = dir.join("data");
        copy_pristine(&bin, dir.parent().expect("the run's directory"), &data);

        let port = ports::free();
        let mut conf = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = {}\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nshared_buffers = 64MB\n\
             max_wal_size = 256MB\nlogging_collector = off\nlc_messages = 'C'\ntimezone = 'UTC'\n",
            dir.display(),
            options.max_connections
        );
        for (name, value) in &options.settings {
            conf += &format!("{name} = '{}'\n", value.replace('\'', "''"));
        }
        fs::write(data.join("postgresql.conf"), conf).expect("postgresql.conf");
        if let Some(hba) = &options.hba {
            fs::write(data.join("pg_hba.conf"), hba).expect("pg_hba.conf");
        }
        let cluster = Arc::new(Self { bin, dir: dir.to_owned(), port, server: Mutex::new(None) });
        cluster.start_again();
        cluster
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Stops the server and waits until it is gone. Does nothing when it does not run.
    pub fn stop(&self, mode: StopMode) {
        let Some(mut server) = self.server.lock().expect("server").take() else { return };
        let signal = match mode {
            StopMode::Smart => Signal::SIGTERM,
            StopMode::Fast => Signal::SIGINT,
            StopMode::Immediate => Signal::SIGQUIT,
        };
        let pid = Pid::from_raw(process_id(&server));
        kill(pid, signal).expect("signal the server");
        until("the server stops", SOON, || server.try_wait().expect("wait for the server"));
        // Backends may outlive the postmaster by a moment, and a new one refuses to start next to them.
        let dir = self.dir.to_string_lossy().into_owned();
        until("the server's backends are gone", SOON, || {
            let left = procfs::marked(CLUSTER_MARK, &dir);
            left.is_empty().then_some(())
        });
    }

    /// Starts the server on the same port with the same data; returns when it accepts connections.
    pub fn start_again(&self) {
        self.launch();
        until("the server accepts connections", SOON, || {
            self.try_connect(ADMIN, ADMIN_PASSWORD, "postgres").ok()
        });
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Starts the server and returns at once.
    pub fn launch(&self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("log")).expect("a log");
        let mut command = as_server(&self.bin.join("postgres"));
        command
            .arg("-D")
            .arg(self.dir.join("data"))
            .env(CLUSTER_MARK, &self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // A Ctrl-C must not reach it before the tests that use it have ended.
            .process_group(0);
        *self.server.lock().expect("server") = Some(command.spawn().expect("start postgres"));
    }

    /// A connection as the superuser.
    pub fn connect(&self, database: &str) -> Client {
        self.try_connect(ADMIN, ADMIN_PASSWORD, database).expect("connect as admin")
    }

    /// A connection as any role over TCP.
    ///
    /// # Errors
    /// Whatever the server or the network says.
    pub fn try_connect(&self, role: &str, password: &str, database: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(role)
            .password(password)
            .dbname(database)
            .connect_timeout(Duration::from_secs(5))
            .connect(NoTls)
    }

    /// Runs SQL (one or several statements) as the superuser and returns the rows of all of them as text.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages =
            self.connect(database).simple_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()).collect()
    }

    /// The first column of the first row; `None` for NULL and for no row.
    pub fn value(&self, database: &str, sql: &str) -> Option<String> {
        self.sql(database, sql).into_iter().next()?.into_iter().next()?
    }

    pub fn database_exists(&self, name: &str) -> bool {
        self.value("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")).is_some()
    }

    /// A login role with `attributes` such as `CREATEDB`.
    pub fn create_role(self: &Arc<Self>, name: &str, password: &str, attributes: &str) -> Role {
        let quoted = password.replace('\'', "''");
        self.sql("postgres", &format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{quoted}' {attributes}"));
        Role { cluster: Arc::clone(self), name: name.to_owned(), password: password.to_owned() }
    }

    /// An empty database that `owner` owns.
    pub fn create_database(self: &Arc<Self>, name: &str, owner: &Role) -> Database {
        let owner = &owner.name;
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\" TEMPLATE template0"));
        Database { cluster: Arc::clone(self), name: name.to_owned() }
    }

    /// A copy of `template` that `owner` owns with everything in it.
    pub fn copy_database(self: &Arc<Self>, name: &str, owner: &Role, template: &str) -> Database {
        let owner = &owner.name;
        // The template belongs to the superuser, so that giving its maker's objects away takes no database along.
        let maker = format!("SELECT rolname FROM pg_roles WHERE rolname = '{template}'");
        let maker = self.value("postgres", &maker).expect("the template's role is named like it");
        self.sql(
            "postgres",
            &format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\" TEMPLATE \"{template}\""),
        );
        self.sql(name, &format!("REASSIGN OWNED BY \"{maker}\" TO \"{owner}\""));
        Database { cluster: Arc::clone(self), name: name.to_owned() }
    }

    pub fn drop_database(&self, name: &str) {
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
    }

    /// Drops a role with the databases it owns.
    pub fn drop_role(&self, name: &str) {
        let owned = "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE rolname";
        for row in self.sql("postgres", &format!("{owned} = '{name}'")) {
            row.into_iter().flatten().for_each(|database| self.drop_database(&database));
        }
        self.sql("postgres", &format!("DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\""));
    }

    fn runs(&self) -> bool {
        self.server.lock().expect("server").is_some()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop(StopMode::Immediate);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A role, dropped with the databases it owns at the end of its scope.
pub struct Role {
    cluster: Arc<Cluster>,
    pub name: String,
    pub password: String,
}

impl Drop for Role {
    fn drop(&mut self) {
        if self.cluster.runs() {
            self.cluster.drop_role(&self.name);
        }
    }
}

/// A database, dropped at the end of its scope whoever is still connected.
pub struct Database {
    cluster: Arc<Cluster>,
    pub name: String,
}

impl Database {
    /// [`Cluster::sql`] in this database.
    pub fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.cluster.sql(&self.name, sql)
    }

    /// [`Cluster::value`] in this database.
    pub fn value(&self, sql: &str) -> Option<String> {
        self.cluster.value(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.cluster.runs() {
            self.cluster.drop_database(&self.name);
        }
    }
}

/// Marks a cluster's processes by its directory.
const CLUSTER_MARK: &str = "ODOO_ENTRYPOINT_TEST_CLUSTER";

/// `PG_BIN`, else the newest of Debian's versions.
fn bin_dir() -> PathBuf {
    if let Some(dir) = env::var_os("PG_BIN") {
        return dir.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let dirs = versions.map(|version| version.path().join("bin"));
    let mut dirs: Vec<_> = dirs.filter(|dir| dir.join("initdb").exists()).collect();
    dirs.sort();
    dirs.pop().expect("PostgreSQL's server programs: set PG_BIN to their directory")
}

/// PostgreSQL refuses root: then it runs as Debian's `postgres`.
fn server_user() -> Option<(u32, u32)> {
    Uid::effective().is_root().then(|| {
        let user =
            User::from_name("postgres").ok().flatten().expect("a user `postgres` to run the server as");
        (user.uid.as_raw(), user.gid.as_raw())
    })
}

fn as_server(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    command
}

fn give_to_server(path: &Path) {
    if let Some((uid, gid)) = server_user() {
        chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).expect("chown to postgres");
    }
}

/// `initdb` takes a second of processor time, a copy of its result takes next to none.
fn copy_pristine(bin: &Path, base: &Path, to: &Path) {
    static PRISTINE: OnceLock<PathBuf> = OnceLock::new();
    let pristine = PRISTINE.get_or_init(|| {
        let home = base.join("pristine");
        fs::create_dir(&home).expect("a directory for initdb");
        let password = home.join("password");
        fs::write(&password, ADMIN_PASSWORD).expect("a password file");
        give_to_server(&home);
        let data = home.join("data");
        let mut initdb = as_server(&bin.join("initdb"));
        initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password).args([
            "-U",
            ADMIN,
            "--auth=scram-sha-256",
        ]);
        run(initdb.args(["--no-sync", "-E", "UTF8", "--locale=C"]));
        data
    });
    run(as_server(Path::new("/bin/cp")).arg("-a").arg(pristine).arg(to));
}

fn run(command: &mut Command) {
    let output = command.output().expect("run a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
