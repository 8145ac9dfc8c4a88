//! From one state to the next. Every pair of state and event is answered; a pair that is passed over says which real
//! race leads there.

use std::time::Duration;

use super::{
    Action, After, BACKOFF_MAX, BACKOFF_MIN, Ending, Event, FORCED_STOP, KILL_WAIT, Lifecycle, Moment,
    ODOO_USAGE_ERROR, Pid, Policy, Relayed, Restart, Role, Severity, Stage, State, Work,
};
use crate::error::Problem;
use crate::exit::Exit;

type Next = (State, Vec<Action>);

impl Lifecycle {
    /// Takes one event. Returns what is to be done, in that order, before the next event is taken.
    pub fn step(&mut self, event: Event, now: Moment, policy: &Policy) -> Vec<Action> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, mut actions) = match event {
            Event::StopAsked(signal) => {
                self.interrupted.get_or_insert(signal);
                stop_asked(state, now, policy)
            }
            Event::Tick => tick(state, now, policy),
            Event::ChildEnded(pid, ending) => self.child_ended(state, pid, ending, now, policy),
            Event::Relay(signal) => relay(state, signal),
            event => progress(state, event, now, policy),
        };
        self.state = state;
        if let (true, Some(signal)) = (policy.one_shot, self.interrupted) {
            // Who ran it has to learn that it did not do what it was asked to.
            let code = Ending::Signal(signal).shell_code();
            for action in actions.iter_mut().filter(|action| **action == Action::Exit(Exit::Success)) {
                *action = Action::Exit(Exit::Child(code));
            }
        }
        actions
    }

    fn child_ended(&mut self, state: State, pid: Pid, ending: Ending, now: Moment, policy: &Policy) -> Next {
        match state {
            State::Init { child, work, rest } if child == pid => match ending {
                Ending::Code(0) => (State::Verify { rest }, vec![Action::Verify(work)]),
                ending => fail_init(&work, ending, now),
            },
            State::Boot { child } | State::Serving { child } if child == pid => {
                self.crashed(ending, now, policy)
            }
            // It ended before it was told to: the stop that was asked for is what counts.
            State::Draining { child, .. } | State::Stopping { child, .. } if child == pid => {
                sweep(After::Exit(Exit::Success), now)
            }
            State::Killing { child, .. } if child == pid => sweep(After::Exit(Exit::StopOverBudget), now),
            // An orphan that was reaped, or a child of an earlier life.
            state => (state, Vec::new()),
        }
    }

    fn crashed(&mut self, ending: Ending, now: Moment, policy: &Policy) -> Next {
        self.crashes.retain(|at| now.saturating_sub(*at) < policy.restart_window);
        self.crashes.push(now);
        let count = u32::try_from(self.crashes.len()).unwrap_or(u32::MAX);
        let permanent = ending == Ending::Code(ODOO_USAGE_ERROR);
        let why_not = match policy.restart {
            Restart::Never => Some("ENTRYPOINT_RESTART=never".to_owned()),
            Restart::OnFailure if permanent => {
                Some("exit code 2 is Odoo's refusal of its configuration".to_owned())
            }
            _ if count > policy.restart_limit => Some(format!(
                "{count} crashes within {} exceed ENTRYPOINT_RESTART_LIMIT",
                crate::settings::parse::format_duration(policy.restart_window)
            )),
            _ => None,
        };
        if let Some(why) = why_not {
            // An exit code of 0 would tell the orchestrator that all is well.
            let exit = match ending.shell_code() {
                0 => Exit::Internal,
                code => Exit::Child(code),
            };
            let (state, mut actions) = sweep(After::Exit(exit), now);
            let text = format!("Odoo ended by itself ({ending}) and is not restarted: {why}");
            actions.insert(0, Action::Report(Severity::Error, text));
            return (state, actions);
        }
        let doublings = count.saturating_sub(1).min(16);
        let pause = BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX);
        let (state, mut actions) = sweep(After::Backoff { pause }, now);
        let text = format!(
            "Odoo ended by itself ({ending}); restart {count} of {} in {}",
            policy.restart_limit,
            crate::settings::parse::format_duration(pause)
        );
        actions.insert(0, Action::Report(Severity::Warning, text));
        (state, actions)
    }
}

