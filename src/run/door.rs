//! Who has Odoo's port: the starting page, Odoo, or a queue of those who wait for it.
//!
//! | | threaded on IPv4 | prefork, or IPv6 |
//! | --- | --- | --- |
//! | before Odoo's first start | the page | the page |
//! | Odoo runs | Odoo, by our socket | Odoo, by its own; ours is closed |
//! | after a crash | the queue; the page when that takes long | the page |
//! | stopping | Odoo, then nobody | Odoo, then nobody |

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Problem;
use crate::health::server::Board;
use crate::lifecycle::{Moment, Phase};
use crate::process::listener::{self, Listener};
use crate::settings::{Odoo, Settings};

/// After a crash those who come wait for the new Odoo. When PostgreSQL keeps it from starting for this long they get the
/// page instead.
const PATIENCE: Duration = Duration::from_secs(5);
/// A port that could not be had after a crash is tried again: the old processes are on their way out.
const RETRY: Duration = Duration::from_millis(50);

/// Odoo's socket and what it is used for.
pub struct Door {
    odoo: Odoo,
    board: Arc<Board>,
    listener: Option<Listener>,
    inheritable: bool,
    /// When the page is to be served, or the port to be taken again.
    due: Option<Moment>,
}

impl Door {
    /// Takes the port and serves the page on it. A one-shot has no port.
    pub fn open(settings: &Settings, board: Arc<Board>) -> Result<Self, Problem> {
        board.want_page(settings.starting_page);
        let mut door = Door {
            odoo: Odoo {
                options: Vec::new(),
                sections: Vec::new(),
                arguments: Vec::new(),
                ..settings.odoo.clone()
            },
            board,
            listener: None,
            inheritable: listener::can_be_inherited(&settings.odoo),
            due: None,
        };
        if !settings.policy.one_shot {
            door.take_port().map_err(|error| door.taken(&error))?;
            door.serve_page();
        }
        Ok(door)
    }

    fn take_port(&mut self) -> std::io::Result<()> {
        if self.listener.is_none() {
            self.listener = Listener::open(&self.odoo).transpose()?;
        }
        Ok(())
    }

    fn taken(&self, error: &std::io::Error) -> Problem {
        Problem::new(
            "Odoo's port cannot be used",
            format!("http_port = {} on {}: {error}", self.odoo.http_port, self.odoo.http_interface),
            "stop what listens there, or set ODOO_HTTP_PORT",
        )
    }

    fn serve_page(&self) {
        self.board.lead_to_page(self.listener.as_ref().map(|listener| listener.socket().clone()));
    }

    /// Odoo is about to be started: the page ends, and where Odoo binds by itself the port is let go.
    ///
    /// # Errors
    /// The port could not be had again after a crash: somebody else has it.
    pub fn hand_over(&mut self) -> Result<(), Problem> {
        self.due = None;
        let taken = self.take_port();
        self.board.lead_to_page(None);
        if let Err(error) = taken {
            return Err(self.taken(&error));
        }
        if !self.inheritable
            && let Some(listener) = self.listener.take()
        {
            listener.let_go();
        }
        Ok(())
    }

    /// The socket for Odoo to inherit.
    pub fn inherited(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().filter(|_| self.inheritable).map(Listener::descriptor)
    }

    /// Another phase has begun.
    pub fn enter(&mut self, phase: Phase, now: Moment) {
        match phase {
            Phase::Backoff if !self.inheritable => self.due = Some(now),
            Phase::Waiting if self.due.is_none() => self.due = Some(now + PATIENCE),
            // Who connects now would never be answered: once Odoo has closed its own, nobody listens.
            Phase::Stopping => {
                self.due = None;
                self.board.lead_to_page(None);
                self.listener = None;
            }
            _ => {}
        }
    }

    /// When [`Door::turn`] has something to do.
    pub fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Takes the port again after a crash and serves the page, if it is time.
    pub fn turn(&mut self, now: Moment) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = match self.take_port() {
            Ok(()) => None,
            // Or somebody else has it, which the next start says.
            Err(_) => Some(now + RETRY),
        };
        if self.due.is_none() {
            self.serve_page();
        }
    }
}
