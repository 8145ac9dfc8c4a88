//! What the init duties cost, beside tini, dumb-init, s6 and supervisord of Debian's packages, in one run.
//!
//! This very program stands in for what they run. Every round takes each of them in turn, as the same unprivileged user. A
//! dash stands where a program has no such duty: s6 and supervisord forward no signals but a stop, and outlive what they run.
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

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use harness::odoo::Odoo;
use harness::postgres::{Cluster, Database, Role};
use harness::world::RUN_MARK;
use harness::{World, http, keeper, ports, procfs, program_uid, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork};

const MODE: &str = "SUPERVISION_BENCH_MODE";
const NOTE: &str = "SUPERVISION_BENCH_NOTE";
const ORPHANS: usize = 10_000;
/// So many wait at once, and end at once.
const BATCH: usize = 1_000;
const SIGNALS: usize = 500;
const ROUNDS: usize = 30;
const CRASHES: usize = 20;
const LINE: usize = 1_000;
const LINES_A_SECOND: u32 = 10_000;
const WRITING: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if let Ok(mode) = env::var(MODE) {
        stand_in(&mode, Path::new(&env::var_os(NOTE).expect("a note")));
        return ExitCode::SUCCESS;
    }
    if let Some(code) = keeper::run_if_asked() {
        return code;
    }
    let world = World::new();
    Bench::new(&world).run(&world);
    assert!(world.close().is_empty(), "processes were left behind");
    ExitCode::SUCCESS
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same in every process.
fn now() -> u64 {
    let mut time = nix::libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills the structure.
    #[allow(unsafe_code)]
    unsafe {
        nix::libc::clock_gettime(nix::libc::CLOCK_MONOTONIC, &raw mut time);
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn stand_in(mode: &str, note: &Path) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(note).expect("the note");
    let mut say = |text: String| file.write_all(text.as_bytes()).expect("the note");
    match mode {
        "orphans" => {
            let times: Vec<String> = (0..ORPHANS / BATCH).map(|_| orphans().to_string()).collect();
            say(format!("orphans {}\n", times.join(" ")));
        }
        "exit" => {
            say("up\n".to_owned());
            thread::sleep(Duration::from_millis(30));
            say(format!("exit {}\n", now()));
        }
        "signals" => {
            use signal_hook::consts::{SIGTERM, SIGUSR1};
            let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGUSR1]).expect("handlers");
            say("up\n".to_owned());
            for signal in signals.forever() {
                say(format!("got {}\n", now()));
                if signal == SIGTERM {
                    thread::sleep(Duration::from_millis(20));
                    say(format!("exit {}\n", now()));
                    return;
                }
            }
        }
        "lines" => {
            let mut handled =
                signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]).expect("handlers");
            say(format!("up {}\n", std::process::id()));
            let line = format!("2026-01-01 00:00:00,000 1 INFO db odoo.http: {}\n", "x".repeat(LINE - 46));
            let (begin, mut written) = (Instant::now(), 0_u32);
            while begin.elapsed() < WRITING {
                let wanted = (begin.elapsed().as_secs_f64() * f64::from(LINES_A_SECOND)) as u32;
                while written < wanted {
                    io::stderr().write_all(line.as_bytes()).expect("a line");
                    written += 1;
                }
                thread::sleep(Duration::from_millis(1));
            }
            say(format!("written {}\n", u64::from(written) * line.len() as u64));
            handled.forever().next();
        }
        other => panic!("no mode {other}"),
    }
}

/// Makes a batch of orphans that wait, lets all of them end, and returns the nanoseconds until the last one is gone.
fn orphans() -> u64 {
    let (read, write) = nix::unistd::pipe().expect("a pipe");
    let (ids_read, ids_write) = nix::unistd::pipe().expect("a pipe");
    // SAFETY: this program has one thread, and the children only use system calls.
    #[allow(unsafe_code)]
    let child = unsafe { fork() }.expect("fork");
    if matches!(child, ForkResult::Child) {
        drop(write);
        for _ in 0..BATCH {
            // SAFETY: as above.
            #[allow(unsafe_code)]
            if matches!(unsafe { fork() }.expect("fork"), ForkResult::Child) {
                let id = std::process::id().to_le_bytes();
                nix::unistd::write(&ids_write, &id).expect("an id");
                let _ = nix::unistd::read(&read, &mut [0]);
                std::process::exit(0);
            }
        }
        std::process::exit(0);
    }
    if let ForkResult::Parent { child } = child {
        nix::sys::wait::waitpid(child, None).expect("the parent of orphans");
    }
    let mut ids = Vec::new();
    while ids.len() < BATCH {
        let mut id = [0; 4];
        nix::unistd::read(&ids_read, &mut id).expect("an id");
        ids.push(u32::from_le_bytes(id) as i32);
    }
    let begin = now();
    drop(write);
    for id in ids {
        while kill(Pid::from_raw(id), None).is_ok() {
            thread::sleep(Duration::from_micros(50));
        }
    }
    now() - begin
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Init {
    Ours,
    Tini,
    Dumb,
    S6,
    Supervisord,
}

impl Init {
    const ALL: [Init; 5] = [Init::Ours, Init::Tini, Init::Dumb, Init::S6, Init::Supervisord];

    fn name(self) -> &'static str {
        ["this", "tini", "dumb-init", "s6", "supervisord"][self as usize]
    }

    fn forwards(self) -> bool {
        !matches!(self, Init::S6 | Init::Supervisord)
    }
}

