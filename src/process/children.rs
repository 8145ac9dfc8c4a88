//! The one place that starts processes and the one that waits for them. Nothing else in this crate may do either
//! (`clippy.toml` forbids the other routes): a status that two wait for reaches only one.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use super::image::Image;
use super::inherited;
use super::terminal::Terminal;
use crate::error::Problem;
use crate::exit::Exit;
use crate::lifecycle::{Ending, Pid};

/// A program to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment; `None` hands on ours.
    pub environment: Option<Vec<(OsString, OsString)>>,
}

/// What a child is given beside its program. Each gets a process group of its own, the caller's signal mask and the
/// caller's ignored signals.
pub enum Attached<'a> {
    /// Our standard streams, and the terminal where there is one.
    Foreground(Option<&'a Terminal>),
    /// No stdin, which Odoo never reads.
    Server {
        /// The pipe for its stderr; ours where there is none.
        stderr: Option<OwnedFd>,
        /// Its listening socket, as descriptor 3 with `LISTEN_FDS` and `LISTEN_PID` (`sd_listen_fds(3)`).
        listener: Option<BorrowedFd<'a>>,
    },
}

/// The first descriptor that `sd_listen_fds(3)` knows.
const LISTEN_FDS_START: RawFd = 3;

/// So many that have ended are the beginning of a flood.
const MANY: usize = 4;
/// So often a flood is looked at before the loop goes on with the rest of its work.
const BATCHES: u32 = 16;

/// Starts a program.
///
/// # Errors
/// The program is missing (127) or cannot be executed (126).
// std's `spawn` only forks and executes; it waits for the child itself only when the `execve` failed, and then it
// returns that error, so that no status of a running child can be lost to it.
#[allow(clippy::disallowed_methods, reason = "the one owner of starting processes")]
pub fn spawn(program: &Program, attached: Attached<'_>) -> Result<Pid, (Exit, Problem)> {
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).process_group(0);
    if let Some(environment) = &program.environment {
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    }
    let mut terminal = None;
    let mut handover = None;
    match attached {
        Attached::Foreground(ours) => terminal = ours.map(Terminal::descriptor),
        Attached::Server { stderr, listener } => {
            command.stdin(Stdio::null());
            if let Some(stderr) = stderr {
                command.stderr(stderr);
            }
            if let Some(listener) = listener {
                let image = Image::new(program).map_err(|error| not_started(program, &error))?;
                handover = Some((listener.as_raw_fd(), image));
            }
        }
    }
    let prepare = move || {
        if let Some(terminal) = terminal {
            // SAFETY: a system call on a descriptor that the parent keeps open; every signal is blocked, so that
            // SIGTTOU cannot stop us here. That it fails leaves the program in the background, as it would be without.
            #[allow(unsafe_code, reason = "between fork and exec")]
            unsafe {
                libc::tcsetpgrp(terminal, libc::getpid());
            }
        }
        inherited::restore();
        let Some((listener, image)) = &mut handover else { return Ok(()) };
        // The number is taken in the parent since the event loop was made, so none of std's own can be there.
        hand_over(*listener)?;
        Err(image.execute())
    };
    // SAFETY: between fork and exec; only system calls on what was prepared before.
    #[allow(
        unsafe_code,
        reason = "std has no safe way to set masks, a terminal's foreground, or descriptor 3"
    )]
    unsafe {
        command.pre_exec(prepare);
    }
    // Until the child has its own dispositions a signal to it would run our handlers and be lost.
    match inherited::without_signals(|| command.spawn()) {
        Ok(child) => Ok(Pid::try_from(child.id()).unwrap_or(Pid::MAX)),
        Err(error) => Err(not_started(program, &error)),
    }
}

