//! `serve`: gathers events, lets the lifecycle decide, performs what it decided. The only loop, and it never blocks.
//!
//! [`odoo`] starts, signals and ends what runs below; [`care`] samples it, explains its deaths and minds the memory;
//! [`door`] decides who has Odoo's port.

mod care;
mod door;
mod odoo;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::database::classify::Refusal;
use crate::database::{plan, prepare};
use crate::error::{Failure, Problem};
use crate::exit::Exit;
use crate::health::sampler::Sample;
use crate::health::server::Board;
use crate::lifecycle::{Action, Event, Lifecycle, Moment, Phase, Severity, Work};
use crate::output::reader::Reader;
use crate::output::record::Notice;
use crate::preflight::Ready;
use crate::process::signals::{Incoming, Signals};
use crate::process::{children, hooks, tree};
use crate::settings::Settings;

/// How often the loop shows that it turns.
const BEAT: Duration = Duration::from_secs(1);
/// The loop turns every second. After this long without, this process stood still itself: a frozen container, a laptop
/// that slept, a debugger.
const STOOD_STILL: Duration = Duration::from_secs(10);
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
    /// The signals that were said to mean nothing.
    ignored: BTreeSet<i32>,
    /// When the tree that is being killed is looked at next, and how often it was.
    next_sweep: Option<Moment>,
    sweeps: u32,
    /// Odoo's stderr; none where it is a terminal, which Odoo inherits.
    reader: Option<Reader>,
    door: door::Door,
    care: care::Care,
    /// Waits for the new handlers of an Odoo that executes itself anew.
    reload: Option<JoinHandle<()>>,
    /// The image of the Odoo that serves.
    image: Option<u64>,
    problems: Vec<Problem>,
    exit: Option<Exit>,
}

/// Runs from the end of the preflight to the end of the process.
///
/// # Errors
/// Whatever ends the container otherwise than by an asked-for stop.
pub async fn serve(mut ready: Ready, board: Arc<Board>, signals: &mut Signals) -> Result<Exit, Failure> {
    let (outbox, messages) = unbounded_channel();
    let found = hooks::find(&ready.settings.hooks_dir);
    ready.settings.policy.hooks = found.map_err(|problem| Failure::one(Exit::Config, problem))?;
    let reader = odoo::reader().map_err(|problem| Failure::one(Exit::Internal, problem))?;
    let door = door::Door::open(&ready.settings, board.clone())
        .map_err(|problem| Failure::one(Exit::Config, problem))?;
    let care = care::Care::begin(&ready, &board);
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
        ignored: BTreeSet::new(),
        next_sweep: None,
        sweeps: 0,
        reader,
        door,
        care,
        reload: None,
        image: None,
        problems: Vec::new(),
        exit: None,
    };
    let exit = supervisor.run(signals).await;
    supervisor.care.end();
    match std::mem::take(&mut supervisor.problems) {
        problems if problems.is_empty() => Ok(exit),
        problems => Err(Failure { exit, problems }),
    }
}

