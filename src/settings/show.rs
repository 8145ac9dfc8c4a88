//! The settings for people and programs: what is in force, where it comes from, what it shadows. Pure. No secret is shown.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Origin, Setting, Settings};
use crate::error::Problem;
use crate::odoo::options::{self, OPTIONS, Place};

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Origins begin here, unless a value is longer.
const COLUMN: usize = 40;

/// A value that may be shown.
fn shown<'a>(key: &str, text: &'a str) -> &'a str {
    let empty = matches!(text, "" | "False");
    if options::is_secret(key) && !empty { HIDDEN } else { text }
}

/// The effective text of an option; a password that is yet to be hashed counts as given.
fn effective<'a>(settings: &Settings, setting: &'a Setting) -> &'a str {
    let to_be_hashed = setting.key == "admin_passwd" && settings.master_password.is_some();
    if to_be_hashed { HIDDEN } else { shown(&setting.key, &setting.text) }
}

/// The options that nobody has set, with Odoo's own defaults: key and text.
fn unset(settings: &Settings) -> impl Iterator<Item = (&'static str, &'static str)> {
    OPTIONS
        .iter()
        .filter(|option| option.place == Place::File)
        .filter(|option| settings.odoo.options.iter().all(|setting| setting.key != option.key))
        .map(|option| (option.key, shown(option.key, option.default)))
}

/// `key = value`, as the rendered file says it, and with `origin` where it comes from; with `all` Odoo's defaults too.
pub fn text(settings: &Settings, origin: bool, all: bool) -> String {
    let mut text = String::from("[options]\n");
    for setting in &settings.odoo.options {
        let line = format!("{} = {}", setting.key, effective(settings, setting).replace('\n', "\n    "));
        let from = setting.origin.to_string();
        let others = setting.shadowed.iter().map(|shadow| {
            format!("shadows {} ({})", shown(&setting.key, &shadow.text).replace('\n', " "), shadow.origin)
        });
        put(&mut text, &line, origin.then(|| std::iter::once(from).chain(others)));
    }
    if all {
        for (key, default) in unset(settings) {
            put(&mut text, &format!("{key} = {default}"), origin.then(|| ["Odoo's default".to_owned()]));
        }
    }
    for (name, entries) in &settings.odoo.sections {
        let _ = writeln!(text, "\n[{name}]");
        for entry in entries {
            let line = format!("{} = {}", entry.key, shown(&entry.key, &entry.value).replace('\n', "\n    "));
            put(&mut text, &line, origin.then(|| [format!("line {} of the base file", entry.line)]));
        }
    }
    if origin || all {
        let _ = writeln!(text, "\n# the supervisor's own");
        let init = settings.init.join(",");
        let nothing = "(none)".to_owned();
        let _ = writeln!(text, "ODOO_INIT={}", if init.is_empty() { nothing } else { init });
        for own in &settings.own {
            let line = format!("{}={}", own.name, own.text);
            let from = if own.given { "environment" } else { "default" };
            put(&mut text, &line, origin.then(|| [from.to_owned()]));
        }
        for note in &settings.notes {
            let _ = writeln!(text, "\n# {note}");
        }
    }
    text
}

/// One line, and beside and below it what there is to say about it.
fn put(text: &mut String, line: &str, remarks: Option<impl IntoIterator<Item = String>>) {
    let mut remarks = remarks.into_iter().flatten();
    let last = line.rsplit('\n').next().unwrap_or_default();
    let gap = COLUMN.saturating_sub(last.chars().count()).max(2);
    let _ = match remarks.next() {
        Some(remark) => writeln!(text, "{line}{:gap$}# {remark}", ""),
        None => writeln!(text, "{line}"),
    };
    for remark in remarks {
        let _ = writeln!(text, "{:COLUMN$}# {remark}", "");
    }
}

/// The shape of an origin in JSON. `kind` is one of `flag`, `environment`, `secret_file`, `base_file`, `image`, `sizing`,
/// `discovery`, `odoo`.
fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Flag(name) => json!({"kind": "flag", "name": name}),
        Origin::Variable(name) => json!({"kind": "environment", "name": name}),
        Origin::SecretFile { variable, path } => {
            json!({"kind": "secret_file", "name": variable, "path": path})
        }
        Origin::BaseFile { path, line } => json!({"kind": "base_file", "path": path, "line": line}),
        Origin::Image => json!({"kind": "image"}),
        Origin::Sizing => json!({"kind": "sizing"}),
        Origin::Discovery => json!({"kind": "discovery"}),
    }
}

fn option(key: &str, value: &str, from: Value, shadowed: Vec<Value>) -> Value {
    let secret = options::is_secret(key);
    json!({
        "key": key,
        // A secret that is set is null; whether it is set is no secret.
        "value": if value == HIDDEN { Value::Null } else { Value::from(value) },
        "secret": secret,
        "origin": from,
        "shadowed": shadowed,
    })
}

/// The same for programs: one object, documented in `docs/settings.md`.
pub fn json(settings: &Settings, all: bool) -> String {
    let mut list: Vec<Value> = settings
        .odoo
        .options
        .iter()
        .map(|setting| {
            let shadowed = setting.shadowed.iter().map(|shadow| {
                let value = shown(&setting.key, &shadow.text);
                json!({"value": if value == HIDDEN { Value::Null } else { Value::from(value) }, "origin": origin(&shadow.origin)})
            });
            option(&setting.key, effective(settings, setting), origin(&setting.origin), shadowed.collect())
        })
        .collect();
    if all {
        list.extend(
            unset(settings).map(|(key, text)| option(key, text, json!({"kind": "odoo"}), Vec::new())),
        );
    }
    let sections: Map<String, Value> = settings
        .odoo
        .sections
        .iter()
        .map(|(name, entries)| {
            let entries: Map<String, Value> = entries
                .iter()
                .map(|entry| (entry.key.clone(), Value::from(shown(&entry.key, &entry.value))))
                .collect();
            (name.clone(), Value::Object(entries))
        })
        .collect();
    let own: Vec<Value> = settings
        .own
        .iter()
        .map(|own| json!({"name": own.name, "value": own.text, "given": own.given}))
        .collect();
    pretty(&json!({
        "options": list,
        "sections": sections,
        "supervisor": own,
        "databases": settings.databases,
        "init": settings.init,
        "notes": settings.notes,
        "warnings": settings.warnings,
    }))
}

/// The result of a check for programs: `{"ok": ..., "problems": [{"what", "why", "fix"}], "warnings": [...]}`.
pub fn report(problems: &[Problem], warnings: &[String]) -> String {
    let list: Vec<Value> = problems
        .iter()
        .map(|problem| json!({"what": problem.what, "why": problem.why, "fix": problem.hint}))
        .collect();
    pretty(&json!({"ok": problems.is_empty(), "problems": list, "warnings": warnings}))
}

fn pretty(value: &impl Serialize) -> String {
    // Texts and numbers alone: nothing here can fail to be written.
    serde_json::to_string_pretty(value).map_or_else(|error| format!("{error}\n"), |text| text + "\n")
}
