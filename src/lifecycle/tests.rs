#![allow(clippy::unchecked_time_subtraction, reason = "a clock that goes backwards is a test that fails")]

use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod days;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> Policy {
    Policy {
        drain_delay: SECOND * 3,
        stop_timeout: SECOND * 15,
        init_stop_timeout: SECOND * 30,
        restart: Restart::OnFailure,
        restart_limit: 2,
        restart_window: SECOND * 600,
        hang_timeout: SECOND * 180,
        one_shot: false,
        hooks: Hooks::default(),
    }
}

fn hooks() -> Hooks {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Hooks { pre_init: names(&["10-backup"]), pre_update: Vec::new(), pre_start: names(&["10-a", "20-b"]) }
}

fn work(database: &str) -> Work {
    Work { database: database.to_owned(), modules: vec!["base".to_owned()] }
}

fn problem() -> Problem {
    Problem::new("what", "why", "fix")
}

/// A machine with its clock and everything it has asked for so far.
struct Life {
    machine: Lifecycle,
    policy: Policy,
    now: Moment,
    actions: Vec<Action>,
}

impl Life {
    fn new(policy: Policy) -> Self {
        Life { machine: Lifecycle::default(), policy, now: SECOND, actions: Vec::new() }
    }

    /// Takes events and returns what they asked for, without the reports.
    fn take(&mut self, events: impl IntoIterator<Item = Event>) -> Vec<Action> {
        let mut asked = Vec::new();
        for event in events {
            asked.extend(self.machine.step(event, self.now, &self.policy));
        }
        asked.retain(|action| !matches!(action, Action::Report(..) | Action::Explain { .. }));
        self.actions.extend(asked.clone());
        asked
    }

    /// Lets the next deadline pass.
    fn tick(&mut self) -> Vec<Action> {
        self.now = self.machine.deadline().expect("a timer is armed");
        self.take([Event::Tick])
    }

    fn serving(policy: Policy) -> Self {
        let mut life = Life::new(policy);
        life.take([Event::Started, Event::DatabaseReady(vec![]), Event::Spawned(7), Event::Page]);
        assert_eq!(life.machine.phase(), Phase::Serving);
        life
    }
}

#[test]
fn an_installed_database_goes_straight_to_serving() {
    let mut life = Life::new(policy());
    assert_eq!(life.take([Event::Started]), [Action::AwaitDatabase]);
    assert_eq!(life.take([Event::DatabaseReady(vec![])]), [Action::Spawn(Role::Server)]);
    life.take([Event::Spawned(7)]);
    assert_eq!(life.machine.phase(), Phase::Boot);
    life.take([Event::Page]);
    assert_eq!(life.machine.phase(), Phase::Serving);
}

#[test]
fn every_database_is_installed_under_its_own_lock_and_verified() {
    let mut life = Life::new(policy());
    life.take([Event::Started]);
    assert_eq!(life.take([Event::DatabaseReady(vec![work("a"), work("b")])]), [Action::TakeLock(work("a"))]);
    assert_eq!(life.take([Event::Locked(Some(work("a")))]), [Action::Spawn(Role::Init(work("a")))]);
    life.take([Event::Spawned(7)]);
    assert_eq!(life.machine.phase(), Phase::Init);
    assert_eq!(life.take([Event::ChildEnded(7, Ending::Code(0))]), [Action::Verify(work("a"))]);
    assert_eq!(life.take([Event::Verified(Ok(()))]), [Action::ReleaseLock, Action::TakeLock(work("b"))]);
    // A sibling has installed the second one meanwhile.
    assert_eq!(life.take([Event::Locked(None)]), [Action::ReleaseLock, Action::Spawn(Role::Server)]);
}

#[test]
fn an_installation_that_fails_or_lies_never_leads_to_serving() {
    for lie in [false, true] {
        let mut life = Life::new(policy());
        life.take([Event::Started, Event::DatabaseReady(vec![work("a")]), Event::Locked(Some(work("a")))]);
        life.take([Event::Spawned(7)]);
        if lie {
            life.take([Event::ChildEnded(7, Ending::Code(0)), Event::Verified(Err(problem()))]);
        } else {
            life.take([Event::ChildEnded(7, Ending::Code(255)), Event::TreeGone]);
        }
        assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Update)));
        assert!(life.actions.iter().any(|action| matches!(action, Action::Fail(_))));
        assert!(!life.actions.contains(&Action::Spawn(Role::Server)));
    }
}

