//! What a check finds: how bad, by which rule, where, and in words. Pure.

use std::path::PathBuf;

use super::Module;
use crate::error::Problem;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The check fails.
    Error,
    /// The check passes.
    Warning,
}

impl Severity {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// What a finding is about. The names are part of the JSON output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A root that is not there, or may not be listed.
    RootUnreadable,
    /// A root whose path cannot stand in `addons_path`.
    RootUnnameable,
    /// A folder that was named and holds no module.
    NoModules,
    /// A manifest that may not be read.
    ManifestUnreadable,
    /// A manifest that is no literal.
    ManifestSyntax,
    /// A manifest that Odoo raises on.
    ManifestInvalid,
    /// A manifest that Odoo raises on when it installs or updates.
    ManifestUninstallable,
    /// A manifest with something odd.
    ManifestOdd,
    /// A folder that this user may not look into.
    FolderClosed,
    /// Two modules of one name.
    Duplicate,
    /// A wanted module that is not there, or cannot be installed.
    WantedMissing,
    /// A dependency that is not there.
    DependencyMissing,
    /// A dependency that says `installable: False`.
    DependencyUninstallable,
    /// Modules that wait for each other.
    DependencyCycle,
    /// A licence that is not on the list.
    CeLicense,
    /// The name of an Enterprise module.
    CeName,
    /// A dependency on what is refused.
    CeDependency,
}

impl Rule {
    /// The name in the JSON output.
    pub fn name(self) -> &'static str {
        match self {
            Rule::RootUnreadable => "root-unreadable",
            Rule::RootUnnameable => "root-unnameable",
            Rule::NoModules => "no-modules",
            Rule::ManifestUnreadable => "manifest-unreadable",
            Rule::ManifestSyntax => "manifest-syntax",
            Rule::ManifestInvalid => "manifest-invalid",
            Rule::ManifestUninstallable => "manifest-uninstallable",
            Rule::ManifestOdd => "manifest-odd",
            Rule::FolderClosed => "folder-closed",
            Rule::Duplicate => "duplicate",
            Rule::WantedMissing => "wanted-missing",
            Rule::DependencyMissing => "dependency-missing",
            Rule::DependencyUninstallable => "dependency-uninstallable",
            Rule::DependencyCycle => "dependency-cycle",
            Rule::CeLicense => "ce-license",
            Rule::CeName => "ce-name",
            Rule::CeDependency => "ce-dependency",
        }
    }

    /// Whether it is about what is not Community; only where that is asked for.
    pub fn is_of_editions(self) -> bool {
        matches!(self, Rule::CeLicense | Rule::CeName | Rule::CeDependency)
    }

    /// Whether an error of this kind ends every request of Odoo, or leads it to other folders, so that a start is in vain.
    pub fn breaks_odoo(self) -> bool {
        matches!(
            self,
            Rule::RootUnreadable
                | Rule::RootUnnameable
                | Rule::ManifestUnreadable
                | Rule::ManifestSyntax
                | Rule::ManifestInvalid
        )
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub rule: Rule,
    /// The module, where it is about one.
    pub module: Option<String>,
    /// The file or folder.
    pub path: Option<PathBuf>,
    /// The line in it, counted from 1.
    pub line: Option<usize>,
    /// The column in it, counted from 1, in characters.
    pub column: Option<usize>,
    /// The modules on the way to the cause, this one first.
    pub chain: Vec<String>,
    /// In words.
    pub problem: Problem,
}

impl Finding {
    pub(super) fn new(severity: Severity, rule: Rule, problem: Problem) -> Self {
        Finding {
            severity,
            rule,
            module: None,
            path: None,
            line: None,
            column: None,
            chain: Vec::new(),
            problem,
        }
    }

    pub(super) fn about(mut self, module: &Module) -> Self {
        self.module = Some(module.name.clone());
        self.path = Some(module.path.clone());
        self
    }

    pub(super) fn at(mut self, line: Option<usize>, column: Option<usize>) -> Self {
        self.line = line;
        self.column = column;
        self
    }

    pub(super) fn along(mut self, chain: &[&str]) -> Self {
        self.chain = chain.iter().map(|name| (*name).to_owned()).collect();
        self
    }
}
