//! The one function between the raw input and [`Settings`]. Pure: it collects every problem and stops at none.
//!
//! Precedence, highest first: Odoo's flags, explicit environment, the base file, the image's defaults. A connection
//! variable that holds exactly what the image declares (`HOST=db`) is a default and not explicit.

use std::net::SocketAddr;
use std::path::PathBuf;

mod databases;
mod derive;
mod modules;
mod names;
mod own;
mod secrets;
mod sizes;
#[cfg(test)]
mod tests;

pub use self::names::{connection_variable, takes_any_text};
use super::raw::{Environment, RawSettings};
use super::reference::{CONNECTIONS, Connection, default_of};
use super::{Origin, Setting, Settings, Shadowed, parse};
use crate::error::Problem;
use crate::odoo::args::Args;
use crate::odoo::conf::{self, Document};
use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};
use crate::odoo::sizing::Limits;

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
    /// What the world around this process is like.
    pub world: &'a World,
}

/// Facts that are no setting and that some defaults follow.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What the container allows.
    pub limits: Limits,
    /// CPUs of the machine, or those this process may use.
    pub cpus: u64,
    /// Folders of modules, in Odoo's order; empty leaves `addons_path` to Odoo.
    pub addons: Vec<String>,
    /// What is worth a warning about them.
    pub advice: Vec<String>,
    /// Why they cannot be used, if they cannot.
    pub refused: Option<Problem>,
}

/// The image's defaults besides the connection. `list_db` follows from the databases.
const IMAGE_DEFAULTS: &[(&str, &str)] = &[
    ("data_dir", DATA_DIR),
    ("without_demo", "all"),
    // Falsy means that no master password matches (`verify_admin_password`); Odoo's own default is `admin`.
    ("admin_passwd", "False"),
];

/// The official image's volume.
pub const DATA_DIR: &str = "/var/lib/odoo";

/// What the odoo.conf of the official image says. Nobody has chosen that, so it is a default; all else there is commented
/// out (odoo/docker, `18.0/odoo.conf`).
const STOCK: &[(&str, &str)] = &[("addons_path", "/mnt/extra-addons"), ("data_dir", DATA_DIR)];

/// Decides every setting.
///
/// # Errors
/// Every problem there is, at once.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Settings, Vec<Problem>> {
    let mut resolver = Resolver {
        inputs,
        problems: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        settings: Vec::new(),
        own: Vec::new(),
    };
    let settings = resolver.run();
    if resolver.problems.is_empty() { Ok(settings) } else { Err(resolver.problems) }
}

/// The address of the probes alone: it is wanted before, and without, all the rest.
///
/// # Errors
/// The variable does not hold an address.
pub fn listen(environment: &Environment) -> Result<SocketAddr, Problem> {
    let given = environment.get("ENTRYPOINT_LISTEN").filter(|text| !text.is_empty());
    let text = given.unwrap_or(default_of("ENTRYPOINT_LISTEN"));
    text.parse().map_err(|_| {
        problem(
            "ENTRYPOINT_LISTEN",
            text,
            "not an address with a port (write 0.0.0.0:8080, [::]:8080 or 127.0.0.1:9000)",
        )
    })
}

/// The file for the reason of an end alone: it is wanted where all the rest is wrong.
pub fn termination_log(given: Option<String>) -> PathBuf {
    let default = || default_of("ENTRYPOINT_TERMINATION_LOG").to_owned();
    given.filter(|text| !text.is_empty()).unwrap_or_else(default).into()
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
    notes: Vec<String>,
    settings: Vec<Setting>,
    own: Vec<super::OwnSetting>,
}

/// A value on its way to becoming a setting.
struct Candidate {
    text: String,
    origin: Origin,
}

