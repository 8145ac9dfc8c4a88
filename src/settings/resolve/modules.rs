//! The modules that have to be installed.

use std::collections::BTreeSet;

use super::Resolver;
use crate::error::Problem;
use crate::settings::parse;

impl Resolver<'_> {
    /// `ODOO_INIT` and `-i`; `base` when neither says anything, nothing when `ODOO_INIT` says `none`.
    pub(super) fn init(&mut self) -> Vec<String> {
        let variable = self.inputs.environment.get("ODOO_INIT").map(parse::list).unwrap_or_default();
        let mut modules = match variable.as_slice() {
            [] if self.inputs.args.init.is_none() => vec!["base".to_owned()],
            [only] if only == "none" => Vec::new(),
            _ => variable,
        };
        modules.extend(self.inputs.args.init.as_deref().map(parse::list).unwrap_or_default());
        let mut seen = BTreeSet::new();
        modules.retain(|module| seen.insert(module.clone()));
        let valid =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        for name in modules.iter().filter(|name| !valid(name)) {
            self.problems.push(Problem::new(
                "a module's name is not valid",
                format!("ODOO_INIT or -i names {name:?}"),
                "write technical names (letters, digits, `_`), separated by commas",
            ));
        }
        modules
    }

    /// Updates come with a later version. A silent "nothing done" would be a lie, so the wish is refused.
    pub(super) fn refuse_update(&mut self) {
        let variable = self.inputs.environment.get("ODOO_UPDATE").is_some_and(|text| !text.is_empty());
        if variable || self.inputs.args.update.is_some() {
            let origin = if variable { "ODOO_UPDATE (environment)" } else { "the flag -u" };
            self.problems.push(Problem::new(
                "this version cannot update modules",
                format!("{origin} asks for an update"),
                "unset it; until a version with updates is out, stop the container and run Odoo's own executable with -u",
            ));
        }
    }
}
