//! Where the machine stands, and what can be read from it.

use std::time::Duration;

use super::{HookStage, Moment, Phase, Pid, Role, Work};
use crate::exit::Exit;

/// The stages of a stop; each has a deadline after which the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It hangs, and gets a moment for its stacks.
    Dumping,
    /// It executes itself anew: `TERM` is sent once it handles signals again.
    Reloading,
    /// The first `TERM` was sent.
    Asked,
    /// The second `TERM` was sent: Odoo ends by force.
    Forced,
}

/// Why Odoo is stopped, and so what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A stop was asked for: the container ends.
    Asked,
    /// Odoo hangs: it is restarted.
    Hang,
}

/// What a sweep is followed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    Exit(Exit),
    Backoff { pause: Duration },
}

/// Where the machine stands; data sits in the variant that owns it. `late`: the deadline has passed once already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
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
    Hook {
        child: Pid,
        stage: HookStage,
        number: usize,
        next: Role,
        rest: Vec<Work>,
    },
    Init {
        child: Pid,
        work: Work,
        rest: Vec<Work>,
    },
    Verify {
        rest: Vec<Work>,
    },
    /// `until`: only after a hang, which this restart has to have cured by then.
    Boot {
        child: Pid,
        until: Option<Moment>,
        late: bool,
    },
    /// `until`: when it hangs, unless it answers before; none where hangs are not looked for.
    Serving {
        child: Pid,
        until: Option<Moment>,
    },
    Reloading {
        child: Pid,
    },
    Draining {
        child: Pid,
        until: Moment,
        reloading: bool,
    },
    Stopping {
        child: Pid,
        stage: Stage,
        until: Moment,
        why: Why,
    },
    /// The main process did not end by itself, and `KILL` is on its way.
    Killing {
        child: Pid,
        until: Moment,
        why: Why,
        late: bool,
    },
    Sweep {
        until: Moment,
        after: After,
        late: bool,
    },
    Backoff {
        until: Moment,
    },
    Done,
}

/// The machine: its state and what it remembers of earlier crashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    pub(super) state: State,
    /// When Odoo crashed within the policy's window, oldest first.
    pub(super) crashes: Vec<Moment>,
    /// Whether the last crash was a hang, and no page has answered since.
    pub(super) hung: bool,
    /// The signal that asked for a stop; the first one counts.
    pub(super) interrupted: Option<u8>,
    /// How often a stop was asked for.
    pub(super) stops: u32,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle { state: State::Preflight, crashes: Vec::new(), hung: false, interrupted: None, stops: 0 }
    }
}

impl Lifecycle {
    /// The phase that people are told.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Preflight => Phase::Preflight,
            State::Waiting => Phase::Waiting,
            State::Lock { .. } => Phase::Lock,
            State::Starting { role, .. } => phase_of(role),
            State::Hook { next, .. } => phase_of(next),
            State::Init { .. } | State::Verify { .. } => Phase::Init,
            State::Boot { .. } | State::Reloading { .. } => Phase::Boot,
            State::Serving { .. } => Phase::Serving,
            State::Draining { .. } => Phase::Draining,
            State::Stopping { why: Why::Hang, .. } | State::Killing { why: Why::Hang, .. } => Phase::Hung,
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
            State::Serving { until, .. } | State::Boot { until, late: false, .. } => until,
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
            State::Hook { child, .. }
            | State::Init { child, .. }
            | State::Boot { child, .. }
            | State::Serving { child, .. }
            | State::Reloading { child }
            | State::Draining { child, .. }
            | State::Stopping { child, .. }
            | State::Killing { child, .. } => Some(child),
            _ => None,
        }
    }

    /// Whether a hang has outlasted the restart that was to cure it, or the old processes cannot be got rid of: from
    /// here a restart of the container is what is left to try.
    pub fn stuck(&self) -> bool {
        matches!(
            self.state,
            State::Boot { late: true, .. }
                | State::Killing { late: true, .. }
                | State::Sweep { late: true, .. }
        )
    }
}

fn phase_of(role: &Role) -> Phase {
    match role {
        Role::Hook { next, .. } => phase_of(next),
        Role::Init(_) => Phase::Init,
        Role::Server => Phase::Boot,
    }
}
