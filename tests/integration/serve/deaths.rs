//! Odoo hangs or dies, and somebody has to be told why.

use super::product::{Product, stop};
use super::{Check, namespace};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, until, until_true};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::PathBuf;

pub const CHECKS: &[Check] = &[
    ("a_hang_is_dumped_and_restarted", a_hang_is_dumped_and_restarted),
    (
        "an_odoo_that_hears_nothing_is_killed_and_restarted",
        an_odoo_that_hears_nothing_is_killed_and_restarted,
    ),
    ("a_kill_from_outside_is_told_as_one", a_kill_from_outside_is_told_as_one),
    ("the_last_error_is_quoted", the_last_error_is_quoted),
    ("the_end_is_left_for_kubernetes", the_end_is_left_for_kubernetes),
    ("a_term_after_hup_waits_for_the_new_handlers", a_term_after_hup_waits_for_the_new_handlers),
    ("a_short_grace_is_warned_about", a_short_grace_is_warned_about),
];

pub const AS_ROOT: &[Check] = &[
    ("the_memory_limit_is_told_as_the_cause", the_memory_limit_is_told_as_the_cause),
    ("a_kill_of_the_whole_container_is_told_by_the_next", a_kill_of_the_whole_container_is_told_by_the_next),
];

fn a_hang_is_dumped_and_restarted(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_HANG", "http:1").env("DOUBLE_HANG_STARTS", "1");
    let process = launch.env("ENTRYPOINT_HANG_TIMEOUT", "3s").start();
    product.wait_ready(&process);
    process.wait_log("Odoo hangs: no answer for 3s", SOON);
    process.wait_log("# Thread", SOON);
    process.wait_log("Odoo hung and was stopped", SOON);
    until_true("it runs again", SOON, || product.journal.count("ready") == 2);
    product.wait_ready(&process);
    let events = product.journal.events();
    let signals: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "signal")
        .map(|event| event["signal"].clone())
        .collect();
    assert_eq!(signals[..2], ["SIGQUIT", "SIGTERM"], "the stacks before the stop");
    stop(&process);
    product.assert_nothing_left();
}

fn an_odoo_that_hears_nothing_is_killed_and_restarted(test: &Test) {
    for workers in ["0", "2"] {
        let product = Product::installed(test, &Odoo::Double);
        let launch = product.launch().env("DOUBLE_HANG", "main:1").env("DOUBLE_HANG_STARTS", "1");
        let launch = launch.env("ODOO_WORKERS", workers).env("ENTRYPOINT_STOP_TIMEOUT", "500ms");
        let process = launch.env("ENTRYPOINT_HANG_TIMEOUT", "3s").start();
        product.wait_ready(&process);
        if workers != "0" {
            // Its workers may go on without the master, so that nothing hangs for those who ask.
            product.journal.wait("hang", |_| true);
            process.signal(Signal::SIGTERM);
            assert_eq!(process.wait_code(SOON), 137);
            product.assert_nothing_left();
            continue;
        }
        process.wait_log("Odoo hung and was stopped (signal 9 (SIGKILL)); restart 1 of 5", SOON);
        until_true("it runs again", SOON, || product.journal.count("ready") == 2);
        product.wait_ready(&process);
        stop(&process);
    }
}

fn a_kill_from_outside_is_told_as_one(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let message = test.write("termination", "");
    let process = product.launch().env("ENTRYPOINT_TERMINATION_LOG", &message).start();
    product.wait_ready(&process);
    let odoo = product.odoo(&process).expect("Odoo runs");
    kill(Pid::from_raw(odoo), Signal::SIGKILL).expect("Odoo");
    let line = process.wait_log("killed (signal 9) from outside", SOON);
    assert!(line.contains(&format!("Odoo (process {odoo})")), "{line}");
    until_true("it runs again", SOON, || product.journal.count("ready") == 2);
    product.wait_ready(&process);
    assert!(fs::read_to_string(&message).unwrap().contains("from outside"));
    stop(&process);
}

fn the_last_error_is_quoted(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().env("DOUBLE_CRON_DIES", "1").env("DOUBLE_CRASH", "1:5");
    let run = launch.env("ENTRYPOINT_RESTART", "never").env("ODOO_MAX_CRON_THREADS", "1").run();
    run.expect_code(5);
    assert!(run.stderr.contains("ended with exit code 5; its last error: "), "{}", run.stderr);
}

fn the_end_is_left_for_kubernetes(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let message = test.write("termination", "old");
    let launch = product.launch().env("ENTRYPOINT_TERMINATION_LOG", &message);
    launch.env("DOUBLE_CRASH", "ready:SIGSEGV").env("ENTRYPOINT_RESTART", "never").run().expect_code(139);
    let text = fs::read_to_string(&message).unwrap();
    assert!(text.contains("crashed in native code (signal 11 (SIGSEGV))"), "{text}");
    // A failure without a death, and a path that is not there.
    let launch = product.launch().env("ENTRYPOINT_TERMINATION_LOG", &message).env("PASSWORD", "wrong");
    launch.env("ENTRYPOINT_AUTH_GRACE", "0").run().expect_code(69);
    let text = fs::read_to_string(&message).unwrap();
    assert!(text.contains("(exit code 69)") && !text.contains("wrong"), "{text}");
    // Even where the settings are what is wrong.
    let launch = product.launch().env("ENTRYPOINT_TERMINATION_LOG", &message).env("ODOO_WORKERS", "many");
    launch.run().expect_code(78);
    assert!(fs::read_to_string(&message).unwrap().contains("ODOO_WORKERS"));
    let nowhere = test.dir().join("nowhere");
    let launch = product.launch().env("ENTRYPOINT_TERMINATION_LOG", &nowhere).env("PASSWORD", "wrong");
    launch.env("ENTRYPOINT_AUTH_GRACE", "0").run().expect_code(69);
    assert!(!nowhere.exists(), "only Kubernetes makes that file");
}