#[test]
fn a_stop_drains_asks_forces_and_kills_in_its_budget() {
    let mut life = Life::serving(policy());
    let asked = life.now;
    assert_eq!(life.take([Event::StopAsked(15)]), []);
    assert_eq!(life.machine.phase(), Phase::Draining);
    assert_eq!(life.tick(), [Action::Terminate(7)]);
    assert_eq!(life.tick(), [Action::Terminate(7)]);
    assert_eq!(life.tick(), [Action::KillTree]);
    assert_eq!(life.take([Event::ChildEnded(7, Ending::Signal(9))]), [Action::KillTree]);
    assert_eq!(life.take([Event::TreeGone]).last(), Some(&Action::Exit(Exit::StopOverBudget)));
    let budget = life.policy.drain_delay + life.policy.stop_timeout + FORCED_STOP + KILL_WAIT;
    assert!(life.now - asked <= budget);
}

#[test]
fn a_stop_within_its_budget_is_a_success_whatever_odoo_says() {
    for ending in [Ending::Code(0), Ending::Code(1), Ending::Signal(15)] {
        let mut life = Life::serving(policy());
        life.take([Event::StopAsked(15)]);
        life.tick();
        assert_eq!(life.take([Event::ChildEnded(7, ending)]), [Action::KillTree]);
        assert_eq!(life.take([Event::TreeGone]).last(), Some(&Action::Exit(Exit::Success)), "{ending}");
    }
}

#[test]
fn further_stops_skip_the_drain_and_then_force() {
    let mut life = Life::serving(policy());
    life.take([Event::StopAsked(15)]);
    assert_eq!(life.take([Event::StopAsked(15)]), [Action::Terminate(7)]);
    assert_eq!(life.take([Event::StopAsked(15)]), [Action::Terminate(7)]);
    assert_eq!(life.take([Event::StopAsked(15)]), [], "there is nothing left to hasten");
}

#[test]
fn duplicates_of_term_are_swallowed_and_a_third_forces() {
    let mut life = Life::serving(Policy { drain_delay: Duration::ZERO, ..policy() });
    assert_eq!(life.take([Event::StopAsked(15)]), [Action::Terminate(7)]);
    let until = life.machine.deadline();
    assert_eq!(life.take([Event::StopAsked(15)]), [], "one to the process, one to its group");
    assert_eq!(life.machine.deadline(), until);
    assert_eq!(life.take([Event::StopAsked(2)]), [Action::Terminate(7)]);
}

#[test]
fn hooks_run_in_order_and_a_failure_stops_the_start() {
    let hook = |stage, number, next| Action::Spawn(Role::Hook { stage, number, next: Box::new(next) });
    let with_hooks = || Life::new(Policy { hooks: hooks(), ..policy() });
    let mut life = with_hooks();
    life.take([Event::Started, Event::DatabaseReady(vec![work("a")])]);
    let init = Role::Init(work("a"));
    assert_eq!(life.take([Event::Locked(Some(work("a")))]), [hook(HookStage::PreInit, 0, init.clone())]);
    life.take([Event::Spawned(7)]);
    assert_eq!(life.machine.phase(), Phase::Init);
    assert_eq!(life.take([Event::ChildEnded(7, Ending::Code(0))]), [Action::Spawn(init)]);
    life.take([Event::Spawned(8), Event::ChildEnded(8, Ending::Code(0))]);
    let started = life.take([Event::Verified(Ok(()))]);
    assert_eq!(started, [Action::ReleaseLock, hook(HookStage::PreStart, 0, Role::Server)]);
    life.take([Event::Spawned(9)]);
    let second = life.take([Event::ChildEnded(9, Ending::Code(0))]);
    assert_eq!(second, [hook(HookStage::PreStart, 1, Role::Server)]);
    life.take([Event::Spawned(10)]);
    assert_eq!(life.take([Event::ChildEnded(10, Ending::Code(0))]), [Action::Spawn(Role::Server)]);

    let mut life = with_hooks();
    life.take([Event::Started, Event::DatabaseReady(vec![]), Event::Spawned(7)]);
    life.take([Event::ChildEnded(7, Ending::Code(3)), Event::TreeGone]);
    assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Child(3))));
    assert!(!life.actions.contains(&Action::Spawn(Role::Server)));

    let mut life = with_hooks();
    life.take([Event::Started, Event::DatabaseReady(vec![]), Event::Spawned(7)]);
    assert_eq!(life.take([Event::StopAsked(15)]), [Action::Terminate(7)]);
    life.take([Event::ChildEnded(7, Ending::Signal(15)), Event::TreeGone]);
    assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Success)));
}

