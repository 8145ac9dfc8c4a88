//! The supervisor's own variables, typed. Each has a default, so that what is wrong is told and the rest can be checked too.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Resolver, listen, problem};
use crate::lifecycle::Restart;
use crate::settings::raw::RawSettings;
use crate::settings::reference::{PREFIX, VARIABLES, default_of};
use crate::settings::{Limit, OwnSetting, parse};

const DEFAULT_RUNTIME_DIRS: &[&str] = &["/run/odoo", "/tmp"];

/// What they say. `None` is left where the default follows from something else.
pub(super) struct Own {
    pub listen: SocketAddr,
    pub runtime_dirs: Vec<PathBuf>,
    pub odoo_bin: Option<PathBuf>,
    pub wait: Limit,
    pub auth_grace: Duration,
    pub create_database: bool,
    pub strict: bool,
    pub ce_only: bool,
    pub drain_delay: Duration,
    pub stop_timeout: Option<Duration>,
    pub grace: Option<Duration>,
    pub hang_timeout: Option<Duration>,
    pub restart: Restart,
    pub restart_limit: (u32, Duration),
    pub starting_page: bool,
    pub hooks_dir: PathBuf,
    pub termination_log: PathBuf,
    /// For people.
    pub shown: Vec<OwnSetting>,
}

impl Resolver<'_> {
    pub(super) fn own_settings(&mut self, raw: &RawSettings) -> Own {
        // Read before everything else by the probe server, and here for its problem.
        let listen = listen(self.inputs.environment).unwrap_or_else(|problem| {
            self.problems.push(problem);
            SocketAddr::from(([0, 0, 0, 0], 0))
        });
        let address = self.inputs.environment.get("ENTRYPOINT_LISTEN").filter(|text| !text.is_empty());
        self.record("ENTRYPOINT_LISTEN", address);
        // These have been read where they are needed: by the log, and by the search for modules.
        let _ = self.own("LOG_LEVEL", raw.log_level.as_ref(), crate::logging::level);
        let _ = self.own("LOG_FORMAT", raw.log_format.as_ref(), crate::output::format);
        let _ = self.own("BAKED_ADDONS", raw.baked_addons.as_ref(), crate::odoo::baked::policy);
        for (name, given) in [
            ("EXTRA_ADDONS", &raw.extra_addons),
            ("OCA_ADDONS", &raw.oca_addons),
            ("BAKED_COPY", &raw.baked_copy),
        ] {
            let _ = self.own(name, given.as_ref(), parse::path);
        }
        let mut own = Own {
            listen,
            runtime_dirs: match self.own("RUNTIME_DIR", raw.runtime_dir.as_ref(), parse::path) {
                Some(path) => vec![path],
                None => DEFAULT_RUNTIME_DIRS.iter().map(PathBuf::from).collect(),
            },
            odoo_bin: self.own("ODOO_BIN", raw.odoo_bin.as_ref(), parse::path),
            wait: self.own("WAIT_TIMEOUT", raw.wait_timeout.as_ref(), wait).unwrap_or(Limit::Once),
            auth_grace: self.own("AUTH_GRACE", raw.auth_grace.as_ref(), parse::duration).unwrap_or_default(),
            create_database: self.own("CREATE_DB", raw.create_db.as_ref(), parse::boolean).unwrap_or(false),
            strict: self.own("STRICT", raw.strict.as_ref(), parse::boolean).unwrap_or(false),
            ce_only: self.own("CE_ONLY", raw.ce_only.as_ref(), parse::boolean).unwrap_or(false),
            drain_delay: self
                .own("DRAIN_DELAY", raw.drain_delay.as_ref(), parse::duration)
                .unwrap_or_default(),
            stop_timeout: self.own("STOP_TIMEOUT", raw.stop_timeout.as_ref(), parse::duration),
            grace: self.own("ORCHESTRATOR_GRACE", raw.orchestrator_grace.as_ref(), parse::duration),
            hang_timeout: self.own("HANG_TIMEOUT", raw.hang_timeout.as_ref(), parse::duration),
            restart: self.own("RESTART", raw.restart.as_ref(), restart).unwrap_or(Restart::OnFailure),
            restart_limit: self
                .own("RESTART_LIMIT", raw.restart_limit.as_ref(), restart_limit)
                .unwrap_or((5, Duration::from_secs(600))),
            starting_page: self
                .own("STARTING_PAGE", raw.starting_page.as_ref(), parse::boolean)
                .unwrap_or(true),
            hooks_dir: self.own("HOOKS_DIR", raw.hooks_dir.as_ref(), parse::path).unwrap_or_default(),
            termination_log: self
                .own("TERMINATION_LOG", raw.termination_log.as_ref(), parse::path)
                .unwrap_or_default(),
            shown: Vec::new(),
        };
        let shown = |name| self.own.iter().find(|own| own.name == name).cloned();
        own.shown = VARIABLES.iter().filter_map(|variable| shown(variable.name)).collect();
        own
    }

    /// One variable by its name without the prefix, or its default; `None` where that is empty, or where it is wrong.
    fn own<T>(
        &mut self,
        name: &str,
        given: Option<&String>,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let name = format!("{PREFIX}{name}");
        let text = given.map_or(default_of(&name), String::as_str);
        self.record(&name, given.map(String::as_str));
        if text.is_empty() {
            return None;
        }
        match read(text) {
            Ok(value) => Some(value),
            Err(form) => {
                self.problems.push(problem(&name, text, form));
                None
            }
        }
    }

    /// Remembers what is in force, for `config show`.
    fn record(&mut self, name: &str, given: Option<&str>) {
        if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
            let text = given.unwrap_or(variable.default).to_owned();
            self.own.push(OwnSetting { name: variable.name, text, given: given.is_some() });
        }
    }
}

fn wait(text: &str) -> Result<Limit, &'static str> {
    match text {
        "forever" => Ok(Limit::Forever),
        text => parse::duration(text)
            .map(|time| if time.is_zero() { Limit::Once } else { Limit::For(time) })
            .map_err(|_| "not a duration (write 30s, 5m, 0 for one attempt, or forever)"),
    }
}

fn restart(text: &str) -> Result<Restart, &'static str> {
    match text {
        "on-failure" => Ok(Restart::OnFailure),
        "never" => Ok(Restart::Never),
        "always" => Ok(Restart::Always),
        _ => Err("not a restart policy (write on-failure, never or always)"),
    }
}

fn restart_limit(text: &str) -> Result<(u32, Duration), &'static str> {
    const FORM: &str = "not a limit (write crashes/time, such as 5/10m)";
    let (count, window) = text.split_once('/').ok_or(FORM)?;
    Ok((count.parse::<u32>().map_err(|_| FORM)?, parse::duration(window).map_err(|_| FORM)?))
}
