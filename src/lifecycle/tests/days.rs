//! Days of simulated events against a model of what surrounds the machine.

use super::*;

/// What the kernel, Odoo and the database would do, as random as they are.
#[derive(Default)]
struct Surroundings {
    alive: Option<Pid>,
    next_pid: Pid,
    starting: bool,
    sweeping: bool,
    /// `TERM` or `KILL` is on its way to the child.
    told: bool,
}

impl Surroundings {
    /// Performs actions as the shell does; returns what it answers at once.
    fn perform(&mut self, actions: &[Action]) -> Vec<Event> {
        let mut answers = Vec::new();
        for action in actions {
            match action {
                Action::Spawn(_) => {
                    assert!(self.alive.is_none(), "a second Odoo beside the first one");
                    self.next_pid += 1;
                    self.starting = true;
                }
                Action::Terminate(pid) => {
                    assert_eq!(self.alive, Some(*pid), "a signal to somebody else");
                    self.told = true;
                }
                Action::KillTree => (self.told, self.sweeping) = (true, true),
                _ => {}
            }
        }
        if std::mem::take(&mut self.starting) {
            self.alive = Some(self.next_pid);
            answers.push(Event::Spawned(self.next_pid));
        }
        answers
    }

    /// Something that can happen now, by a random number.
    fn event(&mut self, dice: u32) -> Event {
        let pid = self.alive.unwrap_or(1);
        match dice % 24 {
            0 => Event::StopAsked(if dice.is_multiple_of(2) { 15 } else { 2 }),
            1 | 2 if self.alive.is_some() => {
                (self.alive, self.told) = (None, false);
                let endings = [
                    Ending::Code(0),
                    Ending::Code(1),
                    Ending::Code(2),
                    Ending::Signal(9),
                    Ending::Signal(15),
                ];
                Event::ChildEnded(pid, endings[dice as usize / 24 % endings.len()])
            }
            3..=6 if self.told && self.alive.is_some() => {
                (self.alive, self.told) = (None, false);
                Event::ChildEnded(pid, Ending::Code(0))
            }
            3..=6 if self.sweeping && self.alive.is_none() => {
                self.sweeping = false;
                Event::TreeGone
            }
            7 => Event::ChildEnded(1_000_000, Ending::Signal(11)),
            8 => Event::Relay(Relayed::Reload),
            9 => Event::Relay(Relayed::DumpStacks),
            10 => Event::Reloading(pid),
            11 => Event::Reloaded(pid),
            12 => Event::DatabaseReady(vec![work("a")]),
            13 => Event::DatabaseGone("reset".to_owned()),
            14 => Event::DatabaseReady(Vec::new()),
            15 => Event::Locked(Some(work("a"))),
            16 => Event::Locked(None),
            17 => Event::Verified(Ok(())),
            18 | 19 => Event::Page,
            20 => Event::StoodStill(SECOND * 15),
            _ => Event::Answer,
        }
    }
}

/// A container's life over this many simulated seconds: time passes, deadlines are ticked, things happen.
fn live(policy: &Policy, seconds: u64, dice: &mut impl Iterator<Item = u32>) {
    let (mut machine, mut around, mut now) = (Lifecycle::default(), Surroundings::default(), SECOND);
    let end = now + SECOND * u32::try_from(seconds).unwrap();
    let mut stop_by: Option<Moment> = None;
    let mut queue = std::collections::VecDeque::from([Event::Started]);
    while now < end {
        let event = queue.pop_front().unwrap_or_else(|| {
            let roll = dice.next().unwrap();
            let later = now + Duration::from_millis(u64::from(roll >> 8) % 20_000);
            match machine.deadline() {
                Some(deadline) if deadline <= later => {
                    now = now.max(deadline);
                    Event::Tick
                }
                _ => {
                    now = later;
                    around.event(roll % 256)
                }
            }
        });
        let before = machine.clone();
        let actions = machine.step(event.clone(), now, policy);
        check(&before, &event, &machine, &actions);
        if let (Event::StopAsked(_), None) = (&event, stop_by) {
            // A crash that is being swept meanwhile adds its own wait.
            stop_by = Some(now + policy.longest_stop() + KILL_WAIT);
        }
        queue.extend(around.perform(&actions));
        if machine.phase() == Phase::Exited {
            let given_up = actions.contains(&Action::NameLeftovers);
            assert!(around.alive.is_none() || given_up, "left behind after {event:?} in {before:?}");
            assert!(stop_by.is_none_or(|by| now <= by), "the stop took too long: {before:?}");
            (machine, around, stop_by) = (Lifecycle::default(), Surroundings::default(), None);
            queue = std::collections::VecDeque::from([Event::Started]);
        } else if around.alive.is_some() && machine.child().is_none() {
            let on_its_way = matches!(machine.state, State::Starting { .. });
            assert!(on_its_way || machine.deadline().is_some(), "a child that nobody minds: {machine:?}");
        }
        assert!(stop_by.is_none_or(|by| now <= by), "a stop without an end: {machine:?}");
    }
}

/// Every kind of policy for a day each, from fixed seeds.
#[test]
fn a_day_of_events_breaks_no_rule() {
    for seed in 1_usize..=40 {
        let mut state = seed as u64;
        // Numerical Recipes' generator: good enough to vary, and the same everywhere.
        let mut dice = std::iter::from_fn(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).ok()
        });
        let policy = Policy {
            drain_delay: if seed.is_multiple_of(2) { Duration::ZERO } else { SECOND * 3 },
            restart: [Restart::OnFailure, Restart::Always, Restart::Never][seed % 3],
            restart_limit: 5,
            hang_timeout: SECOND * 30,
            one_shot: seed.is_multiple_of(7),
            hooks: if seed.is_multiple_of(5) { hooks() } else { Hooks::default() },
            ..policy()
        };
        live(&policy, 24 * 3600, &mut dice);
    }
}

proptest! {
    #[test]
    fn no_life_breaks_a_rule(rolls in proptest::collection::vec(0..u32::MAX, 64)) {
        live(&policy(), 4 * 3600, &mut rolls.into_iter().cycle());
    }
}
