//! What this process was started with and hands on untouched: the signal mask and the set of ignored signals.
//!
//! Both have to be read before Rust's runtime starts, which ignores `SIGPIPE` and so would hide what the caller wanted.

use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow};

/// The highest signal number of Linux (`SIGRTMAX`).
pub const LAST_SIGNAL: i32 = 64;

/// Bit n-1 stands for signal n, as in `/proc/PID/status`.
static BLOCKED: AtomicU64 = AtomicU64::new(0);
static IGNORED: AtomicU64 = AtomicU64::new(0);

/// Run by the C library's start-up code, before `main` and so before Rust's runtime, in glibc and in musl.
#[used]
#[allow(unsafe_code, reason = "there is no other place before Rust's runtime")]
// SAFETY: the section holds pointers to functions of exactly this type, and the function needs no runtime.
#[unsafe(link_section = ".init_array")]
static READ_AT_START: extern "C" fn() = read;

extern "C" fn read() {
    let (mut blocked, mut ignored) = (0, 0);
    // SAFETY: both are plain structures for which all zeroes is a valid value, and the calls only fill them.
    #[allow(unsafe_code, reason = "nix cannot represent real-time signals")]
    unsafe {
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask);
        for number in 1..=LAST_SIGNAL {
            if libc::sigismember(&raw const mask, number) == 1 {
                blocked |= bit(number);
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            // The C library refuses the few that it keeps for itself.
            if libc::sigaction(number, std::ptr::null(), &raw mut action) == 0
                && action.sa_sigaction == libc::SIG_IGN
            {
                ignored |= bit(number);
            }
        }
    }
    BLOCKED.store(blocked, Ordering::Relaxed);
    IGNORED.store(ignored, Ordering::Relaxed);
}

const fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

/// Whether the caller had blocked this signal.
pub fn blocked(number: i32) -> bool {
    BLOCKED.load(Ordering::Relaxed) & bit(number) != 0
}

/// Lets every signal through to this process, whatever the caller had blocked: a supervisor that is deaf to `TERM` is
/// none. To be called before there is a second thread.
pub fn unblock() {
    // Can only fail for an unknown constant.
    let _ = SigSet::empty().thread_set_mask();
}

/// Starts something with every signal blocked, which a thread that it starts inherits: signals are the first thread's.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let started = start();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    started
}

/// Gives a child that is about to execute its program the dispositions and the mask that the caller gave us. Nothing of
/// ours is left, so a signal that came since the fork acts as it would on the program. Async-signal-safe.
pub fn restore() {
    let (blocked, ignored) = (BLOCKED.load(Ordering::Relaxed), IGNORED.load(Ordering::Relaxed));
    // SAFETY: between fork and exec; sets dispositions that run no code, and a mask built in place.
    #[allow(unsafe_code, reason = "nix cannot represent real-time signals")]
    unsafe {
        for number in 1..=LAST_SIGNAL {
            let action = if ignored & bit(number) == 0 { libc::SIG_DFL } else { libc::SIG_IGN };
            libc::signal(number, action);
        }
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut mask);
        for number in (1..=LAST_SIGNAL).filter(|number| blocked & bit(*number) != 0) {
            libc::sigaddset(&raw mut mask, number);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut());
    }
}
