//! Processes as `/proc` shows them.

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;

/// One process, as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    /// `R`, `S`, `Z`, ... as in proc(5).
    pub state: char,
    pub name: String,
    pub arguments: Vec<String>,
}

impl Process {
    pub fn command_line(&self) -> String {
        if self.arguments.is_empty() { format!("[{}]", self.name) } else { self.arguments.join(" ") }
    }
}

/// Reads one process; `None` when there is none (any more).
pub fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may itself hold blanks and parentheses.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments =
        arguments.split(|byte| *byte == 0).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let mut arguments: Vec<String> = arguments.collect();
    arguments.pop();
    Some(Process { pid, parent, state, name: name.to_owned(), arguments })
}

/// All processes that can be seen.
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Whether the process exists and is not just waiting to be reaped.
pub fn is_alive(pid: i32) -> bool {
    process(pid).is_some_and(|process| !matches!(process.state, 'Z' | 'X'))
}

/// All living processes below `root`, without `root` itself.
pub fn descendants(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.pid);
            found.push(child);
        }
    }
    found.retain(|process| process.state != 'Z');
    found
}

/// Whether `pid` is `root` or lies below it.
pub fn descends_from(pid: i32, root: i32) -> bool {
    let mut at = pid;
    while at > 1 {
        if at == root {
            return true;
        }
        at = process(at).map_or(0, |process| process.parent);
    }
    false
}

/// The living processes whose initial environment holds `name=value`, which is inherited through forks and programs.
/// The calling process is never among them.
pub fn marked(name: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{name}={value}");
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let carries = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    all()
        .into_iter()
        .filter(|process| process.pid != own && process.state != 'Z' && carries(process))
        .collect()
}

/// A signal's place in a mask line of `/proc/PID/status` (`SigCgt`, `SigBlk`, `SigIgn`).
pub fn has_in_mask(pid: i32, field: &str, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    let mask = line.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
    mask & (1 << (signal as i32 - 1)) != 0
}

/// `SIGKILL`; that the process is gone already is fine.
pub fn kill(pid: i32) {
    let _ = send(Pid::from_raw(pid), Signal::SIGKILL);
}
