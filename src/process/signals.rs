//! Signals from outside, as events. The handlers are installed before the first child exists.

use std::io;

use signal_hook::consts::signal::{
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::lifecycle::{Event, Relayed};

/// What a signal means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A child may have ended.
    Child,
    /// A stop is asked for.
    Stop,
    /// For Odoo.
    Relay(Relayed),
    /// `USR2` has no meaning in Odoo and would kill it.
    Ignored,
}

impl Incoming {
    /// The meaning of a signal's number in `serve`; other programs get every signal as it is.
    pub fn of(signal: i32) -> Self {
        match signal {
            SIGCHLD => Incoming::Child,
            SIGTERM | SIGINT => Incoming::Stop,
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
            Incoming::Stop => Some(Event::StopAsked),
            Incoming::Relay(signal) => Some(Event::Relay(signal)),
            Incoming::Child | Incoming::Ignored => None,
        }
    }
}

/// The installed handlers. Signals that arrive before anybody asks are kept; the same one twice counts once.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Installs the handlers. Needs a tokio runtime.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn install() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let signals = [SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU];
        // std's end is non-blocking already, as the handler needs it.
        let delivery = SignalDelivery::with_pipe(read, write.into_std()?, SignalOnly, signals)?;
        Ok(Signals { delivery })
    }

    /// Waits for the next batch. Cancelling it loses nothing: a signal is kept in its flag until it is taken here.
    pub async fn next(&mut self) -> Vec<i32> {
        loop {
            let pending: Vec<i32> = self.delivery.pending().collect();
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
