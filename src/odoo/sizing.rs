//! How many processes fit into a container, and how many connections they may hold. Pure.
//!
//! Odoo's own limits (`limit_memory_soft`, `limit_memory_hard`) are on virtual size and know nothing of the container's,
//! so they stay at Odoo's defaults here: a lower one ends processes that do no harm (odoo#107799).

use std::fmt;

const MIB: u64 = 1024 * 1024;

/// What the container allows; `None` where nothing is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Thousandths of a CPU.
    pub millicpus: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// Without limits: the smallest machine that is sold for such a purpose, since a machine of 64 CPUs that is shared by
/// twenty containers would otherwise get twenty times 16 workers.
pub const ASSUMED: (u64, u64) = (2_000, 4096 * MIB);

/// Below this a second Odoo process (and prefork mode has at least four) does not fit.
const LEAST_FOR_WORKERS: u64 = 1536 * MIB;
/// What the master, the websocket process, PostgreSQL's client libraries and the page cache want.
const RESERVED: u64 = 512 * MIB;
/// A worker with a middling set of modules, resident.
const PER_WORKER: u64 = 350 * MIB;
const LEAST_WORKERS: u64 = 2;
const MOST_WORKERS: u64 = 16;
/// Below `max_connections` = 100, PostgreSQL's default, with room for people, backups and the supervisor.
const CONNECTIONS: u64 = 80;

/// What `workers = auto` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// 0 is threaded mode.
    pub workers: u64,
    /// Processes (or threads) for scheduled actions.
    pub cron: u64,
    /// Connections that one process may hold; `None` leaves Odoo's default: in threaded mode all requests share one pool.
    pub db_maxconn: Option<u64>,
    /// The figures it was computed from: thousandths of a CPU and bytes.
    from: (u64, u64),
    /// Whether both figures are the container's own.
    limited: (bool, bool),
}

/// Computes the sizes. `chosen_cron` is what somebody has said about scheduled actions.
pub fn size(limits: Limits, chosen_cron: Option<u64>) -> Sizing {
    let (millicpus, memory) = (limits.millicpus.unwrap_or(ASSUMED.0), limits.memory.unwrap_or(ASSUMED.1));
    let workers = if memory < LEAST_FOR_WORKERS {
        0
    } else {
        let by_cpu = millicpus.saturating_mul(2) / 1000 + 1;
        let by_memory = (memory - RESERVED) / PER_WORKER;
        by_cpu.min(by_memory).clamp(LEAST_WORKERS, MOST_WORKERS)
    };
    let cron = chosen_cron.unwrap_or(if workers < 4 { 1 } else { 2 });
    // The websocket process is one more.
    let processes = workers.saturating_add(cron).saturating_add(1);
    let db_maxconn = (workers > 0).then(|| (CONNECTIONS / processes).clamp(4, 16));
    Sizing {
        workers,
        cron,
        db_maxconn,
        from: (millicpus, memory),
        limited: (limits.millicpus.is_some(), limits.memory.is_some()),
    }
}

/// The line that is logged at start: what, why, and what the mode asks of the proxy.
impl fmt::Display for Sizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |given: bool| if given { "" } else { " (assumed, nothing is limited)" };
        let (cpu, memory) = (Cpus(self.from.0), Bytes(self.from.1));
        let why = format!("{cpu} CPU{} and {memory}{}", limit(self.limited.0), limit(self.limited.1));
        match (self.workers, self.db_maxconn) {
            (0, _) => write!(
                f,
                "sizes for {why}: threaded mode (a second process does not fit below {}), {} cron thread; /websocket \
                 is on http_port",
                Bytes(LEAST_FOR_WORKERS),
                self.cron
            ),
            (workers, connections) => write!(
                f,
                "sizes for {why}: {workers} workers, {} cron, db_maxconn {}; the proxy has to send /websocket to \
                 gevent_port",
                self.cron,
                connections.unwrap_or_default()
            ),
        }
    }
}

/// Why sizes that somebody chose do not fit into the container's memory, if they do not.
pub fn too_large(workers: u64, limits: Limits) -> Option<String> {
    let memory = limits.memory?;
    let needed = RESERVED + workers.saturating_mul(PER_WORKER);
    (workers > 0 && needed > memory).then(|| {
        format!(
            "{workers} workers want about {} (512 MiB and 350 MiB each) and the container has {}: the kernel will kill \
             some of them; ODOO_WORKERS=auto fits",
            Bytes(needed),
            Bytes(memory)
        )
    })
}