impl Resolver<'_> {
    fn run(&mut self) -> Settings {
        self.check_texts();
        self.warnings.extend(self.inputs.world.advice.clone());
        self.problems.extend(self.inputs.world.refused.clone());
        for option in OPTIONS.iter().filter(|option| option.place == Place::File) {
            if let Some(setting) = self.option(option) {
                self.settings.push(setting);
            }
        }
        self.keep_unknown_keys();
        self.check_odoo_names();
        self.own_variables();
        let raw = match self.inputs.environment.raw() {
            Ok(raw) => raw,
            Err(error) => {
                let hint = "`odoo-entrypoint --help` lists the variables";
                self.problems.push(Problem::new("cannot read the environment", error.to_string(), hint));
                RawSettings::default()
            }
        };
        self.finish(&raw)
    }

    /// An environment value in its plain or its `_FILE` form.
    fn variable(&mut self, name: &str) -> Option<Candidate> {
        let variable = format!("{name}_FILE");
        let content = self.inputs.environment.files.get(&variable);
        let plain = self.inputs.environment.get(name).filter(|text| !names::service_address(name, text));
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
    fn option(&mut self, option: &'static OptionSpec) -> Option<Setting> {
        let flagged: Vec<_> = self.inputs.args.given.iter().filter(|given| given.key == option.key).collect();
        let connection = CONNECTIONS.iter().find(|connection| connection.option == option.key);
        let mut candidates: Vec<Candidate> = Vec::new();
        if let Some(last) = flagged.last()
            && option.key != "log_handler"
        {
            if option.secret {
                self.warnings.push(format!(
                    "{} was given as an argument ({}), which everybody who can list processes reads: use a variable, or a \
                     file named by a _FILE variable",
                    option.key, last.flag
                ));
            }
            let given = Candidate { text: last.text.clone(), origin: Origin::Flag(last.flag.clone()) };
            candidates.extend(self.shaped(option, &last.flag, given));
        }
        self.add_environment(option, connection, &mut candidates);
        let base = self.inputs.base.and_then(|base| {
            // The last one wins where a file has both an old and a new name, as in Odoo's dictionary.
            let entry = base
                .document
                .options()
                .iter()
                .rfind(|entry| options::current_name(&entry.key) == option.key)
                .filter(|entry| !STOCK.contains(&(option.key, &entry.value)))?;
            Some(Candidate {
                text: entry.value.clone(),
                origin: Origin::BaseFile { path: base.path.clone(), line: entry.line },
            })
        });
        candidates.extend(base);
        let default = connection
            .map(|connection| connection.default)
            .or_else(|| IMAGE_DEFAULTS.iter().find(|(key, _)| *key == option.key).map(|(_, text)| *text))
            // Flags are appended to it, so it has to be there to be appended to.
            .or((option.key == "log_handler" && !flagged.is_empty()).then_some(option.default));
        candidates.extend(default.map(|text| Candidate { text: text.to_owned(), origin: Origin::Image }));
        if option.key == "addons_path" && !self.inputs.world.addons.is_empty() {
            let text = self.inputs.world.addons.join(",");
            candidates.push(Candidate { text, origin: Origin::Discovery });
        }

        if let Some(connection) = connection {
            self.warn_of_shadows(connection, &candidates);
        }
        let mut candidates = candidates.into_iter();
        let winner = candidates.next();
        let defaults = [Origin::Image, Origin::Discovery];
        let mut shadowed: Vec<Shadowed> = candidates
            .filter(|candidate| !defaults.contains(&candidate.origin))
            .map(|candidate| Shadowed { text: candidate.text, origin: candidate.origin })
            .collect();
        let mut winner = winner?;
        if option.key == "log_handler"
            && let Some(last) = flagged.last()
        {
            // Odoo appends its flags to what the file says.
            for given in &flagged {
                winner.text = format!("{},{}", winner.text, given.text);
            }
            shadowed.clear();
            winner.origin = Origin::Flag(last.flag.clone());
        }
        Some(Setting { key: option.key.to_owned(), text: winner.text, origin: winner.origin, shadowed })
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
            // Docker's links set these, and so does Kubernetes for a Service named `db`, which nobody has chosen.
            if alias.starts_with("DB_PORT_") && self.inputs.environment.get("DB_SERVICE_HOST").is_some() {
                continue;
            }
            let value = self.variable(alias).filter(|candidate| !candidate.text.is_empty());
            candidates.extend(value.and_then(|candidate| self.typed(option, alias, candidate)));
        }
    }

    /// An environment text as the file has to say it.
    fn typed(&mut self, option: &OptionSpec, name: &str, mut candidate: Candidate) -> Option<Candidate> {
        let text = &candidate.text;
        // A password may be spelled like that.
        let unset = option.default == "False" && !option.secret && text.eq_ignore_ascii_case("false");
        let result: Result<String, String> = match option.kind {
            _ if unset => Ok("False".to_owned()),
            Kind::Int if option.key == "workers" && text == sizes::AUTO => Ok(text.clone()),
            Kind::Bool => parse::boolean(text)
                .map(|yes| if yes { "True" } else { "False" }.to_owned())
                .map_err(str::to_owned),
            Kind::Int if option.key == "workers" => parse::integer(text)
                .map(|number| number.to_string())
                .map_err(|_| "not a number of workers (write digits, such as 4, or auto)".to_owned()),
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
        match result {
            Ok(text) => {
                candidate.text = text;
                self.shaped(option, name, candidate)
            }
            Err(form) => {
                let shown = if option.secret { "(hidden)" } else { text };
                self.problems.push(problem(name, shown, &form));
                None
            }
        }
    }

    /// Refuses what the rendered file cannot hold. The password has another way to Odoo (a pgpass file) for all but a line
    /// break and NUL.
    fn shaped(&mut self, option: &OptionSpec, name: &str, candidate: Candidate) -> Option<Candidate> {
        let why = match option.key {
            "db_password" => conf::unspeakable(&candidate.text),
            _ => conf::unrepresentable(&candidate.text),
        };
        let Some(why) = why else { return Some(candidate) };
        self.problems.push(Problem::new(
            format!("the setting {name} is not valid"),
            format!("{} cannot be used: {why}", candidate.origin),
            format!("set {name} to one line without blanks at its ends"),
        ));
        None
    }

    /// A value that wins in silence is the most frequent failure of such images: each loser is named.
    fn warn_of_shadows(&mut self, connection: &Connection, candidates: &[Candidate]) {
        let Some((winner, rest)) = candidates.split_first() else { return };
        for loser in rest.iter().filter(|c| c.origin != Origin::Image && c.text != winner.text) {
            self.warnings.push(format!(
                "{} comes from {}; the other value, from {}, is not used",
                connection.option, winner.origin, loser.origin
            ));
        }
    }
}
