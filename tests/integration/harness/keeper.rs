//! The process that clears up after the run, however the run ends.
//!
//! It is this same binary, started with [`ARGUMENT`] in a session of its own, and it reads a pipe whose write end only the test
//! process holds. The kernel closes that end at an exit, a `SIGKILL` or a Ctrl-C alike; then every process that carries the run's
//! mark in its environment is ended, PostgreSQL first and in its own way, and the run's directory is removed.

use super::procfs;
use super::world::RUN_MARK;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::{Pid, setsid};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

const ARGUMENT: &str = "--keep-order-in";

/// The test process's handle on its keeper.
pub struct Keeper(Child);

impl Keeper {
    pub fn start(base: &Path) -> Self {
        let child = Command::new(env::current_exe().expect("own path"))
            .arg(ARGUMENT)
            .arg(base)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the keeper");
        Self(child)
    }

    /// Lets the keeper clear up, waits for it, and returns the processes it had to end.
    pub fn finish(mut self) -> Vec<String> {
        drop(self.0.stdin.take());
        let mut report = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            let _ = stdout.read_to_string(&mut report);
        }
        let _ = self.0.wait();
        report.lines().map(str::to_owned).collect()
    }
}

/// The keeper's own `main`, when this process was started as one.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let base = PathBuf::from(arguments.next()?);
    // Away from the terminal's process group: a Ctrl-C is for the tests. In a script's `timeout` the same signals come directly.
    let _ = setsid();
    for ignored in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        // SAFETY: no handler is installed, the signal is only ignored.
        #[allow(unsafe_code, reason = "nix has no safe way to ignore a signal")]
        let _ = unsafe { signal(ignored, SigHandler::SigIgn) };
    }
    let _ = io::stdin().read_to_end(&mut Vec::new());
    clear(&base);
    Some(ExitCode::SUCCESS)
}

fn clear(base: &Path) {
    let mark = base.to_string_lossy();
    // What runs as PostgreSQL goes by its own immediate shutdown below, which also frees its shared memory.
    let servers = postmasters(base);
    let is_server = |pid| servers.iter().any(|server| procfs::descends_from(pid, *server));
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut named = Vec::new();
    loop {
        let left: Vec<_> =
            procfs::marked(RUN_MARK, &mark).into_iter().filter(|p| !is_server(p.pid)).collect();
        for process in &left {
            if !named.contains(&process.pid) {
                // Nobody reads this any more when the tests were killed.
                let _ = writeln!(io::stdout(), "{} {}", process.pid, process.command_line());
                named.push(process.pid);
            }
            procfs::kill(process.pid);
        }
        if left.is_empty() || Instant::now() > deadline {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    for server in &servers {
        let _ = kill(Pid::from_raw(*server), Signal::SIGQUIT);
    }
    while servers.iter().any(|pid| procfs::is_alive(*pid)) {
        if Instant::now() > deadline {
            servers.iter().for_each(|pid| procfs::kill(*pid));
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = fs::remove_dir_all(base);
}

/// The first line of each `postmaster.pid` in the run's directory, if a process of that id runs from there.
fn postmasters(base: &Path) -> Vec<i32> {
    let clusters = fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path());
    clusters
        .filter_map(|cluster| fs::read_to_string(cluster.join("data/postmaster.pid")).ok())
        .filter_map(|text| text.lines().next()?.trim().parse().ok())
        .filter(|pid| procfs::is_alive(*pid))
        .collect()
}
