//! The databases that are served, and the connection to them.

use std::collections::BTreeSet;

use super::Resolver;
use crate::database;
use crate::error::Problem;
use crate::odoo::options;
use crate::settings::{Origin, Secret, Setting, parse};

/// Names that are PostgreSQL's own or that Odoo takes for something else.
const RESERVED_DATABASES: &[&str] = &["postgres", "template0", "template1", "False", "True", "None"];

impl Resolver<'_> {
    pub(super) fn databases(&mut self) -> Vec<String> {
        let Some(setting) = self.settings.iter_mut().find(|setting| setting.key == "db_name") else {
            return Vec::new();
        };
        let names = if options::truthy(&setting.text) { parse::list(&setting.text) } else { Vec::new() };
        // Odoo splits the list without stripping blanks (`cli/server.py`), so none may be there.
        setting.text = if names.is_empty() { "False".to_owned() } else { names.join(",") };
        let origin = setting.origin.to_string();
        let mut seen = BTreeSet::new();
        for name in &names {
            let why = if RESERVED_DATABASES.contains(&name.as_str()) {
                "is a name that PostgreSQL or Odoo uses for itself"
            } else if name.len() > 63 {
                "is longer than the 63 bytes PostgreSQL keeps of a name"
            } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
                "holds a blank"
            } else if !seen.insert(name.clone()) {
                "stands twice"
            } else {
                continue;
            };
            self.problems.push(Problem::new(
                "the database name cannot be used",
                format!("{origin}: {name:?} {why}"),
                "set DB to another name: letters, digits, `_`, `-` and `.`",
            ));
        }
        names
    }

    /// Listing databases is for those who chose none; with one chosen it only helps attackers.
    pub(super) fn list_databases(&mut self, databases: &[String]) {
        if self.text("list_db").is_none() {
            let text = if databases.is_empty() { "True" } else { "False" }.to_owned();
            let (key, origin) = ("list_db".to_owned(), Origin::Image);
            self.settings.push(Setting { key, text, origin, shadowed: Vec::new() });
        }
    }

    pub(super) fn target(&mut self, strict: bool) -> database::Target {
        let port = self.bounded("db_port", 5432, 1, "between 1 and 65535");
        let text = |key: &str| {
            let setting = self.text(key)?;
            (!matches!(setting.text.as_str(), "" | "False" | "false")).then(|| setting.text.clone())
        };
        let (host, user) = (text("db_host"), text("db_user"));
        let password = self.text("db_password").filter(|setting| {
            // In the base file these are Odoo's "not set"; from elsewhere they are a password spelled like that.
            let spelled = matches!(setting.text.as_str(), "False" | "false");
            let in_file = matches!(setting.origin, Origin::BaseFile { .. });
            !(setting.text.is_empty() || (spelled && in_file))
        });
        let origin_of =
            |key: &str| self.text(key).map_or("the image's default".to_owned(), |s| s.origin.to_string());
        let target = database::Target {
            host: host.unwrap_or_default(),
            port,
            user: user.unwrap_or_default(),
            password: password.map(|setting| Secret::new(setting.text.clone())),
            ssl_mode: text("db_sslmode").unwrap_or("prefer".to_owned()),
            host_origin: origin_of("db_host"),
            user_origin: origin_of("db_user"),
            password_origin: origin_of("db_password"),
        };
        let (user_origin, ssl_origin) = (target.user_origin.clone(), origin_of("db_sslmode"));
        let public = self.text("db_password").is_some_and(|s| s.text == "odoo");
        if target.user == "postgres" {
            self.problems.push(Problem::new(
                "the database user cannot be postgres",
                format!(
                    "{user_origin}: Odoo refuses to run with PostgreSQL's superuser and would exit at once"
                ),
                "create a role of its own (CREATE ROLE odoo LOGIN PASSWORD '...') and set USER to it",
            ));
        }
        if matches!(target.ssl_mode.as_str(), "require" | "verify-ca" | "verify-full") {
            self.problems.push(Problem::new(
                "this version cannot wait for a PostgreSQL that demands TLS",
                format!("{ssl_origin}: db_sslmode = {}", target.ssl_mode),
                "use prefer or disable inside a private network until a version with TLS is out",
            ));
        }
        let from_file =
            |key: &str| self.text(key).map(|setting| matches!(setting.origin, Origin::BaseFile { .. }));
        if from_file("db_user") != from_file("db_password") {
            self.warnings.push(format!(
                "db_user comes from {user_origin} and db_password from {}: do they belong together?",
                target.password_origin
            ));
        }
        if public && strict {
            self.problems.push(Problem::new(
                "the database password is the public default",
                format!("{}: db_password is `odoo`, and ENTRYPOINT_STRICT is set", target.password_origin),
                "give the role a password of its own, and put it into the file that PASSWORD_FILE names",
            ));
        } else if public {
            self.warnings.push(
                "the database password is the public default `odoo`; set PASSWORD_FILE or PASSWORD"
                    .to_owned(),
            );
        }
        target
    }
}