/// A deadline has passed, or may have.
fn tick(state: State, now: Moment, policy: &Policy) -> Next {
    match state {
        State::Draining { child, until } if now >= until => ask(child, policy.stop_timeout, now),
        State::Stopping { child, stage: Stage::Asked, until } if now >= until => force(child, now),
        State::Stopping { child, stage: Stage::Forced, until } if now >= until => (
            State::Killing { child, until: now + KILL_WAIT },
            vec![
                Action::Report(Severity::Error, "Odoo did not end in its time: killing it".to_owned()),
                Action::KillTree,
            ],
        ),
        // A process in an uninterruptible sleep: the kernel ends it, and the container, when the device answers.
        State::Killing { until, .. } if now >= until => (
            State::Done,
            vec![
                Action::Report(Severity::Error, "the kernel did not release every process".to_owned()),
                Action::ReleaseLock,
                Action::Exit(Exit::StopOverBudget),
            ],
        ),
        State::Sweep { until, after } if now >= until => {
            let text = "the kernel did not release every process that Odoo left behind".to_owned();
            let (state, mut actions) = swept(&after, now);
            actions.insert(0, Action::Report(Severity::Error, text));
            (state, actions)
        }
        State::Backoff { until } if now >= until => (State::Waiting, vec![Action::AwaitDatabase]),
        // A timer that was armed for a state that has been left since.
        state => (state, Vec::new()),
    }
}

/// `TERM` or `INT`: answered in every phase.
fn stop_asked(state: State, now: Moment, policy: &Policy) -> Next {
    match state {
        State::Preflight | State::Backoff { .. } => exit(Exit::Success, Vec::new()),
        State::Waiting | State::Lock { .. } | State::Verify { .. } => {
            exit(Exit::Success, vec![Action::AbandonDatabase])
        }
        State::Starting { role, rest, .. } => (State::Starting { role, rest, stop: true }, Vec::new()),
        State::Init { child, .. } => ask(child, policy.init_stop_timeout, now),
        // Nobody is being served yet, so there is nothing to drain.
        State::Boot { child } => ask(child, policy.stop_timeout, now),
        State::Serving { child } if policy.drain_delay.is_zero() => ask(child, policy.stop_timeout, now),
        State::Serving { child } => (State::Draining { child, until: now + policy.drain_delay }, Vec::new()),
        // The second one skips the drain.
        State::Draining { child, .. } => ask(child, policy.stop_timeout, now),
        // A further one forces: somebody at a terminal, or an orchestrator at the end of its patience.
        State::Stopping { child, stage: Stage::Asked, .. } => force(child, now),
        // Nothing left to hasten; or a crash that is being swept: no restart any more.
        State::Sweep { until, after: After::Backoff { .. } } => {
            (State::Sweep { until, after: After::Exit(Exit::Success) }, Vec::new())
        }
        state @ (State::Stopping { .. } | State::Killing { .. } | State::Sweep { .. } | State::Done) => {
            (state, Vec::new())
        }
    }
}

fn relay(state: State, signal: Relayed) -> Next {
    match state {
        State::Boot { child } | State::Serving { child } => (state, vec![Action::Forward(child, signal)]),
        // Stacks are wanted most when something hangs; the others would undo a stop (`HUP`) or mean nothing.
        State::Draining { child, .. } | State::Stopping { child, .. } | State::Init { child, .. }
            if signal == Relayed::DumpStacks =>
        {
            (state, vec![Action::Forward(child, signal)])
        }
        state => (state, Vec::new()),
    }
}

