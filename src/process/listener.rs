//! Odoo's listening socket, opened by the supervisor.
//!
//! In threaded mode on IPv4 Odoo inherits it, so the kernel's queue outlives every Odoo: who connects during a boot or a
//! restart waits and is served. Elsewhere (prefork mode binds by itself, and Odoo takes an inherited socket for IPv4) it
//! carries the starting page only, and is let go just before Odoo starts.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::socket::{Shutdown, shutdown};
use socket2::{Domain, Protocol, Socket, Type};

use crate::settings::Odoo;

/// What the kernel keeps of those who connect while nobody accepts; capped by `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// The socket. Every handle is the same one.
#[derive(Clone, Debug)]
pub struct Listener(Arc<TcpListener>);

impl Listener {
    /// Binds as Odoo would and listens; `None` where Odoo serves no HTTP, or binds a host name, which is left to it.
    ///
    /// # Errors
    /// As `bind` and `listen`.
    pub fn open(odoo: &Odoo) -> Option<io::Result<Self>> {
        let ip: IpAddr = odoo.http_interface.parse().ok()?;
        odoo.http_enable.then(|| bind(SocketAddr::new(ip, odoo.http_port)))
    }

    /// The socket itself, for the page.
    pub fn socket(&self) -> &Arc<TcpListener> {
        &self.0
    }

    /// For the child that inherits it.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Stops listening at once, whoever else still has a handle.
    pub fn let_go(self) {
        // That it does not listen any more is what is wanted.
        let _ = shutdown(std::os::fd::AsRawFd::as_raw_fd(&*self.0), Shutdown::Both);
    }
}

/// Whether Odoo, in this mode, takes an inherited socket.
pub fn can_be_inherited(odoo: &Odoo) -> bool {
    // `socket.fromfd(3, AF_INET, SOCK_STREAM)` (`odoo/service/server.py`).
    !odoo.prefork() && odoo.http_interface.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4())
}

fn bind(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Odoo sets it too, and both have to for one to follow the other at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener(Arc::new(socket.into())))
}
