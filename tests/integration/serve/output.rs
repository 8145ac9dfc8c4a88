//! What the container says: Odoo's bytes as they are, or records, whoever reads them or does not.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, until_true};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const CHECKS: &[Check] = &[
    ("bytes_pass_as_they_are", bytes_pass_as_they_are),
    ("a_reader_that_stalls_stalls_nobody", a_reader_that_stalls_stalls_nobody),
    ("a_reader_that_comes_back_is_told_what_it_missed", a_reader_that_comes_back_is_told_what_it_missed),
    ("json_is_one_object_a_record", json_is_one_object_a_record),
    ("a_failure_is_json_too", a_failure_is_json_too),
    ("nobody_has_to_read", nobody_has_to_read),
];

/// A hook that every test of this kind has: `script` runs before Odoo starts.
pub fn hook(test: &Test, stage: &str, name: &str, script: &str) -> PathBuf {
    let root = test.make_dir("hooks");
    let folder = test.make_dir(&format!("hooks/{stage}"));
    let path = folder.join(name);
    fs::write(&path, script).expect("a hook");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    root
}

fn bytes_pass_as_they_are(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    // Every byte, lines without end, empty ones, and more than a pipe holds.
    let mut bytes: Vec<u8> = (0..=255_u8).cycle().take(3_000_000).collect();
    bytes.extend_from_slice(b"\n\n\nlast words without an end");
    let file = test.write("bytes", &bytes);
    let script = format!("#!/bin/sh\necho begin >&2; cat {} >&2\n", file.display());
    let hooks = hook(test, "pre-start", "say", &script);
    let errors = test.dir().join("stderr");
    let to = format!("exec \"$0\" 2>{}", errors.display());
    let program = test.world().product();
    let launch = product.launch_of("sh").args(["-c", &to]).arg(program).env("ENTRYPOINT_HOOKS_DIR", &hooks);
    let process = launch.start();
    product.wait_ready(&process);
    stop(&process);
    let written = fs::read(&errors).expect("what it said");
    let begin = written.windows(6).position(|window| window == b"begin\n").expect("the begin") + 6;
    assert!(written[begin..].starts_with(&bytes), "every byte is there, in its place");
}

/// A fifo for the product's stderr, and our end of it, which nobody has to read.
fn fifo(test: &Test) -> (PathBuf, File) {
    let path = test.dir().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a fifo");
    crate::harness::world::give_away(&path);
    let end =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).expect("its end");
    (path, end)
}

fn with_stderr<'a>(product: &Product<'a>, test: &'a Test, to: &Path) -> crate::harness::process::Launch<'a> {
    let script = format!("exec \"$0\" \"$@\" 2>{}", to.display());
    product.launch_of("sh").args(["-c", &script]).arg(test.world().product())
}

