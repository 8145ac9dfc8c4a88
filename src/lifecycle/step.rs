//! From one state to the next. Every pair of state and event is answered; a pair that is passed over says which real
//! race leads there.

use std::time::Duration;

use super::{
    Action, After, BACKOFF_MAX, BACKOFF_MIN, DUMP_WAIT, Ending, Event, FORCED_STOP, HookStage, KILL_WAIT,
    Lifecycle, Moment, ODOO_USAGE_ERROR, Pid, Policy, Relayed, Restart, Role, Severity, Stage, State, Why,
    Work,
};
use crate::error::Problem;
use crate::exit::Exit;
use crate::settings::parse::format_duration;

type Next = (State, Vec<Action>);

/// So many requests to stop force it: the first drains or asks, the second skips the drain, and is swallowed where there
/// is none, since many send one `TERM` to a process and another to its group.
const STOPS_THAT_FORCE: u32 = 3;

impl Lifecycle {
    /// Takes one event. Returns what is to be done, in that order, before the next event is taken.
    pub fn step(&mut self, event: Event, now: Moment, policy: &Policy) -> Vec<Action> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, mut actions) = match event {
            Event::StopAsked(signal) => {
                self.interrupted.get_or_insert(signal);
                self.stops = self.stops.saturating_add(1);
                stop_asked(state, self.stops, now, policy)
            }
            Event::Tick => tick(state, now, policy),
            Event::ChildEnded(pid, ending) => self.child_ended(state, pid, ending, now, policy),
            Event::Relay(signal) => relay(state, signal),
            Event::Spawned(child) => self.spawned(state, child, now, policy),
            Event::Page => self.page(state, now, policy),
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
            State::Hook { child, stage, number, next, rest } if child == pid => match ending {
                Ending::Code(0) => hook_or(stage, number + 1, next, rest, policy),
                ending => fail_hook(stage, number, ending, now, policy),
            },
            State::Init { child, work, rest } if child == pid => match ending {
                Ending::Code(0) => (State::Verify { rest }, vec![Action::Verify(work)]),
                ending => fail_init(&work, ending, now),
            },
            State::Boot { child, .. } | State::Serving { child, .. } | State::Reloading { child }
                if child == pid =>
            {
                self.crashed(pid, ending, false, now, policy)
            }
            State::Stopping { child, why: Why::Hang, .. } | State::Killing { child, why: Why::Hang, .. }
                if child == pid =>
            {
                self.hung = true;
                self.crashed(pid, ending, true, now, policy)
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

    fn crashed(&mut self, pid: Pid, ending: Ending, hung: bool, now: Moment, policy: &Policy) -> Next {
        let what = if hung { "Odoo hung and was stopped" } else { "Odoo ended by itself" };
        let what = format!("{what} ({ending})");
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
                format_duration(policy.restart_window)
            )),
            _ => None,
        };
        let (after, severity, text) = if let Some(why) = why_not {
            // An exit code of 0 would tell the orchestrator that all is well.
            let exit = match ending.shell_code() {
                0 => Exit::Internal,
                code => Exit::Child(code),
            };
            (After::Exit(exit), Severity::Error, format!("{what} and is not restarted: {why}"))
        } else {
            let doublings = count.saturating_sub(1).min(16);
            let pause = BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX);
            let text =
                format!("{what}; restart {count} of {} in {}", policy.restart_limit, format_duration(pause));
            (After::Backoff { pause }, Severity::Warning, text)
        };
        let (state, mut actions) = sweep(after, now);
        actions.splice(0..0, [Action::Report(severity, text), Action::Explain { pid, ending, hung }]);
        (state, actions)
    }

    fn spawned(&self, state: State, child: Pid, now: Moment, policy: &Policy) -> Next {
        // Only ever the answer to `Spawn`, which is performed at once.
        let State::Starting { role, rest, stop } = state else { return (state, Vec::new()) };
        match role {
            Role::Hook { .. } | Role::Init(_) if stop => {
                ask(child, policy.init_stop_timeout, Why::Asked, now)
            }
            Role::Server if stop => ask(child, policy.stop_timeout, Why::Asked, now),
            Role::Hook { stage, number, next } => {
                (State::Hook { child, stage, number, next: *next, rest }, Vec::new())
            }
            Role::Init(work) => (State::Init { child, work, rest }, Vec::new()),
            Role::Server => {
                let until = self.hung.then(|| now + policy.hang_timeout);
                (State::Boot { child, until, late: false }, Vec::new())
            }
        }
    }

    fn page(&mut self, state: State, now: Moment, policy: &Policy) -> Next {
        match state {
            State::Boot { child, .. } => {
                self.hung = false;
                (State::Serving { child, until: hangs_at(now, policy) }, Vec::new())
            }
            // An answer too, and one that costs Odoo more than the cheap one.
            State::Serving { child, .. } => {
                (State::Serving { child, until: hangs_at(now, policy) }, Vec::new())
            }
            // The old image's last answer before it executes itself anew; a page that answers while it is being
            // stopped (readiness is the probes' matter); one that was sampled before a crash.
            state => (state, Vec::new()),
        }
    }
}

