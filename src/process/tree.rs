//! What runs below this process, by `/proc`, and the signals that go there.

use std::collections::{HashMap, HashSet};
use std::fs;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};

use super::children;
use crate::lifecycle::{Pid, Relayed};

/// Looks at the tree at most so often before what is there is killed; the caller comes back.
const FREEZE_ROUNDS: u32 = 16;

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

/// Ends everything below us. Returns whether there was anything. `rounds` is how often this was tried before: what is
/// there once is killed, what is still there after that forks faster than it is killed, so it is stopped first. A
/// stopped process forks no more, and unlike a dead one it frees no place for the others.
pub fn kill_all(rounds: u32) -> bool {
    // One call instead of all of `/proc`, in nearly every stop.
    if children::none_left() {
        return false;
    }
    let mut pids = descendants();
    if pids.is_empty() {
        return false;
    }
    if rounds > 0 {
        let mut stopped = HashSet::new();
        // New ones in a round come from those not yet stopped, so each round has fewer.
        for _ in 0..FREEZE_ROUNDS {
            let new: Vec<Pid> = pids.iter().copied().filter(|pid| stopped.insert(*pid)).collect();
            if new.is_empty() {
                break;
            }
            for pid in new {
                send(pid, Signal::SIGSTOP);
            }
            pids = descendants();
        }
    }
    for pid in &pids {
        send(*pid, Signal::SIGKILL);
    }
    true
}

/// What is left below us, for people: process id, name, and state as in proc(5).
pub fn describe() -> Vec<String> {
    let describe = |pid: &Pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let (_, state) = fs::read(format!("/proc/{pid}/stat")).ok().as_deref().and_then(parse_stat)?;
        Some(format!("{pid} ({}, state {state})", name.trim_end()))
    };
    descendants().iter().filter_map(describe).collect()
}

/// Every process of ours that catches a signal, the parents first.
pub fn catching(signal: Signal) -> Vec<Pid> {
    descendants().into_iter().filter(|pid| catches(*pid, signal)).collect()
}

/// Sends a signal by its number, which may be a real-time one. That the process is gone already is no error.
pub fn send_number(pid: Pid, number: i32) {
    // SAFETY: a system call with two numbers.
    #[allow(unsafe_code, reason = "nix cannot represent real-time signals")]
    let result = unsafe { libc::kill(pid, number) };
    if result < 0 && Errno::last() != Errno::ESRCH {
        tracing::error!("cannot send signal {number} to process {pid}: {}", Errno::last());
    }
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

/// Something that changes when a process executes another image, or the same one anew: where its stack begins, which the
/// kernel chooses at random each time (field 28 of `/proc/PID/stat`). `None` where that is not to be had.
pub fn image(pid: Pid) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&stat);
    // The field after the name is the third.
    let field = text.get(text.rfind(')')? + 1..)?.split_whitespace().nth(28 - 3)?;
    field.parse().ok().filter(|address| *address != 0)
}

/// Whether a process is there and not just waiting to be reaped.
pub fn exists(pid: Pid) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok();
    stat.as_deref().and_then(parse_stat).is_some_and(|(_, state)| !matches!(state, 'Z' | 'X'))
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
    fn an_image_stays_the_same_while_it_runs() {
        let own = Pid::try_from(std::process::id()).unwrap();
        assert_eq!(image(own), image(own));
        assert_eq!(image(Pid::MAX), None);
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
