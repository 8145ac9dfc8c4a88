//! What surroundings can do to a supervisor.

use super::output::hook;
use super::product::{Product, stop};
use super::{Check, namespace};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, program_uid, until_true};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

pub const CHECKS: &[Check] = &[
    ("few_descriptors", few_descriptors),
    ("a_frozen_supervisor_sees_no_hang", a_frozen_supervisor_sees_no_hang),
    ("hooks_that_cannot_be_read", hooks_that_cannot_be_read),
];

pub const AS_ROOT: &[Check] = &[
    ("a_child_that_forks_without_end", a_child_that_forks_without_end),
    ("a_storm_of_signals", a_storm_of_signals),
    ("a_disk_that_is_full_at_rendering", a_disk_that_is_full_at_rendering),
    ("a_clock_that_begins_elsewhere", a_clock_that_begins_elsewhere),
];

/// With 32 it works; with fewer than it needs it says so in three parts, and never hangs.
fn few_descriptors(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let limited = |count: u32| {
        let name = format!("--nofile={count}");
        let launch = product.launch_of("prlimit").env("ENTRYPOINT_WAIT_TIMEOUT", "1s");
        launch.args([&name, "--"]).arg(test.world().product())
    };
    let process = limited(32).start();
    product.wait_ready(&process);
    // More clients than descriptors: they wait, and the next one is answered.
    let clients: Vec<_> =
        (0..40).map(|_| std::net::TcpStream::connect(("127.0.0.1", product.probe_port))).collect();
    assert_eq!(clients.iter().filter(|client| client.is_ok()).count(), 40);
    drop(clients);
    until_true("the probes answer again", SOON, || product.status("/livez") == 200);
    stop(&process);
    for count in [4, 6, 8, 10, 12, 14, 16] {
        let process = limited(count).start();
        let mut ready = false;
        until_true("it ends, or runs", SOON, || {
            ready = product.status("/readyz") == 200;
            ready || process.exited().is_some()
        });
        if ready {
            stop(&process);
        } else {
            let code = process.wait_code(SOON);
            // Where not even the program could be loaded, that is all there is.
            until_true("it says why", SOON, || code == 127 || process.stderr().contains("(exit code"));
            let said = process.stderr();
            assert!(code != 0 && code != 101 && code < 128, "{count}: {code}\n{said}");
            assert!(
                said.contains("  why: ") && said.contains("  fix: ") || code == 127,
                "{count}: {code}\n{said}"
            );
        }
        assert!(!process.stderr().contains("panicked"), "{}", process.stderr());
    }
}

/// As a container that is paused, or a machine that sleeps: Odoo could not have answered meanwhile.
fn a_frozen_supervisor_sees_no_hang(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ENTRYPOINT_HANG_TIMEOUT", "8s").start();
    product.wait_ready(&process);
    process.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(12));
    process.signal(Signal::SIGCONT);
    process.wait_log("this process stood still", SOON);
    until_true("it is ready", SOON, || product.status("/readyz") == 200);
    assert!(!process.stderr().contains("hangs"), "{}", process.stderr());
    stop(&process);
}

fn hooks_that_cannot_be_read(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let root = hook(test, "pre-start", "10-a", "#!/bin/sh\n");
    let folder = root.join("pre-start");
    nix::unistd::chown(&folder, Some(0.into()), Some(0.into())).ok();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    if program_uid() == nix::unistd::getuid().as_raw() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let run = product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).run();
    run.expect_code(78);
    assert!(run.stderr.contains("cannot read a folder of hooks"), "{}", run.stderr);
    product.assert_nothing_started();
}

/// A user of its own, since its limit of processes is counted over the whole machine.
const BOMBER: u32 = 64_321;

