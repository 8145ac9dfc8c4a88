//! The modules on Odoo's addons paths: where they are, what their manifests say, and what is wrong with them.
//!
//! [`discover`] finds the roots (folders that hold modules), [`scan`] reads every manifest in them, [`check`] and
//! [`graph`] decide what that means, [`report`] says it. The first two read files; the others are pure. Nothing here
//! starts a process.

pub mod check;
pub mod discover;
pub mod editions;
mod finding;
pub mod graph;
mod python;
pub mod report;
mod start;
pub mod verbs;

pub use self::start::{Found as FoundAtStart, start};

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use self::discover::Root;
use crate::odoo::literal::{self, SyntaxError};
use crate::odoo::manifest::{Complaint, Manifest};

/// The file that makes a folder a module, and its name of old (`odoo/modules/module.py`, `MANIFEST_NAMES`).
const MANIFEST_NAMES: [&str; 2] = ["__manifest__.py", "__openerp__.py"];

/// What a manifest turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Odoo takes it.
    Good(Manifest),
    /// Odoo takes it and fails.
    Invalid(Vec<Complaint>),
    /// Python refuses it.
    Syntax(SyntaxError),
    /// The system refuses it.
    Unreadable(String),
}

/// One module in one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The folder's name, which is the module's technical name.
    pub name: String,
    /// Index into [`Catalogue::roots`].
    pub root: usize,
    /// The manifest's path.
    pub path: PathBuf,
    /// The manifest.
    pub content: Content,
    /// What is odd about the manifest.
    pub warnings: Vec<Complaint>,
}

impl Module {
    /// The manifest, where Odoo takes it.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.content {
            Content::Good(manifest) => Some(manifest),
            _ => None,
        }
    }
}

/// Every module of some roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The roots, the one that wins first.
    pub roots: Vec<Root>,
    /// Roots that cannot be listed, by index, and why.
    pub unlisted: Vec<(usize, String)>,
    /// Folders that this user may not look into, which Odoo passes over in silence; and why.
    pub closed: Vec<(PathBuf, String)>,
    /// By name, and under one name in the order of the roots.
    pub modules: Vec<Module>,
}

impl Catalogue {
    /// The modules that Odoo sees: of each name the one in the first root.
    pub fn winners(&self) -> BTreeMap<&str, &Module> {
        let mut winners = BTreeMap::new();
        for module in &self.modules {
            winners.entry(module.name.as_str()).or_insert(module);
        }
        winners
    }

    /// Whether Odoo itself was found among the roots.
    pub fn has_odoo(&self) -> bool {
        self.roots.iter().any(|root| root.kind == discover::Kind::Core)
    }
}

/// Reads every manifest of these roots; the order of the roots is that of Odoo's priority.
///
/// On one thread: a second one takes 650 manifests from 10.7 ms to 6.5 on two idle cores, and to 23 where both are busy, as at the
/// start of a machine, when one thread takes 16 (`benches/configuration.rs`).
pub fn scan(roots: &[Root]) -> Catalogue {
    let limit = limit(std::env::var("ODOO_LIMIT_LITEVAL_BUFFER").ok().as_deref());
    let mut catalogue = Catalogue { roots: roots.to_vec(), ..Catalogue::default() };
    let mut folders = Vec::new();
    for (index, root) in roots.iter().enumerate() {
        match subfolders(&root.path) {
            Ok(found) => folders.extend(found.into_iter().map(|folder| (index, folder))),
            Err(error) => catalogue.unlisted.push((index, error.to_string())),
        }
    }
    for (root, folder) in folders {
        match read(&folder, limit) {
            Found::Module(path, content, warnings) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                catalogue.modules.push(Module { name, root, path, content, warnings });
            }
            Found::Closed(error) => catalogue.closed.push((folder, error)),
            Found::Nothing => {}
        }
    }
    catalogue.modules.sort_by(|a, b| (&a.name, a.root).cmp(&(&b.name, b.root)));
    catalogue.closed.sort();
    catalogue
}

/// Odoo reads this variable so; anything but digits counts as unset.
fn limit(variable: Option<&str>) -> usize {
    variable.and_then(|text| text.parse().ok()).unwrap_or(literal::DEFAULT_LIMIT)
}

/// The folders in a folder, and what links to one, unsorted.
fn subfolders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        // A link may lead to a folder; opening the manifest through it will tell.
        if entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

enum Found {
    Module(PathBuf, Content, Vec<Complaint>),
    Closed(String),
    Nothing,
}

fn read(folder: &Path, limit: usize) -> Found {
    for name in MANIFEST_NAMES {
        let path = folder.join(name);
        let (bytes, whole) = match bytes(&path, limit) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            // Odoo asks for a file first (`os.path.isfile`), which needs no right to read it.
            Err(error) if path.is_file() => {
                return Found::Module(path, Content::Unreadable(error.to_string()), Vec::new());
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Found::Closed(error.to_string());
            }
            Err(_) => continue,
        };
        let (content, mut warnings) = if whole {
            content(&bytes, limit)
        } else {
            let message =
                format!("more than {limit} characters (ODOO_LIMIT_LITEVAL_BUFFER raises the limit)");
            (Content::Syntax(SyntaxError { line: 1, column: 1, message }), Vec::new())
        };
        if name == "__openerp__.py" {
            warnings.push(Complaint {
                line: None,
                message: "the manifest is called __openerp__.py, which Odoo gives up".to_owned(),
                hint: "rename it to __manifest__.py".to_owned(),
                ends_requests: false,
            });
        }
        return Found::Module(path, content, warnings);
    }
    Found::Nothing
}

/// The file's bytes, and whether they are all of it; `None` where it is no file. More is not read than can be needed to
/// refuse it: a character has up to four bytes, and two of them may be one newline.
fn bytes(path: &Path, limit: usize) -> io::Result<Option<(Vec<u8>, bool)>> {
    // Without O_NONBLOCK a FIFO of this name would hold us up.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let most = (limit as u64).saturating_mul(8);
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(most)).unwrap_or_default() + 1);
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 <= most;
    Ok(Some((bytes, whole)))
}

fn content(bytes: &[u8], limit: usize) -> (Content, Vec<Complaint>) {
    match literal::parse(bytes, limit) {
        Err(error) => (Content::Syntax(error), Vec::new()),
        Ok(value) => {
            let loaded = Manifest::load(&value);
            let content = match loaded.manifest {
                Ok(manifest) => Content::Good(manifest),
                Err(complaints) => Content::Invalid(complaints),
            };
            (content, loaded.warnings)
        }
    }
}
