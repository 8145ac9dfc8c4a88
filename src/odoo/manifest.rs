//! A module's manifest as Odoo 18 takes it: its defaults, and what it refuses.
//!
//! [`Manifest::load`] has two kinds of complaints. An **error** is what makes `load_manifest` raise
//! (`odoo/modules/module.py`), which breaks every HTTP request, `-i` and `-u`, whether the module is installed or not;
//! and what makes the first `-i base` of a database raise (`odoo/modules/db.py`, `initialize`). A **warning** is what
//! breaks less: the module itself, or one kind of run.
//!
//! Stricter than Odoo in two points: a manifest has to be a dict (`dict.update` would take a list of pairs as well), and
//! `depends` may not be a text (Odoo would take its letters for modules). Not checked are the README that becomes the
//! description, and whether a name in `external_dependencies` is one that pip would take.

use super::literal::{Entry, Value};

/// The series in front of a full version (`odoo/release.py`).
const SERIES: &str = "18.0";

/// What Odoo takes a missing licence for.
const DEFAULT_LICENSE: &str = "LGPL-3";

/// The licences that Odoo's selection has (`odoo/addons/base/models/ir_module.py`).
pub const LICENSES: [&str; 10] = [
    "GPL-2",
    "GPL-2 or any later version",
    "GPL-3",
    "GPL-3 or any later version",
    "AGPL-3",
    "LGPL-3",
    "Other OSI approved licence",
    "OEEL-1",
    "OPL-1",
    "Other proprietary",
];

/// What the product needs of a manifest, Odoo's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The title; empty where there is none.
    pub title: String,
    /// With the series in front, as Odoo stores it; as it is written where it is not valid and `installable` is false.
    pub version: String,
    /// The licence.
    pub license: String,
    /// Whether the manifest names a licence; Odoo takes LGPL-3 otherwise.
    pub licensed: bool,
    /// Whether it can be installed.
    pub installable: bool,
    /// The modules whose presence installs this one; `None` where only people do.
    pub auto_install: Option<Vec<String>>,
    /// Direct dependencies.
    pub depends: Vec<String>,
}

/// One complaint about a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The line of the key, counted from 1; `None` where the key is missing.
    pub line: Option<usize>,
    /// What is wrong, and what Odoo does about it.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// Whether it ends every HTTP request, and not installations and updates alone.
    pub ends_requests: bool,
}

/// What came of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The manifest, or every error there is.
    pub manifest: Result<Manifest, Vec<Complaint>>,
    /// What breaks less.
    pub warnings: Vec<Complaint>,
}

/// The entries, and what was found wrong with them.
struct Reader<'a> {
    entries: &'a [Entry],
    errors: Vec<Complaint>,
    warnings: Vec<Complaint>,
}

impl Manifest {
    /// Checks a manifest and fills in the defaults. Pure.
    pub fn load(literal: &Value) -> Loaded {
        let Value::Dict(entries) = literal else {
            let complaint = Complaint {
                line: Some(1),
                message: format!("it is {} and not a dict", literal.type_name()),
                hint: "write {'name': ..., 'version': '18.0.1.0.0', 'license': ..., 'depends': [...]}"
                    .to_owned(),
                ends_requests: true,
            };
            return Loaded { manifest: Err(vec![complaint]), warnings: Vec::new() };
        };
        let mut reader = Reader { entries, errors: Vec::new(), warnings: Vec::new() };
        let manifest = reader.read();
        let Reader { errors, warnings, .. } = reader;
        Loaded { manifest: if errors.is_empty() { Ok(manifest) } else { Err(errors) }, warnings }
    }
}

