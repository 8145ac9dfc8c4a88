//! Supervision that is proven on real Odoo too: requests in flight, the inherited socket, every kind of kill.

use super::MainJob;
use super::product::{Product, stop};
use crate::harness::http::{self, Response};
use crate::harness::odoo::Odoo;
use crate::harness::process::Process;
use crate::harness::{SOON, Test, procfs, until_true};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::thread::JoinHandle;

pub const MAIN_JOB: &[MainJob] = &[
    ("a_slow_request_survives_a_stop", a_slow_request_survives_a_stop),
    ("a_killed_threaded_odoo_comes_back_on_its_socket", a_killed_threaded_odoo_comes_back_on_its_socket),
    ("prefork_survives_every_kill", prefork_survives_every_kill),
    ("ttin_adds_a_worker", ttin_adds_a_worker),
    ("stacks_are_dumped_before_a_hang_is_stopped", stacks_are_dumped_before_a_hang_is_stopped),
];

/// A request that Odoo works on until the returned lock is dropped; the double works on it for a while.
fn slow(product: &Product) -> (Option<postgres::Client>, JoinHandle<std::io::Result<Response>>) {
    let port = product.site.http_port;
    let ask = move |path: &'static str| std::thread::spawn(move || http::get(port, path, SOON));
    if product.site.odoo == Odoo::Double {
        let before = product.journal.count("request");
        let request = ask("/double/slow?seconds=0.7");
        until_true("it is being worked on", SOON, || product.journal.count("request") > before);
        return (None, request);
    }
    assert_eq!(product.site.get("/web/login").unwrap().status, 200, "everything is warm");
    let database = &product.site.database;
    let mut lock = product.site.cluster.connect(&database.name);
    let tables = "res_users, res_partner, res_company, ir_ui_view";
    lock.batch_execute(&format!("BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")).expect("a lock");
    let request = ask("/web/login");
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
                   WHERE datname = current_database() AND NOT granted";
    until_true("it waits for the lock", SOON, || database.value(waiting).is_some_and(|count| count != "0"));
    (Some(lock), request)
}

fn a_slow_request_survives_a_stop(test: &Test, odoo: &Odoo) {
    for (workers, says) in [("0", "Initiating shutdown"), ("2", "Stopping gracefully")] {
        let product = Product::installed(test, odoo);
        let process = product.launch().env("ODOO_WORKERS", workers).start();
        product.wait_ready(&process);
        if workers == "2" {
            product.wait_processes(&process, 4);
        }
        let (lock, request) = slow(&product);
        process.signal(Signal::SIGTERM);
        process.wait_log(says, SOON);
        drop(lock);
        let answer = request.join().expect("the client").expect("an answer");
        assert_eq!(answer.status, 200, "{workers} workers");
        assert_eq!(process.wait_code(SOON), 0);
        product.assert_nothing_left();
    }
}

fn a_killed_threaded_odoo_comes_back_on_its_socket(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let process = product.launch().start();
    product.wait_ready(&process);
    process.wait_log("HTTP service (werkzeug) running through socket activation", SOON);
    let before = product.odoo(&process).expect("Odoo runs");
    let mark = process.mark();
    kill(Pid::from_raw(before), Signal::SIGKILL).expect("a crash");
    until_true("it is gone", SOON, || !procfs::is_alive(before));
    // Nobody accepts now, and nobody is refused: the answer comes from the next Odoo.
    let answer = http::get(product.site.http_port, "/web/health", 2 * SOON).expect("an answer");
    assert_eq!(answer.status, 200);
    process.wait_log_after(mark, "killed (signal 9) from outside", SOON);
    product.wait_ready(&process);
    // A reload in place keeps the socket and the process, and is no crash.
    let before = product.odoo(&process);
    let mark = process.mark();
    process.signal(Signal::SIGHUP);
    process.wait_log_after(mark, "running through socket activation", 2 * SOON);
    product.wait_ready(&process);
    assert_eq!(product.odoo(&process), before);
    assert_eq!(process.stderr().matches("ended by itself").count(), 1);
    stop(&process);
    product.assert_nothing_left();
}

