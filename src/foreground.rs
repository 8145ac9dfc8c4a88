//! Any other program, and Odoo's subcommands: run as they are under the same init duties.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::error::Failure;
use crate::exit::Exit;
use crate::process::children::{self, Program};
use crate::process::signals::{Incoming, Signals};
use crate::process::tree;

/// Runs a program to its end: it gets every signal that we get, every orphan is reaped, its exit code is ours.
///
/// # Errors
/// It cannot be started.
pub async fn run(program: &Program, signals: &mut Signals) -> Result<Exit, Failure> {
    let child = children::spawn(program).map_err(|(exit, problem)| Failure::one(exit, problem))?;
    loop {
        for signal in signals.next().await {
            if Incoming::of(signal) == Incoming::Child {
                let ended = children::reap().into_iter().find(|(pid, _)| *pid == child);
                if let Some((_, ending)) = ended {
                    return Ok(Exit::Child(ending.shell_code()));
                }
            } else if let Ok(signal) = Signal::try_from(signal) {
                // A terminal sends these to the whole foreground group, the child in it: twice would be a forced stop.
                let by_terminal = matches!(signal, Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP);
                if !(by_terminal && std::io::stdin().is_terminal()) {
                    tree::send(child, signal);
                }
            }
        }
    }
}

/// A program by its name or path, as a shell would find it.
pub fn program(name: OsString, arguments: Vec<OsString>) -> Program {
    Program { path: PathBuf::from(name), arguments, environment: None, foreground: true }
}
