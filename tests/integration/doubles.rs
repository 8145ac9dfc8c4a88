//! The misbehaviour that the double can be asked for: the tests of the supervisor are worth what this is
//! worth.

use crate::harness::addons::Addon;
use crate::harness::odoo::{Journal, Odoo, Site};
use crate::harness::process::Launch;
use crate::harness::{Limit, SOON, Test, World, http, procfs, until_true};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

type Check = fn(&Test);

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let checks: &[(&str, Check)] = &[
        ("crashes_where_it_is_told_to", crashes_where_it_is_told_to),
        ("crashes_only_so_often", crashes_only_so_often),
        ("hangs", hangs),
        ("ignores_term", ignores_term),
        ("leaves_orphans", leaves_orphans),
        ("writes_much_and_answers_slowly", writes_much_and_answers_slowly),
    ];
    let trials = checks.iter();
    trials.map(|(name, check)| world.trial(format!("double::{name}"), Limit::Double, check)).collect()
}

/// A site, and a start of it that keeps a journal.
fn launch<'a>(site: &Site<'a>, journal: &Journal) -> Launch<'a> {
    site.launch().env("DOUBLE_JOURNAL", journal.path())
}

fn crashes_where_it_is_told_to(test: &Test) {
    let mut site = test.site(&Odoo::Double);
    site.addon(&Addon::new("mod_a"));
    let journal = Journal::new(test);
    let crash = |how: &str| launch(&site, &journal).env("DOUBLE_CRASH", how);
    assert_eq!(crash("boot:3").run().status.code(), Some(3));
    assert_eq!(crash("ready:SIGSEGV").run().status.signal(), Some(Signal::SIGSEGV as i32));
    assert_eq!(crash("0.2:SIGKILL").run().status.signal(), Some(Signal::SIGKILL as i32));
    assert_eq!(crash("module=mod_a:7").args(["-i", "mod_a"]).run().status.code(), Some(7));
    assert_eq!(site.module_state("mod_a").as_deref().unwrap_or("uninstalled"), "uninstalled");
    assert_eq!(journal.count("crash"), 4);
}

fn crashes_only_so_often(test: &Test) {
    let mut site = test.site(&Odoo::Double);
    site.conf.set("workers", 1);
    let journal = Journal::new(test);
    let start = || launch(&site, &journal).env("DOUBLE_CRASH", "ready:3").env("DOUBLE_CRASH_STARTS", "2");
    assert_eq!(start().run().status.code(), Some(3));
    assert_eq!(start().run().status.code(), Some(3));
    let process = start().start();
    site.wait_ready(&process);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
    let fact = journal.wait("signal", |fact| fact["signal"] == "SIGTERM");
    assert_eq!(fact["pid"], process.pid());
    assert_eq!(journal.count("start"), 3, "the evented child's start is not counted");
}

fn hangs(test: &Test) {
    for workers in [0, 2] {
        for how in ["http", "main:0.2"] {
            let mut site = test.site(&Odoo::Double);
            site.conf.set("workers", workers);
            let journal = Journal::new(test);
            let process = launch(&site, &journal).env("DOUBLE_HANG", how).start();
            journal.wait("hang", |fact| fact["pid"] == process.pid());
            // A worker's fork is deaf to what asks it to stop until it has handlers of its own.
            until_true("the workers are up", SOON, || journal.count("worker") == workers);
            if how == "http" {
                // TERM still ends it, apart from the request that never does.
                process.signal(Signal::SIGTERM);
                assert_eq!(process.wait_code(SOON), 0);
                continue;
            }
            if workers == 0 {
                let answer = http::get(site.http_port, "/web/health", Duration::from_secs(1));
                assert_eq!(answer.expect_err("no answer").kind(), ErrorKind::TimedOut);
            }
            let blocked = || procfs::has_in_mask(process.pid(), "SigBlk", Signal::SIGTERM);
            until_true("it is deaf", SOON, blocked);
            process.signal(Signal::SIGTERM);
            assert!(process.exited().is_none());
        }
    }
}

fn ignores_term(test: &Test) {
    let site = test.site(&Odoo::Double);
    let journal = Journal::new(test);
    let process = launch(&site, &journal).env("DOUBLE_IGNORE_TERM", "1").start();
    site.wait_ready(&process);
    for _ in 0..2 {
        process.signal(Signal::SIGTERM);
    }
    journal.wait("signal", |fact| fact["signal"] == "SIGTERM");
    assert_eq!(site.get("/web/health").expect("an answer").status, 200);
    assert!(process.exited().is_none());
}

fn leaves_orphans(test: &Test) {
    let site = test.site(&Odoo::Double);
    let journal = Journal::new(test);
    let process = launch(&site, &journal).env("DOUBLE_ORPHANS", "3").start();
    site.wait_ready(&process);
    until_true("three orphans", SOON, || journal.count("orphan") == 3);
    // The shell that made them writes them down before it ends.
    until_true("they are nobody's children any more", SOON, || process.descendants().is_empty());
    let orphans = journal.events().into_iter().filter_map(|fact| fact["orphan"].as_i64());
    let orphans: Vec<_> = orphans.filter_map(|pid| i32::try_from(pid).ok()).collect();
    assert!(orphans.iter().all(|pid| procfs::is_alive(*pid)));
    orphans.into_iter().for_each(procfs::kill);
}

fn writes_much_and_answers_slowly(test: &Test) {
    let site = test.site(&Odoo::Double);
    let journal = Journal::new(test);
    let process = launch(&site, &journal).env("DOUBLE_STDERR_MB", "2").start();
    journal.wait("written", |_| true);
    until_true("all of it arrives", SOON, || process.mark() > 2 << 20);
    let answer = site.get("/double/slow?seconds=0.3").expect("an answer");
    assert_eq!((answer.status, answer.body.as_str()), (200, "slow"));
}
