//! Health is a verdict over a snapshot. Pure: the snapshot and the time in, the answer out.

use std::fmt::Write as _;
use std::time::Duration;

use crate::lifecycle::{Moment, Phase};

/// How often a check is sampled while Odoo serves.
pub const PERIOD: Duration = Duration::from_secs(5);
/// What one sample gets.
pub const SAMPLE_DEADLINE: Duration = Duration::from_secs(5);
/// So many failures in a row make a check fail; one success mends it.
pub const FAILURES: u32 = 3;
/// A check whose last sample is older than this says nothing any more: its sampler is stuck.
pub const STALE: Duration = Duration::from_secs(20);
/// The supervisor's loop wakes every second. After this long without, it is stuck, not slow: an exhausted CPU limit
/// stops the whole container for parts of each 100 ms only.
pub const LOOP_STUCK: Duration = Duration::from_secs(30);

/// One thing that is sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name in `?verbose`.
    pub name: &'static str,
    /// Whether it counts for readiness.
    pub counts: bool,
    /// Failures since the last success.
    failures: u32,
    /// Whether it has succeeded once since it was made.
    seen_passing: bool,
    /// When it was last sampled.
    sampled: Option<Moment>,
    /// What the last failure said.
    reason: String,
}

impl Check {
    /// A check that has not been sampled: it fails until it has been.
    pub fn new(name: &'static str, counts: bool) -> Self {
        let reason = "not checked yet".to_owned();
        Check { name, counts, failures: 0, seen_passing: false, sampled: None, reason }
    }

    /// Takes a sample: success, or why not.
    pub fn record(&mut self, sample: Result<(), String>, now: Moment) {
        self.sampled = Some(now);
        match sample {
            Ok(()) => {
                self.failures = 0;
                self.seen_passing = true;
                self.reason.clear();
            }
            Err(reason) => {
                self.failures = self.failures.saturating_add(1);
                self.reason = reason;
            }
        }
    }

    /// Why it fails, or `None` when it passes.
    pub fn failing(&self, now: Moment) -> Option<String> {
        let Some(sampled) = self.sampled else { return Some(self.reason.clone()) };
        let age = now.saturating_sub(sampled);
        if age > STALE {
            return Some(format!("not checked for {} s", age.as_secs()));
        }
        (!self.seen_passing || self.failures >= FAILURES).then(|| self.reason.clone())
    }
}

/// What the supervisor last published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The phase.
    pub phase: Phase,
    /// Since when.
    pub since: Moment,
    /// Why it is in this phase for so long, in one line; empty when there is nothing to say. Never a secret.
    pub detail: String,
    /// Module n of m of an init.
    pub progress: Option<(u32, u32)>,
    /// Why Odoo last died, in one line.
    pub last_death: Option<String>,
    /// Why a restart of the container is what is left to try.
    pub stuck: Option<&'static str>,
    /// What is sampled in this phase.
    pub checks: Vec<Check>,
}

/// Which question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `/livez`: would a restart of the container help?
    Live,
    /// `/readyz` and `/healthz`: should it get requests?
    Ready,
    /// `/startupz`: has it come so far that liveness may be asked?
    Started,
}

impl Question {
    /// The path without its slash.
    pub fn name(self) -> &'static str {
        match self {
            Question::Live => "livez",
            Question::Ready => "readyz",
            Question::Started => "startupz",
        }
    }
}

/// An answer: yes or no, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 or 503.
    pub ok: bool,
    /// Name and, where it fails, the reason; `None` is passing. The second says whether it counts.
    pub lines: Vec<(&'static str, bool, Option<String>)>,
}

/// Answers. `beat` is when the supervisor's loop last turned.
pub fn answer(question: Question, snapshot: &Snapshot, beat: Moment, now: Moment) -> Answer {
    let silent = now.saturating_sub(beat);
    let stuck =
        (silent > LOOP_STUCK).then(|| format!("the supervisor's loop is stuck for {} s", silent.as_secs()));
    let mut lines = vec![("supervisor", true, stuck)];
    match question {
        Question::Live => lines.extend(snapshot.stuck.map(|why| ("odoo", true, Some(why.to_owned())))),
        Question::Started => {
            let preflight = snapshot.phase == Phase::Preflight;
            lines.push(("phase", true, preflight.then(|| phase_text(snapshot, now))));
        }
        Question::Ready => {
            let serving = snapshot.phase == Phase::Serving;
            lines.push(("phase", true, (!serving).then(|| phase_text(snapshot, now))));
            if serving {
                let checks = snapshot.checks.iter();
                lines.extend(checks.map(|check| (check.name, check.counts, check.failing(now))));
            }
        }
    }
    // A started container stays started: what hangs later is liveness' matter.
    let ok = lines.iter().all(|(name, counts, failing)| {
        failing.is_none() || !counts || (question == Question::Started && *name == "supervisor")
    });
    Answer { ok, lines }
}

