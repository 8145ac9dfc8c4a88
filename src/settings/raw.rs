//! The environment as it is: all optional text, nothing decided.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::PREFIX;

/// The supervisor's own variables, one field each: `ENTRYPOINT_WAIT_TIMEOUT` is [`RawSettings::wait_timeout`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "super::reference::VARIABLES documents every one of them")]
pub struct RawSettings {
    pub listen: Option<String>,
    pub wait_timeout: Option<String>,
    pub auth_grace: Option<String>,
    pub create_db: Option<String>,
    pub strict: Option<String>,
    pub ce_only: Option<String>,
    pub extra_addons: Option<String>,
    pub oca_addons: Option<String>,
    pub baked_addons: Option<String>,
    pub baked_copy: Option<String>,
    pub odoo_bin: Option<String>,
    pub runtime_dir: Option<String>,
    pub drain_delay: Option<String>,
    pub stop_timeout: Option<String>,
    pub restart: Option<String>,
    pub restart_limit: Option<String>,
    pub log_level: Option<String>,
    pub log_format: Option<String>,
    pub orchestrator_grace: Option<String>,
    pub hang_timeout: Option<String>,
    pub starting_page: Option<String>,
    pub hooks_dir: Option<String>,
    pub termination_log: Option<String>,
}

/// What this process was given, taken once by [`super::source`].
#[derive(Clone, Default)]
pub struct Environment {
    /// Every variable whose name and value are UTF-8.
    pub values: BTreeMap<String, String>,
    /// The names of those whose value is not UTF-8.
    pub not_text: Vec<String>,
    /// For each `X_FILE` of ours that is set: the variable's whole name, and the file's content or why there is none.
    pub files: BTreeMap<String, Result<String, Unreadable>>,
}

/// Why a file has no content for us, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// With the variable, the path and the system's words.
    pub why: String,
    /// For people.
    pub hint: String,
}

impl Environment {
    /// A variable's text; empty counts as set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The supervisor's own variables; empty means unset.
    ///
    /// # Errors
    /// None in practice: every field is optional text. The signature is the library's.
    pub fn raw(&self) -> Result<RawSettings, envy::Error> {
        let set = self.values.iter().filter(|(_, value)| !value.is_empty());
        envy::prefixed(PREFIX).from_iter(set.map(|(name, value)| (name.clone(), value.clone())))
    }
}
