//! How much the entrypoint costs, beside a shell entrypoint in the same run. `make bench` prints a table.
//!
//! Odoo is stood in for by this very program: it notes the time of its start and sleeps, so that what is measured ends
//! at Odoo's exec. Both entrypoints run as the same unprivileged user on the same PostgreSQL, with a SCRAM login.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on ends"
)]

#[path = "../tests/integration/harness/mod.rs"]
#[allow(dead_code, unused_imports)]
mod harness;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use harness::postgres::{Cluster, Database, Role, StopMode};
use harness::world::RUN_MARK;
use harness::{World, http, keeper, ports, program_uid, until};

/// Set for the stand-in: the file into which it writes when it was started.
const NOTE: &str = "STARTUP_BENCH_NOTE";
const PAIRS: usize = 60;
const COLD_STARTS: usize = 30;

fn main() -> ExitCode {
    let now = clock();
    if let Some(path) = env::var_os(NOTE) {
        // Written beside and renamed, so that a reader never sees half a number.
        let path = PathBuf::from(path);
        let half = path.with_extension("half");
        fs::write(&half, now.as_nanos().to_string()).expect("the note");
        fs::rename(&half, &path).expect("the note");
        loop {
            thread::park();
        }
    }
    if let Some(code) = keeper::run_if_asked() {
        return code;
    }
    let world = World::new();
    Bench::new(&world).run();
    assert!(world.close().is_empty(), "processes were left behind");
    ExitCode::SUCCESS
}

/// The one clock that two programs share by std alone; nobody sets it within a round of some milliseconds.
fn clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970")
}

struct Bench {
    // Dropped before its owner.
    _database: Database,
    role: Role,
    cluster: Arc<Cluster>,
    folder: PathBuf,
    product: PathBuf,
    bin: PathBuf,
    world: PathBuf,
}

