//! `addons list` and `addons check`: finds the roots, scans, prints. They start nothing and work as root, which an image
//! build is.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;

use super::check::{self, Demand, Severity};
use super::discover::{self, Kind, Root};
use super::{Module, report, scan};
use crate::cli::{AddonsCheck, AddonsList};
use crate::exit::Exit;
use crate::odoo::args::Args;
use crate::odoo::path;
use crate::preflight;
use crate::settings::raw::Environment;
use crate::settings::{Origin, Settings, source};

/// What the verbs need of the configuration.
struct Effective {
    roots: Vec<Root>,
    wanted: Vec<String>,
}

/// `addons list`: what it prints.
pub fn list(asked: &AddonsList) -> String {
    let roots = effective(&asked.folders).roots;
    let catalogue = scan(&roots);
    let named: BTreeSet<&PathBuf> = asked.folders.iter().collect();
    let shown = |module: &Module| {
        let root = catalogue.roots.get(module.root);
        named.is_empty() || root.is_some_and(|root| root.kind == Kind::Given || named.contains(&root.path))
    };
    if asked.json {
        report::list_json(&catalogue, shown)
    } else {
        report::list_text(&catalogue, shown, colour())
    }
}

/// `addons check`: what it prints, and how it ends.
pub fn check(asked: &AddonsCheck) -> (String, Exit) {
    let effective = effective(&asked.folders);
    let catalogue = scan(&effective.roots);
    let demand = Demand { ce_only: asked.ce_only, wanted: &effective.wanted };
    let findings = check::findings(&catalogue, &demand);
    let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    let text = if asked.json {
        report::check_json(&catalogue, &findings)
    } else {
        report::check_text(&catalogue, &findings, colour())
    };
    (text, if refused { Exit::Addons } else { Exit::Success })
}

/// The roots, and what is to be installed. Settings that are wrong are not this verb's to report: `config check` does.
fn effective(folders: &[PathBuf]) -> Effective {
    let environment = source::environment();
    let settings = preflight::settings(&environment, &Args::default()).ok();
    let wanted = match &settings {
        Some(settings) if folders.is_empty() => settings.init.clone(),
        _ => Vec::new(),
    };
    Effective { roots: roots(settings.as_ref(), &environment, folders), wanted }
}

/// The roots of the folders that are named, else those of the `addons_path` in force, else those that are discovered.
pub(super) fn roots(
    settings: Option<&Settings>,
    environment: &Environment,
    folders: &[PathBuf],
) -> Vec<Root> {
    let option = |key: &str| {
        let options = settings.iter().flat_map(|settings| &settings.odoo.options);
        options.filter(|setting| setting.key == key).find(|setting| !is_unset(&setting.text))
    };
    // Somebody else's modules in the place of the image's are refused with the settings, and looked at here.
    let (mut places, _) = source::places(environment).unwrap_or_default();
    places.data_dir = settings.map(|settings| preflight::data_dir(&settings.odoo));
    if !folders.is_empty() {
        return discover::given(&places, folders);
    }
    match option("addons_path") {
        Some(setting) if setting.origin != Origin::Discovery => {
            let entries = setting.text.split(',').map(str::trim).filter(|text| !text.is_empty());
            let variable = |name: &str| environment.get(name).map(str::to_owned);
            let entries = entries.map(|entry| path::expand(entry, variable));
            discover::configured(&places, &entries.collect::<Vec<_>>())
        }
        _ => discover::roots(&places),
    }
}

/// What counts as no `addons_path` in Odoo (`odoo/tools/config.py`).
fn is_unset(text: &str) -> bool {
    matches!(text.trim(), "" | "None" | "False")
}

/// Colours are for people who look at a terminal and have not said no (<https://no-color.org>).
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
