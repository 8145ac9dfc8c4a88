//! The settings for people and programs: what is in force, where it comes from, what it shadows. Pure. No secret is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

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
    if !empty && (options::is_secret(key) || has_credentials(text)) { HIDDEN } else { text }
}

/// An address with an account in it: `redis://:s3cret@cache`, `https://key@sentry.example.com`.
fn has_credentials(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
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

/// An origin for programs.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum From<'a> {
    Flag { name: &'a str },
    Environment { name: &'a str },
    SecretFile { name: &'a str, path: &'a str },
    BaseFile { path: &'a str, line: usize },
    Image,
    Sizing,
    Discovery,
    Odoo,
}

impl<'a> From<'a> {
    fn of(origin: &'a Origin) -> Self {
        match origin {
            Origin::Flag(name) => From::Flag { name },
            Origin::Variable(name) => From::Environment { name },
            Origin::SecretFile { variable: name, path } => From::SecretFile { name, path },
            Origin::BaseFile { path, line } => From::BaseFile { path, line: *line },
            Origin::Image => From::Image,
            Origin::Sizing => From::Sizing,
            Origin::Discovery => From::Discovery,
        }
    }
}

/// A value that lost, for programs.
#[derive(Serialize)]
struct Lost<'a> {
    value: Option<&'a str>,
    origin: From<'a>,
}

/// An option for programs. A secret that is set has no value; whether it is set is no secret.
#[derive(Serialize)]
struct Effective<'a> {
    key: &'a str,
    value: Option<&'a str>,
    secret: bool,
    origin: From<'a>,
    shadowed: Vec<Lost<'a>>,
}

/// A variable of the supervisor for programs.
#[derive(Serialize)]
struct Own<'a> {
    name: &'a str,
    value: &'a str,
    given: bool,
}

/// All of it.
#[derive(Serialize)]
struct All<'a> {
    options: Vec<Effective<'a>>,
    sections: BTreeMap<&'a str, BTreeMap<&'a str, Option<&'a str>>>,
    supervisor: Vec<Own<'a>>,
    databases: &'a [String],
    init: &'a [String],
    notes: &'a [String],
    warnings: &'a [String],
}

fn unless_hidden(text: &str) -> Option<&str> {
    (text != HIDDEN).then_some(text)
}

/// The same for programs: one object, documented in `docs/settings.md`.
pub fn json(settings: &Settings, all: bool) -> String {
    let mut list: Vec<Effective<'_>> = settings
        .odoo
        .options
        .iter()
        .map(|setting| Effective {
            key: &setting.key,
            value: unless_hidden(effective(settings, setting)),
            secret: options::is_secret(&setting.key),
            origin: From::of(&setting.origin),
            shadowed: setting
                .shadowed
                .iter()
                .map(|lost| Lost {
                    value: unless_hidden(shown(&setting.key, &lost.text)),
                    origin: From::of(&lost.origin),
                })
                .collect(),
        })
        .collect();
    if all {
        list.extend(unset(settings).map(|(key, text)| Effective {
            key,
            value: unless_hidden(text),
            secret: options::is_secret(key),
            origin: From::Odoo,
            shadowed: Vec::new(),
        }));
    }
    let sections = settings.odoo.sections.iter().map(|(name, entries)| {
        let entries =
            entries.iter().map(|entry| (entry.key.as_str(), unless_hidden(shown(&entry.key, &entry.value))));
        (name.as_str(), entries.collect())
    });
    let own = settings.own.iter().map(|own| Own { name: own.name, value: &own.text, given: own.given });
    pretty(&All {
        options: list,
        sections: sections.collect(),
        supervisor: own.collect(),
        databases: &settings.databases,
        init: &settings.init,
        notes: &settings.notes,
        warnings: &settings.warnings,
    })
}

/// A problem for programs.
#[derive(Serialize)]
struct Told<'a> {
    what: &'a str,
    why: &'a str,
    fix: &'a str,
}

/// The result of a check for programs.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    problems: Vec<Told<'a>>,
    warnings: &'a [String],
}

/// The result of a check for programs: `{"ok", "problems": [{"what", "why", "fix"}], "warnings"}`.
pub fn report(problems: &[Problem], warnings: &[String]) -> String {
    let list = problems.iter().map(|told| Told { what: &told.what, why: &told.why, fix: &told.hint });
    pretty(&Report { ok: problems.is_empty(), problems: list.collect(), warnings })
}

fn pretty(value: &impl Serialize) -> String {
    // Texts and numbers alone: nothing here can fail to be written.
    serde_json::to_string_pretty(value).map_or_else(|error| format!("{error}\n"), |text| text + "\n")
}
