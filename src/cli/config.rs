//! The flags of `config show` and `config check`.

use std::path::PathBuf;

use super::{Refused, refuse_flag};

/// `config` with what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Which of the two.
    pub what: What,
    /// Machine-readable output.
    pub json: bool,
    /// Files that stand for the environment, Docker's `--env-file`; none takes this process' own.
    pub env_files: Vec<PathBuf>,
    /// Files that the environment names are not read: they are on another machine.
    pub assume_files: bool,
    /// Odoo's arguments, after `--`.
    pub odoo: Vec<String>,
}

/// The two things that can be done with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Print what is in force.
    Show {
        /// With where it comes from and what it shadows.
        origin: bool,
        /// With Odoo's own defaults.
        all: bool,
    },
    /// Print what is wrong.
    Check {
        /// In the world around too: folders, ports, modules, the database.
        preflight: bool,
    },
}

impl Default for What {
    fn default() -> Self {
        What::Show { origin: false, all: false }
    }
}

const SHOW: &[&str] = &["--origin", "--all", "--json", "--env-file", "--assume-files"];
const CHECK: &[&str] = &["--preflight", "--json", "--env-file", "--assume-files"];

/// Reads what follows `config`.
///
/// # Errors
/// No or an unknown word, an unknown flag, a flag without its value.
pub fn parse(arguments: &[String]) -> Result<Config, Refused> {
    let (word, rest) = arguments.split_first().ok_or_else(|| Refused {
        message: "config needs to know what to do".to_owned(),
        hint: "write `config show` or `config check`".to_owned(),
    })?;
    let (what, known) = match word.as_str() {
        "show" => (What::Show { origin: false, all: false }, SHOW),
        "check" => (What::Check { preflight: false }, CHECK),
        other => return Err(refuse_flag("config", other, &["show", "check"])),
    };
    let mut config = Config { what, ..Config::default() };
    let verb = format!("config {word}");
    let mut rest = rest.iter();
    while let Some(argument) = rest.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        match (flag, &mut config.what, inline) {
            ("--", _, None) => {
                config.odoo = rest.cloned().collect();
                break;
            }
            ("--origin", What::Show { origin, .. }, None) => *origin = true,
            ("--all", What::Show { all, .. }, None) => *all = true,
            ("--preflight", What::Check { preflight }, None) => *preflight = true,
            ("--json", _, None) => config.json = true,
            ("--assume-files", _, None) => config.assume_files = true,
            ("--env-file", _, inline) => {
                let path = inline.or_else(|| rest.next().cloned()).ok_or_else(|| Refused {
                    message: "--env-file needs a value".to_owned(),
                    hint: "write --env-file FILE, with NAME=VALUE on each line".to_owned(),
                })?;
                config.env_files.push(PathBuf::from(path));
            }
            _ => return Err(refuse_flag(&verb, flag, known)),
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Config, Refused> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_belong_to_their_verb() {
        let config = parsed("show --origin --json --env-file a.env --env-file=b.env -- -c x.conf").unwrap();
        assert_eq!(config.what, What::Show { origin: true, all: false });
        assert!(config.json && !config.assume_files);
        assert_eq!(config.env_files, [PathBuf::from("a.env"), PathBuf::from("b.env")]);
        assert_eq!(config.odoo, ["-c", "x.conf"]);
        assert_eq!(parsed("check --preflight").unwrap().what, What::Check { preflight: true });
        for (line, hint) in [
            ("check --prefligth", "did you mean --preflight?"),
            ("shwo", "did you mean show?"),
            ("check --origin", "`odoo-entrypoint --help` lists what there is"),
            ("", "write `config show` or `config check`"),
            ("show --env-file", "write --env-file FILE, with NAME=VALUE on each line"),
            ("show --json=yes", "did you mean --json?"),
        ] {
            assert_eq!(parsed(line).unwrap_err().hint, hint, "{line}");
        }
    }
}