impl Supervisor {
    async fn run(&mut self, signals: &mut Signals) -> Exit {
        let mut turned = self.board.now();
        loop {
            // By the clock and not by which timer wakes first, so that no storm of signals can hold anything up.
            let now = self.board.now();
            self.board.beat();
            let pause = now.saturating_sub(std::mem::replace(&mut turned, now));
            if pause > STOOD_STILL {
                tracing::warn!("this process stood still for {} s", pause.as_secs());
                self.events.push_back(Event::StoodStill(pause));
            }
            self.care.turn(now);
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
            self.door.turn(now);
            let due =
                [self.lifecycle.deadline(), self.next_sweep, self.door.due()].into_iter().flatten().min();
            let pause = due.map_or(BEAT, |at| at.saturating_sub(self.board.now()).min(BEAT));
            tokio::select! {
                batch = signals.next() => self.signalled(&batch),
                Some(message) = self.messages.recv() => self.told(message),
                () = ready(self.reader.as_ref()) => self.read(false),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn signalled(&mut self, batch: &[i32]) {
        // A child that ended before the stop was asked for has crashed; the order within one batch is not known, and
        // a stop is the better reading.
        for signal in batch {
            // Once each: somebody may send them without end.
            if Incoming::of(*signal) == Incoming::Ignored && self.ignored.insert(*signal) {
                tracing::info!("signal {signal} means nothing to Odoo, or would end it: not forwarded");
            }
            self.events.extend(Incoming::of(*signal).event());
        }
        if batch.iter().any(|signal| Incoming::of(*signal) == Incoming::Child) {
            // A flood of log lines is not waited for by the orphans.
            for (pid, ending) in children::reap() {
                if self.lifecycle.child() == Some(pid) {
                    // Its last words come before ours.
                    self.read(true);
                }
                self.events.push_back(Event::ChildEnded(pid, ending));
            }
        }
    }

    /// Takes what Odoo has written.
    fn read(&mut self, to_the_end: bool) {
        let Some(reader) = &mut self.reader else { return };
        for notice in if to_the_end { reader.drain_to_the_end() } else { reader.drain() } {
            match notice {
                Notice::Reloading(pid) => {
                    if let Some(child) = self.lifecycle.child()
                        && i64::from(child) == i64::from(pid)
                        && matches!(self.lifecycle.phase(), Phase::Boot | Phase::Serving | Phase::Draining)
                    {
                        self.reloading(child);
                    }
                }
                Notice::Progress(at, of) if self.lifecycle.phase() == Phase::Init => {
                    self.board.publish(|snapshot| snapshot.progress = Some((at, of)));
                }
                Notice::Progress(..) => {}
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
        let reloaded = match event {
            Event::Reloaded(pid) if self.lifecycle.child() == Some(pid) => Some(pid),
            _ => None,
        };
        let actions = self.lifecycle.step(event, self.board.now(), &self.settings.policy);
        let after = self.lifecycle.phase();
        if before != after {
            self.enter(before, after);
        }
        if let Some(pid) = reloaded.filter(|_| matches!(after, Phase::Boot | Phase::Draining)) {
            self.start_samplers(pid);
        }
        let stuck = self.lifecycle.stuck().then_some("Odoo hangs, and a restart did not help");
        if self.board.look(|snapshot, _| snapshot.stuck != stuck) {
            self.board.publish(|snapshot| snapshot.stuck = stuck);
        }
        for action in actions {
            self.perform(action);
        }
    }

    fn enter(&mut self, before: Phase, after: Phase) {
        let now = self.board.now();
        tracing::info!("phase {} -> {} at {:.3} s", before.name(), after.name(), now.as_secs_f64());
        if !matches!(after, Phase::Boot | Phase::Serving | Phase::Draining) {
            self.stop_samplers();
        }
        self.door.enter(after, now);
        self.image = match after {
            Phase::Serving => self.lifecycle.child().and_then(tree::image),
            // A reload may begin in these.
            Phase::Boot | Phase::Draining => self.image,
            _ => None,
        };
        self.board.publish(|snapshot| {
            snapshot.phase = after;
            snapshot.since = now;
            snapshot.detail.clear();
            snapshot.progress = None;
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
            Action::DumpStacks => {
                for pid in tree::catching(nix::sys::signal::Signal::SIGQUIT) {
                    tree::send(pid, nix::sys::signal::Signal::SIGQUIT);
                }
            }
            Action::Explain { pid, ending, hung } => self.explain(pid, ending, hung),
            Action::NameLeftovers => {
                tracing::error!("the kernel does not release: {}", tree::describe().join(", "));
            }
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
}

/// Never, where there is nothing to read.
async fn ready(reader: Option<&Reader>) {
    match reader {
        Some(reader) => reader.ready().await,
        None => std::future::pending().await,
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
