//! The one function between the raw input and [`Settings`]. Pure: it collects every problem and stops at none.
//!
//! Precedence, highest first: Odoo's flags, explicit environment, the base file, the image's defaults. A connection
//! variable that holds exactly what the image declares (`HOST=db`) is a default and not explicit.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::{Environment, RawSettings};
use super::reference::{self, CONNECTIONS, Connection, VARIABLES};
use super::{Limit, Odoo, Origin, Secret, Setting, Settings, parse};
use crate::database;
use crate::error::{Problem, nearest};
use crate::lifecycle::{Policy, Restart};
use crate::odoo::args::Args;
use crate::odoo::conf::{self, Document};
use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};

/// The base file as it was read.
pub struct BaseFile {
    /// Its path.
    pub path: String,
    /// Its content.
    pub document: Document,
}

/// What [`resolve`] decides from.
pub struct Inputs<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Odoo's arguments.
    pub args: &'a Args,
    /// The base file; `None` where the default path has none.
    pub base: Option<&'a BaseFile>,
}

const DEFAULT_RUNTIME_DIRS: &[&str] = &["/run/odoo", "/tmp"];

/// The image's defaults besides the connection. `list_db` follows from the databases.
const IMAGE_DEFAULTS: &[(&str, &str)] = &[
    ("data_dir", "/var/lib/odoo"),
    ("without_demo", "all"),
    // Falsy means that no master password matches (`verify_admin_password`); Odoo's own default is `admin`.
    ("admin_passwd", "False"),
];

/// Names that are PostgreSQL's own or that Odoo takes for something else.
const RESERVED_DATABASES: &[&str] = &["postgres", "template0", "template1", "False", "True", "None"];

/// Decides every setting.
///
/// # Errors
/// Every problem there is, at once.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Settings, Vec<Problem>> {
    let mut resolver = Resolver { inputs, problems: Vec::new(), warnings: Vec::new(), settings: Vec::new() };
    let settings = resolver.run();
    if resolver.problems.is_empty() { Ok(settings) } else { Err(resolver.problems) }
}

/// The address of the probes alone: it is wanted before, and without, all the rest.
///
/// # Errors
/// The variable does not hold an address.
pub fn listen(environment: &Environment) -> Result<SocketAddr, Problem> {
    let default = VARIABLES.iter().find(|variable| variable.name == "ENTRYPOINT_LISTEN");
    let given = environment.get("ENTRYPOINT_LISTEN").filter(|text| !text.is_empty());
    let text = given.or(default.map(|variable| variable.default)).unwrap_or_default();
    text.parse().map_err(|_| {
        problem(
            "ENTRYPOINT_LISTEN",
            text,
            "not an address with a port (write 0.0.0.0:8080, [::]:8080 or 127.0.0.1:9000)",
        )
    })
}

/// A refused value: the variable, the value and the accepted form. Never for a secret.
fn problem(name: &str, value: &str, form: &str) -> Problem {
    let (wrong, hint) = form.split_once(" (").unwrap_or((form, ""));
    Problem::new(
        format!("the setting {name} is not valid"),
        format!("{name}={value:?} (environment): {wrong}"),
        match hint.trim_end_matches(')') {
            "" => format!("set {name} to a valid value, or unset it"),
            hint => hint.to_owned(),
        },
    )
}

struct Resolver<'a> {
    inputs: &'a Inputs<'a>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    settings: Vec<Setting>,
}

/// A value on its way to becoming a setting.
struct Candidate {
    text: String,
    origin: Origin,
}

