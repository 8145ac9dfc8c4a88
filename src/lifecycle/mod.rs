//! The container's life as one state machine. Pure: no clock, no process, no socket; time comes in as an argument and
//! effects go out as [`Action`]s. [`step`](Lifecycle::step) is the only way from one state to another.
//!
//! ```text
//!  preflight ──► waiting ───────────────────────► boot ────────────► serving
//!                 │  ▲ │ work to do               ▲ │ page answers    │ │ │
//!                 │  │ ▼                 pre-start │ │                 │ │ │ HUP, or Odoo by itself
//!                 │  │ lock ──► pre-init ──► init ─┤ ◄── handlers ◄────┘ │ │
//!                 │  │  ▲  next            │verify│   reloading         │ │
//!                 │  │  └──────────────────┴──────┘                     │ │ no answer
//!                 │  │                                                  │ ▼
//!                 │  └── backoff ◄── sweep ◄─────── crash ◄─────────────┴ hung: QUIT, TERM, TERM, KILL
//!                 │                    │ out of budget, permanent
//!      any phase: TERM, INT            ▼
//!        no child ──────────────────► exit ◄── sweep ◄── stopping ◄── draining
//!        a child ──────────────────────────────────────► (TERM, TERM, KILL)
//! ```
//!
//! * *waiting*: PostgreSQL is being logged into; its answer also says which modules have to be installed where.
//! * *lock*: the advisory lock of one database is awaited; what is to do is read again under it.
//! * *init*: Odoo runs once to install, and then the database is asked whether it did (*verify*).
//! * *pre-init*, *pre-start*: the hooks before an init (under its lock) and before each start of the server.
//! * *boot*: Odoo was started and its page does not answer yet; *serving*: it does.
//! * *reloading*: Odoo was sent `HUP`, or decided by itself, and executes itself anew in the same process. A `TERM` before
//!   its new handlers are there would count as its second one and cut off who is being served, so it waits for them.
//! * *hung*: no answer for too long. The stacks are asked for, then Odoo is stopped as in a stop, then restarted.
//! * A one-shot (`--stop-after-init`) ends where *boot* would begin.
//! * *sweep*: the main process is gone, what it left behind is killed before anything else happens.

mod state;
mod step;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::error::Problem;
use crate::exit::Exit;

pub use self::state::Lifecycle;
use self::state::{After, Stage, State, Why};

/// Monotonic time since this process started.
pub type Moment = Duration;

/// A child's process id.
pub type Pid = i32;

/// After the second `TERM` Odoo forces its own end; this is what it gets for it.
pub const FORCED_STOP: Duration = Duration::from_secs(2);
/// After `KILL`: what the kernel gets to release every process of the tree.
pub const KILL_WAIT: Duration = Duration::from_secs(2);
/// What Odoo gets to write its stacks before a hang is answered with `TERM`.
pub const DUMP_WAIT: Duration = Duration::from_secs(2);
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
    /// Without an answer for this long a serving Odoo hangs; zero is never.
    pub hang_timeout: Duration,
    /// `--stop-after-init`: Odoo runs once for each database, and nothing is served.
    pub one_shot: bool,
    /// What runs before Odoo does.
    pub hooks: Hooks,
}

impl Policy {
    /// What a stop may take at most: of a server with its drain, or of an init.
    pub fn longest_stop(&self) -> Duration {
        (self.drain_delay + self.stop_timeout).max(self.init_stop_timeout) + FORCED_STOP + KILL_WAIT
    }
}

/// The executables of each hook folder by their names, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before modules are installed, under the lock.
    pub pre_init: Vec<String>,
    /// Before modules are updated, under the lock.
    pub pre_update: Vec<String>,
    /// Before each start of the server.
    pub pre_start: Vec<String>,
}

impl Hooks {
    /// Those of one stage.
    pub fn of(&self, stage: HookStage) -> &[String] {
        match stage {
            HookStage::PreInit => &self.pre_init,
            HookStage::PreUpdate => &self.pre_update,
            HookStage::PreStart => &self.pre_start,
        }
    }
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookStage {
    /// Before modules are installed.
    PreInit,
    /// Before modules are updated.
    PreUpdate,
    /// Before the server starts.
    PreStart,
}

impl HookStage {
    /// Every stage.
    pub const ALL: [HookStage; 3] = [HookStage::PreInit, HookStage::PreUpdate, HookStage::PreStart];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            HookStage::PreInit => "pre-init",
            HookStage::PreUpdate => "pre-update",
            HookStage::PreStart => "pre-start",
        }
    }
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
    /// One of the hooks; what it runs before comes next.
    Hook {
        /// When.
        stage: HookStage,
        /// Its place in [`Hooks::of`], from 0.
        number: usize,
        /// What the hooks of this stage run before.
        next: Box<Role>,
    },
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
    /// Odoo has answered a cheap request: it does not hang.
    Answer,
    /// The process executes itself anew: it was sent `HUP`, or said so.
    Reloading(Pid),
    /// It has, and handles signals again.
    Reloaded(Pid),
    /// This process itself has stood still for so long (a frozen container, a suspended machine). Nobody could have
    /// answered meanwhile.
    StoodStill(Duration),
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
    /// Have every process that can write its stacks into the log.
    DumpStacks,
    /// Say why Odoo died.
    Explain {
        /// Which process.
        pid: Pid,
        /// How it ended.
        ending: Ending,
        /// It hung, and was stopped for it.
        hung: bool,
    },
    /// Name what the kernel does not release.
    NameLeftovers,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Settings, files, ports.
    #[default]
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
    /// Odoo does not answer, and is being stopped for it.
    Hung,
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
    pub const ALL: [Phase; 11] = [
        Phase::Preflight,
        Phase::Waiting,
        Phase::Lock,
        Phase::Init,
        Phase::Boot,
        Phase::Serving,
        Phase::Hung,
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
            Phase::Hung => "hung",
            Phase::Backoff => "backoff",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
            Phase::Exited => "exited",
        }
    }
}