fn hangs_at(now: Moment, policy: &Policy) -> Option<Moment> {
    (!policy.hang_timeout.is_zero()).then(|| now + policy.hang_timeout)
}

/// A deadline has passed, or may have.
fn tick(state: State, now: Moment, policy: &Policy) -> Next {
    match state {
        State::Serving { child, until: Some(until) } if now >= until => {
            let text = format!(
                "Odoo hangs: no answer for {}; its stacks follow, then it is stopped",
                format_duration(policy.hang_timeout)
            );
            let state =
                State::Stopping { child, stage: Stage::Dumping, until: now + DUMP_WAIT, why: Why::Hang };
            (state, vec![Action::Report(Severity::Error, text), Action::DumpStacks])
        }
        State::Boot { child, until: Some(until), late: false } if now >= until => {
            let text = "Odoo was restarted because it hung, and does not answer again".to_owned();
            let state = State::Boot { child, until: Some(until), late: true };
            (state, vec![Action::Report(Severity::Error, text)])
        }
        State::Draining { child, until, reloading } if now >= until => {
            ask_or_await(child, reloading, policy, now)
        }
        State::Stopping { child, stage: Stage::Dumping, until, why } if now >= until => {
            ask(child, policy.stop_timeout, why, now)
        }
        State::Stopping { child, stage: Stage::Asked | Stage::Reloading, until, why } if now >= until => {
            force(child, why, now)
        }
        State::Stopping { child, stage: Stage::Forced, until, why } if now >= until => (
            State::Killing { child, until: now + KILL_WAIT, why, late: false },
            vec![
                Action::Report(Severity::Error, "Odoo did not end in its time: killing it".to_owned()),
                Action::KillTree,
            ],
        ),
        // A process in an uninterruptible sleep: the kernel ends it, and the container, when the device answers.
        State::Killing { until, why: Why::Asked, .. } if now >= until => (
            State::Done,
            vec![Action::NameLeftovers, Action::ReleaseLock, Action::Exit(Exit::StopOverBudget)],
        ),
        // Started beside the old one, Odoo would meet its ports and its transactions: it is waited for.
        State::Killing { child, until, why: Why::Hang, late } if now >= until => (
            State::Killing { child, until: now + KILL_WAIT, why: Why::Hang, late: true },
            if late { vec![Action::KillTree] } else { vec![Action::NameLeftovers, Action::KillTree] },
        ),
        State::Sweep { until, after: After::Backoff { pause }, late } if now >= until => (
            State::Sweep { until: now + KILL_WAIT, after: After::Backoff { pause }, late: true },
            if late { vec![Action::KillTree] } else { vec![Action::NameLeftovers, Action::KillTree] },
        ),
        State::Sweep { until, after, .. } if now >= until => {
            let (state, mut actions) = swept(&after, now);
            actions.insert(0, Action::NameLeftovers);
            (state, actions)
        }
        State::Backoff { until } if now >= until => (State::Waiting, vec![Action::AwaitDatabase]),
        // A timer that was armed for a state that has been left since, or moved by an answer.
        state => (state, Vec::new()),
    }
}

