//! A TCP relay that can be cut: an outage of a server that other tests go on using.

use super::ports;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Forwards connections on a port of its own to a port on 127.0.0.1, until it is cut.
pub struct Relay {
    port: u16,
    target: u16,
    up: Mutex<Option<Up>>,
}

/// What exists while the relay is not cut.
struct Up {
    cut: Arc<AtomicBool>,
    accepting: JoinHandle<Vec<TcpStream>>,
}

impl Relay {
    pub fn to(target: u16) -> Self {
        let relay = Self { port: ports::free(), target, up: Mutex::new(None) };
        relay.restore();
        relay
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Refuses connections from now on and ends those that exist.
    pub fn cut(&self) {
        let Some(up) = self.up.lock().expect("relay").take() else { return };
        up.cut.store(true, Ordering::Relaxed);
        for stream in up.accepting.join().expect("the relay's thread") {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Accepts connections (again).
    pub fn restore(&self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).expect("the relay's port");
        listener.set_nonblocking(true).expect("a listener that can be left");
        let (cut, target) = (Arc::new(AtomicBool::new(false)), self.target);
        let seen = Arc::clone(&cut);
        let accepting = thread::spawn(move || {
            let mut streams = Vec::new();
            while !seen.load(Ordering::Relaxed) {
                let Ok((client, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(2));
                    continue;
                };
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { continue };
                client.set_nonblocking(false).expect("a blocking stream");
                forward(&client, &server);
                forward(&server, &client);
                streams.extend([client, server]);
            }
            streams
        });
        *self.up.lock().expect("relay") = Some(Up { cut, accepting });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Copies one direction on a thread that ends with either side.
fn forward(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().expect("a stream"), to.try_clone().expect("a stream"));
    thread::spawn(move || {
        let mut chunk = [0; 65536];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            if to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
