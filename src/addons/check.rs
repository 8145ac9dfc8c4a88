//! What is wrong with the modules on the path, all of it at once. Pure.
//!
//! An **error** is what breaks Odoo whether or not anybody installs the module (a manifest or a root that it cannot read
//! ends every HTTP request, `-i` and `-u`), what can work nowhere (a cycle), what keeps a wanted module from being
//! installed, and, where it is asked for, what is not Community. A **warning** is what may never matter: most
//! repositories hold modules that one does not install, with dependencies that one does not have.

use std::collections::{BTreeMap, BTreeSet};

use super::discover::Kind;
use super::editions::{is_community, is_enterprise};
pub use super::finding::{Finding, Rule, Severity};
use super::graph::{self, Graph};
use super::{Catalogue, Content, Module};
use crate::error::{Problem, nearest};
use crate::odoo::manifest::Complaint;

/// The licences that Odoo Community may be shipped with.
pub const ALLOWED_LICENSES: [&str; 7] = [
    "GPL-2",
    "GPL-2 or any later version",
    "GPL-3",
    "GPL-3 or any later version",
    "AGPL-3",
    "LGPL-3",
    "Other OSI approved licence",
];

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demand<'a> {
    /// Refuse what is not Community.
    pub ce_only: bool,
    /// Modules that are to be installed (`ODOO_INIT`).
    pub wanted: &'a [String],
}

/// Everything there is to say: errors first, then by module.
pub fn findings(catalogue: &Catalogue, demand: &Demand<'_>) -> Vec<Finding> {
    let winners = catalogue.winners();
    let mut check = Check { catalogue, winners: &winners, graph: graph(&winners), findings: Vec::new() };
    check.roots();
    check.manifests();
    check.duplicates();
    check.wanted(demand.wanted);
    check.dependencies();
    check.cycles();
    if demand.ce_only {
        check.community_only();
    }
    let mut findings = check.findings;
    findings.sort_by(|a, b| {
        (a.severity, &a.module, a.rule, &a.path, a.line)
            .cmp(&(b.severity, &b.module, b.rule, &b.path, b.line))
    });
    findings
}

fn graph<'a>(winners: &BTreeMap<&'a str, &'a Module>) -> Graph<'a> {
    let depends = |module: &'a Module| {
        module.manifest().map_or(Vec::new(), |manifest| manifest.depends.iter().map(String::as_str).collect())
    };
    winners.iter().map(|(name, module)| (*name, depends(module))).collect()
}

