//! The probe server and its client.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, http};
use std::io::{Read, Write};
use std::net::TcpStream;

pub const CHECKS: &[Check] = &[
    ("answers_have_kubernetes_shape", answers_have_kubernetes_shape),
    ("healthcheck_asks_the_running_supervisor", healthcheck_asks_the_running_supervisor),
    ("healthcheck_finds_the_default_address", healthcheck_finds_the_default_address),
    ("garbage_and_slow_clients_leave_the_others_alone", garbage_and_slow_clients_leave_the_others_alone),
    ("probing_makes_no_session_file", probing_makes_no_session_file),
];

fn answers_have_kubernetes_shape(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let plain = product.probe("/readyz").unwrap();
    assert_eq!((plain.status, plain.body.as_str()), (200, "ok\n"));
    assert_eq!(plain.header("cache-control"), Some("no-store"));
    assert_eq!(
        product.probe("/readyz?verbose").unwrap().body,
        "[+]supervisor ok\n[+]phase ok\n[+]page ok\n[+]database ok\nreadyz check passed\n"
    );
    assert_eq!(product.status("/healthz"), 200);
    let send = |head: &str| http::request(product.probe_port, head, SOON).unwrap();
    let head = send("HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = send("POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(send("GET /livez HTTP/1.0\r\n\r\n").status, 200);
    assert_eq!(product.status("/no/such/page"), 404);
    stop(&process);
}

fn healthcheck_asks_the_running_supervisor(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let ask = |flag: &str| product.launch().args(["healthcheck", flag]).run();
    ask("--ready").expect_code(1);
    let process = product.launch().env("DOUBLE_LATE_DELAY", "600").start();
    product.wait_reason(&process, "boot for");
    ask("--live").expect_code(0);
    ask("--started").expect_code(0);
    let unready = ask("--ready");
    unready.expect_code(1);
    assert!(unready.stdout.contains("[-]phase failed: boot for "), "{}", unready.stdout);
    ask("--raedy").expect_code(64);
    stop(&process);
    let process = product.launch().start();
    product.wait_ready(&process);
    let ready = product.launch().arg("healthcheck").run();
    assert_eq!(ready.expect_code(0).stdout, "ok\n");
    stop(&process);
}

/// `[::]` answers on IPv4 too, and the client asks there, since a container may have no IPv6.
fn healthcheck_finds_the_default_address(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = || product.launch().env("ENTRYPOINT_LISTEN", format!("[::]:{}", product.probe_port));
    let process = launch().start();
    product.wait_ready(&process);
    launch().arg("healthcheck").run().expect_code(0);
    stop(&process);
}

fn garbage_and_slow_clients_leave_the_others_alone(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let connect = || TcpStream::connect(("127.0.0.1", product.probe_port)).unwrap();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /livez HT").unwrap();
    }
    let mut garbage = connect();
    garbage.write_all(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = garbage.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    let mut long = connect();
    let _ = long.write_all(format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000)).as_bytes());
    assert_eq!(product.status("/livez"), 200);
    stop(&process);
}

fn probing_makes_no_session_file(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let mut folders = vec![test.dir().join("data/sessions")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            assert!(entry.path().is_dir(), "a session file: {:?}", entry.path());
            folders.push(entry.path());
        }
    }
    stop(&process);
}