/// Which entrypoint; `None` starts the stand-in alone, for what forking, executing and starting a program cost here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    Shell,
    None,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // What it started first: once it is gone nobody knows them.
        let pid = i32::try_from(self.0.id()).expect("a process id");
        for child in harness::procfs::descendants(pid) {
            harness::procfs::kill(child.pid);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    fn new(world: &Arc<World>) -> Self {
        let folder = world.base().join("bench");
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let cluster = Arc::clone(world.cluster());
        let role = cluster.create_role("bench", "bench-secret", "");
        let database = cluster.create_database("bench", &role);
        // As much of an installed Odoo as the decision to start needs.
        database.sql("CREATE TABLE ir_module_module (name text, state text)");
        database.sql("INSERT INTO ir_module_module VALUES ('base', 'installed')");
        database.sql("ALTER TABLE ir_module_module OWNER TO bench");
        let copy = |from: &Path, name: &str| {
            let to = folder.join(name);
            fs::copy(from, &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
            to
        };
        let stand_in = copy(&env::current_exe().unwrap(), "stand-in");
        symlink(stand_in, bin.join("odoo")).unwrap();
        copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/shell-entrypoint.sh")), "entrypoint.sh");
        let product = copy(Path::new(env!("CARGO_BIN_EXE_odoo-entrypoint")), "odoo-entrypoint");
        fs::write(folder.join("odoo.conf"), "[options]\n").unwrap();
        for name in ["run", "data", "notes"] {
            fs::create_dir(folder.join(name)).unwrap();
            nix::unistd::chown(&folder.join(name), Some(program_uid().into()), None).unwrap();
        }
        Bench { _database: database, role, cluster, folder, product, bin, world: world.base().to_owned() }
    }

    fn start(&self, kind: Kind, note: &Path, probes: u16) -> (Running, Duration) {
        let mut command = match kind {
            Kind::Ours => Command::new(&self.product),
            Kind::Shell => Command::new(self.folder.join("entrypoint.sh")),
            Kind::None => Command::new(self.bin.join("odoo")),
        };
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.bin.display()))
            .env("ODOO_RC", self.folder.join("odoo.conf"))
            .env("HOST", "127.0.0.1")
            .env("PORT", self.cluster.port().to_string())
            .env("USER", &self.role.name)
            .env("PASSWORD", &self.role.password)
            .env(NOTE, note)
            .env(RUN_MARK, &self.world)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if kind == Kind::Ours {
            command
                .env("DB", "bench")
                .env("ODOO_DATA_DIR", self.folder.join("data"))
                .env("ODOO_HTTP_PORT", ports::free().to_string())
                .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{probes}"))
                .env("ENTRYPOINT_RUNTIME_DIR", self.folder.join("run"));
        }
        if nix::unistd::Uid::effective().is_root() {
            command.uid(program_uid()).gid(program_uid());
        }
        let before = clock();
        (Running(command.spawn().expect("start the entrypoint")), before)
    }

    fn note(&self, name: &str) -> PathBuf {
        self.folder.join("notes").join(name)
    }

    /// From just before the entrypoint is forked to Odoo's first instruction.
    fn warm(&self, kind: Kind, round: usize) -> Duration {
        let note = self.note(&format!("warm-{kind:?}-{round}"));
        let (_running, before) = self.start(kind, &note, ports::free());
        read(&note) - before
    }

    /// What no entrypoint can save: one SCRAM login and the question whether Odoo is installed, from a warm program.
    fn bare_login(&self) -> Duration {
        let before = Instant::now();
        let login = self.cluster.try_connect(&self.role.name, &self.role.password, "bench");
        let rows = login.expect("a login").simple_query("SELECT name, state FROM ir_module_module");
        assert_eq!(rows.expect("rows").len(), 3, "a header, a row and an end");
        before.elapsed()
    }

    /// From PostgreSQL's own "ready" to Odoo's first instruction, the entrypoint having waited before.
    fn cold(&self, kind: Kind, round: usize) -> Duration {
        self.cluster.stop(StopMode::Fast);
        let note = self.note(&format!("cold-{kind:?}-{round}"));
        let (_running, _) = self.start(kind, &note, ports::free());
        // Long enough for either to be in its loop of attempts; the phase between the two is what is measured.
        thread::sleep(Duration::from_millis(700 + 37 * (round as u64 % 10)));
        self.cluster.launch();
        let status = self.cluster.data_dir().join("postmaster.pid");
        let start = Instant::now();
        let ready = loop {
            // The eighth line is the postmaster's word for its state (pidfile.h).
            let text = fs::read_to_string(&status).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                break clock();
            }
            assert!(start.elapsed() < Duration::from_secs(30), "PostgreSQL starts");
            thread::sleep(Duration::from_micros(300));
        };
        read(&note).saturating_sub(ready)
    }

    /// Resident memory in kB while Odoo runs: at first, and after 20,000 probes.
    fn memory(&self) -> (u64, u64) {
        let probes = ports::free();
        let note = self.note("memory");
        let (running, _) = self.start(Kind::Ours, &note, probes);
        read(&note);
        let resident = || {
            let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        until("the probes answer", Duration::from_secs(10), || {
            http::get(probes, "/livez", Duration::from_secs(1)).ok()
        });
        let first = resident();
        for _ in 0..20_000 {
            http::get(probes, "/readyz", Duration::from_secs(5)).unwrap();
        }
        (first, resident())
    }

    fn run(&self) {
        let size = fs::metadata(&self.product).unwrap().len();
        let mut bare = Vec::new();
        let mut alone = Vec::new();
        let mut warm = [Vec::new(), Vec::new()];
        for round in 0..PAIRS {
            warm[0].push(self.warm(Kind::Ours, round));
            warm[1].push(self.warm(Kind::Shell, round));
            bare.push(self.bare_login());
            alone.push(self.warm(Kind::None, round));
        }
        let mut cold = [Vec::new(), Vec::new()];
        for round in 0..COLD_STARTS {
            cold[0].push(self.cold(Kind::Ours, round));
            cold[1].push(self.cold(Kind::Shell, round));
        }
        let (first, later) = self.memory();
        println!("{:<52} {:>12} {:>12} {:>8}", "", "this", "shell", "ratio");
        let row = |name: &str, share: f64, values: &mut [Vec<Duration>; 2]| {
            let [ours, shell] = values.each_mut().map(|values| percentile(values, share));
            println!(
                "{name:<52} {:>9.2} ms {:>9.2} ms {:>8.1}",
                ours.as_secs_f64() * 1e3,
                shell.as_secs_f64() * 1e3,
                shell.as_secs_f64() / ours.as_secs_f64()
            );
        };
        let alone = percentile(&mut alone, 0.5);
        // Both begin with a fork and end with the stand-in's start, which are no part of "exec to exec".
        for values in warm.iter_mut().flatten() {
            *values = values.saturating_sub(alone);
        }
        row("exec to Odoo's exec, median (bar: 10 ms, 6 times)", 0.5, &mut warm);
        let login = percentile(&mut bare, 0.5).as_secs_f64() * 1e3;
        println!("{:<52} {login:>9.2} ms", "  of it one login and one query, median");
        row("exec to Odoo's exec, p95", 0.95, &mut warm);
        row("PostgreSQL ready to Odoo's exec, median", 0.5, &mut cold);
        row("PostgreSQL ready to Odoo's exec, p95 (bar: 50 ms)", 0.95, &mut cold);
        let alone = alone.as_secs_f64() * 1e3;
        println!("{:<52} {alone:>9.2} ms", "(taken off above: starting the stand-in alone)");
        println!("{:<52} {:>9.2} MB", "resident memory, idle, probes up (bar: 3.5 MB)", first as f64 / 1e3);
        println!("{:<52} {:>9.2} MB", "resident memory after 20,000 probes", later as f64 / 1e3);
        println!("{:<52} {:>9.2} MB", "binary (bar: 5 MB)", size as f64 / 1e6);
    }
}

/// The time that the stand-in noted.
fn read(note: &Path) -> Duration {
    let text = until("the stand-in was started", Duration::from_secs(60), || fs::read_to_string(note).ok());
    Duration::from_nanos(text.parse().expect("nanoseconds"))
}

fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort();
    let last = values.len() - 1;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the slice")]
    let index = (last as f64 * share).round() as usize;
    values[index]
}
