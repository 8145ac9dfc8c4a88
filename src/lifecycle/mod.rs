//! The container's life as one state machine. Pure: no clock, no process, no socket; time comes in as an argument and
//! effects go out as [`Action`]s. [`step`](Lifecycle::step) is the only way from one state to another.
//!
//! ```text
//!  preflight ──► waiting ──────────────► boot ──────► serving
//!                 │  ▲ │ work to do        │  page      │
//!                 │  │ ▼                   │  answers   │
//!                 │  │ lock ──► init ──►   │            │
//!                 │  │  ▲  next  │ verify  │            │
//!                 │  │  └────────┘         │            │
//!                 │  └── backoff ◄─ sweep ◄┴── crash ◄──┘
//!                 │                  │ out of budget, permanent
//!      any phase: TERM, INT          ▼
//!        no child ────────────────► exit ◄── sweep ◄── stopping ◄── draining
//!        a child ──────────────────────────────────────► (TERM, TERM, KILL)
//! ```
//!
//! * *waiting*: PostgreSQL is being logged into; its answer also says which modules have to be installed where.
//! * *lock*: the advisory lock of one database is awaited; what is to do is read again under it.
//! * *init*: Odoo runs once to install, and then the database is asked whether it did (*verify*).
//! * *boot*: Odoo was started and its page does not answer yet; *serving*: it does.
//! * A one-shot (`--stop-after-init`) ends where *boot* would begin.
//! * *sweep*: the main process is gone, what it left behind is killed before anything else happens.

mod step;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::error::Problem;
use crate::exit::Exit;

/// Monotonic time since this process started.
pub type Moment = Duration;

/// A child's process id.
pub type Pid = i32;

/// After the second `TERM` Odoo forces its own end; this is what it gets for it.
pub const FORCED_STOP: Duration = Duration::from_secs(2);
/// After `KILL`: what the kernel gets to release every process of the tree.
pub const KILL_WAIT: Duration = Duration::from_secs(2);
/// The pause before the first restart; it doubles up to [`BACKOFF_MAX`].
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest pause before a restart.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Odoo's exit code for a command line or a file that it cannot use: starting it again cannot help.
pub const ODOO_USAGE_ERROR: u8 = 2;

/// When a crash is answered with a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// After every end that nobody asked for, but for a permanent failure (exit code 2).
    OnFailure,
    /// Never: the container ends with Odoo's code.
    Never,
    /// After every end that nobody asked for.
    Always,
}

/// The numbers of the lifecycle, from the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Unready for this long before Odoo is told to stop.
    pub drain_delay: Duration,
    /// From the first `TERM` to the second.
    pub stop_timeout: Duration,
    /// The same for an init, which has to roll back its current module.
    pub init_stop_timeout: Duration,
    /// When to restart.
    pub restart: Restart,
    /// This many crashes within [`Policy::restart_window`] are answered; the next one ends the container.
    pub restart_limit: u32,
    /// See [`Policy::restart_limit`].
    pub restart_window: Duration,
    /// `--stop-after-init`: Odoo runs once for each database, and nothing is served.
    pub one_shot: bool,
}

/// A run of Odoo in one database, to install modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The database.
    pub database: String,
    /// Technical names; none in a one-shot that has nothing to install.
    pub modules: Vec<String>,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Code(u8),
    /// It was killed by this signal.
    Signal(u8),
}

impl Ending {
    /// The exit code a shell would give for it.
    pub fn shell_code(self) -> u8 {
        match self {
            Ending::Code(code) => code,
            Ending::Signal(signal) => 128u8.saturating_add(signal),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ending::Code(code) => write!(f, "exit code {code}"),
            Ending::Signal(signal) => {
                let name = i32::from(*signal).try_into().map(|s: nix::sys::signal::Signal| s.as_str());
                write!(f, "signal {signal}")?;
                name.map_or(Ok(()), |name| write!(f, " ({name})"))
            }
        }
    }
}

/// What a child was started for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Installs modules and ends.
    Init(Work),
    /// Serves.
    Server,
}

/// A signal from outside that means something to Odoo beside a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// `HUP`: Odoo starts itself anew in the same process.
    Reload,
    /// `QUIT`: Odoo writes the stacks of its threads into its log.
    DumpStacks,
    /// `USR1`: Odoo writes its cache statistics into its log.
    CacheStatistics,
    /// `TTIN`: one worker more, in prefork mode.
    MoreWorkers,
    /// `TTOU`: one worker less, in prefork mode.
    FewerWorkers,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The preflight found nothing wrong.
    Started,
    /// `TERM` or `INT` from outside, with its number.
    StopAsked(u8),
    /// Another signal from outside.
    Relay(Relayed),
    /// PostgreSQL can be used; this is to do before Odoo may serve.
    DatabaseReady(Vec<Work>),
    /// PostgreSQL cannot be used.
    DatabaseLost(Exit, Problem),
    /// PostgreSQL went away under the lock, or before it was ours: it is waited for again.
    DatabaseGone(String),
    /// The lock is ours; this is left to do in that database, `None` when a sibling has done it.
    Locked(Option<Work>),
    /// The child asked for runs.
    Spawned(Pid),
    /// The child asked for could not be started.
    SpawnFailed(Exit, Problem),
    /// A child of ours ended.
    ChildEnded(Pid, Ending),
    /// The database says whether the init did what it was started for.
    Verified(Result<(), Problem>),
    /// Nothing of the child's tree is left.
    TreeGone,
    /// Odoo's page answers.
    Page,
    /// [`Lifecycle::deadline`] may have passed.
    Tick,
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Log into PostgreSQL until it can be used, and see what is to do.
    AwaitDatabase,
    /// Take the lock of that database, then see again what is to do.
    TakeLock(Work),
    /// Forget the wait for the database or the lock.
    AbandonDatabase,
    /// Give the lock back.
    ReleaseLock,
    /// Ask the database whether these modules are installed.
    Verify(Work),
    /// Start a child.
    Spawn(Role),
    /// Send `TERM` to a child.
    Terminate(Pid),
    /// Pass a signal on, if the child catches it.
    Forward(Pid, Relayed),
    /// Kill everything below this process, and report [`Event::TreeGone`] once it is gone.
    KillTree,
    /// Tell people.
    Report(Severity, String),
    /// A problem that will end the container.
    Fail(Problem),
    /// End this process.
    Exit(Exit),
}