impl<'a> Reader<'a> {
    fn find(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key.as_str() == Some(name))
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.find(name).map(|entry| &entry.value)
    }

    fn complaint(&self, name: &str, message: String, hint: &str) -> Complaint {
        let line = self.find(name).map(|entry| entry.line);
        Complaint { line, message, hint: hint.to_owned(), ends_requests: false }
    }

    /// What `load_manifest` raises on.
    fn error(&mut self, name: &str, message: impl Into<String>, hint: &str) {
        let complaint = self.complaint(name, message.into(), hint);
        self.errors.push(Complaint { ends_requests: true, ..complaint });
    }

    /// What `initialize` raises on.
    fn not_installed(&mut self, name: &str, message: impl Into<String>, hint: &str) {
        let complaint = self.complaint(name, message.into(), hint);
        self.errors.push(complaint);
    }

    fn warn(&mut self, name: &str, message: impl Into<String>, hint: &str) {
        let complaint = self.complaint(name, message.into(), hint);
        self.warnings.push(complaint);
    }

    fn read(&mut self) -> Manifest {
        let title = self.title();
        let (license, licensed) = self.license();
        let installable = self.value("installable").is_none_or(Value::truthy);
        let depends = self.depends();
        let auto_install = self.auto_install(depends.as_deref());
        let version = self.version(installable);
        self.category();
        self.external_dependencies();
        Manifest {
            title,
            version,
            license,
            licensed,
            installable,
            auto_install,
            depends: depends.unwrap_or_default(),
        }
    }

    fn title(&mut self) -> String {
        match self.value("name") {
            Some(Value::Str(name)) => return name.clone(),
            Some(other) => {
                let message = format!("'name' is {} and not a text", other.type_name());
                self.warn("name", message, "write 'name': 'A title'");
            }
            None => {
                let message =
                    "'name' is missing; the first `-i base` of a database ends with KeyError: 'name'";
                self.warn("name", message, "add 'name': 'A title'");
            }
        }
        String::new()
    }

    /// `ir.module.module.license` is a selection: another word raises a `ValueError` when `update_list` first meets the
    /// module in a database that has been initialised already.
    fn license(&mut self) -> (String, bool) {
        match self.value("license") {
            Some(Value::Str(license)) if !license.is_empty() => {
                if !LICENSES.contains(&license.as_str()) {
                    let near = crate::error::nearest(license, LICENSES);
                    let hint = near.map_or_else(
                        || format!("write one of: {}", LICENSES.join(", ")),
                        |near| format!("did you mean '{near}'?"),
                    );
                    let message = format!(
                        "'license' is {license:?}, which Odoo does not know; `-u` ends with a ValueError \
                         when it first sees the module"
                    );
                    self.warn("license", message, &hint);
                }
                return (license.clone(), true);
            }
            Some(value) if value.truthy() => {
                let message = format!("'license' is {} and not a text", value.type_name());
                self.not_installed("license", message, "write 'license': 'LGPL-3'");
            }
            _ => {
                let message = "'license' is missing; Odoo takes it for LGPL-3 and warns at every start";
                self.warn("license", message, "add 'license': 'LGPL-3', or what applies");
            }
        }
        (DEFAULT_LICENSE.to_owned(), false)
    }

    /// `None` where it is of the wrong type.
    fn depends(&mut self) -> Option<Vec<String>> {
        let hint = "write 'depends': ['base']";
        let Some(value) = self.value("depends") else { return Some(Vec::new()) };
        let names = match members(value) {
            Some(names) if !matches!(value, Value::Str(_) | Value::Bytes(_)) => names,
            _ => {
                let message = format!("'depends' is {} and not a list of modules", value.type_name());
                self.not_installed("depends", message, hint);
                return None;
            }
        };
        let mut depends = Vec::new();
        for name in names {
            if let Value::Str(name) = name {
                depends.push(name.clone());
            } else {
                let message =
                    format!("'depends' holds {}, where names of modules are expected", name.type_name());
                self.not_installed("depends", message, hint);
                return None;
            }
        }
        Some(depends)
    }

    /// An iterable is a list of triggers, all of which have to be dependencies; another true value stands for all
    /// dependencies.
    fn auto_install(&mut self, depends: Option<&[String]>) -> Option<Vec<String>> {
        let value = self.value("auto_install")?;
        // Without dependencies that can be trusted nothing can be said about this.
        let depends = depends?;
        let Some(triggers) = members(value) else { return value.truthy().then(|| depends.to_vec()) };
        let letters: Vec<Value> = match value {
            Value::Str(text) => text.chars().map(|letter| Value::Str(letter.into())).collect(),
            _ => Vec::new(),
        };
        let mut known = Vec::new();
        let mut strange = Vec::new();
        for trigger in triggers.into_iter().chain(&letters) {
            match trigger {
                Value::Str(name) if depends.contains(name) => known.push(name.clone()),
                Value::Str(name) => strange.push(format!("{name:?}")),
                other => strange.push(other.type_name().to_owned()),
            }
        }
        if let Value::Bytes(bytes) = value
            && !bytes.is_empty()
        {
            strange.push("bytes".to_owned());
        }
        if !strange.is_empty() {
            let message = format!("'auto_install' names {}, not among 'depends'", strange.join(", "));
            self.error("auto_install", message, "list only dependencies, or write True for all of them");
        }
        Some(known)
    }

    fn version(&mut self, installable: bool) -> String {
        let hint = "write '18.0.x.y.z', '18.0.x.y', 'x.y.z' or 'x.y'";
        let version = match self.value("version") {
            None => "1.0",
            Some(Value::Str(version)) => version,
            Some(other) => {
                // An AttributeError or a TypeError, which `installable` does not save from.
                let message = format!("'version' is {} and not a text", other.type_name());
                self.error("version", message, hint);
                return String::new();
            }
        };
        if let Some(version) = adapt_version(version) {
            return version;
        }
        if installable {
            self.error("version", format!("'version' is {version:?}, which Odoo 18 does not take"), hint);
        }
        version.to_owned()
    }

    /// `initialize` and `update_list` split it at slashes.
    fn category(&mut self) {
        if let Some(value) = self.value("category").filter(|value| value.as_str().is_none()) {
            let message = format!("'category' is {} and not a text", value.type_name());
            self.not_installed("category", message, "write 'category': 'Accounting', or leave it out");
        }
    }

    /// `check_manifest_dependencies` reads it when the module is installed or updated.
    fn external_dependencies(&mut self) {
        let hint = "write 'external_dependencies': {'python': ['requests'], 'bin': ['wkhtmltopdf']}";
        let Some(value) = self.value("external_dependencies").filter(|value| value.truthy()) else { return };
        let Value::Dict(entries) = value else {
            let message = format!("'external_dependencies' is {} and not a dict", value.type_name());
            return self.warn("external_dependencies", message, hint);
        };
        for entry in entries {
            let Some(kind @ ("python" | "bin")) = entry.key.as_str() else { continue };
            let texts =
                matches!(&entry.value, Value::List(_) | Value::Tuple(_) | Value::Set(_) | Value::Dict(_))
                    && members(&entry.value)
                        .is_some_and(|members| members.iter().all(|member| member.as_str().is_some()));
            if !texts {
                let message =
                    format!("'external_dependencies' has under {kind:?} something that is no list of names");
                self.warn("external_dependencies", message, hint);
            }
        }
    }
}

