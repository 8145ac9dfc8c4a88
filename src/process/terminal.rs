//! The terminal of a program in the foreground, and the job control that goes with it.
//!
//! The program has a process group of its own, which is the terminal's foreground group as long as we are the one to give
//! it: Ctrl-C, Ctrl-\, Ctrl-Z and changes of the window's size reach the program from the kernel, once, and not by us.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::unistd::{Pid, getpgrp, isatty, tcgetpgrp, tcsetpgrp};

/// A terminal whose foreground was ours when this was made.
pub struct Terminal(OwnedFd);

impl Terminal {
    /// The first of the standard streams that is a terminal, if we are in its foreground: a job in the background must
    /// not take it.
    pub fn ours() -> Option<Self> {
        let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let streams = [input.as_fd(), output.as_fd(), error.as_fd()];
        let terminal = streams.into_iter().find(|stream| isatty(stream).unwrap_or(false))?;
        (tcgetpgrp(terminal) == Ok(getpgrp())).then_some(())?;
        terminal.try_clone_to_owned().ok().map(Terminal)
    }

    /// For the child between fork and exec.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes that group the foreground one. Not being in the foreground ourselves must not stop us (`SIGTTOU`).
    fn give(&self, group: Pid) -> bool {
        let mut quiet = SigSet::empty();
        quiet.add(Signal::SIGTTOU);
        let before = quiet.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let given = tcsetpgrp(&self.0, group).is_ok();
        if let Ok(before) = before {
            let _ = before.thread_set_mask();
        }
        given
    }

    /// Takes the terminal back when the program has ended.
    pub fn take_back(&self) {
        self.give(getpgrp());
    }

    /// The program was stopped (Ctrl-Z): does the same to us, so that the shell that started us gets its prompt, and
    /// once that shell continues us continues the program, in the foreground if we are there.
    ///
    /// Where nobody could continue us (PID 1, or a process group without a shell) the kernel does not stop us, and the
    /// program goes on at once.
    pub fn stop_with(&self, program: Pid) {
        stop_ourselves();
        if tcgetpgrp(&self.0) == Ok(getpgrp()) {
            self.give(program);
        }
        // It may have ended meanwhile.
        let _ = killpg(program, Signal::SIGCONT);
    }
}

/// Stops our process group as a Ctrl-Z would. Returns when it is continued, or at once where it cannot be.
fn stop_ourselves() {
    // SAFETY: `before` is filled by the first call and restored by the last; the default action runs no code.
    #[allow(unsafe_code, reason = "the default action has to be had for a moment, behind signal-hook's back")]
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before);
        // Signals to oneself arrive before the call returns, as this is the only thread.
        libc::kill(0, libc::SIGTSTP);
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
    }
}
