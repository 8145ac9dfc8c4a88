//! What every PID 1 owes to whatever it runs: orphans, signals, masks, exit codes, a terminal.

use super::product::{Product, stop};
use super::{Check, namespace};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, procfs, until, until_true};
use nix::libc;
use nix::sys::signal::Signal;

pub const CHECKS: &[Check] = &[
    ("masks_and_ignored_signals_are_handed_on", masks_and_ignored_signals_are_handed_on),
    ("exit_codes_are_the_programs", exit_codes_are_the_programs),
    ("real_time_signals_are_counted", real_time_signals_are_counted),
    ("orphans_of_a_program_are_adopted", orphans_of_a_program_are_adopted),
    ("a_program_has_the_terminal", a_program_has_the_terminal),
    ("a_shell_can_stop_and_continue_it", a_shell_can_stop_and_continue_it),
    (
        "a_stopped_program_without_a_terminal_stays_stopped",
        a_stopped_program_without_a_terminal_stays_stopped,
    ),
    ("signals_that_mean_nothing_end_nobody", signals_that_mean_nothing_end_nobody),
    ("a_stop_at_any_moment_of_a_start", a_stop_at_any_moment_of_a_start),
];

pub const AS_PID_1: &[Check] = &[
    ("orphans_are_reaped", orphans_are_reaped),
    ("serve_as_pid_1", serve_as_pid_1),
    ("a_program_as_pid_1_gets_its_signals", a_program_as_pid_1_gets_its_signals),
];

const PYTHON: &str = "/usr/bin/python3";

fn masks_and_ignored_signals_are_handed_on(test: &Test) {
    let product = test.world().product().display().to_string();
    let show = ["/bin/grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"];
    for prepare in [
        "pass",
        "s.pthread_sigmask(s.SIG_BLOCK, {s.SIGUSR1, s.SIGTERM, s.SIGRTMIN + 4})",
        "s.signal(s.SIGPIPE, s.SIG_DFL); s.signal(s.SIGHUP, s.SIG_IGN); s.signal(s.SIGCHLD, s.SIG_IGN)",
        "[s.signal(n, s.SIG_IGN) for n in s.valid_signals() - {9, 19}]",
    ] {
        let code = format!("import os, signal as s, sys\n{prepare}\nos.execv(sys.argv[1], sys.argv[1:])");
        let run = |program: &[&str]| {
            let run = test.launch(PYTHON).args(["-c", &code]).args(program).run();
            run.expect_code(0).stdout.clone()
        };
        let direct = run(&show);
        assert_eq!(direct.lines().count(), 2, "{direct}");
        let mut under = vec![product.as_str()];
        under.extend(show);
        assert_eq!(run(&under), direct, "{prepare}");
    }
}

fn exit_codes_are_the_programs(test: &Test) {
    let run = |code: &str| {
        let program = test.world().product();
        let run = test.launch(program).args([PYTHON, "-c", &format!("import os\n{code}")]).run();
        run.status.code().expect("a code")
    };
    for code in [0, 1, 2, 64, 77, 125, 126, 127, 128, 137, 254, 255] {
        assert_eq!(run(&format!("os._exit({code})")), code);
    }
    // Python ignores it.
    let default = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)";
    for signal in [1, 2, 3, 6, 9, 11, 13, 15, 34, 64] {
        assert_eq!(
            run(&format!("{default}\nos.kill(os.getpid(), {signal})\nimport time; time.sleep(60)")),
            128 + signal
        );
    }
}

/// They queue in the kernel, so none of them may be lost or merged on the way.
fn real_time_signals_are_counted(test: &Test) {
    let code = "import signal as s\nn = s.SIGRTMIN + 5\ns.pthread_sigmask(s.SIG_BLOCK, {n, s.SIGTERM})\nprint('up', flush=True)\n\
                count = 0\nwhile s.sigwait({n, s.SIGTERM}) == n: count += 1\nprint('got', count, flush=True)";
    let process = test.launch(test.world().product()).args([PYTHON, "-c", code]).start();
    until_true("it waits", SOON, || process.stdout().contains("up"));
    for _ in 0..100 {
        // SAFETY: a system call with two numbers.
        #[allow(unsafe_code)]
        let sent = unsafe { libc::kill(process.pid(), libc::SIGRTMIN() + 5) };
        assert_eq!(sent, 0);
    }
    // The last of them has been passed on when none is left in the program's queue.
    let child = process.descendants()[0].pid;
    let queued = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("ShdPnd:\t")).unwrap_or_default();
        u64::from_str_radix(line, 16).unwrap_or_default()
    };
    until_true("all are passed on", SOON, || queued(process.pid()) == 0 && queued(child) == 0);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
    until_true("it says how many", SOON, || process.stdout() == "up\ngot 100\n");
}

