//! The product as the true PID 1, in a PID namespace of its own, with limits that keep what happens there in there.

use super::product::Product;
use crate::harness::process::{Launch, Process};
use crate::harness::{SOON, Test, procfs, program_uid, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const UNSHARE: [&str; 6] = ["--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--"];

/// `program` as PID 1, as the unprivileged user, after `before` has run as root.
pub fn as_pid_1<'a>(
    launch: impl Fn(&str) -> Launch<'a>,
    before: &str,
    uid: u32,
    program: &str,
) -> Launch<'a> {
    let script = format!(
        "{before}\nexec setpriv --reuid={uid} --regid={uid} --clear-groups --inh-caps=-all --bounding-set=-all -- \"$@\""
    );
    launch("unshare").user(0, 0).args(UNSHARE).args(["bash", "-euc", &script, "bash", program])
}

/// The product as PID 1.
pub fn product<'a>(test: &'a Test, before: &str) -> Launch<'a> {
    let program = test.world().product().display().to_string();
    as_pid_1(|name| test.launch(name), before, program_uid(), &program)
}

/// The product as PID 1 with a site behind it.
pub fn serving<'a>(test: &'a Test, product: &Product<'a>, before: &str) -> Launch<'a> {
    let program = test.world().product().display().to_string();
    as_pid_1(|name| product.launch_of(name), before, program_uid(), &program)
}

/// The namespace's PID 1, as it is called outside.
#[track_caller]
pub fn pid_1(outside: &Process) -> i32 {
    until("PID 1 runs the program", SOON, || {
        assert!(outside.exited().is_none(), "{}", outside.stderr());
        let child = outside.descendants().into_iter().find(|child| child.parent == outside.pid())?;
        // Its handlers are there: until then the kernel drops what is sent to a PID 1.
        let ready = procfs::has_in_mask(child.pid, "SigCgt", Signal::SIGTERM)
            && child.arguments.first().is_some_and(|name| name.ends_with("odoo-entrypoint"));
        ready.then_some(child.pid)
    })
}

/// As `docker stop` sends it: from outside of the namespace.
pub fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("a signal to PID 1");
}
