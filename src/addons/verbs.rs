//! `addons list` and `addons check`: finds the roots, scans, prints. They start nothing and work as root, which an image
//! build is.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;

use super::check::{self, Demand, Severity};
use super::discover::{self, Kind, Root};
use super::{Module, report, scan};
use crate::cli::{AddonsCheck, AddonsList};
use crate::error::Failure;
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
///
/// # Errors
/// The settings are wrong, and no folder is named: nobody knows which modules are meant.
pub fn list(asked: &AddonsList) -> Result<String, Failure> {
    let roots = effective(&asked.folders)?.roots;
    let catalogue = scan(&roots);
    let named: BTreeSet<&PathBuf> = asked.folders.iter().collect();
    let shown = |module: &Module| {
        let root = catalogue.roots.get(module.root);
        named.is_empty() || root.is_some_and(|root| root.kind == Kind::Given || named.contains(&root.path))
    };
    Ok(if asked.json {
        report::list_json(&catalogue, shown)
    } else {
        report::list_text(&catalogue, shown, colour())
    })
}

/// `addons check`: what it prints, and how it ends.
///
/// # Errors
/// As [`list`]: a check that looked at nothing must not pass.
pub fn check(asked: &AddonsCheck) -> Result<(String, Exit), Failure> {
    let effective = effective(&asked.folders)?;
    let catalogue = scan(&effective.roots);
    let demand = Demand { ce_only: asked.ce_only, wanted: &effective.wanted };
    let findings = check::findings(&catalogue, &demand);
    let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    let text = if asked.json {
        report::check_json(&catalogue, &findings)
    } else {
        report::check_text(&catalogue, &findings, colour())
    };
    Ok((text, if refused { Exit::Addons } else { Exit::Success }))
}

/// The roots, and what is to be installed. Where folders are named the settings do not matter; and never what a file of
/// secrets says, which an image's build does not have.
fn effective(folders: &[PathBuf]) -> Result<Effective, Failure> {
    let environment = source::assuming_files(source::values());
    let settings = preflight::settings(&environment, &Args::default());
    if !folders.is_empty() {
        let roots = roots(settings.as_ref().ok(), &environment, folders);
        return Ok(Effective { roots, wanted: Vec::new() });
    }
    let settings = settings?;
    Ok(Effective { roots: roots(Some(&settings), &environment, folders), wanted: settings.init })
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