fn orphans_of_a_program_are_adopted(test: &Test) {
    let code = "sh -c 'sleep 600 >/dev/null & echo $!' ; read wait";
    let input = test.launch(test.world().product()).args(["sh", "-c", code]).stdin("").start();
    let orphan: i32 = until("the orphan's id", SOON, || input.stdout().trim().parse().ok());
    let parent = || procfs::process(orphan).map(|process| process.parent);
    let adopted = until("it has a parent or is gone", SOON, || match parent() {
        Some(parent) if parent == input.pid() => Some(true),
        _ if input.exited().is_some() => Some(parent() != Some(input.pid())),
        _ => None,
    });
    assert!(adopted);
    procfs::kill(orphan);
}

/// 2,000 of them, and none is left. The control is a PID 1 that does not reap: it must fail.
fn orphans_are_reaped(test: &Test) {
    let code = "import os, time\n\
         for _ in range(2000):\n\
         \x20   if not os.fork():\n\
         \x20       if not os.fork(): os._exit(0)\n\
         \x20       os._exit(0)\n\
         \x20   os.wait()\n\
         def zombies():\n\
         \x20   found = 0\n\
         \x20   for pid in filter(str.isdigit, os.listdir('/proc')):\n\
         \x20       try: found += open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[:2] == ['Z', '1']\n\
         \x20       except OSError: pass\n\
         \x20   return found\n\
         end = time.time() + 5\n\
         while zombies() and time.time() < end: time.sleep(0.01)\n\
         print('zombies', zombies(), flush=True)";
    let run = namespace::product(test, "").args([PYTHON, "-c", code]).run_within(SOON);
    assert_eq!(run.expect_code(0).stdout, "zombies 0\n");

    let uid = crate::harness::program_uid();
    let control = namespace::as_pid_1(|name| test.launch(name), "", uid, "sh");
    let script = "\"$@\" & exec sleep 600";
    let control = control.args(["-c", script, "sh", PYTHON, "-c", code]).start();
    until_true("it is done", SOON, || control.stdout().contains("zombies"));
    assert_ne!(control.stdout(), "zombies 0\n", "the control: `sleep` reaps nobody");
}

fn serve_as_pid_1(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let outside = namespace::serving(test, &product, "").env("DOUBLE_ORPHANS", "3").start();
    let pid_1 = namespace::pid_1(&outside);
    product.wait_ready(&outside);
    namespace::send(pid_1, Signal::SIGHUP);
    until_true("it started anew", SOON, || product.journal.count("ready") == 2);
    product.wait_ready(&outside);
    namespace::send(pid_1, Signal::SIGTERM);
    assert_eq!(outside.wait_code(SOON), 0);
    product.assert_nothing_left();
}

fn a_program_as_pid_1_gets_its_signals(test: &Test) {
    let script = "trap 'exit 9' TERM; trap 'echo usr2' USR2; echo up; while :; do sleep 0.05; done";
    let outside = namespace::product(test, "").args(["sh", "-c", script]).start();
    let pid_1 = namespace::pid_1(&outside);
    until_true("it runs", SOON, || outside.stdout().contains("up"));
    namespace::send(pid_1, Signal::SIGUSR2);
    until_true("it got it", SOON, || outside.stdout().contains("usr2"));
    namespace::send(pid_1, Signal::SIGTERM);
    assert_eq!(outside.wait_code(SOON), 9);
}

/// Runs `driver`, which has `fork()` under a new terminal, `expect(text)` and `send(text)`.
fn under_a_terminal(test: &Test, driver: &str) -> String {
    let prelude = "import fcntl, os, pty, select, signal, struct, sys, termios, time\n\
         product = sys.argv[1]\nseen = ''\n\
         def start(*arguments):\n\
         \x20   global pid, terminal\n\
         \x20   pid, terminal = pty.fork()\n\
         \x20   if not pid: os.execv(arguments[0], arguments)\n\
         def expect(text):\n\
         \x20   global seen\n\
         \x20   end = time.time() + 50\n\
         \x20   while text not in seen:\n\
         \x20       if not select.select([terminal], [], [], max(0, end - time.time()))[0]: sys.exit(f'no {text!r} in {seen!r}')\n\
         \x20       try: seen += os.read(terminal, 65536).decode()\n\
         \x20       except OSError: sys.exit(f'ended without {text!r}: {seen!r}')\n\
         \x20   seen = seen.split(text, 1)[1]\n\
         def send(text): os.write(terminal, text.encode())\n\
         def ended():\n\
         \x20   global seen\n\
         \x20   try:\n\
         \x20       while True: seen += os.read(terminal, 65536).decode()\n\
         \x20   except OSError: pass\n\
         \x20   return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n";
    let program = test.world().product().display().to_string();
    let run = test.launch(PYTHON).args(["-c", &format!("{prelude}{driver}"), &program]).run();
    assert_eq!(run.status.code(), Some(0), "{}", run.stderr);
    run.stdout
}

