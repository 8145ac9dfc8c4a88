//! `addons list` and `addons check`: finds the roots, scans, prints. They start nothing and work as root, which an image
//! build is.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::check::{self, Demand, Severity};
use super::discover::{self, EXTRA, Kind, OCA, Places, Root};
use super::{Module, report, scan};
use crate::cli::{AddonsCheck, AddonsList};
use crate::exit::Exit;
use crate::odoo::args::Args;
use crate::odoo::launch;
use crate::preflight;
use crate::settings::raw::Environment;
use crate::settings::source;

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

/// The roots of the folders that are named, else those of the configured `addons_path`, else those that are discovered.
/// Settings that are wrong are not this verb's to report: `config check` does.
fn effective(folders: &[PathBuf]) -> Effective {
    let environment = source::environment();
    let settings = preflight::settings(&environment, &Args::default()).ok();
    let option = |key: &str| {
        let options = settings.iter().flat_map(|settings| &settings.odoo.options);
        options.filter(|setting| setting.key == key).map(|setting| setting.text.as_str()).next()
    };
    let configured =
        option("addons_path").or(environment.get("ODOO_ADDONS_PATH")).filter(|text| !is_unset(text));
    let data_dir = option("data_dir").filter(|text| !is_unset(text)).map(PathBuf::from);
    let places = places(&environment, data_dir);
    let entries = |text: &str| {
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(PathBuf::from).collect()
    };
    let (roots, wanted) = match configured {
        _ if !folders.is_empty() => (discover::given(&places, folders), Vec::new()),
        Some(text) => {
            let entries: Vec<PathBuf> = entries(text);
            (discover::configured(&places, &entries), wanted(settings.as_ref()))
        }
        None => (discover::roots(&places), wanted(settings.as_ref())),
    };
    Effective { roots, wanted }
}

fn wanted(settings: Option<&crate::settings::Settings>) -> Vec<String> {
    settings.map_or(Vec::new(), |settings| settings.init.clone())
}

/// What counts as no `addons_path` in Odoo (`odoo/tools/config.py`).
fn is_unset(text: &str) -> bool {
    matches!(text.trim(), "" | "None" | "False")
}

/// Where to look, from the environment.
fn places(environment: &Environment, data_dir: Option<PathBuf>) -> Places {
    let text = |name: &str| environment.get(name).unwrap_or_default().to_owned();
    let named = Some(text("ENTRYPOINT_ODOO_BIN")).filter(|path| !path.is_empty()).map(PathBuf::from);
    Places {
        odoo: launch::find(named.as_deref(), &text("PATH")).ok(),
        search: text("PATH"),
        python_path: text("PYTHONPATH"),
        home: Some(PathBuf::from(text("HOME"))).filter(|home| home.is_absolute()),
        data_dir,
        extra: Path::new(EXTRA).to_owned(),
        oca: Path::new(OCA).to_owned(),
    }
}

/// Colours are for people who look at a terminal and have not said no (<https://no-color.org>).
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