/// How loud a [`Action::Report`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Expected.
    Info,
    /// Odd, and survived.
    Warning,
    /// Somebody has to look.
    Error,
}

/// The phases that people, probes and metrics know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Settings, files, ports.
    Preflight,
    /// Waiting for PostgreSQL.
    Waiting,
    /// Waiting for the update lock.
    Lock,
    /// Modules are being installed.
    Init,
    /// Odoo was started and does not answer yet.
    Boot,
    /// Odoo answers.
    Serving,
    /// A pause before a restart.
    Backoff,
    /// Unready, still serving.
    Draining,
    /// Odoo was told to stop.
    Stopping,
    /// Nothing runs any more.
    Exited,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Phase; 10] = [
        Phase::Preflight,
        Phase::Waiting,
        Phase::Lock,
        Phase::Init,
        Phase::Boot,
        Phase::Serving,
        Phase::Backoff,
        Phase::Draining,
        Phase::Stopping,
        Phase::Exited,
    ];

    /// The word in logs, probes and pages.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Preflight => "preflight",
            Phase::Waiting => "waiting",
            Phase::Lock => "lock",
            Phase::Init => "init",
            Phase::Boot => "boot",
            Phase::Serving => "serving",
            Phase::Backoff => "backoff",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
            Phase::Exited => "exited",
        }
    }
}

/// The stages of a stop; each has a deadline after which the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first `TERM` was sent.
    Asked,
    /// The second `TERM` was sent: Odoo ends by force.
    Forced,
}

/// What a sweep is followed by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum After {
    Exit(Exit),
    Backoff { pause: Duration },
}

/// Where the machine stands; data sits in the variant that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Preflight,
    Waiting,
    Lock {
        rest: Vec<Work>,
    },
    /// `stop`: a stop was asked for between the decision to start the child and its process id.
    Starting {
        role: Role,
        rest: Vec<Work>,
        stop: bool,
    },
    Init {
        child: Pid,
        work: Work,
        rest: Vec<Work>,
    },
    Verify {
        rest: Vec<Work>,
    },
    Boot {
        child: Pid,
    },
    Serving {
        child: Pid,
    },
    Draining {
        child: Pid,
        until: Moment,
    },
    Stopping {
        child: Pid,
        stage: Stage,
        until: Moment,
    },
    /// The main process did not end by itself, and `KILL` is on its way.
    Killing {
        child: Pid,
        until: Moment,
    },
    Sweep {
        until: Moment,
        after: After,
    },
    Backoff {
        until: Moment,
    },
    Done,
}

/// The machine: its state and what it remembers of earlier crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    state: State,
    /// When Odoo crashed within the policy's window, oldest first.
    crashes: Vec<Moment>,
    /// The signal that asked for a stop; the first one counts.
    interrupted: Option<u8>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle { state: State::Preflight, crashes: Vec::new(), interrupted: None }
    }
}

impl Lifecycle {
    /// The phase that people are told.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Preflight => Phase::Preflight,
            State::Waiting => Phase::Waiting,
            State::Lock { .. } => Phase::Lock,
            State::Starting { role: Role::Init(_), .. } | State::Init { .. } | State::Verify { .. } => {
                Phase::Init
            }
            State::Starting { role: Role::Server, .. } | State::Boot { .. } => Phase::Boot,
            State::Serving { .. } => Phase::Serving,
            State::Draining { .. } => Phase::Draining,
            State::Stopping { .. } | State::Killing { .. } | State::Sweep { after: After::Exit(_), .. } => {
                Phase::Stopping
            }
            State::Sweep { after: After::Backoff { .. }, .. } | State::Backoff { .. } => Phase::Backoff,
            State::Done => Phase::Exited,
        }
    }

    /// When the next [`Event::Tick`] is due; `None` while only an event from outside can change anything.
    pub fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Draining { until, .. }
            | State::Stopping { until, .. }
            | State::Killing { until, .. }
            | State::Sweep { until, .. }
            | State::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// The child whose end would change the state.
    pub fn child(&self) -> Option<Pid> {
        match self.state {
            State::Init { child, .. }
            | State::Boot { child }
            | State::Serving { child }
            | State::Draining { child, .. }
            | State::Stopping { child, .. }
            | State::Killing { child, .. } => Some(child),
            _ => None,
        }
    }
}
