//! The roots: folders that hold modules, in the order in which Odoo looks through them.
//!
//! Odoo's order (`odoo/addons/__init__.py`, `odoo/modules/module.py`, `initialize_sys_path`): its own `odoo/addons`,
//! modules installed as Python packages (`odoo/addons` in every folder of `sys.path`), `addons/18.0` in the data
//! directory, then `addons_path`. The first two are there without being configured, and win over everything that is.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::{MANIFEST_NAMES, python};

/// Why a folder is a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `odoo/addons` of Odoo itself: `base`, and in packaged Odoos everything.
    Core,
    /// `odoo/addons` of a site: modules installed as Python packages.
    Package,
    /// `addons/18.0` of the data directory.
    Data,
    /// `addons` beside Odoo's package: the modules of a source tree.
    Odoo,
    /// The folder for one's own modules.
    Extra,
    /// A repository below the folder for those of OCA.
    Oca,
    /// An entry of a configured `addons_path`.
    Configured,
    /// Named on the command line.
    Given,
}

impl Kind {
    /// One word for it, as `addons list` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Core => "core",
            Kind::Package => "package",
            Kind::Data => "data",
            Kind::Odoo => "odoo",
            Kind::Extra => "extra",
            Kind::Oca => "oca",
            Kind::Configured => "configured",
            Kind::Given => "given",
        }
    }

    /// Whether what lies there came with Odoo.
    pub fn of_odoo(self) -> bool {
        matches!(self, Kind::Core | Kind::Odoo)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A folder that holds modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its path.
    pub path: PathBuf,
    /// Why it is one.
    pub kind: Kind,
}

impl Root {
    /// A root of that kind.
    pub fn new(path: impl Into<PathBuf>, kind: Kind) -> Self {
        Root { path: path.into(), kind }
    }
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Odoo's executable; `None` where there is none.
    pub odoo: Option<PathBuf>,
    /// `PATH`, for executables that begin with `#!/usr/bin/env`.
    pub search: String,
    /// `PYTHONPATH`.
    pub python_path: String,
    /// Odoo's home folder, which may hold Python packages of the user's own.
    pub home: Option<PathBuf>,
    /// Odoo's data directory.
    pub data_dir: Option<PathBuf>,
    /// The folder for one's own modules: `ENTRYPOINT_EXTRA_ADDONS`.
    pub extra: PathBuf,
    /// The folder of repositories: `ENTRYPOINT_OCA_ADDONS`.
    pub oca: PathBuf,
}

/// Every root by discovery.
pub fn roots(places: &Places) -> Vec<Root> {
    let (mut roots, beside) = own(places);
    roots.extend(beside);
    if places.extra.is_dir() {
        push(&mut roots, Root::new(&places.extra, Kind::Extra));
    }
    for path in repositories(&places.oca) {
        push(&mut roots, Root::new(path, Kind::Oca));
    }
    roots
}

/// The roots of a configured `addons_path`: those that Odoo has in any case, then its entries. One that does not exist
/// is among them, since Odoo will stumble over it.
pub fn configured(places: &Places, addons_path: &[PathBuf]) -> Vec<Root> {
    let (mut roots, beside) = own(places);
    for path in addons_path {
        // Odoo follows links in these (`_normalize`), and in none of the others.
        let path = &path.canonicalize().unwrap_or_else(|_| path.clone());
        let kind = if beside.iter().any(|own| own.path == *path) { Kind::Odoo } else { Kind::Configured };
        push(&mut roots, Root::new(path, kind));
    }
    roots
}

/// The roots for folders that are named on the command line, each a root or a folder of repositories, behind those of
/// Odoo and of Python packages.
pub fn given(places: &Places, folders: &[PathBuf]) -> Vec<Root> {
    let (mut roots, beside) = own(places);
    roots.extend(beside);
    for folder in folders {
        let found = repositories(folder);
        let found = if found.is_empty() { vec![folder.clone()] } else { found };
        for path in found {
            push(&mut roots, Root::new(path, Kind::Given));
        }
    }
    roots
}

/// What has to stand in `addons_path` for these roots: Odoo's modules beside its package, and what Odoo would not find
/// by itself. Empty where nothing has to be said.
pub fn addons_path(roots: &[Root]) -> Vec<PathBuf> {
    let named = |root: &&Root| !matches!(root.kind, Kind::Core | Kind::Package | Kind::Data);
    roots.iter().filter(named).map(|root| root.path.clone()).collect()
}

/// What Odoo has without being told, and its modules beside the package, which are on the path by default only.
fn own(places: &Places) -> (Vec<Root>, Option<Root>) {
    let mut roots = Vec::new();
    let mut beside = None;
    let script = places.odoo.as_deref().and_then(|path| python::follow(path, &places.search));
    if let Some(script) = script {
        let search = python::search_path(&script, &places.python_path, places.home.as_deref());
        // The first with an `__init__.py` is the package; every other folder of that name is a part of it
        // (`pkgutil.extend_path`).
        let parts = || search.iter().map(|folder| folder.join("odoo"));
        if let Some(package) = parts().find(|part| part.join("__init__.py").is_file()) {
            roots.push(Root::new(package.join("addons"), Kind::Core));
            for addons in parts().map(|part| part.join("addons")).filter(|addons| addons.is_dir()) {
                push(&mut roots, Root::new(addons, Kind::Package));
            }
            // `odoo/tools/config.py`: `root_path/../addons`.
            let addons =
                package.parent().map(|folder| folder.join("addons")).filter(|addons| addons.is_dir());
            beside = addons.map(|addons| Root::new(addons, Kind::Odoo));
        }
    }
    if let Some(data) = places.data_dir.as_ref().map(|folder| folder.join("addons/18.0")) {
        // Odoo asks whether it may read it, and passes over it otherwise.
        if data.is_dir() && nix::unistd::access(&data, nix::unistd::AccessFlags::R_OK).is_ok() {
            push(&mut roots, Root::new(data, Kind::Data));
        }
    }
    (roots, beside)
}

/// The same folder twice is one root, as in Odoo.
fn push(roots: &mut Vec<Root>, root: Root) {
    if !roots.iter().any(|known| known.path == root.path) {
        roots.push(root);
    }
}

/// The folder itself where it holds modules, and every folder in it that does, by name. One that cannot be looked into is
/// among them, so that it is complained about.
fn repositories(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if holds_modules(folder) == Some(true) {
        found.push(folder.to_owned());
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // `..data` and the like are what Kubernetes keeps in a mounted volume, `.git` is nobody's repository.
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut inner: Vec<PathBuf> = visible.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    inner.sort();
    // Beside modules a closed folder is a closed module.
    let closed_counts = found.is_empty();
    found.extend(inner.into_iter().filter(|path| holds_modules(path).unwrap_or(closed_counts)));
    found
}

/// Whether modules lie directly in it; `None` where we may not look.
fn holds_modules(folder: &Path) -> Option<bool> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
        entries => entries,
    };
    let mut entries = entries.into_iter().flatten().flatten();
    Some(entries.any(|entry| MANIFEST_NAMES.iter().any(|name| entry.path().join(name).is_file())))
}
