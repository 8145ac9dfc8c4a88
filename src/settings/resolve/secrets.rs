//! Secrets that are none: placeholders nobody has replaced, and public defaults. And the master password.

use super::Resolver;
use crate::error::Problem;
use crate::odoo::options;
use crate::odoo::password::{self, Form};
use crate::settings::{Origin, Secret};

/// What examples and templates put where a secret belongs.
const PLACEHOLDERS: &[&str] = &["change_me", "changeme", "change-me"];

fn is_placeholder(text: &str) -> bool {
    let text = text.to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder))
}

fn still_a_placeholder(key: &str, origin: &str) -> Problem {
    Problem::new(
        format!("{key} is still a placeholder"),
        format!("{origin}: the value contains CHANGE_ME or its like"),
        "put the real secret there; a file named by a _FILE variable keeps it out of the environment",
    )
}

impl Resolver<'_> {
    /// Refuses placeholders. Returns the master password where it is plain text and has to be hashed.
    pub(super) fn secrets(&mut self) -> Option<Secret> {
        let mut problems = Vec::new();
        for setting in &self.settings {
            if options::is_secret(&setting.key) && is_placeholder(&setting.text) {
                problems.push(still_a_placeholder(&setting.key, &setting.origin.to_string()));
            }
        }
        let base = self.inputs.base.iter();
        for (path, section) in base.flat_map(|base| base.document.sections.iter().map(|s| (&base.path, s))) {
            let entries = section.entries.iter().filter(|_| section.name != "options");
            for entry in
                entries.filter(|entry| options::is_secret(&entry.key) && is_placeholder(&entry.value))
            {
                let place = format!("{path} line {}", entry.line);
                problems.push(still_a_placeholder(&format!("{} in [{}]", entry.key, section.name), &place));
            }
        }
        // One problem for one value.
        let master = if problems.iter().any(|problem| problem.what.starts_with("admin_passwd ")) {
            None
        } else {
            self.master_password(&mut problems)
        };
        self.problems.extend(problems);
        master
    }

    fn master_password(&mut self, problems: &mut Vec<Problem>) -> Option<Secret> {
        let setting = self.settings.iter_mut().find(|setting| setting.key == "admin_passwd")?;
        let in_file = matches!(setting.origin, Origin::BaseFile { .. } | Origin::Image);
        let origin = setting.origin.to_string();
        match setting.text.as_str() {
            "" => return None,
            // No master password matches (`verify_admin_password`).
            "False" | "false" if in_file => return None,
            "True" | "true" if in_file => problems.push(Problem::new(
                "admin_passwd is not a password",
                format!("{origin}: admin_passwd = {}, which Odoo reads as a truth and not as a text", setting.text),
                "write a hash or a password there, or remove the line: then none matches",
            )),
            "admin" => problems.push(Problem::new(
                "the master password is the public default",
                format!("{origin}: admin_passwd is `admin`, and whoever knows Odoo knows it"),
                "remove it (then no master password matches), or set ODOO_ADMIN_PASSWD_FILE",
            )),
            text => match password::form(text) {
                Form::Hash => return None,
                Form::BrokenHash => problems.push(Problem::new(
                    "admin_passwd is not a hash that Odoo can verify",
                    format!("{origin}: it begins like one of pbkdf2-sha512 and does not go on like one"),
                    "write `$pbkdf2-sha512$ROUNDS$SALT$DIGEST` whole (in Compose each $ is written $$), or the password \
                     itself",
                )),
                kind => {
                    if kind == Form::OtherHash {
                        self.warnings.push(format!(
                            "{origin}: admin_passwd looks like a hash of a kind that Odoo does not know, so it is taken \
                             for the password itself"
                        ));
                    }
                    let plain = Secret::new(text);
                    // Until it is hashed, and wherever it is not needed, none matches.
                    "False".clone_into(&mut setting.text);
                    return Some(plain);
                }
            },
        }
        None
    }
}
