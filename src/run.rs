//! `serve`: gathers events, lets the lifecycle decide, performs what it decided. The only loop, and it never blocks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::database::classify::Refusal;
use crate::database::{plan, prepare};
use crate::error::{Failure, Problem};
use crate::exit::Exit;
use crate::health::sampler::{self, Sample};
use crate::health::server::Board;
use crate::health::verdict::Check;
use crate::lifecycle::{Action, Event, Lifecycle, Moment, Phase, Pid, Relayed, Role, Severity, Work};
use crate::odoo::launch;
use crate::preflight::Ready;
use crate::process::children::{self, Program};
use crate::process::signals::{Incoming, Signals};
use crate::process::tree;
use crate::settings::Settings;

/// How often the loop shows that it turns.
const BEAT: Duration = Duration::from_secs(1);
/// How often a tree that is being killed is looked at; it also catches what was forked meanwhile.
const SWEEP: Duration = Duration::from_millis(5);

/// What the background tasks tell the loop.
enum Message {
    Event(Event),
    /// The wait for PostgreSQL has another reason now.
    Waiting(String),
    /// The lock is held; what is left to do under it.
    Locked(prepare::Lock, Option<Work>),
    Sample(Sample),
}

struct Supervisor {
    ready: Ready,
    settings: Arc<Settings>,
    lifecycle: Lifecycle,
    board: Arc<Board>,
    events: VecDeque<Event>,
    messages: UnboundedReceiver<Message>,
    outbox: UnboundedSender<Message>,
    /// The wait, the lock or the verdict: there is never more than one.
    database: Option<JoinHandle<()>>,
    lock: Option<prepare::Lock>,
    samplers: Vec<JoinHandle<()>>,
    /// When the tree that is being killed is looked at next.
    next_sweep: Option<Moment>,
    problems: Vec<Problem>,
    exit: Option<Exit>,
}

/// Runs from the end of the preflight to the end of the process.
///
/// # Errors
/// Whatever ends the container otherwise than by an asked-for stop.
pub async fn serve(ready: Ready, board: Arc<Board>, signals: &mut Signals) -> Result<Exit, Failure> {
    let (outbox, messages) = unbounded_channel();
    let mut supervisor = Supervisor {
        settings: Arc::new(ready.settings.clone()),
        ready,
        lifecycle: Lifecycle::default(),
        board,
        events: VecDeque::from([Event::Started]),
        messages,
        outbox,
        database: None,
        lock: None,
        samplers: Vec::new(),
        next_sweep: None,
        problems: Vec::new(),
        exit: None,
    };
    let exit = supervisor.run(signals).await;
    match std::mem::take(&mut supervisor.problems) {
        problems if problems.is_empty() => Ok(exit),
        problems => Err(Failure { exit, problems }),
    }
}

