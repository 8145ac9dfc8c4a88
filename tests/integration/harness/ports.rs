//! TCP ports that no other test, and no other run of this suite on the machine, gets.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;

/// Below Linux's ephemeral ports (32768 and up), so that no outgoing connection takes a port between its choice and its use.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// Next candidate and the claims held by this process.
static STATE: Mutex<(u16, Vec<UnixDatagram>)> = Mutex::new((0, Vec::new()));

/// A port that is free on all addresses now and stays this process's until it ends.
///
/// The claim is an abstract unix socket of the port's name: visible to other runs, and gone with the process that holds it.
pub fn free() -> u16 {
    let mut state = STATE.lock().expect("ports");
    for _ in FIRST..LAST {
        // Runs that start together begin at different places.
        let seed = u16::try_from(std::process::id() % 1000).unwrap_or_default() * 12;
        let port = if state.0 == 0 { FIRST + seed } else { state.0 };
        state.0 = if port + 1 >= LAST { FIRST } else { port + 1 };
        let name =
            SocketAddr::from_abstract_name(format!("odoo-entrypoint-tests-port-{port}")).expect("a name");
        let Ok(claim) = UnixDatagram::bind_addr(&name) else { continue };
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            state.1.push(claim);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {LAST}");
}
