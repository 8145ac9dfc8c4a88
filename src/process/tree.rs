//! What runs below this process, by `/proc`, and the signals that go there.

use std::collections::HashMap;
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};

use crate::lifecycle::{Pid, Relayed};

/// Every process below this one, parents before their children. A zombie is not counted: it runs no more, and holds
/// nothing.
///
/// As PID 1 or as a subreaper every orphan comes to us, so nothing can leave this tree.
pub fn descendants() -> Vec<Pid> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<Pid>().ok());
    for pid in pids {
        // Gone since the folder was read: nothing to tell.
        if let Some((parent, state)) =
            fs::read(format!("/proc/{pid}/stat")).ok().as_deref().and_then(parse_stat)
            && state != 'Z'
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![Pid::try_from(std::process::id()).unwrap_or(1)];
    while let Some(pid) = open.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// Parent and state out of `/proc/PID/stat` (proc(5)): the name in brackets may hold anything, brackets too.
fn parse_stat(bytes: &[u8]) -> Option<(Pid, char)> {
    let text = String::from_utf8_lossy(bytes);
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Sends `KILL` to everything below us. Returns whether there was anything.
pub fn kill_all() -> bool {
    let pids = descendants();
    for pid in &pids {
        send(*pid, Signal::SIGKILL);
    }
    !pids.is_empty()
}

/// Sends a signal to one process of ours. That it is gone already is no error: its end is on its way to us.
pub fn send(pid: Pid, signal: Signal) {
    match kill(nix::unistd::Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::error!("cannot send {signal} to process {pid}: {error}"),
    }
}

/// The signal behind its meaning.
pub fn signal_of(relayed: Relayed) -> Signal {
    match relayed {
        Relayed::Reload => Signal::SIGHUP,
        Relayed::DumpStacks => Signal::SIGQUIT,
        Relayed::CacheStatistics => Signal::SIGUSR1,
        Relayed::MoreWorkers => Signal::SIGTTIN,
        Relayed::FewerWorkers => Signal::SIGTTOU,
    }
}

/// Whether a process catches a signal (`SigCgt` in `/proc/PID/status`). Until Odoo has installed its handlers, `HUP`
/// and `USR1` would kill it, and in threaded mode `TTIN` would stop it for ever.
pub fn catches(pid: Pid, signal: Signal) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        assert_eq!(parse_stat(b"7 (a) Z 1 (b)) S 42 7 7 0"), Some((42, 'S')));
        assert_eq!(parse_stat(b"7 (x) Z"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn this_process_catches_what_it_has_a_handler_for() {
        let own = Pid::try_from(std::process::id()).unwrap();
        assert!(!catches(own, Signal::SIGUSR2));
        let flag = std::sync::Arc::default();
        let handler = signal_hook::flag::register(signal_hook::consts::SIGUSR2, flag).unwrap();
        assert!(catches(own, Signal::SIGUSR2));
        signal_hook::low_level::unregister(handler);
        assert!(!catches(Pid::MAX, Signal::SIGUSR2));
    }
}