impl Supervisor {
    async fn run(&mut self, signals: &mut Signals) -> Exit {
        loop {
            // By the clock and not by which timer wakes first, so that no storm of signals can hold anything up.
            let now = self.board.now();
            self.board.beat();
            if self.lifecycle.deadline().is_some_and(|deadline| deadline <= now) {
                self.events.push_back(Event::Tick);
            }
            if self.next_sweep.is_some_and(|next| next <= now) {
                self.sweep();
            }
            while let Some(event) = self.events.pop_front() {
                self.take(event);
            }
            if let Some(exit) = self.exit {
                return exit;
            }
            let due = [self.lifecycle.deadline(), self.next_sweep].into_iter().flatten().min();
            let pause = due.map_or(BEAT, |at| at.saturating_sub(self.board.now()).min(BEAT));
            tokio::select! {
                batch = signals.next() => self.signalled(&batch),
                Some(message) = self.messages.recv() => self.told(message),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn signalled(&mut self, batch: &[i32]) {
        // A child that ended before the stop was asked for has crashed; the order within one batch is not known, and
        // a stop is the better reading.
        for signal in batch {
            self.events.extend(Incoming::of(*signal).event());
        }
        if batch.iter().any(|signal| Incoming::of(*signal) == Incoming::Child) {
            for (pid, ending) in children::reap() {
                self.events.push_back(Event::ChildEnded(pid, ending));
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.events.push_back(event),
            Message::Waiting(reason) => {
                tracing::info!("waiting for PostgreSQL: {reason}");
                self.board.publish(|snapshot| snapshot.detail = reason);
            }
            Message::Locked(lock, work) => {
                self.lock = Some(lock);
                self.events.push_back(Event::Locked(work));
            }
            Message::Sample((name, result)) => self.sampled(name, result),
        }
    }

    fn take(&mut self, event: Event) {
        let before = self.lifecycle.phase();
        let actions = self.lifecycle.step(event, self.board.now(), &self.settings.policy);
        let after = self.lifecycle.phase();
        if before != after {
            self.enter(before, after);
        }
        for action in actions {
            self.perform(action);
        }
    }

    fn enter(&mut self, before: Phase, after: Phase) {
        let now = self.board.now();
        tracing::info!("phase {} -> {} at {:.3} s", before.name(), after.name(), now.as_secs_f64());
        if !matches!(after, Phase::Boot | Phase::Serving | Phase::Draining) {
            for sampler in self.samplers.drain(..) {
                sampler.abort();
            }
        }
        self.board.publish(|snapshot| {
            snapshot.phase = after;
            snapshot.since = now;
            snapshot.detail.clear();
            if self.samplers.is_empty() {
                snapshot.checks.clear();
            }
        });
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::AwaitDatabase => self.await_database(),
            Action::TakeLock(work) => self.take_lock(work),
            Action::AbandonDatabase => {
                if let Some(task) = self.database.take() {
                    task.abort();
                }
                self.lock = None;
            }
            Action::ReleaseLock => self.lock = None,
            Action::Verify(work) => self.verify(work),
            Action::Spawn(role) => self.spawn(&role),
            Action::Terminate(pid) => tree::send(pid, nix::sys::signal::Signal::SIGTERM),
            Action::Forward(pid, signal) => self.forward(pid, signal),
            Action::KillTree => self.sweep(),
            Action::Report(Severity::Info, text) => tracing::info!("{text}"),
            Action::Report(Severity::Warning, text) => tracing::warn!("{text}"),
            Action::Report(Severity::Error, text) => tracing::error!("{text}"),
            Action::Fail(problem) => self.problems.push(problem),
            Action::Exit(exit) => self.exit = Some(exit),
        }
    }

    fn await_database(&mut self) {
        let (settings, outbox) = (self.settings.clone(), self.outbox.clone());
        let master = self.ready.master.clone();
        self.database = Some(tokio::spawn(async move {
            let event = match prepare::prepare(&settings, &Reasons(&outbox, &settings)).await {
                Ok(work) => match master {
                    Some(master) => match master.complete().await {
                        Ok(()) => Event::DatabaseReady(work),
                        Err(problem) => Event::DatabaseLost(Exit::CannotWrite, problem),
                    },
                    None => Event::DatabaseReady(work),
                },
                Err((exit, problem)) => Event::DatabaseLost(exit, problem),
            };
            // The loop is gone only when the process ends.
            let _ = outbox.send(Message::Event(event));
        }));
    }

    fn take_lock(&mut self, work: Work) {
        self.board.publish(|snapshot| snapshot.detail = format!("database {}", work.database));
        let (settings, outbox) = (self.settings.clone(), self.outbox.clone());
        self.database = Some(tokio::spawn(async move {
            let message = match prepare::lock(&settings, &work.database).await {
                Ok((lock, work)) => Message::Locked(lock, work),
                Err(trouble) => Message::Event(event_of(trouble)),
            };
            let _ = outbox.send(message);
        }));
    }

    /// Asks by a connection of its own; the lock stays held until the answer has been taken.
    fn verify(&mut self, work: Work) {
        let (settings, outbox) = (self.settings.clone(), self.outbox.clone());
        self.database = Some(tokio::spawn(async move {
            let event = match prepare::content(&settings, &work.database).await {
                Ok(content) => Event::Verified(plan::verify(&work, &content)),
                Err(trouble) => event_of(trouble),
            };
            let _ = outbox.send(Message::Event(event));
        }));
    }

    fn spawn(&mut self, role: &Role) {
        let odoo = &self.settings.odoo;
        let program = Program {
            path: self.ready.odoo.clone(),
            arguments: launch::arguments(role, &odoo.arguments),
            environment: Some(self.ready.environment.clone()),
            foreground: false,
        };
        match children::spawn(&program) {
            Ok(pid) => {
                match role {
                    Role::Server => {
                        let mode = match odoo.workers {
                            0 => "threaded".to_owned(),
                            workers => format!("prefork, {workers} workers"),
                        };
                        tracing::info!("started Odoo as process {pid} ({mode})");
                        self.start_samplers(pid);
                    }
                    Role::Init(work) => {
                        let doing = match work.modules.as_slice() {
                            [] => format!("Odoo runs in database {}", work.database),
                            modules => {
                                format!("installing {} in database {}", modules.join(", "), work.database)
                            }
                        };
                        tracing::info!("{doing}, as process {pid}");
                        self.board.publish(|snapshot| snapshot.detail = doing);
                    }
                }
                self.events.push_back(Event::Spawned(pid));
            }
            Err((exit, problem)) => self.events.push_back(Event::SpawnFailed(exit, problem)),
        }
    }

    fn start_samplers(&mut self, child: Pid) {
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
        let mut checks = vec![Check::new(sampler::PAGE, true)];
        if !settings.databases.is_empty() {
            samplers.push(tokio::spawn(sampler::database(settings.clone(), report())));
            checks.push(Check::new(sampler::DATABASE, true));
        }
        self.samplers = samplers;
        self.board.publish(|snapshot| snapshot.checks = checks);
    }

    fn sampled(&mut self, name: &'static str, result: Result<(), String>) {
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

    fn forward(&self, pid: Pid, relayed: Relayed) {
        let signal = tree::signal_of(relayed);
        let resizes = matches!(relayed, Relayed::MoreWorkers | Relayed::FewerWorkers);
        if resizes && !self.settings.odoo.prefork() {
            tracing::warn!(
                "{signal} changes the number of workers, and threaded mode has none: not forwarded"
            );
        } else if tree::catches(pid, signal) {
            tree::send(pid, signal);
        } else {
            tracing::warn!("Odoo does not handle {signal} yet, which would end or stop it: not forwarded");
        }
    }

    fn sweep(&mut self) {
        if tree::kill_all() {
            self.next_sweep = Some(self.board.now() + SWEEP);
        } else {
            self.next_sweep = None;
            self.events.push_back(Event::TreeGone);
        }
    }
}

fn event_of(trouble: prepare::Trouble) -> Event {
    match trouble {
        prepare::Trouble::Lasting(exit, problem) => Event::DatabaseLost(exit, problem),
        prepare::Trouble::Passing(reason) => Event::DatabaseGone(reason),
    }
}

/// Tells the loop why PostgreSQL is waited for.
struct Reasons<'a>(&'a UnboundedSender<Message>, &'a Settings);

impl prepare::Progress for Reasons<'_> {
    fn waiting(&self, database: &str, refusal: &Refusal) {
        let place = self.1.database.describe(database);
        let reason = format!("{place}: {} ({})", refusal.class.name(), refusal.text);
        let _ = self.0.send(Message::Waiting(reason));
    }

    fn advise(&self, line: String) {
        tracing::warn!("{line}");
    }
}