/// What Python's `for` goes through; nothing for a text or bytes, whose letters no caller wants. `None` for what is not
/// iterable.
fn members(value: &Value) -> Option<Vec<&Value>> {
    Some(match value {
        Value::Tuple(items) | Value::List(items) | Value::Set(items) => items.iter().collect(),
        Value::Dict(entries) => entries.iter().map(|entry| &entry.key).collect(),
        Value::Str(_) | Value::Bytes(_) => Vec::new(),
        _ => return None,
    })
}

/// The version with the series in front, or `None` where Odoo raises a `ValueError`.
fn adapt_version(version: &str) -> Option<String> {
    let base = version.strip_prefix(SERIES).and_then(|rest| rest.strip_prefix('.'));
    let (base, full) = match base {
        Some(base) => (base, version.to_owned()),
        None => (version, format!("{SERIES}.{version}")),
    };
    // `^[0-9]+\.[0-9]+(?:\.[0-9]+)?$`, where `$` also matches before a last newline.
    let parts: Vec<&str> = base.strip_suffix('\n').unwrap_or(base).split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    ((2..=3).contains(&parts.len()) && parts.iter().all(digits)).then_some(full)
}

#[cfg(test)]
mod tests {
    use super::super::literal::{DEFAULT_LIMIT, parse};
    use super::*;

    fn load(text: &str) -> Loaded {
        Manifest::load(&parse(text.as_bytes(), DEFAULT_LIMIT).unwrap())
    }