#[test]
fn a_hang_is_dumped_stopped_and_restarted() {
    let mut life = Life::serving(policy());
    life.now += SECOND * 100;
    life.take([Event::Answer]);
    assert_eq!(life.machine.deadline(), Some(life.now + life.policy.hang_timeout), "it answers");
    assert_eq!(life.tick(), [Action::DumpStacks]);
    assert_eq!(life.machine.phase(), Phase::Hung);
    assert_eq!(life.tick(), [Action::Terminate(7)]);
    assert_eq!(life.tick(), [Action::Terminate(7)]);
    assert_eq!(life.tick(), [Action::KillTree]);
    // The kernel does not let go of it: a second one would meet its ports.
    assert_eq!(life.tick(), [Action::NameLeftovers, Action::KillTree]);
    assert!(life.machine.stuck());
    assert_eq!(life.tick(), [Action::KillTree]);
    assert_eq!(life.take([Event::ChildEnded(7, Ending::Signal(9))]), [Action::KillTree]);
    life.take([Event::TreeGone]);
    assert_eq!((life.machine.phase(), life.machine.stuck()), (Phase::Backoff, false));
    life.tick();
    life.take([Event::DatabaseReady(vec![]), Event::Spawned(8)]);
    // It does not come up again: that is for the orchestrator.
    assert_eq!((life.machine.phase(), life.machine.stuck()), (Phase::Boot, false));
    life.tick();
    assert!(life.machine.stuck());
    life.take([Event::Page]);
    assert!(!life.machine.stuck());
}

#[test]
fn a_stop_in_a_hang_ends_the_container() {
    for ticks in 1..4 {
        let mut life = Life::serving(policy());
        for _ in 0..ticks {
            life.tick();
        }
        assert_eq!(life.machine.phase(), Phase::Hung);
        life.take([Event::StopAsked(15)]);
        assert_eq!(life.machine.phase(), Phase::Stopping);
        life.take([Event::ChildEnded(7, Ending::Signal(9)), Event::TreeGone]);
        assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Success)));
    }
}

#[test]
fn standing_still_is_no_hang_of_odoo() {
    let mut life = Life::serving(policy());
    life.now += SECOND * 3600;
    assert_eq!(life.take([Event::StoodStill(SECOND * 3600), Event::Tick]), []);
    assert_eq!(life.machine.phase(), Phase::Serving);
}

#[test]
fn a_term_after_hup_waits_for_the_new_handlers() {
    let mut life = Life::serving(Policy { drain_delay: Duration::ZERO, ..policy() });
    life.take([Event::Reloading(7), Event::Page]);
    assert_eq!(life.machine.phase(), Phase::Boot, "the old image's page is no page");
    assert_eq!(life.take([Event::StopAsked(15)]), []);
    assert_eq!(life.machine.phase(), Phase::Stopping);
    assert_eq!(life.take([Event::Reloaded(7)]), [Action::Terminate(7)]);

    // It never comes back: the grace is the same one.
    let mut life = Life::serving(Policy { drain_delay: Duration::ZERO, ..policy() });
    let asked = life.now;
    life.take([Event::Reloading(7), Event::StopAsked(15)]);
    assert_eq!(life.tick(), [Action::Terminate(7)]);
    assert_eq!(life.now - asked, life.policy.stop_timeout);

    // It comes back within a drain.
    let mut life = Life::serving(policy());
    life.take([Event::Reloading(7), Event::StopAsked(15), Event::Reloaded(7)]);
    assert_eq!(life.tick(), [Action::Terminate(7)]);

    // Nobody stops it.
    let mut life = Life::serving(policy());
    life.take([Event::Reloading(7), Event::Reloaded(7), Event::Page]);
    assert_eq!(life.machine.phase(), Phase::Serving);
}

#[test]
fn a_stop_between_the_decision_to_start_and_the_process_id_reaches_the_child() {
    let mut life = Life::new(policy());
    life.take([Event::Started, Event::DatabaseReady(vec![]), Event::StopAsked(15)]);
    assert_eq!(life.take([Event::Spawned(7)]), [Action::Terminate(7)]);
}

#[test]
fn a_crash_is_restarted_after_the_tree_is_gone_and_the_database_was_asked() {
    let mut life = Life::serving(policy());
    assert_eq!(life.take([Event::ChildEnded(7, Ending::Code(0))]), [Action::KillTree]);
    assert_eq!(life.take([Event::TreeGone]), []);
    assert_eq!(life.machine.phase(), Phase::Backoff);
    assert_eq!(life.tick(), [Action::AwaitDatabase]);
}