/// The second signal would cut off who is being served; the new image would die of it without a word.
fn a_term_after_hup_waits_for_the_new_handlers(test: &Test) {
    for workers in ["0", "1"] {
        let product = Product::installed(test, &Odoo::Double);
        let process = product.launch().env("ODOO_WORKERS", workers).env("DOUBLE_STOP_DELAY", "1").start();
        product.wait_ready(&process);
        if workers == "1" {
            product.wait_processes(&process, 3);
        }
        process.signal(Signal::SIGHUP);
        product.journal.wait("signal", |event| event["signal"] == "SIGHUP");
        process.signal(Signal::SIGTERM);
        assert_eq!(process.wait_code(SOON), 0);
        let events = product.journal.events();
        let order: Vec<_> = events
            .iter()
            .filter(|event| {
                ["signal", "reload", "caught"].contains(&event["event"].as_str().unwrap_or_default())
            })
            .filter(|event| event["pid"] == events[0]["pid"])
            .map(|event| event["signal"].as_str().or(event["event"].as_str()).unwrap_or_default())
            .collect();
        assert_eq!(order, ["caught", "SIGHUP", "reload", "caught", "SIGTERM"], "{workers} workers");
        assert!(!process.stderr().contains("Forced shutdown"));
        product.assert_nothing_left();
    }
}

fn a_short_grace_is_warned_about(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let start = |grace: &str| {
        let launch = product.launch().env("ODOO_WORKERS", "1").env("ENTRYPOINT_ORCHESTRATOR_GRACE", grace);
        let process = launch.start();
        product.wait_ready(&process);
        product.wait_processes(&process, 3);
        stop(&process);
        process.stderr()
    };
    let warned = start("30s");
    assert!(
        warned.contains(
            "a stop may take 129s, longer than the orchestrator's ENTRYPOINT_ORCHESTRATOR_GRACE=30s"
        ),
        "{warned}"
    );
    assert!(!start("130s").contains("a stop may take"));
}

/// A memory cgroup below our own, v1 or v2, with a limit.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(test: &Test, megabytes: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let v1 = own.lines().find_map(|line| line.split_once(":memory:"));
        let folder = PathBuf::from("/sys/fs/cgroup/memory").join(v1?.1.trim_start_matches('/'));
        let folder = folder.join(test.unique("odoo-entrypoint-test"));
        fs::create_dir(&folder).ok()?;
        let limit = format!("{}", megabytes << 20);
        fs::write(folder.join("memory.limit_in_bytes"), limit).ok()?;
        Some(Cgroup(folder))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Until the last process has left.
        for _ in 0..200 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn the_memory_limit_is_told_as_the_cause(test: &Test) {
    // Only v1 lets a test of its own rights make one below a cgroup that has processes.
    let Some(cgroup) = Cgroup::new(test, 120) else { return };
    let product = Product::installed(test, &Odoo::Double);
    let enter = format!("echo $$ >{}/cgroup.procs", cgroup.0.display());
    let outside = namespace::serving(test, &product, &enter).start();
    let pid_1 = namespace::pid_1(&outside);
    product.wait_ready(&outside);
    let _ = product.site.get("/double/eat?mb=400");
    outside.wait_log("killed by the kernel: the container's memory limit was reached", SOON);
    until_true("it runs again", SOON, || product.journal.count("ready") == 2);
    product.wait_ready(&outside);
    namespace::send(pid_1, Signal::SIGTERM);
    assert_eq!(outside.wait_code(SOON), 0);
}

/// cgroup v2 as files, mounted where the kernel's would be.
fn a_kill_of_the_whole_container_is_told_by_the_next(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let fake = test.make_dir("cgroup");
    for (name, text) in [
        ("memory.events", "oom_kill 0\n"),
        ("memory.oom.group", "1\n"),
        ("memory.max", "1000\n"),
        ("memory.current", "500\n"),
    ] {
        let path = test.write(&format!("cgroup/{name}"), text);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    }
    let mount = format!("mount --bind {} /sys/fs/cgroup", fake.display());
    let outside = namespace::serving(test, &product, &mount).start();
    let pid_1 = namespace::pid_1(&outside);
    outside.wait_log("memory.oom.group is set", SOON);
    fs::write(fake.join("memory.current"), "950\n").unwrap();
    outside.wait_log("the container's memory is at 95 % of its limit", SOON);
    namespace::send(pid_1, Signal::SIGKILL);
    outside.wait_exit(SOON);
    until("the old one is gone", SOON, || test.processes().is_empty().then_some(()));

    let outside = namespace::serving(test, &product, &mount).start();
    let pid_1 = namespace::pid_1(&outside);
    outside.wait_log("the last run was killed together with its supervisor", SOON);
    outside.wait_log("its use of memory was at 95 % of the limit", SOON);
    product.wait_ready(&outside);
    namespace::send(pid_1, Signal::SIGTERM);
    assert_eq!(outside.wait_code(SOON), 0);
    let left: Vec<_> = fs::read_dir(&product.runtime).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