    fn errors(text: &str) -> Vec<String> {
        load(text)
            .manifest
            .map_or_else(|errors| errors.into_iter().map(|error| error.message).collect(), |_| vec![])
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn odoos_defaults_are_filled_in() {
        let loaded = load("{'name': 'A'}");
        let expected = Manifest {
            title: "A".to_owned(),
            version: "18.0.1.0".to_owned(),
            license: "LGPL-3".to_owned(),
            licensed: false,
            installable: true,
            auto_install: None,
            depends: vec![],
        };
        assert_eq!(loaded.manifest, Ok(expected));
        assert_eq!(loaded.warnings.len(), 1, "the licence");
    }

    #[test]
    fn versions_are_those_of_adapt_version() {
        for (version, full) in [
            ("1.0", Some("18.0.1.0")),
            ("1.2.3", Some("18.0.1.2.3")),
            ("18.0", Some("18.0.18.0")),
            ("18.0.1.0", Some("18.0.1.0")),
            ("18.0.1.0.0", Some("18.0.1.0.0")),
            ("1.0\n", Some("18.0.1.0\n")),
            ("1", None),
            ("1.0.0.0", None),
            ("17.0.1.0.0", None),
            ("18.0.1", None),
            ("18.0.1.0.0.0", None),
            ("1.a", None),
            ("1.0 ", None),
            ("1.\u{0661}", None),
            ("", None),
        ] {
            assert_eq!(adapt_version(version).as_deref(), full, "{version:?}");
        }
    }

    #[test]
    fn a_bad_version_is_forgiven_where_nothing_can_be_installed() {
        assert_eq!(
            errors("{'name': 'A', 'version': '1'}"),
            ["'version' is \"1\", which Odoo 18 does not take"]
        );
        let loaded = load("{'name': 'A', 'version': '1', 'installable': False}");
        assert_eq!(loaded.manifest.unwrap().version, "1");
        assert_eq!(
            errors("{'name': 'A', 'version': 1.0, 'installable': False}"),
            ["'version' is a float and not a text"]
        );
    }

    #[test]
    fn triggers_have_to_be_dependencies() {
        let auto = |text: &str| load(text).manifest.unwrap().auto_install;
        assert_eq!(auto("{'depends': ['a', 'b'], 'auto_install': True}"), Some(strings(&["a", "b"])));
        assert_eq!(auto("{'depends': ['a', 'b'], 'auto_install': ['b']}"), Some(strings(&["b"])));
        assert_eq!(auto("{'depends': ['a'], 'auto_install': []}"), Some(vec![]));
        assert_eq!(auto("{'depends': ['a'], 'auto_install': 0}"), None);
        assert_eq!(
            errors("{'depends': ['a'], 'auto_install': ['b', 1]}"),
            ["'auto_install' names \"b\", an int, not among 'depends'"]
        );
        assert_eq!(
            errors("{'depends': ['a'], 'auto_install': 'ab'}"),
            ["'auto_install' names \"b\", not among 'depends'"]
        );
    }

    #[test]
    fn every_error_is_told_with_its_line() {
        let loaded =
            load("{\n'name': 'A',\n'version': None,\n'depends': 'base',\n'category': ['x'],\n'license': 1}");
        let places: Vec<_> =
            loaded.manifest.unwrap_err().into_iter().map(|error| (error.line, error.message)).collect();
        assert_eq!(
            places,
            [
                (Some(6), "'license' is an int and not a text".to_owned()),
                (Some(4), "'depends' is a str and not a list of modules".to_owned()),
                (Some(3), "'version' is None and not a text".to_owned()),
                (Some(5), "'category' is a list and not a text".to_owned()),
            ]
        );
    }

    #[test]
    fn what_breaks_less_is_a_warning() {
        let loaded = load("{'license': 'MIT', 'external_dependencies': {'python': 'requests'}}");
        assert!(loaded.manifest.is_ok());
        assert_eq!(loaded.warnings.len(), 3, "name, licence, python");
        assert_eq!(
            load("{'name': '', 'license': 'LGPL3'}").warnings.first().unwrap().hint,
            "did you mean 'LGPL-3'?"
        );
    }
}