struct Check<'a> {
    catalogue: &'a Catalogue,
    winners: &'a BTreeMap<&'a str, &'a Module>,
    graph: Graph<'a>,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn kind(&self, module: &Module) -> Kind {
        self.catalogue.roots.get(module.root).map_or(Kind::Configured, |root| root.kind)
    }

    /// Whether a module is one of Community's own in a folder of Odoo's: where Odoo is, or one that holds what only such a folder
    /// holds. Somebody else's module of the same name is looked at like any other.
    fn came_with_odoo(&self, module: &Module) -> bool {
        const ONLY_THERE: [&str; 4] = ["account", "base_setup", "mail", "web"];
        let beside = |name: &str| {
            self.catalogue.modules.iter().any(|other| other.root == module.root && other.name == name)
        };
        is_community(&module.name)
            && (self.kind(module).of_odoo() || ONLY_THERE.iter().all(|name| beside(name)))
    }

    fn wins(&self, module: &Module) -> bool {
        self.winners.get(module.name.as_str()).is_some_and(|winner| winner.root == module.root)
    }

    fn roots(&mut self) {
        for (index, error) in &self.catalogue.unlisted {
            let Some(root) = self.catalogue.roots.get(*index) else { continue };
            let problem = Problem::new(
                "a folder of the addons path cannot be listed",
                format!("{} ({}): {error}", root.path.display(), root.kind),
                "make it readable, or take it off the path; with it every request of Odoo ends with a 500",
            );
            let mut finding = Finding::new(Severity::Error, Rule::RootUnreadable, problem);
            finding.path = Some(root.path.clone());
            self.add(finding);
        }
        for (index, root) in self.catalogue.roots.iter().enumerate() {
            let text = root.path.to_string_lossy();
            let listed = !matches!(root.kind, Kind::Core | Kind::Package | Kind::Data);
            // Odoo parts at commas, strips, and expands variables and `~` (`odoo/tools/config.py`, `_normalize`).
            if listed && (text.contains([',', '$']) || text.starts_with('~') || text.trim() != text) {
                let problem = Problem::new(
                    "a folder's path cannot stand in addons_path",
                    format!("{} ({}) has a comma, a $ or a blank at its end", root.path.display(), root.kind),
                    "rename the folder",
                );
                let mut finding = Finding::new(Severity::Error, Rule::RootUnnameable, problem);
                finding.path = Some(root.path.clone());
                self.add(finding);
            }
            let unlisted = self.catalogue.unlisted.iter().any(|(unlisted, _)| *unlisted == index);
            if root.kind == Kind::Given
                && !unlisted
                && self.catalogue.modules.iter().all(|module| module.root != index)
            {
                let problem = Problem::new(
                    "there is no module in a folder that is to be checked",
                    format!("no folder in {} has a __manifest__.py", root.path.display()),
                    "name the folder that holds the modules' folders",
                );
                let mut finding = Finding::new(Severity::Warning, Rule::NoModules, problem);
                finding.path = Some(root.path.clone());
                self.add(finding);
            }
        }
        for (folder, error) in &self.catalogue.closed {
            let problem = Problem::new(
                "a folder on the addons path may not be looked into",
                format!("{}: {error}; Odoo passes over it without a word", folder.display()),
                format!("chmod a+rx {}", folder.display()),
            );
            let mut finding = Finding::new(Severity::Warning, Rule::FolderClosed, problem);
            finding.path = Some(folder.clone());
            self.add(finding);
        }
    }

    fn manifests(&mut self) {
        for module in &self.catalogue.modules {
            let (name, path) = (&module.name, module.path.display());
            // Odoo reads the manifest of the module that wins, and no other.
            let (severity, effect) = if self.wins(module) {
                (Severity::Error, "until then every request of Odoo, -i and -u fail, installed or not")
            } else {
                (Severity::Warning, "Odoo does not read it, as another module of this name wins")
            };
            match &module.content {
                Content::Good(_) => {}
                Content::Unreadable(error) => {
                    let problem = Problem::new(
                        format!("the manifest of {name} cannot be read"),
                        format!("{path}: {error}"),
                        format!("chmod a+r {path}; {effect}"),
                    );
                    self.add(Finding::new(severity, Rule::ManifestUnreadable, problem).about(module));
                }
                Content::Syntax(error) => {
                    let (line, column) = (error.line, error.column);
                    let problem = Problem::new(
                        format!("the manifest of {name} is not a Python literal"),
                        format!("{path}:{line}:{column}: {}", error.message),
                        format!("mend that place; {effect}"),
                    );
                    let finding = Finding::new(severity, Rule::ManifestSyntax, problem);
                    self.add(finding.about(module).at(Some(line), Some(column)));
                }
                Content::Invalid(complaints) => {
                    for complaint in complaints {
                        let (rule, effect) = match (complaint.ends_requests, severity) {
                            (false, Severity::Error) => {
                                (Rule::ManifestUninstallable, "until then -i base and -u fail")
                            }
                            _ => (Rule::ManifestInvalid, effect),
                        };
                        let hint = format!("{}; {effect}", complaint.hint);
                        let what = format!("the manifest of {name} is not valid");
                        self.complain(module, severity, rule, what, complaint, hint);
                    }
                }
            }
            if self.wins(module) {
                for complaint in &module.warnings {
                    let what = format!("the manifest of {name} is odd");
                    let hint = complaint.hint.clone();
                    self.complain(module, Severity::Warning, Rule::ManifestOdd, what, complaint, hint);
                }
            }
        }
    }

    fn complain(
        &mut self,
        module: &Module,
        severity: Severity,
        rule: Rule,
        what: String,
        complaint: &Complaint,
        hint: String,
    ) {
        let line = complaint.line.map_or(String::new(), |line| format!(":{line}"));
        let problem =
            Problem::new(what, format!("{}{line}: {}", module.path.display(), complaint.message), hint);
        self.add(Finding::new(severity, rule, problem).about(module).at(complaint.line, None));
    }

    fn duplicates(&mut self) {
        for module in &self.catalogue.modules {
            let Some(winner) =
                self.winners.get(module.name.as_str()).filter(|winner| winner.root != module.root)
            else {
                continue;
            };
            let problem = Problem::new(
                format!("there are two modules {}", module.name),
                format!(
                    "Odoo takes {} ({}), never {} ({})",
                    winner.path.display(),
                    self.kind(winner),
                    module.path.display(),
                    self.kind(module)
                ),
                "remove the one that is not meant",
            );
            self.add(Finding::new(Severity::Warning, Rule::Duplicate, problem).about(module));
        }
    }

    /// What keeps wanted modules, and all that they need, from being installed.
    fn wanted(&mut self, wanted: &[String]) {
        for name in wanted {
            let module = self.winners.get(name.as_str());
            let why = match module {
                None if self.catalogue.has_odoo() => {
                    format!("no folder of the addons path has a module {name}")
                }
                Some(module) if module.manifest().is_some_and(|manifest| !manifest.installable) => {
                    format!("{} says 'installable': False", module.path.display())
                }
                _ => continue,
            };
            let near = nearest(name, self.winners.keys().copied());
            let hint = match near.filter(|near| *near != name) {
                Some(near) => format!("did you mean {near}?"),
                None => "add the module to the image, or do not ask for it".to_owned(),
            };
            let problem = Problem::new(format!("the module {name} cannot be installed"), why, hint);
            let mut finding = Finding::new(Severity::Error, Rule::WantedMissing, problem);
            finding.module = Some(name.clone());
            self.add(finding);
        }
        for (needed, on_behalf) in self.needed(wanted) {
            if self.winners.contains_key(needed) || !self.catalogue.has_odoo() {
                continue;
            }
            let chain = graph::path_to(&self.graph, on_behalf, |name| name == needed).unwrap_or_default();
            let problem = Problem::new(
                format!("the module {on_behalf} cannot be installed"),
                format!("{}: no folder of the addons path has a module {needed}", chain.join(" -> ")),
                format!("add the repository that has {needed} to the image"),
            );
            let mut finding = Finding::new(Severity::Error, Rule::WantedMissing, problem).along(&chain);
            finding.module = Some(on_behalf.to_owned());
            self.add(finding);
        }
    }

    /// Everything that wanted modules depend on, each with one of those that do.
    fn needed<'w>(&self, wanted: &'w [String]) -> BTreeMap<&'a str, &'w str>
    where
        'w: 'a,
    {
        let mut needed: BTreeMap<&'a str, &'w str> = BTreeMap::new();
        for name in wanted {
            let mut open = vec![name.as_str()];
            while let Some(module) = open.pop() {
                for next in self.graph.get(module).into_iter().flatten().copied() {
                    if !needed.contains_key(next) {
                        needed.insert(next, name);
                        open.push(next);
                    }
                }
            }
        }
        needed
    }

    fn dependencies(&mut self) {
        for module in self.winners.values() {
            let Some(manifest) = module.manifest().filter(|manifest| manifest.installable) else { continue };
            for name in &manifest.depends {
                match self.winners.get(name.as_str()).map(|dependency| dependency.manifest()) {
                    // Without Odoo its modules are known by name alone.
                    None if !self.catalogue.has_odoo() && is_community(name) => {}
                    None => {
                        let near = nearest(name, self.winners.keys().copied());
                        let hint = near.map_or_else(
                            || {
                                format!(
                                    "add the repository that has {name}, or never install {}",
                                    module.name
                                )
                            },
                            |near| format!("did you mean {near}?"),
                        );
                        let problem = Problem::new(
                            format!("{} depends on {name}, which is not there", module.name),
                            format!("{}: no folder of the addons path has it", module.path.display()),
                            hint,
                        );
                        let finding = Finding::new(Severity::Warning, Rule::DependencyMissing, problem);
                        self.findings.push(finding.about(module).along(&[&module.name, name]));
                    }
                    Some(Some(dependency)) if !dependency.installable => {
                        let problem = Problem::new(
                            format!("{} depends on {name}, which cannot be installed", module.name),
                            format!("{name} says 'installable': False"),
                            format!("mend {name}, or set {} to 'installable': False too", module.name),
                        );
                        let finding = Finding::new(Severity::Warning, Rule::DependencyUninstallable, problem);
                        self.findings.push(finding.about(module).along(&[&module.name, name]));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn cycles(&mut self) {
        for cycle in graph::cycles(&self.graph) {
            let Some(module) = cycle.first().and_then(|name| self.winners.get(name)) else { continue };
            let problem = Problem::new(
                "modules depend on each other, so that none of them can be installed",
                cycle.join(" -> "),
                "take one of these out of the other's 'depends'",
            );
            let finding = Finding::new(Severity::Error, Rule::DependencyCycle, problem);
            self.add(finding.about(module).along(&cycle));
        }
    }

    /// Everything on the path counts, whether or not it wins or can be installed: it is in the image.
    fn community_only(&mut self) {
        let mut refused: BTreeSet<&str> = BTreeSet::new();
        for module in &self.catalogue.modules {
            // Odoo Community has modules of its own that claim to be under the Enterprise licence (`certificate`).
            if self.came_with_odoo(module) {
                continue;
            }
            let license = module.manifest().map(|manifest| manifest.license.as_str());
            if let Some(license) = license.filter(|license| !ALLOWED_LICENSES.contains(license)) {
                let problem = Problem::new(
                    format!("{} is not under a licence for Odoo Community", module.name),
                    format!("{}: 'license': {license:?}", module.path.display()),
                    format!("remove the module; allowed are {}", ALLOWED_LICENSES.join(", ")),
                );
                refused.insert(&module.name);
                self.findings.push(Finding::new(Severity::Error, Rule::CeLicense, problem).about(module));
            }
            if is_enterprise(&module.name) {
                let problem = Problem::new(
                    format!("{} is the name of a module of Odoo Enterprise", module.name),
                    module.path.display().to_string(),
                    "remove the module, or rename it where it is one's own",
                );
                refused.insert(&module.name);
                self.findings.push(Finding::new(Severity::Error, Rule::CeName, problem).about(module));
            }
        }
        for module in self.winners.values() {
            if self.came_with_odoo(module) {
                continue;
            }
            let goal = |name: &str| is_enterprise(name) || refused.contains(name);
            let Some(chain) = graph::path_to(&self.graph, &module.name, goal) else { continue };
            let last = chain.last().copied().unwrap_or_default();
            let what =
                if is_enterprise(last) { "of Odoo Enterprise" } else { "that is not for Odoo Community" };
            let problem = Problem::new(
                format!("{} depends on a module {what}", module.name),
                format!("{} ({})", chain.join(" -> "), module.path.display()),
                format!("remove the module, or what makes it need {last}"),
            );
            let finding = Finding::new(Severity::Error, Rule::CeDependency, problem);
            self.findings.push(finding.about(module).along(&chain));
        }
    }
}