struct Bench {
    // Dropped before its owner.
    _database: Database,
    role: Role,
    cluster: Arc<Cluster>,
    folder: PathBuf,
    product: PathBuf,
    stand_in: PathBuf,
    mark: PathBuf,
    counter: std::cell::Cell<u32>,
}

struct Running(Child);

impl Running {
    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn ended(&mut self) -> u64 {
        self.0.wait().expect("its end");
        now()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in procfs::descendants(self.pid()) {
            procfs::kill(child.pid);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    fn new(world: &Arc<World>) -> Self {
        let folder = world.base().join("bench");
        fs::create_dir_all(folder.join("notes")).unwrap();
        let cluster = Arc::clone(world.cluster());
        let role = cluster.create_role("bench", "bench-secret", "");
        let database = cluster.create_database("bench", &role);
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
        let product = copy(Path::new(env!("CARGO_BIN_EXE_odoo-entrypoint")), "odoo-entrypoint");
        fs::write(folder.join("odoo.conf"), "[options]\n").unwrap();
        for name in ["run", "data", "notes"] {
            fs::create_dir_all(folder.join(name)).unwrap();
            nix::unistd::chown(&folder.join(name), Some(program_uid().into()), None).unwrap();
        }
        let mark = world.base().to_owned();
        Bench { _database: database, role, cluster, folder, product, stand_in, mark, counter: 0.into() }
    }

    fn note(&self) -> PathBuf {
        self.counter.set(self.counter.get() + 1);
        self.folder.join("notes").join(self.counter.get().to_string())
    }

    /// The command line of an init with the stand-in below it.
    fn line(&self, init: Init) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let stand_in = text(&self.stand_in);
        match init {
            Init::Ours => vec![text(&self.product), stand_in],
            Init::Tini => ["tini", "-s", "--", &stand_in].map(str::to_owned).to_vec(),
            Init::Dumb => ["dumb-init", "--single-child", &stand_in].map(str::to_owned).to_vec(),
            Init::S6 => {
                let scan = self.note().with_extension("s6");
                fs::create_dir_all(scan.join("it")).unwrap();
                let run = scan.join("it/run");
                fs::write(&run, format!("#!/bin/sh\nexec {stand_in}\n")).unwrap();
                fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
                for path in [&scan, &scan.join("it")] {
                    nix::unistd::chown(path, Some(program_uid().into()), None).unwrap();
                }
                vec!["s6-svscan".to_owned(), text(&scan)]
            }
            Init::Supervisord => {
                let file = self.note().with_extension("conf");
                let text = format!(
                    "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={0}.pid\n\
                     [program:it]\ncommand={stand_in}\nautorestart=false\nstartsecs=0\nstdout_logfile=/dev/null\n\
                     stderr_logfile=/dev/null\nstdout_logfile_maxbytes=0\nstderr_logfile_maxbytes=0\n",
                    file.display()
                );
                fs::write(&file, text).unwrap();
                vec!["supervisord".to_owned(), "-n".to_owned(), "-c".to_owned(), file.display().to_string()]
            }
        }
    }

    fn command(&self, line: &[String], mode: &str, note: &Path) -> Command {
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env(MODE, mode)
            .env(NOTE, note)
            .env(RUN_MARK, &self.mark)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }

    fn start(&self, init: Init, mode: &str, note: &Path) -> Running {
        let mut command = self.command(&self.line(init), mode, note);
        if nix::unistd::Uid::effective().is_root() {
            command.uid(program_uid()).gid(program_uid());
        }
        Running(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", init.name())))
    }

    /// `serve`, with the stand-in as Odoo.
    fn serve(&self, mode: &str, note: &Path, json: bool, stderr: Stdio) -> Running {
        let line = [self.product.display().to_string()];
        let mut command = self.command(&line, mode, note);
        command
            .env("ODOO_RC", self.folder.join("odoo.conf"))
            .env("HOST", "127.0.0.1")
            .env("PORT", self.cluster.port().to_string())
            .env("USER", &self.role.name)
            .env("PASSWORD", &self.role.password)
            .env("DB", "bench")
            .env("ODOO_DATA_DIR", self.folder.join("data"))
            .env("ODOO_HTTP_PORT", ports::free().to_string())
            .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{}", ports::free()))
            .env("ENTRYPOINT_RUNTIME_DIR", self.folder.join("run"))
            .env("ENTRYPOINT_ODOO_BIN", &self.stand_in)
            .env("ENTRYPOINT_RESTART", "never")
            .env("ENTRYPOINT_LOG_FORMAT", if json { "json" } else { "text" })
            .stderr(stderr);
        if nix::unistd::Uid::effective().is_root() {
            command.uid(program_uid()).gid(program_uid());
        }
        Running(command.spawn().expect("serve"))
    }

    fn run(&self, world: &Arc<World>) {
        println!(
            "{:<46} {:>11} {:>11} {:>11} {:>11} {:>11}",
            "", "this", "tini", "dumb-init", "s6", "supervisord"
        );
        // `cargo bench --bench supervision -- output` measures that alone.
        let asked: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        let wanted = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
        if wanted("orphans") {
            self.orphans();
        }
        if wanted("duties") {
            self.duties();
        }
        if wanted("serve") {
            self.serve_alone();
        }
        if wanted("output") {
            self.output();
        }
        let odoo = Odoo::real().map(|odoo| ("real Odoo", odoo)).unwrap_or(("the double", Odoo::Double));
        if wanted("crashes") {
            self.crashes(world, odoo.0, &odoo.1);
        }
    }

    fn orphans(&self) {
        let mut rates = vec![Vec::new(); 5];
        for round in 0..9 {
            for (index, init) in Init::ALL.into_iter().enumerate() {
                // supervisord takes minutes for all of it.
                if init == Init::Supervisord && round > 0 {
                    continue;
                }
                let note = self.note();
                let uid = program_uid().to_string();
                let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
                let user = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--"];
                let mut line: Vec<String> = unshare.into_iter().chain(user).map(str::to_owned).collect();
                line.extend(self.line(init));
                let _running = Running(self.command(&line, "orphans", &note).spawn().expect("unshare"));
                let text = until("all orphans are gone", Duration::from_secs(200), || {
                    fs::read_to_string(&note).ok().filter(|text| text.ends_with('\n'))
                });
                let times = text.split_whitespace().skip(1).map(|time| time.parse::<u64>().unwrap());
                rates[index].push(ORPHANS as f64 / (times.sum::<u64>() as f64 / 1e9));
            }
        }
        let median = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            format!("{:.0}/s", rates[rates.len() / 2])
        };
        let row: Vec<String> = rates.iter_mut().map(median).collect();
        print_row("10,000 orphans as PID 1, none left (bar: tini)", &row);
    }

    fn duties(&self) {
        let mut delivery = vec![Vec::new(); 5];
        let mut exits = vec![Vec::new(); 5];
        let mut stops = vec![Vec::new(); 5];
        for round in 0..ROUNDS {
            for (index, init) in Init::ALL.into_iter().enumerate() {
                if init.forwards() {
                    let note = self.note();
                    let mut running = self.start(init, "exit", &note);
                    let end = running.ended();
                    exits[index].push(end - word(&note, "exit"));
                }
                let note = self.note();
                let mut running = self.start(init, "signals", &note);
                lines(&note, 1);
                if init.forwards() {
                    for count in 0..SIGNALS / ROUNDS {
                        thread::sleep(Duration::from_millis(1));
                        let sent = now();
                        kill(Pid::from_raw(running.pid()), Signal::SIGUSR1).expect("a signal");
                        delivery[index].push(nth(&note, 1 + count) - sent);
                    }
                }
                // supervisord takes long for it, and is not what is measured.
                if init != Init::Supervisord || round < 5 {
                    let sent = now();
                    kill(Pid::from_raw(running.pid()), Signal::SIGTERM).expect("a signal");
                    let end = running.ended();
                    let text = fs::read_to_string(&note).unwrap();
                    let got = text.lines().rfind(|line| line.starts_with("got")).map(number).unwrap_or(sent);
                    stops[index].push((end - sent).saturating_sub(word(&note, "exit") - got));
                }
            }
        }
        for (name, share, values) in [
            ("signal to delivery, median", 0.5, &mut delivery.clone()),
            ("signal to delivery, p99 (bar: 1 ms)", 0.99, &mut delivery.clone()),
            ("exit of the program to ours, median", 0.5, &mut exits.clone()),
            ("exit of the program to ours, p99 (bar: 5 ms)", 0.99, &mut exits.clone()),
            ("a stop adds, median", 0.5, &mut stops.clone()),
            ("a stop adds, p95 (bar: 10 ms)", 0.95, &mut stops.clone()),
        ] {
            let row: Vec<String> = values.iter_mut().map(|values| milliseconds(values, share)).collect();
            print_row(name, &row);
        }
    }

    /// The same of `serve`, for which there is no peer.
    fn serve_alone(&self) {
        let (mut delivery, mut exits, mut stops) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let note = self.note();
            let mut running = self.serve("exit", &note, false, Stdio::null());
            let end = running.ended();
            exits.push(end - word(&note, "exit"));
            let note = self.note();
            let mut running = self.serve("signals", &note, false, Stdio::null());
            lines(&note, 1);
            // The samples' login into PostgreSQL, some milliseconds of SCRAM, belongs to the start.
            thread::sleep(Duration::from_millis(300));
            for count in 0..SIGNALS / ROUNDS {
                thread::sleep(Duration::from_millis(1));
                let sent = now();
                kill(Pid::from_raw(running.pid()), Signal::SIGUSR1).expect("a signal");
                delivery.push(nth(&note, 1 + count) - sent);
            }
            let sent = now();
            kill(Pid::from_raw(running.pid()), Signal::SIGTERM).expect("a signal");
            let end = running.ended();
            let text = fs::read_to_string(&note).unwrap();
            let got = text.lines().rfind(|line| line.starts_with("got")).map(number).unwrap();
            stops.push((end - sent) - (word(&note, "exit") - got));
        }
        for (name, share, values) in [
            ("serve: signal to delivery, p99 (bar: 1 ms)", 0.99, &mut delivery),
            ("serve: exit of Odoo to ours, p99 (bar: 5 ms)", 0.99, &mut exits),
            ("serve: a stop adds, p95 (bar: 10 ms)", 0.95, &mut stops),
        ] {
            print_row(name, &[milliseconds(values, share)]);
        }
    }