#[test]
fn crashes_exhaust_their_budget_and_time_restores_it() {
    let crash = |life: &mut Life, code| {
        life.take([Event::ChildEnded(7, Ending::Code(code)), Event::TreeGone]);
    };
    let again = |life: &mut Life| {
        life.tick();
        life.take([Event::DatabaseReady(vec![]), Event::Spawned(7), Event::Page]);
    };
    let mut life = Life::serving(policy());
    crash(&mut life, 1);
    let first = life.machine.deadline().unwrap() - life.now;
    again(&mut life);
    crash(&mut life, 1);
    let second = life.machine.deadline().unwrap() - life.now;
    assert_eq!((first, second), (BACKOFF_MIN, BACKOFF_MIN * 2));
    again(&mut life);
    life.now += life.policy.restart_window;
    crash(&mut life, 1);
    assert_eq!(life.machine.phase(), Phase::Backoff, "the old crashes are forgotten");
    again(&mut life);
    crash(&mut life, 1);
    again(&mut life);
    crash(&mut life, 0);
    assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Internal)), "an exit 0 nobody asked for");
}

#[test]
fn the_restart_policy_decides() {
    for (restart, code, exit) in [
        (Restart::Never, 1, Some(Exit::Child(1))),
        (Restart::OnFailure, 2, Some(Exit::Child(2))),
        (Restart::Always, 2, None),
    ] {
        let mut life = Life::serving(Policy { restart, ..policy() });
        let asked = life.take([Event::ChildEnded(7, Ending::Code(code)), Event::TreeGone]);
        let exited = asked.into_iter().find_map(|action| match action {
            Action::Exit(exit) => Some(exit),
            _ => None,
        });
        assert_eq!(exited, exit, "{restart:?}");
    }
}

#[test]
fn a_one_shot_ends_where_a_server_would_start_and_tells_when_it_was_interrupted() {
    let one_shot = || Life::new(Policy { one_shot: true, ..policy() });
    let mut life = one_shot();
    life.take([Event::Started, Event::DatabaseReady(vec![work("a")]), Event::Locked(Some(work("a")))]);
    life.take([Event::Spawned(7), Event::ChildEnded(7, Ending::Code(0)), Event::Verified(Ok(()))]);
    assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Success)));
    assert!(!life.actions.contains(&Action::Spawn(Role::Server)));
    let mut life = one_shot();
    life.take([Event::Started, Event::DatabaseReady(vec![work("a")]), Event::Locked(Some(work("a")))]);
    life.take([Event::Spawned(7), Event::StopAsked(2)]);
    life.take([Event::ChildEnded(7, Ending::Signal(2)), Event::TreeGone]);
    assert_eq!(life.actions.last(), Some(&Action::Exit(Exit::Child(130))));
}

#[test]
fn signals_reach_a_running_odoo_only_and_never_undo_a_stop() {
    let mut life = Life::new(policy());
    assert_eq!(life.take([Event::Relay(Relayed::Reload)]), [], "nothing runs yet");
    let mut life = Life::serving(policy());
    assert_eq!(life.take([Event::Relay(Relayed::Reload)]), [Action::Forward(7, Relayed::Reload)]);
    life.take([Event::StopAsked(15), Event::StopAsked(15)]);
    assert_eq!(life.take([Event::Relay(Relayed::Reload)]), []);
    assert_eq!(life.take([Event::Relay(Relayed::DumpStacks)]), [Action::Forward(7, Relayed::DumpStacks)]);
}

#[test]
fn the_end_of_an_orphan_changes_nothing() {
    let mut life = Life::serving(policy());
    let before = life.machine.clone();
    assert_eq!(life.take([Event::ChildEnded(99, Ending::Signal(11))]), []);
    assert_eq!(life.machine, before);
}

/// One of each kind of event.
fn events() -> Vec<Event> {
    vec![
        Event::Started,
        Event::StopAsked(15),
        Event::Relay(Relayed::Reload),
        Event::Relay(Relayed::DumpStacks),
        Event::DatabaseReady(vec![]),
        Event::DatabaseReady(vec![work("a"), work("b")]),
        Event::DatabaseLost(Exit::Database, problem()),
        Event::DatabaseGone("reset".to_owned()),
        Event::Locked(Some(work("a"))),
        Event::Locked(None),
        Event::Spawned(7),
        Event::SpawnFailed(Exit::NotFound, problem()),
        Event::ChildEnded(7, Ending::Code(0)),
        Event::ChildEnded(7, Ending::Code(1)),
        Event::ChildEnded(7, Ending::Signal(9)),
        Event::ChildEnded(99, Ending::Code(0)),
        Event::Verified(Ok(())),
        Event::Verified(Err(problem())),
        Event::TreeGone,
        Event::Page,
        Event::Answer,
        Event::Reloading(7),
        Event::Reloaded(7),
        Event::Reloading(99),
        Event::StoodStill(SECOND * 20),
        Event::Tick,
    ]
}