fn a_child_that_forks_without_end(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    // Both kinds: one that fills every place there is, and one that is never twice in the same one.
    for body in [
        "while True:\n    try: os.fork()\n    except OSError: pass",
        "for _ in range(20):\n    if not os.fork(): break\nwhile True:\n    try:\n        if os.fork(): os._exit(0)\n    except OSError: pass",
    ] {
        let bomb =
            test.write("bomb", format!("#!/usr/bin/python3\nimport os, signal\nsignal.alarm(40)\n{body}\n"));
        let owned =
            [bomb.clone(), product.runtime.clone(), test.dir().join("base.conf"), test.dir().join("data")];
        test.make_dir("data");
        test.write("base.conf", "");
        // The limit counts all of a user's processes, those of another run of this suite too.
        let uid = BOMBER + std::process::id() % 1_000;
        let program = test.world().product().display().to_string();
        let launch = namespace::as_pid_1(|name| product.launch_of(name), "ulimit -u 150", uid, &program)
            .env("ENTRYPOINT_ODOO_BIN", &bomb);
        fs::set_permissions(&bomb, fs::Permissions::from_mode(0o755)).unwrap();
        for path in &owned {
            nix::unistd::chown(path, Some(uid.into()), Some(uid.into())).unwrap();
        }
        let outside = launch.start();
        let pid_1 = namespace::pid_1(&outside);
        outside.wait_log("started Odoo", SOON);
        until_true("it has spread", SOON, || {
            outside.descendants().len() > 15 || outside.stderr().contains("ended by itself")
        });
        assert_eq!(product.status("/livez"), 200);
        let asked = Instant::now();
        namespace::send(pid_1, Signal::SIGTERM);
        let code = outside.wait_code(SOON);
        assert!(code == 0 || code == 137, "{code}");
        assert!(asked.elapsed() < Duration::from_secs(25), "within the budget: {:?}", asked.elapsed());
        until_true("nothing is left", SOON, || test.processes().is_empty());
    }
}

fn a_storm_of_signals(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let outside = namespace::serving(test, &product, "ulimit -t 60").start();
    let pid_1 = namespace::pid_1(&outside);
    product.wait_ready(&outside);
    let storm = format!(
        "import os, time\nend = time.time() + 3\nwhile time.time() < end:\n    for n in (1, 3, 10, 12, 17, 21, 22, 28, 34, 40, 64):\n        os.kill({pid_1}, n)\n"
    );
    let storm = test.launch("/usr/bin/python3").user(0, 0).args(["-c", &storm]).start();
    let mut answers = 0;
    while storm.exited().is_none() {
        assert_eq!(product.probe("/livez").expect("an answer in the storm").status, 200);
        answers += 1;
    }
    assert!(answers > 3);
    product.wait_ready(&outside);
    let asked = Instant::now();
    namespace::send(pid_1, Signal::SIGTERM);
    assert_eq!(outside.wait_code(SOON), 0);
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    product.assert_nothing_left();
}

fn a_disk_that_is_full_at_rendering(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let runtime = product.runtime.display().to_string();
    let mount = format!(
        "mount -t tmpfs -o size=16k,mode=1777 tmpfs {runtime}; head -c 100000 /dev/zero >{runtime}/fill 2>/dev/null || true"
    );
    let run = namespace::serving(test, &product, &mount).run();
    run.expect_code(73);
    assert!(
        run.stderr.contains("  why: ") && run.stderr.contains("No space left on device"),
        "{}",
        run.stderr
    );
    assert_eq!(product.journal.count("start"), 0);
}

/// Eleven days after a boot that was in the future: nothing is computed from the time of day or the machine's uptime.
fn a_clock_that_begins_elsewhere(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let program = test.world().product().display().to_string();
    let uid = program_uid().to_string();
    let process = product
        .launch_of("unshare")
        .user(0, 0)
        .args(["--time", "--monotonic", "1000000", "--boottime", "1000000", "--fork", "--kill-child", "--"])
        .args(["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--", &program])
        .start();
    product.wait_ready(&process);
    let inner =
        process.descendants().into_iter().find(|one| one.parent == process.pid()).expect("the product").pid;
    namespace::send(inner, Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
}