fn hand_over(listener: RawFd) -> io::Result<()> {
    // SAFETY: system calls on numbers; between fork and exec nobody else uses descriptor 3 any more.
    #[allow(unsafe_code, reason = "between fork and exec")]
    let result = unsafe {
        if listener == LISTEN_FDS_START {
            // dup2 onto itself would leave it to be closed at the exec.
            libc::fcntl(listener, libc::F_SETFD, 0)
        } else {
            libc::dup2(listener, LISTEN_FDS_START)
        }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn not_started(program: &Program, error: &io::Error) -> (Exit, Problem) {
    let path = program.path.display();
    // ENOENT also stands for a missing interpreter of a script that is there itself.
    let (exit, hint) = match error.kind() {
        io::ErrorKind::NotFound if program.path.components().count() > 1 && program.path.exists() => {
            (Exit::NotExecutable, "its first line names an interpreter that is not installed".to_owned())
        }
        io::ErrorKind::NotFound => (Exit::NotFound, "install it, or check its name and the PATH".to_owned()),
        io::ErrorKind::PermissionDenied => {
            (Exit::NotExecutable, format!("make it executable for this user: chmod a+rx {path}"))
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => (
            Exit::NotExecutable,
            "raise the container's limit of processes (pids_limit) or of memory".to_owned(),
        ),
        _ => (Exit::NotExecutable, "see whether it is a program for this machine".to_owned()),
    };
    (exit, Problem::new(format!("cannot start {path}"), format!("{path}: {error}"), hint))
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended.
    Ended(Ending),
    /// It was stopped by this signal, and may be continued.
    Stopped(i32),
}

/// Collects every child that has ended, ours and the orphans that the kernel handed to us, without blocking.
pub fn reap() -> Vec<(Pid, Ending)> {
    let ended = |(pid, change)| match change {
        Change::Ended(ending) => Some((pid, ending)),
        Change::Stopped(_) => None,
    };
    changes(0).into_iter().filter_map(ended).collect()
}

/// [`reap`], and which children were stopped.
pub fn reap_and_watch() -> Vec<(Pid, Change)> {
    changes(libc::WUNTRACED)
}

/// Whether there is no child left, dead or alive. As PID 1 or as a subreaper we then have no descendants either: each of
/// them descends from a child.
pub fn none_left() -> bool {
    // SAFETY: all zeroes is a valid value, which the call fills; `WNOWAIT` leaves every status where it is.
    #[allow(unsafe_code, reason = "nix's waitid is one more way of waiting")]
    let result = unsafe {
        let mut status: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &raw mut status, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
    };
    result < 0 && Errno::last() == Errno::ECHILD
}

fn changes(flags: libc::c_int) -> Vec<(Pid, Change)> {
    // Held back while we look: of a thousand orphans that end meanwhile one signal is left, and not a thousand handlers run.
    let mut child = SigSet::empty();
    child.add(Signal::SIGCHLD);
    let before = child.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let mut changed = collect(flags);
    // Where many end at once more are about to: a look at each batch costs less than a look at each of them.
    for _ in 0..BATCHES {
        let before = changed.len();
        if before < MANY {
            break;
        }
        std::thread::yield_now();
        changed.extend(collect(flags));
        if changed.len() == before {
            break;
        }
    }
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    changed
}

fn collect(flags: libc::c_int) -> Vec<(Pid, Change)> {
    let mut changed = Vec::new();
    loop {
        let mut status: libc::c_int = 0;
        // nix's and std's wrappers cannot carry a death by a real-time signal, or wait for a child std has not started.
        // SAFETY: `status` is a valid place for an int, and waitpid touches nothing else of ours.
        #[allow(unsafe_code, clippy::disallowed_methods, reason = "the one owner of waiting")]
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | flags) };
        if pid < 0 && Errno::last() == Errno::EINTR {
            continue;
        }
        // 0: children, and none has ended. Negative: no children.
        if pid <= 0 {
            return changed;
        }
        changed.push((pid, change(ExitStatus::from_raw(status))));
    }
}

fn change(status: ExitStatus) -> Change {
    let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match (status.code(), status.signal(), status.stopped_signal()) {
        (Some(code), ..) => Change::Ended(Ending::Code(byte(code))),
        (None, Some(signal), _) => Change::Ended(Ending::Signal(byte(signal))),
        (None, None, Some(signal)) => Change::Stopped(signal),
        // Continued, which waitpid without WCONTINUED never reports.
        (None, None, None) => Change::Ended(Ending::Code(byte(status.into_raw()))),
    }
}