const PROGRAM: &str = r#"
import os, signal, sys
# Not print: a handler that interrupts another print would fail.
def say(text): os.write(1, (text + "\n").encode())
def says(name): return lambda *_: say(f"{name} {os.get_terminal_size(0).columns}")
for name in ("INT", "WINCH", "CONT", "QUIT"): signal.signal(getattr(signal, "SIG" + name), says(name))
say("foreground" if os.tcgetpgrp(0) == os.getpgrp() else "background")
for line in sys.stdin:
    say("read " + line.strip())
    if line.strip() == "bye": sys.exit(7)
"#;

/// As `docker run -it` has it: a session of its own, nobody who could continue what was stopped.
fn a_program_has_the_terminal(test: &Test) {
    let program = test.write("program.py", PROGRAM);
    let driver = format!(
        "start(product, '{PYTHON}', '{}')\n\
         expect('foreground')\n\
         send('\\x03'); expect('INT')\n\
         fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 132, 0, 0)); expect('WINCH 132')\n\
         send('\\x1a'); expect('CONT')\n\
         send('\\x1c'); expect('QUIT')\n\
         send('hello\\n'); expect('read hello')\n\
         send('bye\\n'); expect('read bye')\n\
         assert ended() == 7\n\
         assert 'INT' not in seen, seen\n",
        program.display()
    );
    under_a_terminal(test, &driver);
}

fn a_shell_can_stop_and_continue_it(test: &Test) {
    let program = test.write("program.py", PROGRAM);
    let driver = format!(
        "start('/bin/bash', '--norc', '--noprofile', '-i')\n\
         send('PS1=prompt-; PS2=\\n')\n\
         send(f'{{product}} {PYTHON} {}\\n'); expect('foreground')\n\
         send('\\x1a'); expect('Stopped'); expect('prompt-')\n\
         send('fg\\n'); expect('CONT')\n\
         send('hello\\n'); expect('read hello')\n\
         send('\\x03'); expect('INT')\n\
         send('bye\\n'); expect('read bye'); expect('prompt-')\n\
         send('echo code $?\\n'); expect('code 7')\n\
         send('exit 3\\n')\n\
         assert ended() == 3\n",
        program.display()
    );
    under_a_terminal(test, &driver);
}

fn a_stopped_program_without_a_terminal_stays_stopped(test: &Test) {
    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done";
    let process = test.launch(test.world().product()).args(["sh", "-c", script]).start();
    until_true("it runs", SOON, || process.stdout().contains("up"));
    let child =
        process.descendants().into_iter().find(|child| child.parent == process.pid()).expect("a child").pid;
    let state = || procfs::process(child).map(|process| process.state);
    process.signal(Signal::SIGTSTP);
    until_true("it is stopped", SOON, || state() == Some('T'));
    assert_ne!(procfs::process(process.pid()).expect("the product").state, 'T', "we are not");
    process.signal(Signal::SIGCONT);
    until_true("it goes on", SOON, || state().is_some_and(|state| state != 'T'));
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 5);
}

fn signals_that_mean_nothing_end_nobody(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let odoo = product.odoo(&process).expect("Odoo runs");
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    for number in [10, 12, 13, 14, 16, 23, 24, 25, 26, 27, 28, 29, 30].into_iter().chain(first..=last) {
        // SAFETY: a system call with two numbers.
        #[allow(unsafe_code)]
        let sent = unsafe { libc::kill(process.pid(), number) };
        assert_eq!(sent, 0);
    }
    // USR1 is among them and means something.
    product.journal.wait("signal", |event| event["signal"] == "SIGUSR1");
    assert!(Product::is_alive(odoo));
    assert_eq!(product.status("/readyz"), 200);
    stop(&process);
    assert_eq!(product.journal.count("signal"), 2, "USR1 and the TERM of the stop");
}

/// Before the handlers, between fork and exec, before Odoo's handlers: it always ends, and leaves nothing.
fn a_stop_at_any_moment_of_a_start(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    for step in 0..40_u64 {
        let process = product.launch().start();
        std::thread::sleep(std::time::Duration::from_micros(step * step * 250));
        process.signal(Signal::SIGTERM);
        let code = process.wait_code(SOON);
        // 143: it had no handlers yet, and nothing else either.
        assert!(code == 0 || (code == 143 && step < 12), "step {step}: {code}\n{}", process.stderr());
        product.assert_nothing_left();
    }
}
