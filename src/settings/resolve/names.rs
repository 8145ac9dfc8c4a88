//! Names that nobody knows: misspelled variables and keys are told with the nearest one that exists.

use super::Resolver;
use crate::error::{Problem, nearest};
use crate::odoo::options::{self, Kind, OPTIONS, Place};
use crate::settings::reference::{self, CONNECTIONS, VARIABLES};
use crate::settings::{Origin, Setting};

impl Resolver<'_> {
    /// Values that are not UTF-8 cannot be compared, written or shown.
    pub(super) fn check_texts(&mut self) {
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
                error.why.clone(),
                format!("{}; or unset {variable}", error.hint),
            ));
        }
    }

    pub(super) fn keep_unknown_keys(&mut self) {
        let Some(base) = self.inputs.base else { return };
        let sections = &base.document.sections;
        if !sections.is_empty() && sections.iter().all(|section| section.name != "options") {
            // Odoo takes such a file in silence, and reads nothing of it.
            let names: Vec<String> = sections.iter().map(|section| format!("[{}]", section.name)).collect();
            self.warnings.push(format!(
                "{} has no section [options], the one that Odoo reads; it has {}",
                base.path,
                names.join(", ")
            ));
        }
        let all = sections.iter().flat_map(|section| &section.entries);
        for entry in all.filter(|entry| entry.key.contains('\0') || entry.value.contains('\0')) {
            self.problems.push(Problem::new(
                "there is a NUL byte in the base file",
                format!("{} line {}, at {}", base.path, entry.line, entry.key.replace('\0', "\\0")),
                "remove it: what reads the value next would take it for the end of the text",
            ));
        }
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
                        match option.place {
                            Place::Computed => format!("{} line {}: {}", base.path, entry.line, option.doc),
                            _ => format!("{} line {}: Odoo 18 does not read it there", base.path, entry.line),
                        },
                        hint,
                    ));
                }
                None => {
                    let near =
                        options::successor(key).or_else(|| nearest(key, OPTIONS.iter().map(|o| o.key)));
                    let near = near.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
                    self.warnings.push(format!(
                        "{} line {}: {key} is no option of Odoo 18; kept for modules that read it{near}",
                        base.path, entry.line
                    ));
                    self.settings.push(Setting {
                        key: key.to_owned(),
                        text: entry.value.clone(),
                        origin: Origin::BaseFile { path: base.path.clone(), line: entry.line },
                        shadowed: Vec::new(),
                    });
                }
            }
        }
    }

    /// `ODOO_*` that is no option: other software uses the prefix, so a typing error can only be warned about.
    pub(super) fn check_odoo_names(&mut self) {
        for (name, value) in self.inputs.environment.values.iter().filter(|(_, value)| !value.is_empty()) {
            let Some(rest) = name.strip_prefix("ODOO_") else { continue };
            let linked = service_link(rest) || service_address(name, value);
            if linked || reference::KNOWN_ODOO_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let key = rest.to_lowercase();
            let file_of = key.strip_suffix("_file").and_then(options::find);
            match options::find(&key).or(file_of) {
                Some(option) if option.place == Place::File => {}
                Some(option) => {
                    let (why, hint) = match option.flags.last() {
                        Some(flag) => (
                            "cannot stand in odoo.conf: Odoo 18 takes it from its flags only".to_owned(),
                            format!("unset {name}; as an argument it is {flag}"),
                        ),
                        None => (format!("cannot be set: {}", option.doc), format!("unset {name}")),
                    };
                    self.problems.push(Problem::new(
                        format!("{name} cannot be set"),
                        format!("{} {why}", option.key),
                        hint,
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

    /// Unknown variables of our own prefix.
    pub(super) fn own_variables(&mut self) {
        let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        for (name, value) in self.inputs.environment.values.iter().filter(|(_, value)| !value.is_empty()) {
            let ours = name.starts_with(reference::PREFIX) && !service_address(name, value);
            if ours && !known.contains(&name.as_str()) {
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

/// Whether any text is a value for this variable.
pub fn takes_any_text(name: &str) -> bool {
    let connection = CONNECTIONS.iter().find(|known| known.name == name || known.aliases.contains(&name));
    let key = connection.map(|connection| connection.option.to_owned());
    let key = key.or_else(|| name.strip_prefix("ODOO_").map(str::to_lowercase));
    key.and_then(|key| options::find(&key)).is_some_and(|option| option.kind == Kind::Text)
}

/// What Kubernetes injects for a Service named `odoo`, or `odoo-SOMETHING`: `ODOO_PORT=tcp://...`, `ODOO_PORT_8069_TCP_ADDR`,
/// `ODOO_SERVICE_HOST`, `ODOO_DB_SERVICE_PORT_POSTGRES`. No option of Odoo's has a name like these but `..._PORT`.
fn service_link(rest: &str) -> bool {
    let numbered = rest.rsplit_once("PORT_").is_some_and(|(before, tail)| {
        (before.is_empty() || before.ends_with('_')) && tail.starts_with(|c: char| c.is_ascii_digit())
    });
    let service = ["SERVICE_HOST", "SERVICE_PORT"]
        .iter()
        .any(|name| rest == *name || rest.ends_with(&format!("_{name}")));
    rest == "PORT"
        || numbered
        || service
        || rest.starts_with("SERVICE_PORT_")
        || rest.contains("_SERVICE_PORT_")
}

/// The one kind of them that has the name of an option: a Service named `odoo-db` makes `ODOO_DB_PORT=tcp://10.0.0.7:5432`.
pub(super) fn service_address(name: &str, value: &str) -> bool {
    name.ends_with("_PORT") && ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
}
