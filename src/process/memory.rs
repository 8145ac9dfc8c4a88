//! The container's memory as the kernel accounts it: cgroup v1 or v2, the limit, the use, and how often it killed for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::cgroup;

/// From here on the log warns that the limit is near.
pub const NEAR: u64 = 90;
/// Below this the warning is armed again.
pub const FAR: u64 = 80;

/// The files of this process's memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Holds the line `oom_kill N`.
    events: PathBuf,
    usage: PathBuf,
    limit: PathBuf,
    /// v2 only: whether a kill takes every process of the cgroup, this one too.
    group: Option<PathBuf>,
}

impl Cgroup {
    /// Finds it; `None` outside of containers, and where `/sys/fs/cgroup` is not mounted.
    pub fn find() -> Option<Self> {
        let found = candidates(Path::new(cgroup::MOUNT), &cgroup::own());
        found.into_iter().find(|cgroup| cgroup.events.is_file())
    }

    /// How often the kernel has killed in this cgroup because of its limit.
    pub fn kills(&self) -> u64 {
        fs::read_to_string(&self.events).ok().as_deref().and_then(parse_kills).unwrap_or(0)
    }

    /// Whether a kill takes the whole container.
    pub fn kills_all(&self) -> bool {
        let text = self.group.as_ref().and_then(|path| fs::read_to_string(path).ok());
        text.is_some_and(|text| text.trim() == "1")
    }

    /// The use in percent of the limit; `None` without a limit.
    pub fn percent(&self) -> Option<u64> {
        let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        // `max`, or in v1 a number of pages that no machine has.
        let limit = number(&self.limit).filter(|limit| (1..1 << 50).contains(limit))?;
        number(&self.usage)?.saturating_mul(100).checked_div(limit)
    }
}

/// Where the files may be. `own` is `/proc/self/cgroup`. A path that is the host's is not there within the container,
/// whose own cgroup is then the root of what is mounted.
fn candidates(root: &Path, own: &str) -> Vec<Cgroup> {
    let mut found = Vec::new();
    for (controllers, path) in own.lines().filter_map(cgroup::membership) {
        let path = path.trim_start_matches('/');
        if controllers.split(',').any(|name| name == "memory") {
            for folder in [root.join("memory").join(path), root.join("memory")] {
                found.push(Cgroup {
                    events: folder.join("memory.oom_control"),
                    usage: folder.join("memory.usage_in_bytes"),
                    limit: folder.join("memory.limit_in_bytes"),
                    group: None,
                });
            }
        } else if controllers.is_empty() {
            for folder in [root.join(path), root.to_owned()] {
                found.push(Cgroup {
                    events: folder.join("memory.events"),
                    usage: folder.join("memory.current"),
                    limit: folder.join("memory.max"),
                    group: Some(folder.join("memory.oom.group")),
                });
            }
        }
    }
    found
}

fn parse_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Says that this process runs, where an OOM kill would leave it no time to say anything: the next start finds it.
#[derive(Debug)]
pub struct Marker(PathBuf);

impl Marker {
    /// In that folder, which has to outlive the process.
    pub fn new(folder: &Path) -> Self {
        Marker(folder.join(format!("odoo-entrypoint-{}.running", nix::unistd::geteuid())))
    }

    /// What the last run left, if it was killed; takes it away.
    pub fn take(&self) -> Option<String> {
        let text = fs::read_to_string(&self.0).ok()?;
        self.remove();
        Some(text.chars().take(200).filter(|c| !c.is_control()).collect())
    }

    /// Writes what the next start would report. A folder that is full loses the report and nothing else.
    pub fn write(&self, text: &str) {
        // Whole or not at all, since the kill may come in the middle of it.
        let temporary = self.0.with_extension("new");
        if let Err(error) = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &self.0)) {
            tracing::debug!("cannot write {}: {error}", self.0.display());
        }
    }

    /// This run ends in order.
    pub fn remove(&self) {
        // Gone already, or never written.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_found() {
        let root = Path::new("/c");
        let events = |own: &str| -> Vec<String> {
            candidates(root, own).iter().map(|cgroup| cgroup.events.display().to_string()).collect()
        };
        assert_eq!(events("0::/\n"), ["/c/memory.events", "/c/memory.events"]);
        assert_eq!(
            events("4:cpu,memory:/docker/1\n0::/x\n"),
            [
                "/c/memory/docker/1/memory.oom_control",
                "/c/memory/memory.oom_control",
                "/c/x/memory.events",
                "/c/memory.events"
            ]
        );
        assert!(events("nonsense\n").is_empty());
    }

    #[test]
    fn kills_are_counted_in_both_generations() {
        assert_eq!(parse_kills("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(parse_kills("oom_kill_disable 0\n"), None);
    }
}
