//! Starting a program as the unprivileged user, reading what it says, signalling it, and ending its whole
//! tree.

use super::world::{RUN_MARK, TEST_MARK, program_user};
use super::{SOON, Test, procfs, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A program about to be started: own process group, unprivileged user, an environment that holds only what
/// is said here (PATH, HOME, USER, LOGNAME, LANG, TMPDIR and the marks are set; change them with
/// [`Launch::env`]).
pub struct Launch<'a> {
    test: &'a Test,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    directory: PathBuf,
    handed_over: Option<OwnedFd>,
    input: Option<PathBuf>,
    user: Option<(u32, u32)>,
}

impl<'a> Launch<'a> {
    pub(super) fn new(test: &'a Test, program: &OsStr) -> Self {
        let launch = Self {
            test,
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: test.dir().to_owned(),
            handed_over: None,
            input: None,
            user: program_user(),
        };
        launch
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", test.dir().join("home"))
            .env("TMPDIR", test.dir().join("tmp"))
            .env("USER", "tester")
            .env("LOGNAME", "tester")
            .env("LANG", "C.UTF-8")
            // Odoo's tree may be read-only for this user; compiled once for the run instead of at every
            // start.
            .env("PYTHONPYCACHEPREFIX", test.world.base().join("pycache"))
            .env(RUN_MARK, test.world.base())
            .env(TEST_MARK, test.mark())
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Runs the program as this user and group instead (only when the suite runs as root).
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        if self.user.is_some() {
            self.user = Some((uid, gid));
        }
        self
    }

    /// The program finds `listener` as fd 3, with `LISTEN_FDS=1` and its own process id in `LISTEN_PID`, as
    /// systemd does it.
    pub fn listening_on(mut self, listener: impl Into<OwnedFd>) -> Self {
        self.handed_over = Some(listener.into());
        self
    }

    /// What the program reads from its stdin (nothing by default). Not together with
    /// [`Launch::listening_on`].
    pub fn stdin(mut self, text: &str) -> Self {
        self.input = Some(self.test.write(&self.test.unique("stdin"), text));
        self
    }

    /// Starts it.
    pub fn start(self) -> Process {
        let mut command = if self.handed_over.is_some() {
            // Only the process itself can know its id before its program starts: a shell sets it and becomes
            // the program.
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "sh"]);
            shell.arg(&self.program);
            shell
        } else {
            Command::new(&self.program)
        };
        command.args(&self.arguments).current_dir(&self.directory).env_clear().process_group(0);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        let input = self.input.map(|path| File::open(path).expect("a file for stdin").into());
        command.stdin(self.handed_over.or(input).map_or_else(Stdio::null, Stdio::from));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.to_string_lossy()));
        let stdout = Output::collect(child.stdout.take().expect("stdout is piped"));
        let stderr = Output::collect(child.stderr.take().expect("stderr is piped"));
        let what = format!("{} {:?} [{}]", self.program.to_string_lossy(), self.arguments, child.id());
        self.test.remember(format!("stderr of {what}"), &stderr);
        self.test.remember(format!("stdout of {what}"), &stdout);
        Process { child: Mutex::new((child, None)), what, stdout, stderr }
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Finished {
        self.run_within(SOON)
    }

    /// [`Launch::run`] for what takes longer than [`SOON`].
    pub fn run_within(self, deadline: Duration) -> Finished {
        let process = self.start();
        let status = process.wait_exit(deadline);
        Finished { status, stdout: process.stdout.whole(), stderr: process.stderr.whole() }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Checks the exit code and shows the output if it is another one.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{}\n{}", self.status, self.stderr);
        self
    }
}

/// A started program. Its process group and everything below it is killed when this goes out of scope.
pub struct Process {
    child: Mutex<(Child, Option<ExitStatus>)>,
    what: String,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

impl Process {
    pub fn pid(&self) -> i32 {
        process_id(&self.child.lock().expect("child").0)
    }

