//! From the options, as Odoo will read them, to what the supervisor has to know about them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Resolver, listen, problem};
use crate::database;
use crate::error::Problem;
use crate::lifecycle::{Hooks, Policy, Restart};
use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};
use crate::settings::raw::RawSettings;
use crate::settings::reference::{self, VARIABLES};
use crate::settings::{Limit, Odoo, Origin, Secret, Setting, Settings, parse};

const DEFAULT_RUNTIME_DIRS: &[&str] = &["/run/odoo", "/tmp"];

/// Names that are PostgreSQL's own or that Odoo takes for something else.
const RESERVED_DATABASES: &[&str] = &["postgres", "template0", "template1", "False", "True", "None"];

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
        let grace = self.own(&own("ORCHESTRATOR_GRACE"), raw.orchestrator_grace.as_ref(), parse::duration);
        let hang_timeout = self.own(&own("HANG_TIMEOUT"), raw.hang_timeout.as_ref(), parse::duration);
        let starting_page = self.own(&own("STARTING_PAGE"), raw.starting_page.as_ref(), parse::boolean);
        let hooks_dir = self.own(&own("HOOKS_DIR"), raw.hooks_dir.as_ref(), |text| Ok(PathBuf::from(text)));
        let termination_log =
            self.own(&own("TERMINATION_LOG"), raw.termination_log.as_ref(), |text| Ok(PathBuf::from(text)));
        let _ = self.own(&own("LOG_FORMAT"), raw.log_format.as_ref(), crate::output::format);
        let _ = self.own(&own("LOG_LEVEL"), raw.log_level.as_ref(), crate::logging::level);
        self.refuse_update();

        let odoo = self.odoo();
        self.distinct_ports(&odoo, listen);
        let databases = self.databases();
        self.list_databases(&databases);
        let database = self.target();
        let init = self.init();
        let real_limit = self.integer("limit_time_real").unwrap_or(120).max(0).unsigned_abs();
        let stop_timeout = stop_timeout.unwrap_or(if odoo.prefork() {
            // Odoo lets its workers finish for limit_time_real (`PreforkServer.stop`).
            Duration::from_secs(real_limit + 5)
        } else {
            Duration::from_secs(15)
        });
        let (crashes, window) = limit.unwrap_or((5, Duration::from_secs(600)));
        // A request may take its limit; an Odoo that then still answers nobody hangs. Without HTTP nothing can be asked.
        let hang_timeout = match hang_timeout {
            _ if !odoo.http_enable => Duration::ZERO,
            given => given.unwrap_or(Duration::from_secs(real_limit + 60)),
        };
        let policy = Policy {
            drain_delay: drain_delay.unwrap_or_default(),
            stop_timeout,
            init_stop_timeout: Duration::from_secs(30),
            restart: restart.unwrap_or(Restart::OnFailure),
            restart_limit: crashes,
            restart_window: window,
            hang_timeout,
            one_shot: self.inputs.args.stop_after_init,
            hooks: Hooks::default(),
        };
        self.warn_of_short_grace(&policy, grace);
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
            policy,
            starting_page: starting_page.unwrap_or(true),
            hooks_dir: hooks_dir.unwrap_or_default(),
            termination_log: termination_log.unwrap_or_default(),
            odoo: Odoo { options: std::mem::take(&mut self.settings), ..odoo },
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    fn own<T>(
        &mut self,
        name: &str,
        given: Option<&String>,
        read: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let default = VARIABLES.iter().find(|variable| variable.name == name)?.default;
        let text = given.map_or(default, String::as_str);
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

    /// Updates come with a later version. A silent "nothing done" would be a lie, so the wish is refused.
    fn refuse_update(&mut self) {
        let variable = self.inputs.environment.get("ODOO_UPDATE").is_some_and(|text| !text.is_empty());
        if variable || self.inputs.args.update.is_some() {
            let origin = if variable { "ODOO_UPDATE (environment)" } else { "the flag -u" };
            self.problems.push(Problem::new(
                "this version cannot update modules",
                format!("{origin} asks for an update"),
                "unset it; until a version with updates is out, stop the container and run Odoo's own executable with -u",
            ));
        }
    }

    fn text(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// A truth as Odoo will see it.
    fn truth(&self, key: &str) -> bool {
        let default = options::find(key).map_or("", |option| option.default);
        options::truthy(self.text(key).map_or(default, |setting| &setting.text))
    }

    /// An integer as Odoo will see it; `None` stands for unset (`False`).
    fn integer(&mut self, key: &str) -> Option<i64> {
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
                "write digits without a leading zero, which Odoo reads as octal",
            );
            self.problems.push(problem);
        }
        number
    }

    /// Whether Odoo can read the value of the base file; what the environment says has been checked already.
    fn castable(&mut self, option: &OptionSpec) {
        let Some(setting) = self.text(option.key) else { return };
        let (text, origin) = (setting.text.as_str(), &setting.origin);
        let form = match option.kind {
            Kind::Int => {
                self.integer(option.key);
                return;
            }
            Kind::Float if text.trim().parse::<f64>().is_err() => "write a number, such as 1.5".to_owned(),
            Kind::Choice(words) if !words.contains(&text) => format!("write one of {}", words.join(", ")),
            _ => return,
        };
        if matches!(text, "False" | "false") || (text.is_empty() && option.default.is_empty()) {
            return;
        }
        let problem = Problem::new(
            format!("{} has a value that Odoo cannot read", option.key),
            format!("{origin}: {} = {text:?}, at which Odoo stops with a traceback", option.key),
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

    fn bounded<T: TryFrom<i64>>(&mut self, key: &str, fallback: T, least: i64, range: &str) -> T {
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
        let used = ["http_port", "gevent_port", "workers", "limit_time_real", "db_port"];
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
            unaccent: self.truth("unaccent"),
            db_template,
        }
    }

    fn databases(&mut self) -> Vec<String> {
        let Some(setting) = self.settings.iter_mut().find(|setting| setting.key == "db_name") else {
            return Vec::new();
        };
        let names = if options::truthy(&setting.text) { parse::list(&setting.text) } else { Vec::new() };
        // Odoo splits the list without stripping blanks (`cli/server.py`), so none may be there.
        setting.text = if names.is_empty() { "False".to_owned() } else { names.join(",") };
        let origin = setting.origin.to_string();
        let mut seen = BTreeSet::new();
        for name in &names {
            let why = if RESERVED_DATABASES.contains(&name.as_str()) {
                "is a name that PostgreSQL or Odoo uses for itself"
            } else if name.len() > 63 {
                "is longer than the 63 bytes PostgreSQL keeps of a name"
            } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
                "holds a blank"
            } else if !seen.insert(name.clone()) {
                "stands twice"
            } else {
                continue;
            };
            self.problems.push(Problem::new(
                "the database name cannot be used",
                format!("{origin}: {name:?} {why}"),
                "set DB to another name: letters, digits, `_`, `-` and `.`",
            ));
        }
        names
    }

    /// Listing databases is for those who chose none; with one chosen it only helps attackers.
    fn list_databases(&mut self, databases: &[String]) {
        if self.text("list_db").is_none() {
            let text = if databases.is_empty() { "True" } else { "False" }.to_owned();
            self.settings.push(Setting { key: "list_db".to_owned(), text, origin: Origin::Image });
        }
    }

    fn target(&mut self) -> database::Target {
        let port = self.bounded("db_port", 5432, 1, "between 1 and 65535");
        let text = |key: &str| {
            let setting = self.text(key)?;
            (!matches!(setting.text.as_str(), "" | "False" | "false")).then(|| setting.text.clone())
        };
        let (host, user) = (text("db_host"), text("db_user"));
        let password = self.text("db_password").filter(|setting| {
            // In the base file these are Odoo's "not set"; from elsewhere they are a password spelled like that.
            let spelled = matches!(setting.text.as_str(), "False" | "false");
            let in_file = matches!(setting.origin, Origin::BaseFile { .. });
            !(setting.text.is_empty() || (spelled && in_file))
        });
        let origin_of =
            |key: &str| self.text(key).map_or("the image's default".to_owned(), |s| s.origin.to_string());
        let target = database::Target {
            host: host.unwrap_or_default(),
            port,
            user: user.unwrap_or_default(),
            password: password.map(|setting| Secret::new(setting.text.clone())),
            ssl_mode: text("db_sslmode").unwrap_or("prefer".to_owned()),
            host_origin: origin_of("db_host"),
            user_origin: origin_of("db_user"),
            password_origin: origin_of("db_password"),
        };
        let (user_origin, ssl_origin) = (target.user_origin.clone(), origin_of("db_sslmode"));
        let public = self.text("db_password").is_some_and(|s| s.text == "odoo");
        if target.user == "postgres" {
            self.problems.push(Problem::new(
                "the database user cannot be postgres",
                format!(
                    "{user_origin}: Odoo refuses to run with PostgreSQL's superuser and would exit at once"
                ),
                "create a role of its own (CREATE ROLE odoo LOGIN PASSWORD '...') and set USER to it",
            ));
        }
        if matches!(target.ssl_mode.as_str(), "require" | "verify-ca" | "verify-full") {
            self.problems.push(Problem::new(
                "this version cannot wait for a PostgreSQL that demands TLS",
                format!("{ssl_origin}: db_sslmode = {}", target.ssl_mode),
                "use prefer or disable inside a private network until a version with TLS is out",
            ));
        }
        let from_file =
            |key: &str| self.text(key).map(|setting| matches!(setting.origin, Origin::BaseFile { .. }));
        if from_file("db_user") != from_file("db_password") {
            self.warnings.push(format!(
                "db_user comes from {user_origin} and db_password from {}: do they belong together?",
                target.password_origin
            ));
        }
        if public {
            self.warnings.push(
                "the database password is the public default `odoo`; set PASSWORD_FILE or PASSWORD"
                    .to_owned(),
            );
        }
        target
    }

    /// `ODOO_INIT` and `-i`; `base` when neither says anything, nothing when `ODOO_INIT` says `none`.
    fn init(&mut self) -> Vec<String> {
        let variable = self.inputs.environment.get("ODOO_INIT").map(parse::list).unwrap_or_default();
        let mut modules = match variable.as_slice() {
            [] if self.inputs.args.init.is_none() => vec!["base".to_owned()],
            [only] if only == "none" => Vec::new(),
            _ => variable,
        };
        modules.extend(self.inputs.args.init.as_deref().map(parse::list).unwrap_or_default());
        let mut seen = BTreeSet::new();
        modules.retain(|module| seen.insert(module.clone()));
        let valid =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        for name in modules.iter().filter(|name| !valid(name)) {
            self.problems.push(Problem::new(
                "a module's name is not valid",
                format!("ODOO_INIT or -i names {name:?}"),
                "write technical names (letters, digits, `_`), separated by commas",
            ));
        }
        modules
    }
}