    fn output(&self) {
        for (name, json) in [("text", false), ("JSON", true)] {
            let note = self.note();
            let (read, write) = io::pipe().expect("a pipe");
            let mut running = self.serve("lines", &note, json, Stdio::from(write));
            let reader = thread::spawn(move || io::copy(&mut &read, &mut io::sink()).unwrap());
            lines(&note, 1);
            let before = cpu(running.pid());
            let begin = Instant::now();
            lines(&note, 2);
            let share = (cpu(running.pid()) - before) / begin.elapsed().as_secs_f64();
            let written = word(&note, "written");
            kill(Pid::from_raw(running.pid()), Signal::SIGTERM).expect("a signal");
            running.ended();
            let passed = reader.join().unwrap();
            assert!(json || passed > written, "{passed} of {written} bytes came through");
            let row = [format!("{:.1} %", share * 100.0), format!("{} MB", written / 1_000_000)];
            print_row(&format!("serve: 10,000 lines a second, {name} (bar: 5 %)"), &row);
        }
    }

    /// Kills Odoo again and again under requests; who is refused, and for how long.
    fn crashes(&self, world: &Arc<World>, name: &str, odoo: &Odoo) {
        for (mode, workers, pause) in [("threaded", "0", 20), ("prefork", "2", 2)] {
            let (world, odoo) = (world.clone(), odoo.clone());
            let title = name.to_owned();
            let body = move |test: &harness::Test| {
                let site = test.site(&odoo);
                let probes = ports::free();
                let base = test.write("base.conf", "[options]\n");
                let process = test
                    .launch(test.world().product())
                    .env("ODOO_RC", base)
                    .env("HOST", "127.0.0.1")
                    .env("PORT", site.cluster.port().to_string())
                    .env("USER", &site.role.name)
                    .env("PASSWORD", &site.role.password)
                    .env("DB", &site.database.name)
                    .env("ODOO_DATA_DIR", test.make_dir("data"))
                    .env("ODOO_HTTP_INTERFACE", "127.0.0.1")
                    .env("ODOO_HTTP_PORT", site.http_port.to_string())
                    .env("ODOO_GEVENT_PORT", site.gevent_port.to_string())
                    .env("ODOO_MAX_CRON_THREADS", "0")
                    .env("ODOO_WORKERS", workers)
                    .env("ENTRYPOINT_ODOO_BIN", site.odoo.command(test))
                    .env("ENTRYPOINT_RUNTIME_DIR", test.make_dir("run"))
                    .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{probes}"))
                    // Forgotten at once, so that the pause before each restart stays a second.
                    .env("ENTRYPOINT_RESTART_LIMIT", "100/1s")
                    .start();
                let ready = || {
                    until("ready", Duration::from_secs(120), || {
                        assert!(process.exited().is_none(), "{}", process.stderr());
                        http::get(probes, "/readyz", Duration::from_secs(5))
                            .ok()
                            .filter(|answer| answer.status == 200)
                    })
                };
                ready();
                let stopped = Arc::new(AtomicBool::new(false));
                let client = {
                    let (stopped, port) = (stopped.clone(), site.http_port);
                    thread::spawn(move || connect_until(&stopped, port, Duration::from_millis(pause)))
                };
                for _ in 0..CRASHES {
                    let main =
                        process.descendants().into_iter().find(|one| one.parent == process.pid()).unwrap();
                    procfs::kill(main.pid);
                    until("another one", Duration::from_secs(60), || {
                        let now =
                            process.descendants().into_iter().find(|one| one.parent == process.pid())?;
                        (now.pid != main.pid).then_some(())
                    });
                    ready();
                }
                stopped.store(true, Ordering::Relaxed);
                let (asked, refused, mut gaps) = client.join().unwrap();
                process.signal(Signal::SIGTERM);
                process.wait_code(Duration::from_secs(60));
                print_row(
                    &format!("{CRASHES} crashes of {title}, {mode}: connections refused"),
                    &[format!("{refused}"), format!("of {asked}")],
                );
                if !gaps.is_empty() {
                    let row = [milliseconds(&mut gaps, 0.5), milliseconds(&mut gaps, 1.0)];
                    print_row("  for how long at a time, median and longest", &row);
                }
            };
            let trial = world.trial(format!("crashes-{mode}"), harness::Limit::Real, body);
            let arguments = libtest_mimic::Arguments { quiet: true, ..Default::default() };
            assert!(!libtest_mimic::run(&arguments, vec![trial]).has_failed(), "{mode}");
        }
    }
}

