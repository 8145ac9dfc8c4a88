//! Looking after what runs: samples of Odoo and its database, why it died, and the container's memory.

use std::path::PathBuf;
use std::time::Duration;

use super::{Message, Supervisor};
use crate::health::sampler;
use crate::health::server::Board;
use crate::health::verdict::Check;
use crate::lifecycle::{Ending, Event, Moment, Phase, Pid};
use crate::preflight::Ready;
use crate::process::death;
use crate::process::memory::{self, Cgroup, Marker};

/// How often the container's memory is looked at: two small files.
const MEMORY_PERIOD: Duration = Duration::from_secs(5);

/// The container's memory, and what the kernel did about it.
pub struct Care {
    cgroup: Option<Cgroup>,
    /// Where a kill takes this process too.
    marker: Option<Marker>,
    /// Kills that have been told already.
    kills: u64,
    /// Kills when Odoo was started.
    kills_at_start: u64,
    near: bool,
    next: Moment,
}

impl Care {
    /// Says what the last run left, and what an OOM kill would do to this one.
    pub fn begin(ready: &Ready, board: &Board) -> Self {
        let cgroup = Cgroup::find();
        let kills = cgroup.as_ref().map_or(0, Cgroup::kills);
        let folder = ready.files.folder.parent().map_or_else(PathBuf::new, PathBuf::from);
        let marker = Marker::new(&folder);
        let one_shot = ready.settings.policy.one_shot;
        if !one_shot && let Some(left) = marker.take() {
            let text = format!(
                "the last run was killed together with its supervisor, probably for the container's memory limit ({left})"
            );
            tracing::warn!("{text}");
            board.publish(|snapshot| snapshot.last_death = Some(text));
        }
        let kills_all = !one_shot && cgroup.as_ref().is_some_and(Cgroup::kills_all);
        if kills_all {
            tracing::warn!(
                "memory.oom.group is set: at the container's memory limit the kernel kills everything in it, this \
                 supervisor too; the next start will say so"
            );
            marker.write("its use of memory was not near the limit when last looked at");
        }
        Care {
            cgroup,
            marker: kills_all.then_some(marker),
            kills,
            kills_at_start: kills,
            near: false,
            next: Moment::ZERO,
        }
    }

    /// Odoo is about to be started.
    pub fn count_kills(&mut self) {
        self.kills_at_start = self.cgroup.as_ref().map_or(0, Cgroup::kills);
    }

    /// How often the kernel has killed since Odoo was started.
    fn kills_since_start(&mut self) -> u64 {
        self.kills = self.cgroup.as_ref().map_or(0, Cgroup::kills);
        self.kills.saturating_sub(self.kills_at_start)
    }

    /// Looks, if it is time.
    pub fn turn(&mut self, now: Moment) {
        let Some(cgroup) = self.cgroup.as_ref().filter(|_| now >= self.next) else { return };
        self.next = now + MEMORY_PERIOD;
        let kills = cgroup.kills();
        if kills > self.kills {
            tracing::warn!(
                "the kernel has killed {} process(es) of this container for its memory limit",
                kills - self.kills
            );
            self.kills = kills;
        }
        let Some(percent) = cgroup.percent() else { return };
        if percent >= memory::NEAR && !self.near {
            self.near = true;
            let note = format!("its use of memory was at {percent} % of the limit");
            // The note first: the kill may come while the line is written.
            if let Some(marker) = &self.marker {
                marker.write(&note);
            }
            tracing::warn!("the container's memory is at {percent} % of its limit");
        } else if percent < memory::FAR && self.near {
            self.near = false;
            if let Some(marker) = &self.marker {
                marker.write("its use of memory was not near the limit when last looked at");
            }
        }
    }

    /// This run ends in order.
    pub fn end(&self) {
        if let Some(marker) = &self.marker {
            marker.remove();
        }
    }
}

impl Supervisor {
    /// Says why Odoo died, in the log, to the probes and to Kubernetes.
    pub(super) fn explain(&mut self, pid: Pid, ending: Ending, hung: bool) {
        let last_error = self.reader.as_mut().and_then(crate::output::reader::Reader::take_last_error);
        let kills = self.care.kills_since_start();
        let text =
            format!("Odoo (process {pid}) {}", death::explain(ending, hung, kills, last_error.as_deref()));
        tracing::warn!("{text}");
        death::leave_message(&self.settings.termination_log, &text);
        self.board.publish(|snapshot| {
            snapshot.detail.clone_from(&text);
            snapshot.last_death = Some(text);
        });
    }

    pub(super) fn start_samplers(&mut self, child: Pid) {
        let report = || {
            let outbox = self.outbox.clone();
            move |sample| outbox.send(Message::Sample(sample)).is_ok()
        };
        let settings = &self.settings;
        let page = if settings.odoo.http_enable {
            tokio::spawn(sampler::page(settings.clone(), report()))
        } else {
            tokio::spawn(sampler::handlers(child, report()))
        };
        let mut samplers = vec![page];
        if !settings.policy.hang_timeout.is_zero() {
            let outbox = self.outbox.clone();
            let answered = move || outbox.send(Message::Event(Event::Answer)).is_ok();
            samplers.push(tokio::spawn(sampler::answers(settings.clone(), answered)));
        }
        let mut checks = vec![Check::new(sampler::PAGE, true)];
        if !settings.databases.is_empty() {
            samplers.push(tokio::spawn(sampler::database(settings.clone(), report())));
            checks.push(Check::new(sampler::DATABASE, true));
        }
        self.samplers = samplers;
        self.board.publish(|snapshot| snapshot.checks = checks);
    }

    pub(super) fn stop_samplers(&mut self) {
        for sampler in self.samplers.drain(..) {
            sampler.abort();
        }
    }

    pub(super) fn sampled(&mut self, name: &'static str, result: Result<(), String>) {
        if self.samplers.is_empty() {
            // The sampler was aborted after it had sent this.
            return;
        }
        let now = self.board.now();
        let passes = result.is_ok();
        let phase = self.lifecycle.phase();
        self.board.publish(|snapshot| {
            let Some(check) = snapshot.checks.iter_mut().find(|check| check.name == name) else { return };
            let before = check.failing(now);
            check.record(result, now);
            match (before.is_some(), check.failing(now)) {
                (false, Some(reason)) => tracing::warn!("check {name} fails: {reason}"),
                (true, None) if phase == Phase::Serving => tracing::info!("check {name} passes again"),
                _ => {}
            }
        });
        if name == sampler::PAGE && passes {
            self.events.push_back(Event::Page);
        }
    }
}