    /// Its status if it has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().expect("child");
        if child.1.is_none() {
            child.1 = child.0.try_wait().expect("wait for the child");
        }
        child.1
    }

    #[track_caller]
    pub fn wait_exit(&self, deadline: Duration) -> ExitStatus {
        until(&format!("{} ends", self.what), deadline, || self.exited())
    }

    /// Waits for the end and returns the exit code, or 128 + the signal as a shell does.
    #[track_caller]
    pub fn wait_code(&self, deadline: Duration) -> i32 {
        let status = self.wait_exit(deadline);
        status.code().or_else(|| status.signal().map(|signal| 128 + signal)).expect("a code or a signal")
    }

    /// Sends a signal to this one process.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal)
            .unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.what));
    }

    /// What it (and whoever inherited the pipe) wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// The place where stderr ends now, for [`Process::wait_log_after`].
    pub fn mark(&self) -> usize {
        self.stderr.len()
    }

    /// Waits until the process itself (not a shell before it, not one of its children) handles `signal`.
    #[track_caller]
    pub fn wait_catches(&self, signal: Signal) {
        until(&format!("{} catches {signal}", self.what), SOON, || {
            assert!(self.exited().is_none(), "{} ended before it caught {signal}", self.what);
            procfs::has_in_mask(self.pid(), "SigCgt", signal).then_some(())
        });
    }

    /// Waits for a line on stderr that contains `text`, and returns it. Fails at once when the process has
    /// ended without it.
    #[track_caller]
    pub fn wait_log(&self, text: &str, deadline: Duration) -> String {
        self.wait_log_after(0, text, deadline)
    }

    /// [`Process::wait_log`] in what was written after `mark`.
    #[track_caller]
    pub fn wait_log_after(&self, mark: usize, text: &str, deadline: Duration) -> String {
        until(&format!("{} says {text:?}", self.what), deadline, || {
            let ended = self.exited();
            let log = if ended.is_some() { self.stderr.whole() } else { self.stderr.text() };
            let line = log.get(mark..).unwrap_or_default().lines().find(|line| line.contains(text));
            if let (None, Some(status)) = (line, ended) {
                panic!("{} ended ({status}) without saying {text:?}", self.what);
            }
            line.map(str::to_owned)
        })
    }

    /// The living processes below it.
    pub fn descendants(&self) -> Vec<procfs::Process> {
        procfs::descendants(self.pid())
    }

    /// Kills it, what is below it, and what is left of its process group, and waits for its end.
    pub fn kill_tree(&self) {
        let pid = self.pid();
        if self.exited().is_none() {
            for process in self.descendants() {
                procfs::kill(process.pid);
            }
            procfs::kill(pid);
            self.wait_exit(SOON);
        }
        procfs::kill(-pid);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_tree();
    }
}

/// A child's id as the system calls want it.
pub(super) fn process_id(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("process ids are below 2^22")
}

/// One stream of a process, collected by a thread.
pub struct Output {
    bytes: Mutex<(Vec<u8>, bool)>,
}

impl Output {
    fn collect(mut stream: impl Read + Send + 'static) -> Arc<Self> {
        let output = Arc::new(Self { bytes: Mutex::default() });
        let to = Arc::clone(&output);
        thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                to.bytes.lock().expect("output").0.extend_from_slice(&chunk[..count]);
            }
            to.bytes.lock().expect("output").1 = true;
        });
        output
    }

    fn len(&self) -> usize {
        self.bytes.lock().expect("output").0.len()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("output").0).into_owned()
    }

    /// Everything, of a process that has ended: waits until the pipe is closed, but not for whoever inherited
    /// it.
    fn whole(&self) -> String {
        let start = Instant::now();
        while !self.bytes.lock().expect("output").1 && start.elapsed() < Duration::from_millis(500) {
            thread::sleep(Duration::from_millis(2));
        }
        self.text()
    }

    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}
