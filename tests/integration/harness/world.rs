//! What all tests of a run share, and what a single test is given.

use super::keeper::Keeper;
use super::odoo::Odoo;
use super::postgres::{Cluster, Options};
use super::process::{Launch, Output};
use super::procfs;
use libtest_mimic::{Completion, Failed, Trial};
use nix::unistd::{Gid, Uid, chown};
use std::any::Any;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, Once, OnceLock};
use std::time::Duration;
use std::{cell::RefCell, fs, thread};

/// Marks a process as one of this run's (its value is the run's directory).
pub const RUN_MARK: &str = "ENTRYPOINTS_TEST_RUN";
/// Marks a process as one of a single test's (its value is [`Test::mark`]).
pub const TEST_MARK: &str = "ENTRYPOINTS_TEST_NAME";

/// `nobody`: what the programs under test run as when the suite itself runs as root (Odoo and the product
/// refuse root).
const UNPRIVILEGED: u32 = 65534;

/// At most this many real Odoos boot at once: two are enough to keep two cores busy for seconds.
const REAL_AT_ONCE: u32 = 2;

/// How long a test may take before everything it started is killed and it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// 120 s: no real Odoo involved.
    Double,
    /// 300 s, and it queues for one of the few places of a real Odoo first (the wait does not count).
    Real,
}

impl Limit {
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Double => 120,
            Self::Real => 300,
        })
    }
}

/// Shared by all tests of a run. Everything costly in it is made at first use.
pub struct World {
    keeper: Mutex<Option<Keeper>>,
    base: PathBuf,
    cluster: OnceLock<Arc<Cluster>>,
    once: Mutex<HashMap<&'static str, Arc<OnceLock<String>>>>,
    double: OnceLock<PathBuf>,
    product: OnceLock<PathBuf>,
    real_places: (Mutex<u32>, Condvar),
    skipped: Mutex<Vec<(String, String)>>,
    counter: AtomicU32,
}

impl World {
    /// Makes the run's directory and the process that clears it away however this one ends.
    pub fn new() -> Arc<Self> {
        let base = tempfile::Builder::new()
            .prefix("odoo-entrypoint-tests-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a directory for the run")
            .keep();
        let keeper = Keeper::start(&base);
        let pycache = base.join("pycache");
        fs::create_dir(&pycache).expect("a directory for compiled Python");
        give_away(&pycache);
        install_panic_hook();
        Arc::new(Self {
            keeper: Mutex::new(Some(keeper)),
            base,
            cluster: OnceLock::new(),
            once: Mutex::default(),
            double: OnceLock::new(),
            product: OnceLock::new(),
            real_places: (Mutex::new(REAL_AT_ONCE), Condvar::new()),
            skipped: Mutex::default(),
            counter: AtomicU32::new(0),
        })
    }

    /// Ends everything that is still there and removes the run's files. Returns the processes that tests left
    /// behind.
    pub fn close(&self) -> Vec<String> {
        self.keeper.lock().expect("keeper").take().map(Keeper::finish).unwrap_or_default()
    }

    /// The run's directory (0755); everything of the run lies under it.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// A number that no other caller of this run gets.
    pub fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// The cluster that tests share. Who stops or reconfigures a server starts one of its own:
    /// [`Test::own_cluster`].
    pub fn cluster(&self) -> &Arc<Cluster> {
        self.cluster.get_or_init(|| Cluster::start(&self.base.join("pg"), &Options::default()))
    }

    /// The double's executable, copied to where the unprivileged user can read it and run it.
    pub fn double(&self) -> &Path {
        self.double.get_or_init(|| super::odoo::install_double(&self.base))
    }

    /// The product's executable, copied to where the unprivileged user can run it.
    pub fn product(&self) -> &Path {
        self.product.get_or_init(|| {
            let to = self.base.join("odoo-entrypoint");
            fs::copy(env!("CARGO_BIN_EXE_odoo-entrypoint"), &to).expect("copy the product's binary");
            to
        })
    }

    /// Something that is made once in a run: by the first caller, while the others wait for it.
    pub fn once(&self, key: &'static str, make: impl FnOnce() -> String) -> String {
        let cell = Arc::clone(self.once.lock().expect("what is made once").entry(key).or_default());
        cell.get_or_init(make).clone()
    }

    /// A test. `body` panics when something is wrong.
    pub fn trial<F>(self: &Arc<Self>, name: impl Into<String>, limit: Limit, body: F) -> Trial
    where
        F: Fn(&Test) + Send + Sync + 'static,
    {
        let (world, name, body) = (Arc::clone(self), name.into(), Arc::new(body));
        Trial::test(name.clone(), move || {
            let _place = (limit == Limit::Real).then(|| Place::take(&world));
            run_one(&world, &name, limit, move |test| body(test))
        })
    }

    /// A test that cannot run here; it counts as ignored and is reported with its reason.
    pub fn skipped(self: &Arc<Self>, name: impl Into<String>, reason: impl Into<String>) -> Trial {
        let (world, name, reason) = (Arc::clone(self), name.into(), reason.into());
        Trial::ignorable_test(name.clone(), move || {
            world.skipped.lock().expect("skipped").push((name, reason));
            Ok(Completion::ignored())
        })
    }

    /// Prints each skipped test with its reason.
    pub fn report_skipped(&self) {
        let mut skipped = self.skipped.lock().expect("skipped").clone();
        skipped.sort();
        for (name, reason) in skipped {
            println!("skipped: {name}: {reason}");
        }
    }
}