/// `TERM` or `INT`, for the `stops`th time: answered in every phase.
fn stop_asked(state: State, stops: u32, now: Moment, policy: &Policy) -> Next {
    match state {
        State::Preflight | State::Backoff { .. } => exit(Exit::Success, Vec::new()),
        State::Waiting | State::Lock { .. } | State::Verify { .. } => {
            exit(Exit::Success, vec![Action::AbandonDatabase])
        }
        State::Starting { role, rest, .. } => (State::Starting { role, rest, stop: true }, Vec::new()),
        State::Hook { child, .. } | State::Init { child, .. } => {
            ask(child, policy.init_stop_timeout, Why::Asked, now)
        }
        // Nobody is being served yet, so there is nothing to drain.
        State::Boot { child, .. } => ask(child, policy.stop_timeout, Why::Asked, now),
        State::Reloading { child } if policy.drain_delay.is_zero() => ask_or_await(child, true, policy, now),
        State::Serving { child, .. } if policy.drain_delay.is_zero() => {
            ask(child, policy.stop_timeout, Why::Asked, now)
        }
        State::Reloading { child } => {
            (State::Draining { child, until: now + policy.drain_delay, reloading: true }, Vec::new())
        }
        State::Serving { child, .. } => {
            (State::Draining { child, until: now + policy.drain_delay, reloading: false }, Vec::new())
        }
        // The second one skips the drain.
        State::Draining { child, reloading, .. } => ask_or_await(child, reloading, policy, now),
        // No restart any more, and no time for stacks: somebody waits for the end.
        State::Stopping { child, stage: Stage::Dumping, .. } => {
            ask(child, policy.stop_timeout, Why::Asked, now)
        }
        // Somebody at a terminal, or an orchestrator at the end of its patience.
        State::Stopping { child, stage: Stage::Asked | Stage::Reloading, .. }
            if stops >= STOPS_THAT_FORCE =>
        {
            force(child, Why::Asked, now)
        }
        // Swallowed where it is a second one; where Odoo is being stopped for a hang, it is not restarted any more.
        State::Stopping { child, stage, until, .. } => {
            (State::Stopping { child, stage, until, why: Why::Asked }, Vec::new())
        }
        State::Killing { child, until, why, late } => {
            let until = if why == Why::Hang { now + KILL_WAIT } else { until };
            (State::Killing { child, until, why: Why::Asked, late }, Vec::new())
        }
        // A crash that is being swept: no restart any more.
        State::Sweep { after: After::Backoff { .. }, .. } => {
            let after = After::Exit(Exit::Success);
            (State::Sweep { until: now + KILL_WAIT, after, late: false }, Vec::new())
        }
        // Nothing left to hasten.
        state @ (State::Sweep { .. } | State::Done) => (state, Vec::new()),
    }
}

fn relay(state: State, signal: Relayed) -> Next {
    match state {
        State::Boot { child, .. } | State::Serving { child, .. } => {
            (state, vec![Action::Forward(child, signal)])
        }
        // Stacks are wanted most when something hangs; the others would undo a stop (`HUP`) or mean nothing.
        State::Draining { child, .. }
        | State::Stopping { child, .. }
        | State::Init { child, .. }
        | State::Reloading { child }
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
            hook_or(HookStage::PreInit, 0, Role::Init(work), rest, policy)
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

        (State::Starting { stop, .. }, Event::SpawnFailed(code, problem)) => {
            if stop {
                // It was to end anyway.
                return exit(Exit::Success, vec![Action::ReleaseLock]);
            }
            exit(code, vec![Action::Fail(problem), Action::ReleaseLock])
        }

        (State::Serving { child, .. }, Event::Answer) => {
            (State::Serving { child, until: hangs_at(now, policy) }, Vec::new())
        }
        (State::Serving { child, until: Some(until) }, Event::StoodStill(pause)) => {
            (State::Serving { child, until: Some(until + pause) }, Vec::new())
        }
        (State::Boot { child, until: Some(until), late: false }, Event::StoodStill(pause)) => {
            (State::Boot { child, until: Some(until + pause), late: false }, Vec::new())
        }

        (State::Boot { child, .. } | State::Serving { child, .. }, Event::Reloading(pid)) if child == pid => {
            (State::Reloading { child }, Vec::new())
        }
        (State::Draining { child, until, .. }, Event::Reloading(pid)) if child == pid => {
            (State::Draining { child, until, reloading: true }, Vec::new())
        }
        (State::Reloading { child }, Event::Reloaded(pid)) if child == pid => {
            (State::Boot { child, until: None, late: false }, Vec::new())
        }
        (State::Draining { child, until, .. }, Event::Reloaded(pid)) if child == pid => {
            (State::Draining { child, until, reloading: false }, Vec::new())
        }
        (State::Stopping { child, stage: Stage::Reloading, until, why }, Event::Reloaded(pid))
            if child == pid =>
        {
            (State::Stopping { child, stage: Stage::Asked, until, why }, vec![Action::Terminate(child)])
        }

        (State::Sweep { after, .. }, Event::TreeGone) => swept(&after, now),

        // An answer of the database that was overtaken by a stop, an answer of Odoo that was overtaken by its end or
        // is not waited for (a boot takes what it takes), a reload of an Odoo that has been told to stop since or has
        // ended, a sweep that was given up.
        (
            state,
            Event::Started
            | Event::DatabaseReady(_)
            | Event::DatabaseLost(..)
            | Event::DatabaseGone(_)
            | Event::Locked(_)
            | Event::Verified(_)
            | Event::SpawnFailed(..)
            | Event::Answer
            | Event::Reloading(_)
            | Event::Reloaded(_)
            | Event::StoodStill(_)
            | Event::TreeGone,
        ) => (state, Vec::new()),

        // `step` has answered these.
        (
            state,
            Event::StopAsked(_)
            | Event::Relay(_)
            | Event::ChildEnded(..)
            | Event::Tick
            | Event::Spawned(_)
            | Event::Page,
        ) => (state, Vec::new()),
    }
}

