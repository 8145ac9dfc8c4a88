//! From the options, as Odoo will read them, to what the supervisor has to know about them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Resolver, listen, problem};
use crate::error::Problem;
use crate::lifecycle::{Policy, Restart};
use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};
use crate::settings::raw::RawSettings;
use crate::settings::reference::{self, VARIABLES, default_of};
use crate::settings::{Limit, Odoo, OwnSetting, Setting, Settings, parse};

const DEFAULT_RUNTIME_DIRS: &[&str] = &["/run/odoo", "/tmp"];

/// Lists that Odoo splits without asking whether they are there (`config.py`, `_parse_config`).
const NEVER_FALSE: &[&str] = &["log_handler", "server_wide_modules"];

impl Resolver<'_> {
    pub(super) fn finish(&mut self, raw: &RawSettings) -> Settings {
        let own = |name| format!("{}{name}", reference::PREFIX);
        let listen = match listen(self.inputs.environment) {
            Ok(address) => address,
            Err(problem) => {
                self.problems.push(problem);
                SocketAddr::from(([0, 0, 0, 0], 0))
            }
        };
        let strict = self.own(&own("STRICT"), raw.strict.as_ref(), parse::boolean).unwrap_or(false);
        let ce_only = self.own(&own("CE_ONLY"), raw.ce_only.as_ref(), parse::boolean);
        let wait = self.own(&own("WAIT_TIMEOUT"), raw.wait_timeout.as_ref(), |text| match text {
            "forever" => Ok(Limit::Forever),
            text => parse::duration(text)
                .map(|time| if time.is_zero() { Limit::Once } else { Limit::For(time) })
                .map_err(|_| "not a duration (write 30s, 5m, 0 for one attempt, or forever)"),
        });
        let auth_grace = self.own(&own("AUTH_GRACE"), raw.auth_grace.as_ref(), parse::duration);
        let create_database = self.own(&own("CREATE_DB"), raw.create_db.as_ref(), parse::boolean);
        let drain_delay = self.own(&own("DRAIN_DELAY"), raw.drain_delay.as_ref(), parse::duration);
        let stop_timeout = self.own(&own("STOP_TIMEOUT"), raw.stop_timeout.as_ref(), parse::duration);
        let restart = self.own(&own("RESTART"), raw.restart.as_ref(), |text| match text {
            "on-failure" => Ok(Restart::OnFailure),
            "never" => Ok(Restart::Never),
            "always" => Ok(Restart::Always),
            _ => Err("not a restart policy (write on-failure, never or always)"),
        });
        let limit = self.own(&own("RESTART_LIMIT"), raw.restart_limit.as_ref(), |text| {
            const FORM: &str = "not a limit (write crashes/time, such as 5/10m)";
            let (count, window) = text.split_once('/').ok_or(FORM)?;
            Ok((count.parse::<u32>().map_err(|_| FORM)?, parse::duration(window).map_err(|_| FORM)?))
        });
        let _ = self.own(&own("LOG_LEVEL"), raw.log_level.as_ref(), crate::logging::level);
        let _ = self.own(&own("BAKED_ADDONS"), raw.baked_addons.as_ref(), crate::odoo::baked::policy);
        for (name, given) in [
            ("EXTRA_ADDONS", &raw.extra_addons),
            ("OCA_ADDONS", &raw.oca_addons),
            ("BAKED_COPY", &raw.baked_copy),
            ("ODOO_BIN", &raw.odoo_bin),
            ("RUNTIME_DIR", &raw.runtime_dir),
        ] {
            let _ = self.own(&own(name), given.as_ref(), parse::folder);
        }
        self.record(
            &own("LISTEN"),
            self.inputs.environment.get(&own("LISTEN")).filter(|text| !text.is_empty()),
        );
        self.refuse_update();

        self.automatic_sizes();
        let odoo = self.odoo();
        let numeric_threads = self.fitting_sizes(&odoo);
        self.distinct_ports(&odoo, listen);
        let databases = self.databases();
        self.list_databases(&databases);
        let database = self.target(strict);
        let master_password = self.secrets();
        let init = self.init();
        let real_limit = self.integer("limit_time_real").unwrap_or(120).max(0).unsigned_abs();
        let stop_timeout = stop_timeout.unwrap_or(if odoo.prefork() {
            // Odoo lets its workers finish for limit_time_real (`PreforkServer.stop`).
            Duration::from_secs(real_limit + 5)
        } else {
            Duration::from_secs(15)
        });
        let (crashes, window) = limit.unwrap_or((5, Duration::from_secs(600)));
        Settings {
            listen,
            runtime_dirs: match &raw.runtime_dir {
                Some(path) => vec![PathBuf::from(path)],
                None => DEFAULT_RUNTIME_DIRS.iter().map(PathBuf::from).collect(),
            },
            odoo_bin: raw.odoo_bin.as_ref().map(PathBuf::from),
            database,
            databases,
            wait: wait.unwrap_or(Limit::Once),
            auth_grace: auth_grace.unwrap_or_default(),
            create_database: create_database.unwrap_or(false)
                && !init.is_empty()
                && !self.inputs.args.stop_after_init,
            init,
            policy: Policy {
                drain_delay: drain_delay.unwrap_or_default(),
                stop_timeout,
                init_stop_timeout: Duration::from_secs(30),
                restart: restart.unwrap_or(Restart::OnFailure),
                restart_limit: crashes,
                restart_window: window,
                one_shot: self.inputs.args.stop_after_init,
            },
            odoo: Odoo { options: self.ordered(), ..odoo },
            own: VARIABLES
                .iter()
                .filter_map(|variable| self.own.iter().find(|own| own.name == variable.name).cloned())
                .collect(),
            master_password,
            numeric_threads,
            strict,
            ce_only: ce_only.unwrap_or(false),
            notes: std::mem::take(&mut self.notes),
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    /// The options in the table's order, and those that are not Odoo's after them in the file's.
    fn ordered(&mut self) -> Vec<Setting> {
        let mut settings = std::mem::take(&mut self.settings);
        let place = |key: &str| OPTIONS.iter().position(|option| option.key == key).unwrap_or(OPTIONS.len());
        settings.sort_by_key(|setting| place(&setting.key));
        settings
    }

    /// Remembers what is in force, for `config show`.
    fn record(&mut self, name: &str, given: Option<&str>) {
        if let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) {
            let text = given.unwrap_or(variable.default).to_owned();
            self.own.push(OwnSetting { name: variable.name, text, given: given.is_some() });
        }
    }

    fn own<T>(
        &mut self,
        name: &str,
        given: Option<&String>,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let text = given.map_or(default_of(name), String::as_str);
        self.record(name, given.map(String::as_str));
        if text.is_empty() {
            return None;
        }
        match read(text) {
            Ok(value) => Some(value),
            Err(form) => {
                self.problems.push(problem(name, text, form));
                None
            }
        }
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