/// One of the few places for tests with a real Odoo.
struct Place<'a>(&'a World);

impl<'a> Place<'a> {
    fn take(world: &'a World) -> Self {
        let (free, changed) = &world.real_places;
        let mut free = changed.wait_while(free.lock().expect("places"), |free| *free == 0).expect("places");
        *free -= 1;
        Self(world)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.real_places.0.lock().expect("places") += 1;
        self.0.real_places.1.notify_one();
    }
}

/// What one test is given: a directory, names, a way to start processes, and the world.
pub struct Test {
    pub world: Arc<World>,
    pub name: String,
    dir: PathBuf,
    outputs: Mutex<Vec<(String, Arc<Output>)>>,
}

impl Test {
    fn new(world: &Arc<World>, name: &str) -> Self {
        // The name is not part of the path: a unix socket's path has to fit into 107 bytes.
        let dir = world.base.join(format!("t{}", world.number()));
        let test = Self { world: Arc::clone(world), name: name.to_owned(), dir, outputs: Mutex::default() };
        test.make_dir("");
        test.make_dir("home");
        test.make_dir("tmp");
        test
    }

    /// The test's directory, owned by the user that programs run as. `home` and `tmp` in it are their HOME
    /// and TMPDIR.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a directory below [`Test::dir`], owned by the programs' user.
    pub fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::create_dir_all(&path).expect("a test's directory");
        give_away(&path);
        path
    }

    /// Writes a file below [`Test::dir`] (mode 0600, owned by the programs' user) and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, content).expect("a test's file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file's mode");
        give_away(&path);
        path
    }

    /// What all tests share.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The cluster that tests share.
    pub fn cluster(&self) -> &Arc<Cluster> {
        self.world.cluster()
    }

    /// A cluster that this test may stop, start and configure as it likes; gone with its last handle.
    pub fn own_cluster(&self, options: &Options) -> Arc<Cluster> {
        Cluster::start(&self.world.base.join(format!("pg{}", self.world.number())), options)
    }

    /// The name of a database, role or file that nobody else uses.
    pub fn unique(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.world.number())
    }

    /// What its processes carry. With the run's directory in it, since two runs have tests of the same names.
    pub fn mark(&self) -> String {
        format!("{}:{}", self.world.base.display(), self.name)
    }

    /// The living processes that this test started, directly or not.
    pub fn processes(&self) -> Vec<procfs::Process> {
        procfs::marked(TEST_MARK, &self.mark())
    }

    /// Prepares a program to be started; see [`Launch`].
    pub fn launch(&self, program: impl AsRef<OsStr>) -> Launch<'_> {
        Launch::new(self, program.as_ref())
    }

    /// An installed site of `odoo` with a database, a role, directories and a configuration of its own.
    pub fn site(&self, odoo: &Odoo) -> super::odoo::Site<'_> {
        super::odoo::Site::new(self, odoo)
    }

    /// Kept so that a failing test can show what its processes said.
    pub(super) fn remember(&self, what: String, output: &Arc<Output>) {
        self.outputs.lock().expect("outputs").push((what, Arc::clone(output)));
    }

    fn last_words(&self) -> String {
        let mut text = String::new();
        for (what, output) in self.outputs.lock().expect("outputs").iter() {
            text += &format!("\n--- {what}\n{}", output.tail(40));
        }
        text
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The user and group that programs under test run as: the current ones, but never root.
pub fn program_user() -> Option<(u32, u32)> {
    Uid::effective().is_root().then_some((UNPRIVILEGED, UNPRIVILEGED))
}

/// The uid that programs under test run as.
pub fn program_uid() -> u32 {
    program_user().map_or_else(|| Uid::effective().as_raw(), |(uid, _)| uid)
}

/// Gives a path to the user that programs run as.
pub fn give_away(path: &Path) {
    if let Some((uid, gid)) = program_user() {
        chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).expect("chown");
    }
}

/// Runs one test on a thread of its own, so that the deadline holds whatever the test waits for.
fn run_one(
    world: &Arc<World>,
    name: &str,
    limit: Limit,
    body: impl Fn(&Test) + Send + 'static,
) -> Result<(), Failed> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let test = Arc::new(Test::new(world, name));
    let in_thread = Arc::clone(&test);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| body(&in_thread)));
            let _ = sender.send(outcome.map_err(|payload| describe(&*payload)));
        })
        .expect("a thread for the test");

    let overdue = || {
        for process in procfs::marked(TEST_MARK, &test.mark()) {
            procfs::kill(process.pid);
        }
        // With its processes gone the test fails by itself and drops its database and role; if not, its
        // thread is given up.
        let after = receiver.recv_timeout(Duration::from_secs(10));
        let hint = after.map_or_else(|_| String::new(), |outcome| outcome.err().unwrap_or_default());
        Err(format!("deadline of {:?} exceeded, its processes were killed\n{hint}", limit.duration()))
    };
    let outcome = match receiver.recv_timeout(limit.duration()) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => overdue(),
        Err(RecvTimeoutError::Disconnected) => Err("the test's thread vanished".to_owned()),
    };
    outcome.map_err(|message| Failed::from(format!("{message}{}", test.last_words())))
}

thread_local! {
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic is the normal way for a test to fail: its place is kept for the report and not printed between
/// other tests' lines.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            PANICKED_AT.with(|at| *at.borrow_mut() = place);
        }));
    });
}

fn describe(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("{}: {}", PANICKED_AT.with(|at| at.borrow().clone()), text.unwrap_or_default())
}
