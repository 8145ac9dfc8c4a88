//! `workers > 0`: a master, its forks, and the evented child.

use super::{A_WHILE, Check, log, pages};
use crate::harness::addons::Addon;
use crate::harness::odoo::{Odoo, Site};
use crate::harness::process::Process;
use crate::harness::{SOON, Test, http, procfs, until, until_true};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;

pub const CHECKS: &[Check] = &[
    ("prefork_tends_its_processes", prefork_tends_its_processes),
    ("prefork_second_signal_forces", prefork_second_signal_forces),
    ("prefork_hup_restarts_in_place", prefork_hup_restarts_in_place),
    ("prefork_workers_leave_with_their_master", prefork_workers_leave_with_their_master),
    ("prefork_load_is_deaf", prefork_load_is_deaf),
    ("prefork_one_shot_ignores_term", prefork_one_shot_ignores_term),
];

/// The evented child and the forks of a master.
#[derive(Debug)]
struct Family {
    evented: Option<i32>,
    forks: BTreeSet<i32>,
}

fn family(master: &Process) -> Family {
    let (evented, forks): (Vec<_>, Vec<_>) = master
        .descendants()
        .into_iter()
        .partition(|child| child.arguments.iter().any(|argument| argument == "gevent"));
    Family {
        evented: evented.first().map(|child| child.pid),
        forks: forks
            .into_iter()
            .filter(|child| child.parent == master.pid())
            .map(|child| child.pid)
            .collect(),
    }
}

/// Waits until there is an evented child and that many forks.
#[track_caller]
fn wait_family(master: &Process, forks: usize) -> Family {
    until(&format!("an evented child and {forks} forks"), SOON, || {
        let family = family(master);
        (family.evented.is_some() && family.forks.len() == forks).then_some(family)
    })
}

/// Two HTTP workers and a cron worker.
fn serve(site: &mut Site) -> Process {
    site.conf.set("workers", 2).set("max_cron_threads", 1);
    let process = site.serve(&[]);
    wait_family(&process, 3);
    process
}

fn prefork_tends_its_processes(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    let process = serve(&mut site);
    let caught = |signal| procfs::has_in_mask(process.pid(), "SigCgt", signal);
    let handled = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGTTOU];
    assert!(handled.into_iter().all(caught));
    assert!(!caught(Signal::SIGUSR2));

    // The evented child has a port of its own; its first request loads a registry there.
    let evented =
        || http::get(site.gevent_port, "/websocket/health", SOON).is_ok_and(|answer| answer.status == 200);
    until_true("the evented port answers", 2 * SOON, evented);
    let text = process.stderr();
    log::expect(&text, "INFO", "odoo.service.server", "HTTP service (werkzeug) running on 127.0.0.1:");
    log::expect(&text, "INFO", "odoo.service.server", "Worker WorkerHTTP (");
    log::expect(&text, "INFO", "odoo.service.server", "Worker WorkerCron (");
    log::expect(&text, "INFO", "odoo.service.server", "Evented Service (longpolling) running on 127.0.0.1:");

    let before = wait_family(&process, 3);
    process.signal(Signal::SIGTTIN);
    let more = wait_family(&process, 4);
    assert!(before.forks.is_subset(&more.forks));

    let victim = *more.forks.first().expect("a fork");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("a worker");
    until_true("another worker takes its place", SOON, || {
        let family = family(&process);
        family.forks.len() == 4 && !family.forks.contains(&victim)
    });
    let old = more.evented.expect("an evented child");
    kill(Pid::from_raw(old), Signal::SIGKILL).expect("the evented child");
    until_true("another evented child takes its place", SOON, || {
        family(&process).evented.is_some_and(|pid| pid != old)
    });

    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    log::expect(&process.stderr(), "INFO", "odoo.service.server", "Stopping gracefully");
    wait_gone(test);
    assert!(TcpStream::connect(("127.0.0.1", site.http_port)).is_err());
}

/// Waits until no process of the test is left.
#[track_caller]
fn wait_gone(test: &Test) {
    until_true("all processes are gone", SOON, || test.processes().is_empty());
}

fn prefork_second_signal_forces(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.conf.set("workers", 1);
    let launch = site.launch().env("ODOO_HTTP_SOCKET_TIMEOUT", "100");
    let process = launch.start();
    site.wait_ready(&process);
    let mut stuck = TcpStream::connect(("127.0.0.1", site.http_port)).expect("a connection");
    stuck.write_all(b"GET /web/health HTTP/1.1\r\n").expect("half a request");
    // The only worker is busy with the half request as soon as nobody else is answered.
    until_true("the worker is busy", SOON, || {
        let answer = http::get(site.http_port, pages::STATIC, A_WHILE);
        answer.is_err_and(|error| error.kind() == ErrorKind::TimedOut)
    });
    process.signal(Signal::SIGTERM);
    process.wait_log("Stopping gracefully", SOON);
    std::thread::sleep(A_WHILE);
    assert!(process.exited().is_none(), "it waits for its worker, up to limit_time_real");
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    assert!(process.stderr().contains("Forced shutdown."));
    wait_gone(test);
}

fn prefork_hup_restarts_in_place(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    let process = serve(&mut site);
    let before = family(&process);
    let mark = process.mark();
    process.signal(Signal::SIGHUP);
    process.wait_log_after(mark, "Odoo version 18.0", SOON);
    let after = until("a new family", 2 * SOON, || {
        let family = family(&process);
        let new = family.evented.is_some() && family.evented != before.evented && family.forks.len() == 3;
        new.then_some(family)
    });
    assert!(before.forks.is_disjoint(&after.forks));
    site.wait_ready(&process);
    process.signal(Signal::SIGUSR2);
    assert_eq!(process.wait_exit(SOON).signal(), Some(Signal::SIGUSR2 as i32));
}

fn prefork_workers_leave_with_their_master(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.conf.set("workers", 2);
    let process = site.serve(&[]);
    until_true("the evented child listens", 2 * SOON, || {
        TcpStream::connect(("127.0.0.1", site.gevent_port)).is_ok()
    });
    let family = wait_family(&process, 2);
    process.signal(Signal::SIGKILL);
    process.wait_exit(SOON);
    // They look for their parent every 4 seconds.
    let left = |pid: &i32| procfs::is_alive(*pid);
    until_true("they leave by themselves", SOON, || !family.forks.iter().chain(&family.evented).any(left));
}

fn prefork_load_is_deaf(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("slow_module").with_slow_hook(5));
    site.conf.set("workers", 1);
    let process = site.launch().args(["-i", "slow_module"]).start();
    process.wait_log("hook runs", 2 * SOON);
    // Bound and listening, but nobody is there to answer, not even a static file.
    let answer = http::get(site.http_port, pages::STATIC, A_WHILE);
    assert_eq!(answer.expect_err("no answer").kind(), ErrorKind::TimedOut);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    assert_eq!(
        site.module_state("slow_module").as_deref(),
        Some("installed"),
        "the load came to its end first"
    );
}

fn prefork_one_shot_ignores_term(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("slow_module").with_slow_hook(3));
    let flags = ["-i", "slow_module", "--stop-after-init", "--workers=1"];
    let process = site.launch().args(flags).start();
    process.wait_log("hook runs", 2 * SOON);
    assert!(TcpStream::connect(("127.0.0.1", site.http_port)).is_ok(), "even this run binds the port");
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    assert_eq!(site.module_state("slow_module").as_deref(), Some("installed"));
}
