//! The one place that starts processes and the one that waits for them. Nothing else in this crate may do either
//! (`clippy.toml` forbids the other routes): a status that two wait for reaches only one.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::libc;

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
    /// Whether it gets our terminal and process group (`exec`-like), or none and its own (a server).
    pub foreground: bool,
}

/// Starts a program.
///
/// A server gets a process group of its own, so that a Ctrl-C at our terminal reaches us alone and Odoo is told once;
/// and no stdin, which Odoo never reads.
///
/// # Errors
/// The program is missing (127) or cannot be executed (126).
// std's `spawn` only forks and executes; it waits for the child itself only when the `execve` failed, and then it
// returns that error, so that no status of a running child can be lost to it.
#[allow(clippy::disallowed_methods, reason = "the one owner of starting processes")]
pub fn spawn(program: &Program) -> Result<Pid, (Exit, Problem)> {
    let mut command = Command::new(&program.path);
    command.args(&program.arguments);
    if let Some(environment) = &program.environment {
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    }
    if !program.foreground {
        command.stdin(Stdio::null()).process_group(0);
    }
    match command.spawn() {
        Ok(child) => Ok(Pid::try_from(child.id()).unwrap_or(Pid::MAX)),
        Err(error) => Err(not_started(program, &error)),
    }
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

/// Collects every child that has ended, ours and the orphans that the kernel handed to us, without blocking.
pub fn reap() -> Vec<(Pid, Ending)> {
    let mut ended = Vec::new();
    loop {
        let mut status: libc::c_int = 0;
        // nix's and std's wrappers cannot carry a death by a real-time signal, or wait for a child std has not started.
        // SAFETY: `status` is a valid place for an int, and waitpid touches nothing else of ours.
        #[allow(unsafe_code, clippy::disallowed_methods, reason = "the one owner of waiting")]
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        if pid < 0 && Errno::last() == Errno::EINTR {
            continue;
        }
        // 0: children, and none has ended. Negative: no children.
        if pid <= 0 {
            return ended;
        }
        ended.push((pid, ending(ExitStatus::from_raw(status))));
    }
}

fn ending(status: ExitStatus) -> Ending {
    let byte = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(byte(code)),
        (None, Some(signal)) => Ending::Signal(byte(signal)),
        // Neither: stopped or continued, which waitpid without WUNTRACED and WCONTINUED never reports.
        (None, None) => Ending::Code(byte(status.into_raw())),
    }
}
