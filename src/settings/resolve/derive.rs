//! From the options, as Odoo will read them, to what the supervisor has to know about them.

use std::net::SocketAddr;
use std::time::Duration;

use super::Resolver;
use super::own::Own;
use crate::error::Problem;
use crate::lifecycle::{Hooks, Policy};
use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};
use crate::settings::raw::RawSettings;
use crate::settings::{Odoo, Setting, Settings, parse};

/// Lists that Odoo splits without asking whether they are there (`config.py`, `_parse_config`).
const NEVER_FALSE: &[&str] = &["log_handler", "server_wide_modules"];

impl Resolver<'_> {
    pub(super) fn finish(&mut self, raw: &RawSettings) -> Settings {
        let own = self.own_settings(raw);
        self.refuse_update();
        self.automatic_sizes();
        let odoo = self.odoo();
        let numeric_threads = self.fitting_sizes(&odoo);
        self.distinct_ports(&odoo, own.listen);
        let databases = self.databases();
        self.list_databases(&databases);
        let database = self.target(own.strict);
        let master_password = self.secrets();
        let init = self.init();
        let policy = self.policy(&own, &odoo);
        self.warn_of_short_grace(&policy, own.grace);
        let one_shot = self.inputs.args.stop_after_init;
        Settings {
            listen: own.listen,
            runtime_dirs: own.runtime_dirs,
            odoo_bin: own.odoo_bin,
            database,
            databases,
            wait: own.wait,
            auth_grace: own.auth_grace,
            create_database: own.create_database && !init.is_empty() && !one_shot,
            init,
            policy,
            starting_page: own.starting_page,
            hooks_dir: own.hooks_dir,
            termination_log: own.termination_log,
            odoo: Odoo { options: self.ordered(), ..odoo },
            own: own.shown,
            master_password,
            numeric_threads,
            strict: own.strict,
            ce_only: own.ce_only,
            notes: std::mem::take(&mut self.notes),
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    /// The lifecycle's numbers.
    fn policy(&mut self, own: &Own, odoo: &Odoo) -> Policy {
        let real_limit = self.integer("limit_time_real").unwrap_or(120).max(0).unsigned_abs();
        let stop_timeout = own.stop_timeout.unwrap_or(if odoo.prefork() {
            // Odoo lets its workers finish for limit_time_real (`PreforkServer.stop`).
            Duration::from_secs(real_limit.saturating_add(5))
        } else {
            Duration::from_secs(15)
        });
        // A request may take its limit; an Odoo that then still answers nobody hangs. Without HTTP nothing can be asked.
        let hang_timeout = match own.hang_timeout {
            _ if !odoo.http_enable => Duration::ZERO,
            given => given.unwrap_or(Duration::from_secs(real_limit.saturating_add(60))),
        };
        let (restart_limit, restart_window) = own.restart_limit;
        Policy {
            drain_delay: own.drain_delay,
            stop_timeout,
            init_stop_timeout: Duration::from_secs(30),
            restart: own.restart,
            restart_limit,
            restart_window,
            hang_timeout,
            one_shot: self.inputs.args.stop_after_init,
            hooks: Hooks::default(),
        }
    }

    /// The options in the table's order, and those that are not Odoo's after them in the file's.
    fn ordered(&mut self) -> Vec<Setting> {
        let mut settings = std::mem::take(&mut self.settings);
        let place = |key: &str| OPTIONS.iter().position(|option| option.key == key).unwrap_or(OPTIONS.len());
        settings.sort_by_key(|setting| place(&setting.key));
        settings
    }

    /// An orchestrator that kills before the stop is over cuts off who is being served, without a word here.
    fn warn_of_short_grace(&mut self, policy: &Policy, grace: Option<Duration>) {
        let Some(grace) = grace.filter(|grace| *grace < policy.longest_stop()) else { return };
        self.warnings.push(format!(
            "a stop may take {}, longer than the orchestrator's ENTRYPOINT_ORCHESTRATOR_GRACE={}: raise its grace period \
             (terminationGracePeriodSeconds, stop_grace_period), or lower ENTRYPOINT_STOP_TIMEOUT, ENTRYPOINT_DRAIN_DELAY \
             or limit_time_real",
            parse::format_duration(policy.longest_stop()),
            parse::format_duration(grace)
        ));
    }

    pub(super) fn text(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// A truth as Odoo will see it.
    pub(super) fn truth(&self, key: &str) -> bool {
        let default = options::find(key).map_or("", |option| option.default);
        options::truthy(self.text(key).map_or(default, |setting| &setting.text))
    }

    /// An integer as Odoo will see it; `None` stands for unset (`False`).
    pub(super) fn integer(&mut self, key: &str) -> Option<i64> {
        let option = options::find(key)?;
        let Some(setting) = self.text(key) else { return options::odoo_integer(option.default) };
        if matches!(setting.text.as_str(), "False" | "false") {
            return None;
        }
        let number = options::odoo_integer(&setting.text);
        if number.is_none() {
            let problem = Problem::new(
                format!("{key} is not a whole number"),
                format!(
                    "{}: {key} = {:?}, at which Odoo stops with a traceback",
                    setting.origin, setting.text
                ),
                if setting.text.contains('\n') {
                    "remove the blanks before the line below it: an indented line goes on with the value above"
                } else {
                    "write digits without a leading zero, which Odoo reads as octal"
                },
            );
            self.problems.push(problem);
        }
        number
    }

    /// Whether Odoo can read the value; numbers have a check of their own.
    fn castable(&mut self, option: &OptionSpec) {
        let Some(setting) = self.text(option.key) else { return };
        let (text, origin) = (setting.text.as_str(), &setting.origin);
        // These four spellings are no texts to Odoo, and where it needs one it ends with a traceback.
        let yes = matches!(text, "True" | "true");
        let no = matches!(text, "False" | "false");
        let form = match option.kind {
            Kind::Int => {
                self.integer(option.key);
                return;
            }
            Kind::Text if option.key == "data_dir" && (no || text.is_empty()) => {
                self.problems.push(Problem::new(
                    "data_dir is not a folder",
                    format!(
                        "{origin}: data_dir = {text:?}, for which Odoo takes the folder it is started in"
                    ),
                    "write the path of a folder, or leave the line out",
                ));
                return;
            }
            _ if no && NEVER_FALSE.contains(&option.key) => "write a list, or leave it out".to_owned(),
            _ if no || (text.is_empty() && option.default.is_empty()) => return,
            Kind::Float if text.trim().parse::<f64>().is_err() => "write a number, such as 1.5".to_owned(),
            Kind::Choice(words) if !words.contains(&text) => format!("write one of {}", words.join(", ")),
            // Any true value will do, or the password takes another way.
            Kind::Text if ["without_demo", "db_password", "admin_passwd"].contains(&option.key) => return,
            Kind::Text | Kind::List if yes => {
                "Odoo takes the word for a truth: write another text".to_owned()
            }
            _ => return,
        };
        let shown = if option.secret { "(hidden)" } else { text };
        let problem = Problem::new(
            format!("{} has a value that Odoo cannot read", option.key),
            format!("{origin}: {} = {shown:?}, at which Odoo stops with a traceback", option.key),
            form,
        );
        self.problems.push(problem);
    }

    /// Two listeners on one port: the second one would be told that somebody else is there.
    fn distinct_ports(&mut self, odoo: &Odoo, listen: SocketAddr) {
        let mut ports = vec![("ENTRYPOINT_LISTEN", listen.port())];
        if odoo.http_enable {
            ports.push(("http_port", odoo.http_port));
        }
        if odoo.http_enable && odoo.prefork() {
            ports.push(("gevent_port", odoo.gevent_port));
        }
        while let Some((name, port)) = ports.pop() {
            for (other, _) in ports.iter().filter(|(_, other)| *other == port) {
                self.problems.push(Problem::new(
                    format!("{other} and {name} are the same port"),
                    format!("both are {port}"),
                    "give each a port of its own; the defaults are 8080, 8069 and 8072",
                ));
            }
        }
    }

    pub(super) fn bounded<T: TryFrom<i64>>(&mut self, key: &str, fallback: T, least: i64, range: &str) -> T {
        let Some(number) = self.integer(key) else { return fallback };
        if number >= least
            && let Ok(value) = T::try_from(number)
        {
            return value;
        }
        let origin = self.text(key).map_or(String::new(), |setting| setting.origin.to_string());
        self.problems.push(Problem::new(
            format!("{key} is out of range"),
            format!("{origin}: {key} = {number}"),
            format!("write a number {range}"),
        ));
        fallback
    }

    fn odoo(&mut self) -> Odoo {
        // Every value of the file, not only those that are used here: Odoo stops at each.
        let used = [
            "http_port",
            "gevent_port",
            "workers",
            "max_cron_threads",
            "db_maxconn",
            "limit_time_real",
            "limit_memory_soft",
            "db_port",
        ];
        for option in
            OPTIONS.iter().filter(|option| option.place == Place::File && !used.contains(&option.key))
        {
            self.castable(option);
        }
        let text =
            |key: &str| self.text(key).map(|setting| setting.text.clone()).filter(|text| !text.is_empty());
        let http_interface = text("http_interface").filter(|t| t != "False").unwrap_or("0.0.0.0".to_owned());
        let db_template = text("db_template").unwrap_or("template0".to_owned());
        let sections = self.inputs.base.map_or(Vec::new(), |base| {
            let others = base.document.sections.iter().filter(|section| section.name != "options");
            others.map(|section| (section.name.clone(), section.entries.clone())).collect()
        });
        Odoo {
            options: Vec::new(),
            sections,
            arguments: self.inputs.args.passed.clone(),
            http_interface,
            http_port: self.bounded("http_port", 8069, 1, "between 1 and 65535"),
            gevent_port: self.bounded("gevent_port", 8072, 1, "between 1 and 65535"),
            http_enable: self.truth("http_enable"),
            workers: self.bounded("workers", 0, 0, "of 0 or more"),
            max_cron_threads: self.bounded("max_cron_threads", 2, 0, "of 0 or more"),
            db_maxconn: self.bounded("db_maxconn", 64, 1, "of 1 or more"),
            unaccent: self.truth("unaccent"),
            db_template,
        }
    }
}
