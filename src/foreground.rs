//! Any other program, and Odoo's subcommands: run as they are under the same init duties.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::libc;

use crate::error::Failure;
use crate::exit::Exit;
use crate::lifecycle::Pid;
use crate::process::children::{self, Attached, Change, Program};
use crate::process::signals::{Incoming, Signals};
use crate::process::terminal::Terminal;
use crate::process::tree;

/// A program that is stopped again this soon after it was continued cannot be helped by continuing it: it reads a
/// terminal that is not its own.
const STOPPED_AGAIN: Duration = Duration::from_millis(100);

/// Runs a program to its end: it gets every signal that we get, every orphan is reaped, its exit code is ours.
///
/// # Errors
/// It cannot be started.
pub async fn run(program: &Program, signals: &mut Signals) -> Result<Exit, Failure> {
    let terminal = Terminal::ours();
    let child = children::spawn(program, Attached::Foreground(terminal.as_ref()))
        .map_err(|(exit, problem)| Failure::one(exit, problem))?;
    let mut continued = None;
    loop {
        for signal in signals.next().await {
            if Incoming::of(signal) != Incoming::Child {
                // The terminal's own go to the program's group, so whatever reaches us was meant for it alone.
                tree::send_number(child, signal);
                continue;
            }
            for (pid, change) in children::reap_and_watch() {
                match change {
                    _ if pid != child => {}
                    Change::Ended(ending) => {
                        if let Some(terminal) = &terminal {
                            terminal.take_back();
                        }
                        return Ok(Exit::Child(ending.shell_code()));
                    }
                    Change::Stopped(by) => stopped(terminal.as_ref(), child, by, &mut continued),
                }
            }
        }
    }
}

/// Ctrl-Z, or a read from the background. Whoever sends `STOP` wants it stopped and will send `CONT`, and so does whoever
/// stops a program without a terminal.
fn stopped(terminal: Option<&Terminal>, child: Pid, by: i32, continued: &mut Option<Instant>) {
    let Some(terminal) = terminal.filter(|_| by != libc::SIGSTOP) else { return };
    let again = continued.is_some_and(|at: Instant| at.elapsed() < STOPPED_AGAIN);
    if again && by != libc::SIGTSTP {
        return;
    }
    terminal.stop_with(nix::unistd::Pid::from_raw(child));
    *continued = Some(Instant::now());
}

/// A program by its name or path, as a shell would find it.
pub fn program(name: OsString, arguments: Vec<OsString>) -> Program {
    Program { path: PathBuf::from(name), arguments, environment: None }
}