/// Connects at a steady rate; returns how often, how often in vain, and how long nobody listened each time.
fn connect_until(stopped: &AtomicBool, port: u16, pause: Duration) -> (u32, u32, Vec<u64>) {
    let (mut asked, mut refused, mut gaps, mut since) = (0, 0, Vec::new(), None);
    let mut open = Vec::new();
    while !stopped.load(Ordering::Relaxed) {
        asked += 1;
        let begin = now();
        match TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(20)) {
            Ok(mut stream) => {
                gaps.extend(since.take().map(|since| begin - since));
                let _ = stream
                    .write_all(b"GET /web/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                open.push((Instant::now(), stream));
            }
            Err(_) => {
                refused += 1;
                since.get_or_insert(begin);
            }
        }
        open.retain(|(since, _)| since.elapsed() < Duration::from_secs(8));
        thread::sleep(pause);
    }
    (asked, refused, gaps)
}

/// Seconds of processor time that a process has used, all its threads.
fn cpu(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    // utime and stime, in hundredths (proc(5), USER_HZ).
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn lines(note: &Path, count: usize) -> String {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(note).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "the stand-in says more: {text}");
        thread::sleep(Duration::from_micros(100));
    }
}

fn number(line: &str) -> u64 {
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The number in line `index`.
fn nth(note: &Path, index: usize) -> u64 {
    number(lines(note, index + 1).lines().nth(index).unwrap())
}

/// The number behind that word.
fn word(note: &Path, word: &str) -> u64 {
    let text = fs::read_to_string(note).unwrap();
    text.lines()
        .find(|line| line.starts_with(word))
        .map(number)
        .unwrap_or_else(|| panic!("no {word} in {text}"))
}

fn milliseconds(values: &mut [u64], share: f64) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    values.sort_unstable();
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    format!("{:.2} ms", values[index] as f64 / 1e6)
}

fn print_row(name: &str, values: &[String]) {
    print!("{name:<46}");
    for value in values {
        print!(" {value:>11}");
    }
    println!();
}