/// What must hold after every step, whatever led there.
fn check(before: &Lifecycle, event: &Event, after: &Lifecycle, actions: &[Action]) {
    let context = || format!("{before:?}\n  + {event:?}\n  = {after:?}\n  {actions:?}");
    let exits = actions.iter().filter(|action| matches!(action, Action::Exit(_))).count();
    assert_eq!(
        exits == 1,
        before.phase() != Phase::Exited && after.phase() == Phase::Exited,
        "{}",
        context()
    );
    let spawns = actions.iter().any(|action| matches!(action, Action::Spawn(_)));
    assert_eq!(
        spawns,
        matches!(after.state, State::Starting { stop: false, .. }) && before != after,
        "{}",
        context()
    );
    if matches!(before.phase(), Phase::Stopping | Phase::Draining) {
        assert!(!spawns, "a stop leads to no start: {}", context());
    }
    if matches!(
        after.phase(),
        Phase::Stopping | Phase::Draining | Phase::Hung | Phase::Backoff | Phase::Serving
    ) {
        assert!(after.deadline().is_some(), "no stop without a timer: {}", context());
    }
    if after.phase() == Phase::Exited {
        assert!(after.deadline().is_none() && after.child().is_none(), "{}", context());
    }
    if let Event::StopAsked(_) = event {
        let going = matches!(after.phase(), Phase::Exited | Phase::Stopping | Phase::Draining)
            || matches!(after.state, State::Starting { stop: true, .. });
        assert!(going, "a stop is answered in every phase: {}", context());
    }
}

#[test]
fn every_reachable_state_answers_every_event() {
    // Breadth first over what can be reached, with time frozen but for ticks; states are compared without their times.
    let mut seen: Vec<Lifecycle> = vec![Lifecycle::default()];
    let mut next = 0;
    while let Some(machine) = seen.get(next).cloned() {
        next += 1;
        for event in events() {
            for policy in [
                Policy { hooks: hooks(), ..policy() },
                Policy { drain_delay: Duration::ZERO, ..policy() },
                Policy { restart: Restart::Never, one_shot: true, ..policy() },
            ] {
                let now = match event {
                    Event::Tick => machine.deadline().unwrap_or(SECOND),
                    _ => SECOND,
                };
                let mut after = machine.clone();
                let actions = after.step(event.clone(), now, &policy);
                check(&machine, &event, &after, &actions);
                after.crashes.clear();
                let shape = |machine: &Lifecycle| {
                    format!("{:?}", machine.state).replace(|c: char| c.is_ascii_digit() || c == '.', "")
                };
                if seen.iter().all(|known| shape(known) != shape(&after)) {
                    seen.push(after);
                }
            }
        }
    }
    let phases: Vec<Phase> =
        Phase::ALL.into_iter().filter(|phase| seen.iter().any(|machine| machine.phase() == *phase)).collect();
    assert_eq!(phases, Phase::ALL, "every phase is reachable");
}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_a_rule(choices in proptest::collection::vec((0..events().len(), 0..40_u64), 1..200)) {
        let all = events();
        let mut machine = Lifecycle::default();
        let mut now = SECOND;
        for (choice, seconds) in choices {
            now += SECOND * u32::try_from(seconds).unwrap();
            let before = machine.clone();
            let actions = machine.step(all[choice].clone(), now, &policy());
            check(&before, &all[choice], &machine, &actions);
        }
    }

    #[test]
    fn every_stop_ends_by_itself(choices in proptest::collection::vec(0..events().len(), 1..100)) {
        let all = events();
        let policy = policy();
        let mut life = Life::new(policy.clone());
        for choice in choices {
            life.take([all[choice].clone()]);
        }
        let asked = life.now;
        life.take([Event::StopAsked(15)]);
        if matches!(life.machine.state, State::Starting { .. }) {
            life.take([Event::Spawned(7)]);
        }
        // Nothing more happens but time: no child ends, no tree is gone.
        while life.machine.phase() != Phase::Exited {
            life.tick();
        }
        prop_assert!(life.now - asked <= policy.drain_delay + policy.init_stop_timeout + FORCED_STOP + KILL_WAIT * 2);
    }
}