/// Threads for each numeric library in each process. They default to the machine's cores, in every process, and each
/// thread takes address space that counts against `limit_memory_hard`.
pub fn numeric_threads(cpus: u64, processes: u64) -> u64 {
    (cpus / processes.max(1)).max(1)
}

/// Thousandths of a CPU, as people write them.
struct Cpus(u64);

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 1000 {
            0 => write!(f, "{}", self.0 / 1000),
            rest => write!(f, "{}.{}", self.0 / 1000, format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

/// Bytes, as people write them.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 / MIB;
        match mib {
            mib if mib >= 1024 && mib % 1024 == 0 => write!(f, "{} GiB", mib / 1024),
            mib if mib >= 1024 => write!(f, "{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024),
            mib => write!(f, "{mib} MiB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(millicpus: u64, mib: u64) -> Limits {
        Limits { millicpus: Some(millicpus), memory: Some(mib * MIB) }
    }

    #[test]
    fn sizes_follow_the_smaller_of_cpu_and_memory() {
        // millicpus, MiB, workers, cron, db_maxconn
        for (millicpus, mib, workers, cron, connections) in [
            (2_000, 4_096, 5, 2, Some(10)),
            (1_000, 2_048, 3, 1, Some(16)),
            (1_500, 4_096, 4, 2, Some(11)),
            (500, 4_096, 2, 1, Some(16)),
            (250, 1_536, 2, 1, Some(16)),
            (4_000, 2_048, 4, 2, Some(11)),
            (4_000, 1_536, 2, 1, Some(16)),
            (8_000, 1_535, 0, 1, None),
            (8_000, 512, 0, 1, None),
            (8_000, 0, 0, 1, None),
            (64_000, 262_144, 16, 2, Some(4)),
            (u64::MAX, u64::MAX / MIB, 16, 2, Some(4)),
        ] {
            let sizing = size(limits(millicpus, mib), None);
            assert_eq!(
                (sizing.workers, sizing.cron, sizing.db_maxconn),
                (workers, cron, connections),
                "{millicpus} millicpus, {mib} MiB"
            );
        }
    }

    #[test]
    fn chosen_cron_processes_count_among_the_pools() {
        let sizing = size(limits(2_000, 4_096), Some(20));
        assert_eq!((sizing.workers, sizing.cron, sizing.db_maxconn), (5, 20, Some(4)));
        assert_eq!(size(limits(2_000, 4_096), Some(0)).db_maxconn, Some(13));
    }

    #[test]
    fn without_limits_a_small_machine_is_assumed_and_said() {
        assert_eq!(size(Limits::default(), None).workers, 5);
        assert_eq!(
            size(Limits { millicpus: Some(1_500), memory: None }, None).to_string(),
            "sizes for 1.5 CPU and 4 GiB (assumed, nothing is limited): 4 workers, 2 cron, db_maxconn 11; the \
             proxy has to send /websocket to gevent_port"
        );
        assert_eq!(
            size(limits(2_000, 1_024), None).to_string(),
            "sizes for 2 CPU and 1 GiB: threaded mode (a second process does not fit below 1.5 GiB), 1 cron thread; \
             /websocket is on http_port"
        );
    }

    #[test]
    fn the_sum_of_all_pools_stays_below_postgresqls_default() {
        for cpus in 0..40 {
            for mib in (0..20_000).step_by(250) {
                let sizing = size(limits(cpus * 500, mib), None);
                let pools = sizing.db_maxconn.unwrap_or(64) * (sizing.workers + sizing.cron + 1).min(20);
                assert!(sizing.workers == 0 || pools <= CONNECTIONS, "{sizing}");
            }
        }
    }

    #[test]
    fn chosen_workers_that_do_not_fit_are_told() {
        assert!(too_large(4, limits(2_000, 1_024)).is_some_and(|text| text.contains("about 1.8 GiB")));
        assert_eq!(too_large(4, limits(2_000, 2_048)), None);
        assert_eq!(too_large(0, limits(2_000, 64)), None, "threaded mode is what fits least");
        assert_eq!(too_large(99, Limits::default()), None);
    }

    #[test]
    fn numeric_libraries_share_the_cpus() {
        assert_eq!(numeric_threads(8, 1), 8);
        assert_eq!(numeric_threads(8, 3), 2);
        assert_eq!(numeric_threads(2, 7), 1);
        assert_eq!(numeric_threads(0, 0), 1);
    }
}