/// What moves a life forward.
fn progress(state: State, event: Event, now: Moment, policy: &Policy) -> Next {
    match (state, event) {
        (State::Preflight, Event::Started) => (State::Waiting, vec![Action::AwaitDatabase]),

        (State::Waiting, Event::DatabaseReady(work)) => next_work(work, policy),
        (State::Waiting | State::Lock { .. } | State::Verify { .. }, Event::DatabaseLost(code, problem)) => {
            exit(code, vec![Action::Fail(problem), Action::ReleaseLock])
        }

        (State::Lock { .. } | State::Verify { .. }, Event::DatabaseGone(reason)) => {
            let text = format!("PostgreSQL went away: {reason}");
            // After a pause: what was granted a moment ago and is refused now would be a loop at login speed.
            let actions = vec![Action::Report(Severity::Warning, text), Action::ReleaseLock];
            (State::Backoff { until: now + BACKOFF_MIN }, actions)
        }

        (State::Lock { rest }, Event::Locked(Some(work))) => {
            let role = Role::Init(work);
            (State::Starting { role: role.clone(), rest, stop: false }, vec![Action::Spawn(role)])
        }
        (State::Lock { rest }, Event::Locked(None)) => {
            let (state, mut actions) = next_work(rest, policy);
            actions.insert(0, Action::ReleaseLock);
            (state, actions)
        }
        (State::Verify { rest }, Event::Verified(Ok(()))) => {
            let (state, mut actions) = next_work(rest, policy);
            actions.insert(0, Action::ReleaseLock);
            (state, actions)
        }
        (State::Verify { .. }, Event::Verified(Err(problem))) => {
            exit(Exit::Update, vec![Action::Fail(problem), Action::ReleaseLock])
        }

        (State::Starting { role, rest, stop }, Event::Spawned(child)) => {
            let grace = match role {
                Role::Init(_) => policy.init_stop_timeout,
                Role::Server => policy.stop_timeout,
            };
            if stop {
                return ask(child, grace, now);
            }
            match role {
                Role::Init(work) => (State::Init { child, work, rest }, Vec::new()),
                Role::Server => (State::Boot { child }, Vec::new()),
            }
        }
        (State::Starting { stop, .. }, Event::SpawnFailed(code, problem)) => {
            if stop {
                // It was to end anyway.
                return exit(Exit::Success, vec![Action::ReleaseLock]);
            }
            exit(code, vec![Action::Fail(problem), Action::ReleaseLock])
        }

        (State::Boot { child }, Event::Page) => (State::Serving { child }, Vec::new()),
        (State::Sweep { after, .. }, Event::TreeGone) => swept(&after, now),

        // An answer of the database that was overtaken by a stop, a page that answers in any other phase
        // (readiness is the probes' matter), a sweep that was given up.
        (
            state,
            Event::Started
            | Event::DatabaseReady(_)
            | Event::DatabaseLost(..)
            | Event::DatabaseGone(_)
            | Event::Locked(_)
            | Event::Verified(_)
            | Event::Spawned(_)
            | Event::SpawnFailed(..)
            | Event::Page
            | Event::TreeGone,
        ) => (state, Vec::new()),

        // `step` has answered these.
        (state, Event::StopAsked(_) | Event::Relay(_) | Event::ChildEnded(..) | Event::Tick) => {
            (state, Vec::new())
        }
    }
}

fn next_work(mut work: Vec<Work>, policy: &Policy) -> Next {
    if work.is_empty() && policy.one_shot {
        return exit(Exit::Success, Vec::new());
    }
    if work.is_empty() {
        let role = Role::Server;
        return (State::Starting { role: role.clone(), rest: work, stop: false }, vec![Action::Spawn(role)]);
    }
    let first = work.remove(0);
    (State::Lock { rest: work }, vec![Action::TakeLock(first)])
}

fn fail_init(work: &Work, ending: Ending, now: Moment) -> Next {
    let (what, doing) = if work.modules.is_empty() {
        (format!("the run of Odoo in database {} failed", work.database), String::new())
    } else {
        (
            format!("installing modules in database {} failed", work.database),
            format!(" while installing {}", work.modules.join(", ")),
        )
    };
    let problem = Problem::new(
        what,
        format!("Odoo ended with {ending}{doing}"),
        "read the first error above; nothing is served until it is mended and the container starts again",
    );
    let (state, mut actions) = sweep(After::Exit(Exit::Update), now);
    actions.insert(0, Action::Fail(problem));
    (state, actions)
}

fn ask(child: Pid, grace: Duration, now: Moment) -> Next {
    let state = State::Stopping { child, stage: Stage::Asked, until: now + grace };
    (state, vec![Action::Terminate(child)])
}

fn force(child: Pid, now: Moment) -> Next {
    let state = State::Stopping { child, stage: Stage::Forced, until: now + FORCED_STOP };
    let text = "Odoo has not ended yet: telling it to end by force".to_owned();
    (state, vec![Action::Report(Severity::Warning, text), Action::Terminate(child)])
}

/// The main process is gone: whatever it left behind holds ports, connections or the filestore.
fn sweep(after: After, now: Moment) -> Next {
    (State::Sweep { until: now + KILL_WAIT, after }, vec![Action::KillTree])
}

fn swept(after: &After, now: Moment) -> Next {
    match *after {
        After::Exit(code) => exit(code, vec![Action::ReleaseLock]),
        After::Backoff { pause } => (State::Backoff { until: now + pause }, Vec::new()),
    }
}

fn exit(code: Exit, mut before: Vec<Action>) -> Next {
    before.push(Action::Exit(code));
    (State::Done, before)
}