fn phase_text(snapshot: &Snapshot, now: Moment) -> String {
    let mut text =
        format!("{} for {} s", snapshot.phase.name(), now.saturating_sub(snapshot.since).as_secs());
    if !snapshot.detail.is_empty() {
        let _ = write!(text, ": {}", snapshot.detail);
    }
    text
}

impl Answer {
    /// The body: `ok`, or what fails and why, as Kubernetes' own endpoints write it.
    pub fn body(&self, question: Question, verbose: bool) -> String {
        if self.ok && !verbose {
            return "ok\n".to_owned();
        }
        let mut text = String::new();
        for (name, counts, failing) in &self.lines {
            let note = if *counts { "" } else { " (does not count)" };
            // Writing to a String cannot fail.
            let _ = match failing {
                None => writeln!(text, "[+]{name} ok{note}"),
                Some(reason) => writeln!(text, "[-]{name} failed: {reason}{note}"),
            };
        }
        let result = if self.ok { "passed" } else { "failed" };
        let _ = writeln!(text, "{} check {result}", question.name());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Duration::from_secs(100);

    fn snapshot(phase: Phase) -> Snapshot {
        let mut check = Check::new("page", true);
        check.record(Ok(()), NOW);
        Snapshot { phase, since: Duration::from_secs(90), checks: vec![check], ..Snapshot::default() }
    }

    fn ok(question: Question, phase: Phase) -> bool {
        answer(question, &snapshot(phase), NOW, NOW).ok
    }

    #[test]
    fn each_phase_has_its_answers() {
        for phase in Phase::ALL {
            assert!(ok(Question::Live, phase), "{phase:?} is alive");
            assert_eq!(ok(Question::Ready, phase), phase == Phase::Serving, "{phase:?} is ready");
            assert_eq!(ok(Question::Started, phase), phase != Phase::Preflight, "{phase:?} is started");
        }
    }

    #[test]
    fn a_hang_that_outlasts_its_restart_is_not_alive() {
        let mut snapshot = snapshot(Phase::Boot);
        snapshot.stuck = Some("it hangs");
        assert!(!answer(Question::Live, &snapshot, NOW, NOW).ok);
        assert!(answer(Question::Started, &snapshot, NOW, NOW).ok);
    }

    #[test]
    fn a_stuck_loop_is_neither_alive_nor_ready_but_started() {
        let late = NOW + LOOP_STUCK + Duration::from_millis(1);
        let mut snapshot = snapshot(Phase::Serving);
        snapshot.checks[0].record(Ok(()), late);
        assert!(!answer(Question::Live, &snapshot, NOW, late).ok);
        assert!(!answer(Question::Ready, &snapshot, NOW, late).ok);
        assert!(answer(Question::Started, &snapshot, NOW, late).ok);
    }

    #[test]
    fn a_check_fails_on_the_third_time_and_recovers_on_the_first() {
        let mut check = Check::new("page", true);
        assert_eq!(check.failing(NOW).as_deref(), Some("not checked yet"));
        check.record(Err("refused".to_owned()), NOW);
        assert_eq!(check.failing(NOW).as_deref(), Some("refused"), "it has never passed");
        check.record(Ok(()), NOW);
        for _ in 0..2 {
            check.record(Err("500".to_owned()), NOW);
            assert_eq!(check.failing(NOW), None);
        }
        check.record(Err("500".to_owned()), NOW);
        assert_eq!(check.failing(NOW).as_deref(), Some("500"));
        check.record(Ok(()), NOW);
        assert_eq!(check.failing(NOW), None);
        assert_eq!(
            check.failing(NOW + STALE + Duration::from_secs(1)).as_deref(),
            Some("not checked for 21 s")
        );
    }

    #[test]
    fn what_does_not_count_is_told_and_does_not_decide() {
        let mut snapshot = snapshot(Phase::Serving);
        snapshot.checks.push(Check::new("cron", false));
        let answer = answer(Question::Ready, &snapshot, NOW, NOW);
        assert!(answer.ok);
        assert_eq!(answer.body(Question::Ready, false), "ok\n");
        assert_eq!(
            answer.body(Question::Ready, true),
            "[+]supervisor ok\n[+]phase ok\n[+]page ok\n[-]cron failed: not checked yet (does not count)\n\
             readyz check passed\n"
        );
    }

    #[test]
    fn a_failure_says_what_and_since_when_even_when_not_asked() {
        let mut snapshot = snapshot(Phase::Waiting);
        snapshot.detail = "connection refused".to_owned();
        assert_eq!(
            answer(Question::Ready, &snapshot, NOW, NOW).body(Question::Ready, false),
            "[+]supervisor ok\n[-]phase failed: waiting for 10 s: connection refused\nreadyz check failed\n"
        );
    }
}
