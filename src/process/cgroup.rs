//! What the control group of this process allows: CPU and memory, version 1 and 2.
//!
//! Kernel documents: `admin-guide/cgroup-v2.rst` (`cpu.max`, `memory.max`), `admin-guide/cgroup-v1/memory.rst`,
//! `scheduler/sched-bwc.rst` (`cpu.cfs_quota_us`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::odoo::sizing::Limits;

/// Where every distribution and every container runtime mounts them.
pub const MOUNT: &str = "/sys/fs/cgroup";

/// Reads the limits of this process. What cannot be read is no limit.
pub fn limits() -> Limits {
    limits_below(Path::new(MOUNT), &own())
}

/// The groups of this process, one a line; empty where the kernel has none.
pub(super) fn own() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// [`limits`] of a process whose `/proc/PID/cgroup` is `own`, in the hierarchies mounted at `mount`.
pub fn limits_below(mount: &Path, own: &str) -> Limits {
    let mut limits = Limits::default();
    for (controllers, path) in own.lines().filter_map(membership) {
        if controllers.is_empty() {
            // Version 2. Beside version 1 (`hybrid`) it is mounted one folder deeper, and has no controllers.
            for folder in lineage(mount, path) {
                limits.millicpus =
                    least(limits.millicpus, read(&folder, "cpu.max").and_then(|t| cpu_max(&t)));
                limits.memory = least(limits.memory, read(&folder, "memory.max").and_then(|t| bytes(&t)));
            }
        }
        for controller in controllers.split(',') {
            let Some(folder) = hierarchy(mount, controllers, controller) else { continue };
            for folder in lineage(&folder, path) {
                match controller {
                    "cpu" => {
                        let quota = read(&folder, "cpu.cfs_quota_us");
                        let period = read(&folder, "cpu.cfs_period_us");
                        let millicpus =
                            quota.zip(period).and_then(|(quota, period)| millicpus(&quota, &period));
                        limits.millicpus = least(limits.millicpus, millicpus);
                    }
                    "memory" => {
                        let memory = read(&folder, "memory.limit_in_bytes").and_then(|text| bytes(&text));
                        limits.memory = least(limits.memory, memory);
                    }
                    _ => {}
                }
            }
        }
    }
    limits
}

/// `4:memory:/docker/1f3a` of `/proc/PID/cgroup` (cgroups(7)): controllers and path.
pub(super) fn membership(line: &str) -> Option<(&str, &str)> {
    line.split_once(':')?.1.split_once(':')
}

/// The folder of a version 1 controller: `/sys/fs/cgroup/memory`, or `/sys/fs/cgroup/cpu,cpuacct`.
fn hierarchy(mount: &Path, controllers: &str, controller: &str) -> Option<PathBuf> {
    [controllers, controller].map(|name| mount.join(name)).into_iter().find(|folder| folder.is_dir())
}

/// The group's own folder and those above it, since each limits the ones below. Without a namespace for control groups
/// the path is the host's, and in a container its own group is mounted at the root.
fn lineage(root: &Path, path: &str) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut folder = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != "..") {
        folder.push(part);
        folders.push(folder.clone());
    }
    folders
}

fn read(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok()
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// `200000 100000` (microseconds of CPU per period), or `max 100000`.
fn cpu_max(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    millicpus(quota, period)
}

/// A quota of -1 (version 1) and `max` (version 2) are no limit.
fn millicpus(quota: &str, period: &str) -> Option<u64> {
    let (quota, period): (u64, u64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    quota.checked_mul(1000)?.checked_div(period)
}

/// Version 1 says "no limit" by a number near 2^63, version 2 by `max`.
fn bytes(text: &str) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 60;
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn found(files: &[(&str, &str)], own: &str) -> (Option<u64>, Option<u64>) {
        let tree = tree(files);
        let limits = limits_below(tree.path(), own);
        (limits.millicpus, limits.memory)
    }

    #[test]
    fn version_2_in_a_container_of_its_own() {
        let files = [("cpu.max", "150000 100000\n"), ("memory.max", "4294967296\n")];
        assert_eq!(found(&files, "0::/\n"), (Some(1_500), Some(4 * GIB)));
        let files = [("cpu.max", "max 100000\n"), ("memory.max", "max\n")];
        assert_eq!(found(&files, "0::/\n"), (None, None));
    }

    #[test]
    fn version_2_takes_the_tightest_group_above() {
        let files = [
            ("kubepods/pod1/memory.max", "2147483648"),
            ("kubepods/pod1/app/memory.max", "max"),
            ("kubepods/pod1/app/cpu.max", "50000 100000"),
            ("kubepods/cpu.max", "400000 100000"),
        ];
        assert_eq!(found(&files, "0::/kubepods/pod1/app\n"), (Some(500), Some(2 * GIB)));
    }

    #[test]
    fn version_1_with_joined_and_separate_controllers() {
        let own = "4:memory:/docker/1f\n2:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n0::/\n";
        // Docker mounts the container's own group at the root; the path is the host's.
        let files = [
            ("memory/memory.limit_in_bytes", "1073741824\n"),
            ("cpu,cpuacct/cpu.cfs_quota_us", "200000\n"),
            ("cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(found(&files, own), (Some(2_000), Some(GIB)));
        let files = [
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/docker/1f/memory.limit_in_bytes", "536870912\n"),
            ("cpu/docker/1f/cpu.cfs_quota_us", "-1\n"),
            ("cpu/docker/1f/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(found(&files, own), (None, Some(GIB / 2)));
    }

    #[test]
    fn nonsense_is_no_limit() {
        let files = [("cpu.max", "abc def"), ("memory.max", "-5"), ("memory.limit_in_bytes", "")];
        for own in ["0::/\n", "", "nonsense", ":::", "0::/../../x\n"] {
            assert_eq!(found(&files, own), (None, None), "{own:?}");
        }
        assert_eq!(found(&[("cpu.max", "100 0")], "0::/\n"), (None, None));
    }
}
