//! What has to be done in a database before Odoo may serve it. Pure: settings and facts in, work or a refusal out.

use super::facts::Content;
use crate::error::Problem;
use crate::lifecycle::Work;

/// Decides for one database; `None` when nothing is to be done. `wanted` is `ODOO_INIT`. A one-shot runs in any case.
///
/// # Errors
/// The database is another application's.
pub fn plan(
    database: &str,
    content: &Content,
    wanted: &[String],
    one_shot: bool,
) -> Result<Option<Work>, Problem> {
    let missing: Vec<String> = match content {
        Content::Foreign { example } => {
            return Err(Problem::new(
                format!("the database {database} belongs to another application"),
                format!("it has tables ({example} among them), and none of them is Odoo's"),
                "set DB to an empty database, to one of Odoo 18, or to a name that does not exist yet",
            ));
        }
        Content::Empty if wanted.is_empty() => {
            return Err(Problem::new(
                format!("the database {database} is empty"),
                "ODOO_INIT=none allows no installation, and Odoo answers every request of an empty database with 500",
                "unset ODOO_INIT to install base, or restore a backup into the database",
            ));
        }
        // Odoo needs `base` in the same run to set up its tables.
        Content::Empty if wanted.iter().any(|module| module == "base") => wanted.to_vec(),
        Content::Empty => std::iter::once("base".to_owned()).chain(wanted.iter().cloned()).collect(),
        Content::Odoo { modules } => {
            // Those that Odoo has marked by itself too: a first installation that was killed after `base` leaves `web` so,
            // and a server never goes on with it.
            let marked = modules.iter().filter(|(_, state)| *state == "to install").map(|(name, _)| name);
            let missing = wanted.iter().filter(|module| !modules.contains_key(*module));
            marked.chain(missing).cloned().collect()
        }
    };
    Ok((one_shot || !missing.is_empty()).then(|| Work { database: database.to_owned(), modules: missing }))
}

/// Judges an installation by what the database holds after it: Odoo itself exits with 0 for a module that it does not
/// know.
///
/// # Errors
/// The modules that are not installed.
pub fn verify(work: &Work, content: &Content) -> Result<(), Problem> {
    let empty = std::collections::BTreeMap::new();
    let modules = match content {
        Content::Odoo { modules } => modules,
        Content::Empty | Content::Foreign { .. } => &empty,
    };
    let state = |module: &String| modules.get(module).map_or("not installed", String::as_str);
    let failed: Vec<String> = work
        .modules
        .iter()
        .filter(|module| state(module) != "installed")
        .map(|module| format!("{module}: {}", state(module)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        format!("installing modules in database {} failed", work.database),
        format!("Odoo reported success, and the database says {}", failed.join(", ")),
        "check the names in ODOO_INIT, addons_path and the modules' manifests (`installable`, `depends`)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn odoo(modules: &[(&str, &str)]) -> Content {
        let modules = modules.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned()));
        Content::Odoo { modules: modules.collect() }
    }

    fn planned(content: &Content, wanted: &[&str]) -> Option<Vec<String>> {
        plan("db", content, &names(wanted), false).unwrap().map(|work| work.modules)
    }

    #[test]
    fn an_empty_database_gets_base_first() {
        assert_eq!(planned(&Content::Empty, &["base"]), Some(names(&["base"])));
        assert_eq!(planned(&Content::Empty, &["sale"]), Some(names(&["base", "sale"])));
        assert!(plan("db", &Content::Empty, &[], false).is_err());
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let content = odoo(&[("base", "installed"), ("sale", "to upgrade")]);
        assert_eq!(planned(&content, &["base", "sale"]), None);
        assert_eq!(planned(&content, &[]), None);
        let content = odoo(&[("base", "installed"), ("stock", "to install")]);
        assert_eq!(planned(&content, &["base", "stock", "crm"]), Some(names(&["stock", "crm"])));
    }

    #[test]
    fn a_killed_installation_is_resumed() {
        let content = odoo(&[("base", "installed"), ("bus", "to install"), ("web", "to install")]);
        assert_eq!(planned(&content, &["base"]), Some(names(&["bus", "web"])));
    }

    #[test]
    fn another_applications_database_is_refused() {
        let foreign = Content::Foreign { example: "wp_posts".to_owned() };
        assert!(plan("db", &foreign, &names(&["base"]), false).unwrap_err().why.contains("wp_posts"));
    }

    #[test]
    fn success_is_what_the_database_says() {
        let work = Work { database: "db".to_owned(), modules: names(&["base", "nope"]) };
        assert!(verify(&work, &odoo(&[("base", "installed"), ("nope", "installed")])).is_ok());
        let problem = verify(&work, &odoo(&[("base", "installed")])).unwrap_err();
        assert!(problem.why.ends_with("nope: not installed"), "{problem}");
        assert!(verify(&work, &Content::Empty).is_err());
    }
}
