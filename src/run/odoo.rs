//! What runs below: started, signalled, ended.

use std::io::IsTerminal;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Message, SWEEP, Supervisor};
use crate::error::Problem;
use crate::exit::Exit;
use crate::lifecycle::{Event, HookStage, Pid, Relayed, Role};
use crate::logging;
use crate::odoo::launch;
use crate::output::Format;
use crate::output::reader::Reader;
use crate::process::children::{self, Attached, Program};
use crate::process::{hooks, tree};

/// How often an Odoo that executes itself anew is looked at.
const RELOAD_STEP: Duration = Duration::from_millis(20);

/// The pipe for Odoo's stderr. A terminal is inherited, so that it stays one for Odoo too; JSON has to be made here.
pub fn reader() -> Result<Option<Reader>, Problem> {
    let format = logging::format();
    if format == Format::Text && std::io::stderr().is_terminal() {
        return Ok(None);
    }
    Reader::new(format).map(Some).map_err(|error| {
        let hint = "raise the limit of open files (ulimit -n)";
        Problem::new("cannot make a pipe for Odoo's output", error.to_string(), hint)
    })
}

impl Supervisor {
    pub(super) fn spawn(&mut self, role: &Role) {
        match self.start(role) {
            Ok(pid) => {
                self.tell_start(role, pid);
                self.events.push_back(Event::Spawned(pid));
            }
            Err((exit, problem)) => self.events.push_back(Event::SpawnFailed(exit, problem)),
        }
    }

    fn start(&mut self, role: &Role) -> Result<Pid, (Exit, Problem)> {
        let settings = self.settings.clone();
        let program = match role {
            Role::Hook { stage, number, next } => self.hook(*stage, *number, next),
            role => Program {
                path: self.ready.odoo.clone(),
                arguments: launch::arguments(role, &settings.odoo.arguments),
                environment: Some(self.ready.environment.clone()),
            },
        };
        let stderr = self.reader.as_ref().map(Reader::for_child).transpose().map_err(|error| {
            let hint = "raise the limit of open files (ulimit -n)";
            let problem = Problem::new("cannot give Odoo its pipe for output", error.to_string(), hint);
            (Exit::Internal, problem)
        })?;
        let serves = *role == Role::Server;
        if serves {
            self.care.count_kills();
            self.door.hand_over().map_err(|problem| (Exit::Config, problem))?;
        }
        let listener = self.door.inherited().filter(|_| serves);
        children::spawn(&program, Attached::Server { stderr, listener })
    }

    /// A hook has Odoo's environment, and what it needs to know about its moment.
    fn hook(&self, stage: HookStage, number: usize, next: &Role) -> Program {
        let name = self.settings.policy.hooks.of(stage).get(number).map_or("", String::as_str);
        let (database, modules) = match next {
            Role::Init(work) => (work.database.clone(), work.modules.join(",")),
            _ => (self.settings.databases.join(","), String::new()),
        };
        let target = &self.settings.database;
        let mut environment = self.ready.environment.clone();
        for (name, value) in [
            ("HOOK_STAGE", stage.name().to_owned()),
            ("HOOK_MODULES", modules),
            ("HOOK_DATABASE", database),
            ("PGHOST", target.host.clone()),
            ("PGPORT", target.port.to_string()),
            ("PGUSER", target.user.clone()),
        ] {
            if !value.is_empty() {
                environment.push((name.into(), value.into()));
            }
        }
        Program {
            path: hooks::path(&self.settings.hooks_dir, stage, name),
            arguments: Vec::new(),
            environment: Some(environment),
        }
    }

    fn tell_start(&mut self, role: &Role, pid: Pid) {
        let doing = match role {
            Role::Server => {
                let mode = match self.settings.odoo.workers {
                    0 => "threaded".to_owned(),
                    workers => format!("prefork, {workers} workers"),
                };
                tracing::info!("started Odoo as process {pid} ({mode})");
                self.start_samplers(pid);
                return;
            }
            Role::Init(work) => match work.modules.as_slice() {
                [] => format!("Odoo runs in database {}", work.database),
                modules => format!("installing {} in database {}", modules.join(", "), work.database),
            },
            Role::Hook { stage, number, .. } => {
                let name = self.settings.policy.hooks.of(*stage).get(*number).map_or("", String::as_str);
                format!("running the {} hook {name}", stage.name())
            }
        };
        tracing::info!("{doing}, as process {pid}");
        self.board.publish(|snapshot| snapshot.detail = doing);
    }

    pub(super) fn forward(&mut self, pid: Pid, relayed: Relayed) {
        let signal = tree::signal_of(relayed);
        let resizes = matches!(relayed, Relayed::MoreWorkers | Relayed::FewerWorkers);
        if resizes && !self.settings.odoo.prefork() {
            tracing::warn!(
                "{signal} changes the number of workers, and threaded mode has none: not forwarded"
            );
        } else if tree::catches(pid, signal) {
            tree::send(pid, signal);
            if relayed == Relayed::Reload {
                self.reloading(pid);
            }
        } else {
            tracing::warn!("Odoo does not handle {signal} yet, which would end or stop it: not forwarded");
        }
    }

    /// Odoo is about to execute itself anew in the same process. Nobody says when it has: its image is another one then,
    /// and for a while it has no handlers.
    pub(super) fn reloading(&mut self, pid: Pid) {
        if self.reload.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        tracing::info!("Odoo starts itself anew in the same process");
        self.stop_samplers();
        self.events.push_back(Event::Reloading(pid));
        let outbox = self.outbox.clone();
        // What it said may be read late, when it has executed already: the image that served is what counts.
        let before = self.image.take().or_else(|| tree::image(pid));
        self.reload = Some(tokio::spawn(async move {
            let handles = || tree::catches(pid, Signal::SIGTERM);
            while handles() && tree::image(pid) == before {
                tokio::time::sleep(RELOAD_STEP).await;
            }
            // When it ends instead, this is told nobody any more.
            while !handles() && tree::exists(pid) {
                tokio::time::sleep(RELOAD_STEP).await;
            }
            let _ = outbox.send(Message::Event(Event::Reloaded(pid)));
        }));
    }

    pub(super) fn sweep(&mut self) {
        if tree::kill_all(self.sweeps) {
            self.sweeps += 1;
            self.next_sweep = Some(self.board.now() + SWEEP);
        } else {
            self.sweeps = 0;
            self.next_sweep = None;
            self.events.push_back(Event::TreeGone);
        }
    }
}