/// The master, its workers, and the gevent process.
fn family(process: &Process) -> (i32, Vec<i32>, Option<i32>) {
    let all = process.descendants();
    let master = all.iter().find(|one| one.parent == process.pid()).map_or(0, |one| one.pid);
    let (gevent, workers): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|one| one.parent == master)
        .partition(|one| one.arguments.iter().any(|argument| argument == "gevent"));
    (master, workers.into_iter().map(|one| one.pid).collect(), gevent.first().map(|one| one.pid))
}

fn prefork_survives_every_kill(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let process = product.launch().env("ODOO_WORKERS", "2").start();
    product.wait_ready(&process);
    product.wait_processes(&process, 4);
    let (master, workers, gevent) = family(&process);
    // Odoo's own business: it replaces them, and is not restarted.
    kill(Pid::from_raw(workers[0]), Signal::SIGKILL).expect("a worker");
    kill(Pid::from_raw(gevent.expect("a gevent process")), Signal::SIGKILL).expect("the gevent process");
    until_true("both are replaced", 2 * SOON, || {
        let (same, now, evented) = family(&process);
        same == master
            && now.len() == 2
            && !now.contains(&workers[0])
            && evented.is_some_and(|pid| Some(pid) != gevent)
    });
    assert!(!process.stderr().contains("ended by itself"));
    product.wait_ready(&process);
    product.wait_processes(&process, 4);

    // The master: what it leaves behind would hold both ports.
    let (_, workers, gevent) = family(&process);
    kill(Pid::from_raw(master), Signal::SIGKILL).expect("the master");
    process.wait_log("Odoo ended by itself (signal 9 (SIGKILL)); restart 1 of 5", SOON);
    let old: Vec<i32> = workers.into_iter().chain(gevent).collect();
    until_true("a new master", 2 * SOON, || process.stderr().matches("started Odoo as process").count() == 2);
    assert!(!old.iter().any(|pid| procfs::is_alive(*pid)), "the old tree is gone before");
    until_true("it is ready again", 2 * SOON, || {
        product.site.get("/web/login").is_ok_and(|page| page.status == 200)
    });
    product.wait_processes(&process, 4);
    assert!(!process.stderr().contains("Address already in use"));
    stop(&process);
    product.assert_nothing_left();
}

fn ttin_adds_a_worker(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let process = product.launch().env("ODOO_WORKERS", "1").start();
    product.wait_ready(&process);
    product.wait_processes(&process, 3);
    process.signal(Signal::SIGTTIN);
    product.wait_processes(&process, 4);
    process.signal(Signal::SIGTTOU);
    // Odoo only asks fewer of those that it starts later.
    stop(&process);
    product.assert_nothing_left();
}

/// Stopped by `STOP`, it answers nobody; continued by the kill, and started anew.
fn stacks_are_dumped_before_a_hang_is_stopped(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let launch = product.launch().env("ENTRYPOINT_HANG_TIMEOUT", "4s").env("ENTRYPOINT_STOP_TIMEOUT", "1s");
    let process = launch.start();
    product.wait_ready(&process);
    let before = product.odoo(&process).expect("Odoo runs");
    kill(Pid::from_raw(before), Signal::SIGSTOP).expect("Odoo");
    process.wait_log("Odoo hangs: no answer for 4s", SOON);
    kill(Pid::from_raw(before), Signal::SIGCONT).expect("Odoo");
    process.wait_log("# Thread", SOON);
    process.wait_log("Odoo hung and was stopped", SOON);
    until_true("another one runs", 2 * SOON, || product.odoo(&process).is_some_and(|now| now != before));
    product.wait_ready(&process);
    stop(&process);
    product.assert_nothing_left();
}