impl Resolver<'_> {
    fn run(&mut self) -> Settings {
        self.check_texts();
        for option in OPTIONS.iter().filter(|option| option.place == Place::File) {
            if let Some(candidate) = self.option(option) {
                self.settings.push(Setting {
                    key: option.key.to_owned(),
                    text: candidate.text,
                    origin: candidate.origin,
                });
            }
        }
        self.keep_unknown_keys();
        self.check_odoo_names();
        let own = self.own_variables();
        let raw = match self.inputs.environment.raw() {
            Ok(raw) => raw,
            Err(error) => {
                self.problems.push(Problem::new("cannot read the environment", error.to_string(), own));
                RawSettings::default()
            }
        };
        self.finish(&raw)
    }

    /// Values that are not UTF-8 cannot be compared, written or shown.
    fn check_texts(&mut self) {
        let mut wrong: Vec<&String> = self.inputs.environment.not_text.iter().collect();
        wrong.retain(|name| is_ours(name));
        for name in wrong {
            self.problems.push(Problem::new(
                format!("the setting {name} is not valid"),
                format!("{name} (environment) is not UTF-8"),
                format!("set {name} to UTF-8 text, or put it into a file and name that in {name}_FILE"),
            ));
        }
        let failed = self.inputs.environment.files.iter();
        for (variable, error) in
            failed.filter_map(|(name, content)| content.as_ref().err().map(|e| (name, e)))
        {
            self.problems.push(Problem::new(
                format!("cannot use the file that {variable} names"),
                error.clone(),
                format!("make the file readable for the user that runs this container, or unset {variable}"),
            ));
        }
    }

    /// An environment value in its plain or its `_FILE` form.
    fn variable(&mut self, name: &str) -> Option<Candidate> {
        let variable = format!("{name}_FILE");
        let content = self.inputs.environment.files.get(&variable);
        let plain = self.inputs.environment.get(name);
        match (plain, content) {
            // The image declares the plain form with its default, so that one beside a file is no contradiction.
            (Some(text), Some(_))
                if !text.is_empty()
                    && !CONNECTIONS.iter().any(|known| known.name == name && known.default == text) =>
            {
                self.problems.push(Problem::new(
                    format!("both {name} and {variable} are set"),
                    "only one of them can be meant (both: environment)".to_owned(),
                    format!("unset one; {variable} keeps the value out of the environment"),
                ));
                None
            }
            (_, Some(Ok(text))) => Some(Candidate {
                text: text.clone(),
                origin: Origin::SecretFile {
                    path: self.inputs.environment.get(&variable).unwrap_or_default().to_owned(),
                    variable,
                },
            }),
            // Already a problem of its own.
            (_, Some(Err(_))) => None,
            (Some(text), None) => {
                Some(Candidate { text: text.to_owned(), origin: Origin::Variable(name.to_owned()) })
            }
            (None, None) => None,
        }
    }

    /// The winner among all who say something about this option.
    fn option(&mut self, option: &'static OptionSpec) -> Option<Candidate> {
        let flagged: Vec<_> = self.inputs.args.given.iter().filter(|given| given.key == option.key).collect();
        let connection = CONNECTIONS.iter().find(|connection| connection.option == option.key);
        let mut candidates: Vec<Candidate> = Vec::new();
        if let Some(last) = flagged.last()
            && option.key != "log_handler"
        {
            candidates.push(Candidate { text: last.text.clone(), origin: Origin::Flag(last.flag.clone()) });
        }
        self.add_environment(option, connection, &mut candidates);
        let base = self.inputs.base.and_then(|base| {
            // The last one wins where a file has both an old and a new name, as in Odoo's dictionary.
            let entry = base
                .document
                .options()
                .iter()
                .rfind(|entry| options::current_name(&entry.key) == option.key)?;
            Some(Candidate {
                text: entry.value.clone(),
                origin: Origin::BaseFile { path: base.path.clone(), line: entry.line },
            })
        });
        candidates.extend(base);
        let default = connection
            .map(|connection| connection.default)
            .or_else(|| IMAGE_DEFAULTS.iter().find(|(key, _)| *key == option.key).map(|(_, text)| *text));
        candidates.extend(default.map(|text| Candidate { text: text.to_owned(), origin: Origin::Image }));

        if let Some(connection) = connection {
            self.warn_of_shadows(connection, &candidates);
        }
        let mut winner = if candidates.is_empty() { None } else { Some(candidates.swap_remove(0)) };
        if option.key == "log_handler"
            && let Some(last) = flagged.last()
        {
            // Odoo appends its flags to what the file says, and its own default is `:INFO`.
            let mut text = winner.map_or_else(|| option.default.to_owned(), |candidate| candidate.text);
            for given in &flagged {
                text = format!("{text},{}", given.text);
            }
            winner = Some(Candidate { text, origin: Origin::Flag(last.flag.clone()) });
        }
        winner
    }

    fn add_environment(
        &mut self,
        option: &'static OptionSpec,
        connection: Option<&'static Connection>,
        candidates: &mut Vec<Candidate>,
    ) {
        let long = format!("ODOO_{}", option.key.to_uppercase());
        let spelled = self
            .variable(&long)
            .filter(|candidate| !candidate.text.is_empty())
            .and_then(|candidate| self.typed(option, &long, candidate));
        let Some(connection) = connection else {
            candidates.extend(spelled);
            return;
        };
        let explicit = self.variable(connection.name).filter(|candidate| {
            let is_default = candidate.origin == Origin::Variable(connection.name.to_owned())
                && candidate.text == connection.default;
            !is_default && (connection.empty_counts || !candidate.text.is_empty())
        });
        let explicit = explicit.and_then(|candidate| self.typed(option, connection.name, candidate));
        if let (Some(short), Some(long)) = (&explicit, &spelled)
            && short.text != long.text
        {
            self.problems.push(Problem::new(
                format!("{} and ODOO_{} contradict each other", connection.name, option.key.to_uppercase()),
                format!("both stand for {} and differ ({}; {})", option.key, short.origin, long.origin),
                format!("unset one of them; {} is the shorter one", connection.name),
            ));
        }
        candidates.extend(explicit);
        candidates.extend(spelled);
        for alias in connection.aliases {
            let value = self.variable(alias).filter(|candidate| !candidate.text.is_empty());
            candidates.extend(value.and_then(|candidate| self.typed(option, alias, candidate)));
        }
    }

    /// An environment text as the file has to say it.
    fn typed(&mut self, option: &OptionSpec, name: &str, mut candidate: Candidate) -> Option<Candidate> {
        let text = &candidate.text;
        let unset = option.default == "False" && text.eq_ignore_ascii_case("false");
        let result: Result<String, String> = match option.kind {
            _ if unset => Ok("False".to_owned()),
            Kind::Bool => parse::boolean(text)
                .map(|yes| if yes { "True" } else { "False" }.to_owned())
                .map_err(str::to_owned),
            Kind::Int => parse::integer(text).map(|number| number.to_string()).map_err(str::to_owned),
            Kind::Float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(text.clone()),
                _ => Err("not a number (write 1.5)".to_owned()),
            },
            Kind::Choice(words) if !words.contains(&text.as_str()) => {
                Err(format!("not one of its words (write one of {})", words.join(", ")))
            }
            Kind::List => Ok(parse::list(text).join(",")),
            Kind::Choice(_) | Kind::Text => Ok(text.clone()),
        };
        // The password has another way to Odoo (a pgpass file) for all that odoo.conf cannot hold but a line break.
        let shape = match option.key {
            "db_password" => conf::unrepresentable(text).filter(|_| text.contains(['\0', '\n', '\r'])),
            _ => conf::unrepresentable(text),
        };
        match (shape, result) {
            (None, Ok(text)) => {
                candidate.text = text;
                return Some(candidate);
            }
            (Some(why), _) => self.problems.push(Problem::new(
                format!("the setting {name} is not valid"),
                format!("{} cannot be used: {why}", candidate.origin),
                format!("set {name} to one line without blanks at its ends"),
            )),
            (None, Err(form)) => {
                let shown = if option.secret { "(hidden)" } else { text };
                self.problems.push(problem(name, shown, &form));
            }
        }
        None
    }

    /// A value that wins in silence is the most frequent failure of such images: each loser is named.
    fn warn_of_shadows(&mut self, connection: &Connection, candidates: &[Candidate]) {
        let Some((winner, rest)) = candidates.split_first() else { return };
        for loser in rest.iter().filter(|c| c.origin != Origin::Image && c.text != winner.text) {
            self.warnings.push(format!(
                "{} is taken from the {}; the value of the {} is not used",
                connection.option, winner.origin, loser.origin
            ));
        }
    }

    fn keep_unknown_keys(&mut self) {
        let Some(base) = self.inputs.base else { return };
        for entry in base.document.options() {
            let key = options::current_name(&entry.key);
            match options::find(key) {
                Some(option) if option.place == Place::File => {}
                Some(option) => {
                    let hint = match option.flags.last() {
                        Some(flag) => format!("remove the line; {flag} is a flag"),
                        None => "remove the line".to_owned(),
                    };
                    self.problems.push(Problem::new(
                        format!("{key} cannot stand in the base file"),
                        format!("{} line {}: Odoo 18 does not read it there", base.path, entry.line),
                        hint,
                    ));
                }
                None => {
                    let near = nearest(key, OPTIONS.iter().map(|option| option.key));
                    let near = near.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
                    self.warnings.push(format!(
                        "{} line {}: {key} is no option of Odoo 18; kept for modules that read it{near}",
                        base.path, entry.line
                    ));
                    self.settings.push(Setting {
                        key: key.to_owned(),
                        text: entry.value.clone(),
                        origin: Origin::BaseFile { path: base.path.clone(), line: entry.line },
                    });
                }
            }
        }
    }

    /// `ODOO_*` that is no option: other software uses the prefix, so a typing error can only be warned about.
    fn check_odoo_names(&mut self) {
        for name in self.inputs.environment.values.keys() {
            let Some(rest) = name.strip_prefix("ODOO_") else { continue };
            if reference::KNOWN_ODOO_VARIABLES.contains(&name.as_str()) || service_link(rest) {
                continue;
            }
            let key = rest.to_lowercase();
            let file_of = key.strip_suffix("_file").and_then(options::find);
            match options::find(&key).or(file_of) {
                Some(option) if option.place == Place::File => {}
                Some(option) => {
                    let flag = option.flags.last().copied().unwrap_or_default();
                    self.problems.push(Problem::new(
                        format!("{name} cannot be set"),
                        format!(
                            "{} cannot stand in odoo.conf: Odoo 18 takes it from its flags only",
                            option.key
                        ),
                        format!("unset {name}; as an argument it is {flag}"),
                    ));
                }
                None => {
                    let known = OPTIONS.iter().filter(|option| option.place == Place::File);
                    let near = nearest(&key, known.map(|option| option.key));
                    let near = near
                        .map_or(String::new(), |key| format!("; did you mean ODOO_{}?", key.to_uppercase()));
                    self.warnings.push(format!("{name} is no option of Odoo 18 and is ignored{near}"));
                }
            }
        }
    }

    /// Unknown variables of our own prefix; returns the list of the known ones for other messages.
    fn own_variables(&mut self) -> String {
        let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        for name in self.inputs.environment.values.keys() {
            if name.starts_with(reference::PREFIX) && !known.contains(&name.as_str()) {
                let near = nearest(name, known.iter().copied());
                self.problems.push(Problem::new(
                    format!("there is no setting {name}"),
                    format!("{name} (environment) is not one of this program's variables"),
                    match near {
                        Some(near) => format!("did you mean {near}?"),
                        None => "`odoo-entrypoint --help` lists them".to_owned(),
                    },
                ));
            }
        }
        format!("the variables are {}", known.join(", "))
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

    fn finish(&mut self, raw: &RawSettings) -> Settings {
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
        let _ = self.own(&own("LOG_LEVEL"), raw.log_level.as_ref(), crate::logging::level);
        self.refuse_update();

        let odoo = self.odoo();
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
            create_database: create_database.unwrap_or(false) && !init.is_empty(),
            init,
            policy: Policy {
                drain_delay: drain_delay.unwrap_or_default(),
                stop_timeout,
                init_stop_timeout: Duration::from_secs(30),
                restart: restart.unwrap_or(Restart::OnFailure),
                restart_limit: crashes,
                restart_window: window,
            },
            odoo: Odoo { options: std::mem::take(&mut self.settings), ..odoo },
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    /// Updates come with a later version. A silent "nothing done" would be a lie, so the wish is refused.
    fn refuse_update(&mut self) {
        let variable = self.inputs.environment.get("ODOO_UPDATE").is_some_and(|text| !text.is_empty());
        if variable || self.inputs.args.update.is_some() {
            let origin = if variable { "ODOO_UPDATE (environment)" } else { "the flag -u" };
            self.problems.push(Problem::new(
                "this version cannot update modules",
                format!("{origin} asks for an update"),
                "unset it, and run Odoo's own -u as a one-shot until a version with updates is out",
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

    fn bounded<T: TryFrom<i64>>(&mut self, key: &str, fallback: T, range: &str) -> T {
        let Some(number) = self.integer(key) else { return fallback };
        if let Ok(value) = T::try_from(number) {
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
        // Every integer of the file, not only those that are used here: Odoo stops at each.
        let used = ["http_port", "gevent_port", "workers", "limit_time_real", "db_port"];
        for option in OPTIONS.iter().filter(|option| option.kind == Kind::Int && !used.contains(&option.key))
        {
            if option.place == Place::File {
                self.integer(option.key);
            }
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
            http_port: self.bounded("http_port", 8069, "between 1 and 65535"),
            gevent_port: self.bounded("gevent_port", 8072, "between 1 and 65535"),
            http_enable: self.truth("http_enable"),
            workers: self.bounded("workers", 0, "of 0 or more"),
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
        let port = self.bounded("db_port", 5432, "between 1 and 65535");
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

/// Whether a variable is one that this program reads.
fn is_ours(name: &str) -> bool {
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    connection_variable(plain) || name.starts_with("ODOO_") || name.starts_with(reference::PREFIX)
}

/// Whether a variable carries a connection setting, by its name or an alias.
pub fn connection_variable(name: &str) -> bool {
    CONNECTIONS.iter().any(|connection| connection.name == name || connection.aliases.contains(&name))
}

/// What Kubernetes injects for a Service named `odoo`: `ODOO_PORT=tcp://...`, `ODOO_PORT_8069_TCP_ADDR`,
/// `ODOO_SERVICE_HOST`, `ODOO_SERVICE_PORT_HTTP`.
fn service_link(rest: &str) -> bool {
    let port = rest == "PORT"
        || rest.strip_prefix("PORT_").is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_digit()));
    port || rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || rest.starts_with("SERVICE_PORT_")
}
