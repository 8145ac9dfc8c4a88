//! Odoo's port: the page before Odoo, the queue between two Odoos.

use super::Check;
use super::phases::take_the_lock;
use super::product::{Product, stop};
use crate::harness::http::{self, Response};
use crate::harness::odoo::Odoo;
use crate::harness::postgres::{Options, StopMode};
use crate::harness::{SOON, Test, until, until_true};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const CHECKS: &[Check] = &[
    ("a_browser_finds_a_page_while_waiting", a_browser_finds_a_page_while_waiting),
    ("the_page_counts_modules", the_page_counts_modules),
    ("without_a_page_it_is_all_503", without_a_page_it_is_all_503),
    ("who_comes_in_a_boot_waits_and_is_served", who_comes_in_a_boot_waits_and_is_served),
    ("no_connection_is_refused_in_crash_restarts", no_connection_is_refused_in_crash_restarts),
    ("prefork_has_the_port_for_itself", prefork_has_the_port_for_itself),
    ("ipv6_is_let_go", ipv6_is_let_go),
    ("a_taken_port_is_told", a_taken_port_is_told),
];

fn get(product: &Product, path: &str) -> Response {
    http::get(product.site.http_port, path, SOON).expect("an answer")
}

fn a_browser_finds_a_page_while_waiting(test: &Test) {
    for workers in ["0", "2"] {
        let cluster = test.own_cluster(&Options::default());
        let product = Product::on(test, &Odoo::Double, &cluster);
        cluster.stop(StopMode::Fast);
        let process = product.launch().env("ODOO_WORKERS", workers).start();
        product.wait_reason(&process, "connection refused");
        let web = get(&product, "/web");
        assert_eq!((web.status, web.location()), (302, Some("/-/starting")));
        assert_eq!(web.header("cache-control"), Some("no-store"));
        let page = get(&product, "/-/starting");
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(page.body.contains("Waiting for the database"), "{}", page.body);
        let site = &product.site;
        for secret in [&site.role.name, &site.role.password, &site.database.name, "127.0.0.1", "refused"] {
            assert!(!page.body.contains(secret), "{secret}");
        }
        for path in ["/", "/odoo", "/web/login", "/web/database/manager", "/jsonrpc", "/websocket", "/web/"] {
            let other = get(&product, path);
            assert_eq!((other.status, other.header("retry-after").is_some()), (503, true), "{path}");
        }
        let post = "POST /web HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(http::request(site.http_port, post, SOON).expect("an answer").status, 503);
        cluster.start_again();
        product.wait_ready(&process);
        assert_eq!(get(&product, "/web/login").status, 200);
        assert_eq!(get(&product, "/-/starting").status, 404, "it is Odoo's port now");
        stop(&process);
        drop(process);
        drop(product);
    }
}

fn the_page_counts_modules(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let database = product.site.database.name.clone();
    let mut holder = product.site.cluster.connect(&database);
    take_the_lock(&mut holder, &database);
    let process = product.launch().env("DOUBLE_MODULE_DELAY", "600").start();
    product.wait_reason(&process, "lock for");
    assert!(get(&product, "/-/starting").body.contains("Waiting for another server"));
    drop(holder);
    until_true("modules are counted", SOON, || {
        let body = get(&product, "/-/starting").body;
        body.contains("module 1 of") && body.contains("<progress max=")
    });
    stop(&process);
}

fn without_a_page_it_is_all_503(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let database = product.site.database.name.clone();
    let mut holder = product.site.cluster.connect(&database);
    take_the_lock(&mut holder, &database);
    let process = product.launch().env("ENTRYPOINT_STARTING_PAGE", "off").start();
    product.wait_reason(&process, "lock for");
    for path in ["/web", "/-/starting", "/"] {
        assert_eq!(get(&product, path).status, 503, "{path}");
    }
    stop(&process);
}

fn who_comes_in_a_boot_waits_and_is_served(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("DOUBLE_BOOT_DELAY", "1").start();
    product.journal.wait("start", |_| true);
    assert_eq!(product.journal.count("listening"), 0, "nobody accepts yet");
    let answer = get(&product, "/web/health");
    assert_eq!(answer.status, 200);
    let start = product.journal.wait("start", |_| true);
    assert_eq!(start["listen"], true, "LISTEN_PID is Odoo's own");
    assert_eq!(product.journal.wait("listening", |_| true)["activated"], true);
    // The same socket after a reload in place.
    process.signal(Signal::SIGHUP);
    until_true("it started anew", SOON, || product.journal.count("listening") == 2);
    assert_eq!(get(&product, "/web/health").status, 200);
    stop(&process);
    let gone = TcpStream::connect(("127.0.0.1", product.site.http_port));
    assert_eq!(gone.expect_err("nobody listens").kind(), ErrorKind::ConnectionRefused);
}

/// Three here; the benchmark does twenty.
fn no_connection_is_refused_in_crash_restarts(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ENTRYPOINT_RESTART_LIMIT", "50/10m").start();
    product.wait_ready(&process);
    let (stopped, refused, asked) = <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let client = {
        let (stopped, refused, asked) = (stopped.clone(), refused.clone(), asked.clone());
        let port = product.site.http_port;
        std::thread::spawn(move || {
            let mut open = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                match TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(20)) {
                    Ok(mut stream) => {
                        let _ = stream
                            .write_all(b"GET /web/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                        open.push((Instant::now(), stream));
                    }
                    Err(_) => _ = refused.fetch_add(1, Ordering::Relaxed),
                }
                asked.fetch_add(1, Ordering::Relaxed);
                open.retain(|(since, _)| since.elapsed() < Duration::from_secs(10));
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    for round in 2..=4 {
        let odoo = product.odoo(&process).expect("Odoo runs");
        kill(Pid::from_raw(odoo), Signal::SIGKILL).expect("a crash");
        until_true("it runs again", SOON, || product.journal.count("ready") == round);
        product.wait_ready(&process);
    }
    stopped.store(true, Ordering::Relaxed);
    client.join().expect("the client");
    assert!(asked.load(Ordering::Relaxed) > 50);
    assert_eq!(refused.load(Ordering::Relaxed), 0);
    stop(&process);
}

fn prefork_has_the_port_for_itself(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ODOO_WORKERS", "1").start();
    product.wait_ready(&process);
    // After a crash the page is there until the next Odoo, whose port it is again.
    let odoo = product.odoo(&process).expect("Odoo runs");
    kill(Pid::from_raw(odoo), Signal::SIGKILL).expect("a crash");
    until("the page is back", SOON, || {
        let page = http::get(product.site.http_port, "/-/starting", SOON).ok()?;
        page.body.contains("Restarting Odoo").then_some(())
    });
    until_true("it runs again", SOON, || product.journal.count("ready") >= 2);
    product.wait_ready(&process);
    assert_eq!(get(&product, "/web/login").status, 200);
    stop(&process);
    product.assert_nothing_left();
}

fn ipv6_is_let_go(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ODOO_HTTP_INTERFACE", "::1").start();
    product.wait_ready(&process);
    assert!(product.journal.wait("listening", |_| true)["activated"].is_null(), "it bound by itself");
    stop(&process);
}

fn a_taken_port_is_told(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", product.site.http_port)).expect("the port");
    let run = product.launch().run();
    run.expect_code(78);
    assert!(run.stderr.contains("Odoo's port cannot be used"), "{}", run.stderr);
    product.assert_nothing_started();
}