fn next_work(mut work: Vec<Work>, policy: &Policy) -> Next {
    if work.is_empty() && policy.one_shot {
        return exit(Exit::Success, Vec::new());
    }
    if work.is_empty() {
        return hook_or(HookStage::PreStart, 0, Role::Server, work, policy);
    }
    let first = work.remove(0);
    (State::Lock { rest: work }, vec![Action::TakeLock(first)])
}

/// Starts the hook of that number, or what the hooks run before where there is none.
fn hook_or(stage: HookStage, number: usize, next: Role, rest: Vec<Work>, policy: &Policy) -> Next {
    let role = match policy.hooks.of(stage).get(number) {
        Some(_) => Role::Hook { stage, number, next: Box::new(next) },
        None => next,
    };
    (State::Starting { role: role.clone(), rest, stop: false }, vec![Action::Spawn(role)])
}

fn fail_hook(stage: HookStage, number: usize, ending: Ending, now: Moment, policy: &Policy) -> Next {
    let name = policy.hooks.of(stage).get(number).map_or("", String::as_str);
    let exit = match (stage, ending.shell_code()) {
        (HookStage::PreInit | HookStage::PreUpdate, _) => Exit::Update,
        (HookStage::PreStart, code) => Exit::Child(code),
    };
    let problem = Problem::new(
        format!("a {} hook failed", stage.name()),
        format!("{name} ended with {ending}"),
        "read its output above; mend or remove it, nothing is started until it ends with 0",
    );
    let (swept, mut actions) = sweep(After::Exit(exit), now);
    actions.insert(0, Action::Fail(problem));
    (swept, actions)
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

fn ask(child: Pid, grace: Duration, why: Why, now: Moment) -> Next {
    let state = State::Stopping { child, stage: Stage::Asked, until: now + grace, why };
    (state, vec![Action::Terminate(child)])
}

/// The wait for the new handlers is part of the same grace.
fn ask_or_await(child: Pid, reloading: bool, policy: &Policy, now: Moment) -> Next {
    if !reloading {
        return ask(child, policy.stop_timeout, Why::Asked, now);
    }
    let until = now + policy.stop_timeout;
    (State::Stopping { child, stage: Stage::Reloading, until, why: Why::Asked }, Vec::new())
}

fn force(child: Pid, why: Why, now: Moment) -> Next {
    let state = State::Stopping { child, stage: Stage::Forced, until: now + FORCED_STOP, why };
    let text = "Odoo has not ended yet: telling it to end by force".to_owned();
    (state, vec![Action::Report(Severity::Warning, text), Action::Terminate(child)])
}

/// The main process is gone: whatever it left behind holds ports, connections or the filestore.
fn sweep(after: After, now: Moment) -> Next {
    (State::Sweep { until: now + KILL_WAIT, after, late: false }, vec![Action::KillTree])
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
