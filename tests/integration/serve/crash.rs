//! Odoo ends by itself, does not end, or leaves something behind.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, until_true};
use nix::sys::signal::Signal;

pub const CHECKS: &[Check] = &[
    ("a_crash_is_restarted", a_crash_is_restarted),
    ("no_restart_when_the_policy_says_never", no_restart_when_the_policy_says_never),
    ("an_exit_0_that_nobody_asked_for_is_a_failure", an_exit_0_that_nobody_asked_for_is_a_failure),
    ("crashes_beyond_the_limit_end_the_container", crashes_beyond_the_limit_end_the_container),
    ("an_odoo_that_ignores_term_is_killed", an_odoo_that_ignores_term_is_killed),
    ("orphans_end_with_odoo", orphans_end_with_odoo),
    ("hup_reloads_in_place_and_is_no_restart", hup_reloads_in_place_and_is_no_restart),
    ("usr2_never_reaches_odoo", usr2_never_reaches_odoo),
    ("ttin_adds_a_worker_in_prefork_mode_only", ttin_adds_a_worker_in_prefork_mode_only),
];

fn a_crash_is_restarted(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_CRASH", "ready:SIGKILL").env("DOUBLE_CRASH_STARTS", "1");
    let process = launch.start();
    process.wait_log("Odoo ended by itself (signal 9 (SIGKILL)); restart 1 of 5 in 1s", SOON);
    product.wait_ready(&process);
    assert_eq!(product.journal.count("start"), 2);
    stop(&process);
    product.assert_nothing_left();
}

fn no_restart_when_the_policy_says_never(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_CRASH", "ready:3").env("ENTRYPOINT_RESTART", "never");
    let ended = launch.run();
    ended.expect_code(3);
    assert!(ended.stderr.contains("not restarted: ENTRYPOINT_RESTART=never"), "{}", ended.stderr);
    product.assert_nothing_left();
}

fn an_exit_0_that_nobody_asked_for_is_a_failure(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_CRASH", "ready:0").env("ENTRYPOINT_RESTART", "never");
    launch.run().expect_code(70);
}

fn crashes_beyond_the_limit_end_the_container(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_CRASH", "boot:5").env("ENTRYPOINT_RESTART_LIMIT", "1/10m");
    let ended = launch.run();
    ended.expect_code(5);
    assert_eq!(product.journal.count("start"), 2, "the first start and one restart");
    assert!(ended.stderr.contains("2 crashes within 10m exceed"), "{}", ended.stderr);
}

fn an_odoo_that_ignores_term_is_killed(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_IGNORE_TERM", "1").env("ENTRYPOINT_STOP_TIMEOUT", "100ms");
    let process = launch.start();
    product.wait_ready(&process);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 137);
    let terms = product.journal.events().iter().filter(|event| event["signal"] == "SIGTERM").count();
    assert_eq!(terms, 2, "asked, then told to force its end, then killed");
    product.assert_nothing_left();
}

fn orphans_end_with_odoo(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("DOUBLE_ORPHANS", "3").start();
    product.wait_ready(&process);
    // Their parent is gone, so they have come to us.
    until_true("the orphans are ours", SOON, || {
        process.descendants().iter().filter(|child| child.parent == process.pid()).count() == 4
    });
    stop(&process);
    product.assert_nothing_left();
}

fn hup_reloads_in_place_and_is_no_restart(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let before = product.odoo(&process).expect("Odoo runs");
    process.signal(Signal::SIGHUP);
    until_true("it started anew", SOON, || product.journal.count("ready") == 2);
    product.wait_ready(&process);
    assert_eq!(product.odoo(&process), Some(before));
    assert!(!process.stderr().contains("ended by itself"));
    stop(&process);
}

fn usr2_never_reaches_odoo(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let odoo = product.odoo(&process).expect("Odoo runs");
    process.signal(Signal::SIGUSR2);
    // USR1 comes after it and is forwarded: when it has arrived, USR2 would have too.
    process.signal(Signal::SIGUSR1);
    product.journal.wait("signal", |event| event["signal"] == "SIGUSR1");
    assert!(Product::is_alive(odoo));
    stop(&process);
}

fn ttin_adds_a_worker_in_prefork_mode_only(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    process.signal(Signal::SIGTTIN);
    process.wait_log("threaded mode has none: not forwarded", SOON);
    stop(&process);

    let process = product.launch().env("ODOO_WORKERS", "1").start();
    product.wait_ready(&process);
    // The master, its worker and the gevent process.
    product.wait_processes(&process, 3);
    process.signal(Signal::SIGTTIN);
    product.wait_processes(&process, 4);
    stop(&process);
}
