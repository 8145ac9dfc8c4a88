//! What a start has to know of the modules: which of them end every request of Odoo, and, where that is asked for, which are
//! not Community.

use super::check::{self, Demand, Rule, Severity};
use super::scan;
use super::verbs::roots;
use crate::error::Problem;
use crate::settings::Settings;
use crate::settings::raw::Environment;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Why there must be no start.
    pub problems: Vec<Problem>,
    /// What is worth a line.
    pub cautions: Vec<String>,
}

/// Reads every manifest on the path. A module that is only not installable, or not there, is the database's verdict: it may
/// have been installed by other means, and a start must not fail for it.
pub fn start(settings: &Settings, environment: &Environment) -> Found {
    let catalogue = scan(&roots(Some(settings), environment, &[]));
    let demand = Demand { ce_only: settings.ce_only, wanted: &[] };
    let mut found = Found::default();
    let mut others = 0;
    for finding in check::findings(&catalogue, &demand) {
        let refused = finding.rule.breaks_odoo() || finding.rule.is_of_editions();
        let problem = finding.problem;
        match (finding.severity, finding.rule) {
            (Severity::Error, _) if refused => found.problems.push(problem),
            (_, Rule::Duplicate | Rule::FolderClosed) => {
                found.cautions.push(format!("{}: {}", problem.what, problem.why));
            }
            _ => others += 1,
        }
    }
    if others > 0 && found.problems.is_empty() {
        found.cautions.push(format!(
            "{others} more to say about modules that may never be installed: `odoo-entrypoint addons check` lists them"
        ));
    }
    found
}