/// Odoo writes more than the buffer holds, and is ready, and stops, and so does the container.
fn a_reader_that_stalls_stalls_nobody(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let (path, _end) = fifo(test);
    let process = with_stderr(&product, test, &path).env("DOUBLE_STDERR_MB", "20").start();
    product.wait_ready(&process);
    product.journal.wait("written", |_| true);
    let resident = {
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    assert!(resident < 24_000, "8 MiB are buffered and no more: {resident} kB");
    let asked = Instant::now();
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
    assert!(asked.elapsed() < Duration::from_secs(10), "1 s to flush: {:?}", asked.elapsed());
    product.assert_nothing_left();
}

fn a_reader_that_comes_back_is_told_what_it_missed(test: &Test) {
    const LINES: usize = 20 * 64 * 128;
    let product = Product::installed(test, &Odoo::Double);
    let (path, mut end) = fifo(test);
    let process = with_stderr(&product, test, &path).env("DOUBLE_STDERR_MB", "20").start();
    product.wait_ready(&process);
    product.journal.wait("written", |_| true);
    let mut text = Vec::new();
    let mut read = |text: &mut Vec<u8>| {
        let mut chunk = [0; 65536];
        while let Ok(count @ 1..) = end.read(&mut chunk) {
            text.extend_from_slice(&chunk[..count]);
        }
    };
    until_true("it says what was dropped", SOON, || {
        read(&mut text);
        String::from_utf8_lossy(&text).contains("lines were dropped here")
    });
    process.signal(Signal::SIGTERM);
    until_true("it ends", SOON, || {
        read(&mut text);
        process.exited().is_some()
    });
    read(&mut text);
    let text = String::from_utf8(text).expect("no character was cut");
    let kept = text.lines().filter(|line| line.bytes().all(|byte| byte == b'x') && line.len() == 127).count();
    let strange: Vec<_> = text.lines().filter(|line| line.starts_with('x') && line.len() != 127).collect();
    assert!(strange.is_empty(), "whole lines only: {strange:?}");
    let number =
        |line: &str| -> Option<usize> { line.split("for a while: ").nth(1)?.split(' ').next()?.parse().ok() };
    let dropped: usize = text.lines().filter_map(number).sum();
    // Own lines may have been dropped too, and they are few.
    assert!(
        (LINES..LINES + 20).contains(&(kept + dropped)),
        "{kept} kept, {dropped} dropped, {LINES} in all"
    );
    assert!(kept * 128 > 7 * 1024 * 1024, "8 MiB are kept: {kept} lines");
}

fn records(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn json_is_one_object_a_record(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let script = "#!/bin/sh\nprintf 'not a record \\377\\n' >&2\n";
    let launch = product.launch().env("ENTRYPOINT_HOOKS_DIR", hook(test, "pre-start", "say", script));
    let process = launch
        .env("ENTRYPOINT_LOG_FORMAT", "json")
        .env("DOUBLE_CRON_DIES", "1")
        .env("ODOO_MAX_CRON_THREADS", "1")
        .start();
    product.wait_ready(&process);
    process.signal(Signal::SIGQUIT);
    product.journal.wait("signal", |event| event["signal"] == "SIGQUIT");
    stop(&process);
    let records = records(&process.stderr());
    let odoo = records.iter().find(|one| one["logger"] == "odoo.service.server").expect("a record of Odoo");
    assert_eq!(odoo["level"], "INFO");
    assert!(
        odoo["pid"].is_number() && odoo["time"].as_str().is_some_and(|time| time.ends_with('Z')),
        "{odoo}"
    );
    let own = records.iter().filter(|one| one["logger"] == "odoo-entrypoint");
    assert!(own.clone().count() > 3 && own.clone().all(|one| one["pid"] == process.pid()));
    let stacks = records.iter().find(|one| one["logger"] == "odoo.tools.misc").expect("the stacks");
    assert!(
        stacks["message"].as_str().is_some_and(|text| text.contains("# Thread") && text.lines().count() > 5)
    );
    let plain =
        records.iter().find(|one| one["level"].is_null() && one["message"] == "not a record \u{fffd}");
    assert!(plain.is_some());
    let traceback =
        |one: &&serde_json::Value| one["message"].as_str().is_some_and(|text| text.contains("Traceback"));
    let traceback = records.iter().find(traceback).expect("a traceback");
    assert!(traceback["message"].as_str().is_some_and(|text| text.lines().count() > 3), "{traceback}");
}

fn a_failure_is_json_too(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let run = product.launch().env("ENTRYPOINT_LOG_FORMAT", "json").env("ODOO_WORKERS", "many").run();
    let records = records(&run.expect_code(78).stderr);
    let last = records.last().expect("a record");
    assert!(
        last["level"] == "ERROR"
            && last["message"].as_str().is_some_and(|text| text.contains("ODOO_WORKERS"))
    );
    product.launch().env("ENTRYPOINT_LOG_FORMAT", "xml").run().expect_code(78);
}

/// Closed, closed by the reader, or on a full disk: the log is lost, and nothing else.
fn nobody_has_to_read(test: &Test) {
    for streams in ["<&- >&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | :"] {
        let product = Product::installed(test, &Odoo::Double);
        let code = test.dir().join(test.unique("code"));
        let script = format!("{{ \"$0\"; echo $? >{}; }} {streams}", code.display());
        let launch = product.launch_of("bash").args(["-c", &script]).arg(test.world().product());
        let process = launch.env("DOUBLE_STDERR_MB", "1").start();
        until_true("it is ready", 2 * SOON, || product.status("/readyz") == 200);
        let name = test.world().product().display().to_string();
        let own = process.descendants().into_iter().find(|child| child.arguments.first() == Some(&name));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(own.expect("the product").pid), Signal::SIGTERM)
            .unwrap();
        until_true("it ends", SOON, || fs::read_to_string(&code).is_ok_and(|text| text == "0\n"));
        // The shell around it too.
        process.wait_exit(SOON);
        product.assert_nothing_left();
    }
}
