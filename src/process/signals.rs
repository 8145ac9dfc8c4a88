//! Signals from outside, as events. The handlers are installed before the first child exists.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;
use signal_hook::consts::signal::{
    SIGABRT, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGQUIT, SIGSEGV, SIGSTOP,
    SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGWINCH,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::inherited::LAST_SIGNAL;
use crate::lifecycle::{Event, Relayed};

/// What a signal means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A child may have ended.
    Child,
    /// A stop is asked for, by this signal.
    Stop(u8),
    /// For Odoo.
    Relay(Relayed),
    /// It has no meaning in Odoo; `USR2` would kill it.
    Ignored,
}

impl Incoming {
    /// The meaning of a signal's number in `serve`; other programs get every signal as it is.
    pub fn of(signal: i32) -> Self {
        match signal {
            SIGCHLD => Incoming::Child,
            SIGTERM => Incoming::Stop(15),
            SIGINT => Incoming::Stop(2),
            SIGHUP => Incoming::Relay(Relayed::Reload),
            SIGQUIT => Incoming::Relay(Relayed::DumpStacks),
            SIGUSR1 => Incoming::Relay(Relayed::CacheStatistics),
            SIGTTIN => Incoming::Relay(Relayed::MoreWorkers),
            SIGTTOU => Incoming::Relay(Relayed::FewerWorkers),
            _ => Incoming::Ignored,
        }
    }

    /// The lifecycle's event, if it is one.
    pub fn event(self) -> Option<Event> {
        match self {
            Incoming::Stop(signal) => Some(Event::StopAsked(signal)),
            Incoming::Relay(signal) => Some(Event::Relay(signal)),
            Incoming::Child | Incoming::Ignored => None,
        }
    }
}

/// Not to be had (`KILL`, `STOP`), or a fault of our own that must end us where it happens.
const NOT_OURS: [i32; 9] = [SIGKILL, SIGSTOP, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS];
/// Their default does nothing, or stops and continues this process as whoever sends them wants; `serve` adds nothing.
const LEFT_ALONE_BY_SERVE: [i32; 4] = [SIGTSTP, SIGCONT, SIGWINCH, SIGURG];

/// How often each real-time signal has come: those queue, so two are two.
static REAL_TIME: [AtomicU32; 65] = [const { AtomicU32::new(0) }; 65];

/// Who the signals are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Us, and Odoo where they mean something to it. What means nothing is caught too: it must not end this process.
    Serve,
    /// Another program: all of them.
    Program,
}

/// The installed handlers. Signals that arrive before anybody asks are kept; the same one twice counts once, but for
/// real-time signals.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// Real-time signals as often as they came.
    counts: bool,
}

impl Signals {
    /// Installs the handlers. Needs a tokio runtime.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn install(whose: For) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let first_real_time = libc::SIGRTMIN();
        let wanted = |number: &i32| {
            let left_alone = whose == For::Serve && LEFT_ALONE_BY_SERVE.contains(number);
            // Between the classic ones and SIGRTMIN lie those that the C library keeps for itself.
            let kept_by_library = (32..first_real_time).contains(number);
            let left_alone = left_alone || (whose == For::Serve && *number >= first_real_time);
            !NOT_OURS.contains(number) && !left_alone && !kept_by_library
        };
        let signals: Vec<i32> = (1..=LAST_SIGNAL).filter(wanted).collect();
        if whose == For::Serve {
            // They mean nothing to Odoo and must not end this process. Caught they would queue, each copy of its own, and taking
            // one from a queue of 40,000 keeps the kernel busy enough to hold up everything else; ignored they are dropped. A
            // child gets the caller's dispositions (`inherited::restore`).
            for number in first_real_time..=LAST_SIGNAL {
                // SAFETY: ignoring a signal runs no code.
                #[allow(unsafe_code, reason = "nix cannot represent real-time signals")]
                unsafe {
                    libc::signal(number, libc::SIG_IGN);
                }
            }
        }
        let counted = signals.iter().filter(|number| whose == For::Program && **number >= first_real_time);
        for number in counted {
            let Some(count) = usize::try_from(*number).ok().and_then(|index| REAL_TIME.get(index)) else {
                continue;
            };
            // SAFETY: adding to an atomic is async-signal-safe.
            #[allow(unsafe_code, reason = "counting is what the library's iterators do not do")]
            unsafe {
                signal_hook::low_level::register(*number, move || {
                    count.fetch_add(1, Ordering::SeqCst);
                })?;
            }
        }
        // std's end is non-blocking already, as the handler needs it.
        let delivery = SignalDelivery::with_pipe(read, write.into_std()?, SignalOnly, signals)?;
        Ok(Signals { delivery, counts: whose == For::Program })
    }

    /// Waits for the next batch. Cancelling it loses nothing: a signal is kept in its flag until it is taken here.
    pub async fn next(&mut self) -> Vec<i32> {
        loop {
            let pending = self.delivery.pending();
            let pending: Vec<i32> =
                if self.counts { pending.flat_map(as_often_as_it_came).collect() } else { pending.collect() };
            if !pending.is_empty() {
                return pending;
            }
            let mut wakeups = [0; 64];
            // The write end lives as long as the handlers, so neither an end nor an error can be read here.
            if self.delivery.get_read_mut().read(&mut wakeups).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A real-time signal may be pending with a count of 0: the one before has taken it along.
fn as_often_as_it_came(number: i32) -> impl Iterator<Item = i32> {
    let count = match usize::try_from(number).ok().and_then(|index| REAL_TIME.get(index)) {
        Some(count) if number >= 32 => count.swap(0, Ordering::SeqCst),
        _ => 1,
    };
    (0..count).map(move |_| number)
}
