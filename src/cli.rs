//! What the command line asks for. Pure; [`crate::settings::reference`] gives the texts of `--help`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::error::nearest;
use crate::health::verdict::Question;
use crate::settings::reference::{CONNECTIONS, VARIABLES};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The full lifecycle, with these arguments of Odoo.
    Serve(Vec<String>),
    /// An `odoo` subcommand (`shell`, `scaffold`) with its arguments, in the foreground.
    Subcommand(Vec<String>),
    /// Odoo's own `--help` or `--version`.
    OdooItself(Vec<String>),
    /// Any other program, as it is.
    Program(OsString, Vec<OsString>),
    /// `healthcheck`.
    Healthcheck(Question),
    /// `addons list`.
    AddonsList(AddonsList),
    /// `addons check`.
    AddonsCheck(AddonsCheck),
    /// `-h`.
    ShortHelp,
    /// `--help`.
    LongHelp,
    /// `--version`.
    Version,
}

/// `addons list`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddonsList {
    /// For programs.
    pub json: bool,
    /// The folders to look at; none means the configured ones.
    pub folders: Vec<PathBuf>,
}

/// `addons check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddonsCheck {
    /// For programs.
    pub json: bool,
    /// Refuse what is not Community.
    pub ce_only: bool,
    /// The folders to look at; none means the configured ones.
    pub folders: Vec<PathBuf>,
}

/// Why the command line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Reads the command line, the program's own name first.
///
/// # Errors
/// A verb's unknown flag, or an argument of Odoo that is not UTF-8.
pub fn parse(arguments: &[OsString]) -> Result<Invocation, Refused> {
    let name = arguments.first().and_then(|name| std::path::Path::new(name).file_name());
    let called_odoo = name.is_some_and(|name| name == "odoo" || name == "odoo-bin");
    let rest = arguments.get(1..).unwrap_or_default();
    let Some((first, others)) = rest.split_first() else { return Ok(Invocation::Serve(Vec::new())) };
    let word = first.to_string_lossy();
    match word.as_ref() {
        _ if called_odoo => odoo(rest),
        "odoo" | "odoo-bin" => odoo(others),
        "--" => Ok(Invocation::Serve(texts(others)?)),
        "-h" => Ok(Invocation::ShortHelp),
        "--help" | "help" => Ok(Invocation::LongHelp),
        "--version" => Ok(Invocation::Version),
        flag if flag.starts_with('-') => Ok(Invocation::Serve(texts(rest)?)),
        "healthcheck" => healthcheck(&texts(others)?),
        "addons" => addons(&texts(others)?),
        _ => Ok(Invocation::Program(first.clone(), others.to_vec())),
    }
}

fn odoo(rest: &[OsString]) -> Result<Invocation, Refused> {
    let rest = texts(rest)?;
    Ok(match rest.first().map(String::as_str) {
        Some("-h" | "--help" | "--version") => Invocation::OdooItself(rest),
        Some("server") => Invocation::Serve(rest.into_iter().skip(1).collect()),
        Some(word) if !word.starts_with('-') => Invocation::Subcommand(rest),
        _ => Invocation::Serve(rest),
    })
}

fn healthcheck(rest: &[String]) -> Result<Invocation, Refused> {
    let question = match rest {
        [] => Question::Ready,
        [flag] => match flag.as_str() {
            "--ready" => Question::Ready,
            "--live" => Question::Live,
            "--started" => Question::Started,
            other => return Err(unknown("healthcheck", other, &["--ready", "--live", "--started"])),
        },
        [_, other, ..] => return Err(unknown("healthcheck", other, &[])),
    };
    Ok(Invocation::Healthcheck(question))
}

fn addons(rest: &[String]) -> Result<Invocation, Refused> {
    const VERBS: [&str; 2] = ["list", "check"];
    let Some((verb, rest)) = rest.split_first() else {
        let hint = "write `addons list` or `addons check`".to_owned();
        return Err(Refused { message: "addons needs to be told what to do".to_owned(), hint });
    };
    let (mut list, mut check) = (AddonsList::default(), AddonsCheck::default());
    let known: &[&str] = match verb.as_str() {
        "list" => &["--json"],
        "check" => &["--ce-only", "--json"],
        "-h" | "--help" => return Ok(Invocation::LongHelp),
        other => return Err(unknown("addons", other, &VERBS)),
    };
    let mut flags_are_over = false;
    for word in rest {
        match word.as_str() {
            "--" if !flags_are_over => flags_are_over = true,
            "-h" | "--help" if !flags_are_over => return Ok(Invocation::LongHelp),
            "--json" if !flags_are_over => (list.json, check.json) = (true, true),
            "--ce-only" if !flags_are_over && verb == "check" => check.ce_only = true,
            flag if !flags_are_over && flag.starts_with('-') => {
                return Err(unknown(&format!("addons {verb}"), flag, known));
            }
            folder => list.folders.push(PathBuf::from(folder)),
        }
    }
    check.folders.clone_from(&list.folders);
    Ok(if verb == "list" { Invocation::AddonsList(list) } else { Invocation::AddonsCheck(check) })
}

fn unknown(verb: &str, given: &str, known: &[&str]) -> Refused {
    let hint = match nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => "`odoo-entrypoint --help` lists what there is".to_owned(),
    };
    Refused { message: format!("{verb} does not know {given}"), hint }
}

fn texts(arguments: &[OsString]) -> Result<Vec<String>, Refused> {
    let text = |argument: &OsString| {
        argument.clone().into_string().map_err(|bad| Refused {
            message: format!("the argument {} is not UTF-8", bad.to_string_lossy()),
            hint: "write it in UTF-8".to_owned(),
        })
    };
    arguments.iter().map(text).collect()
}

/// The one-screen help.
pub const SHORT_HELP: &str = "\
odoo-entrypoint: PID 1 of an Odoo 18 container

usage: odoo-entrypoint [odoo] [ODOO OPTIONS]     start and supervise Odoo
       odoo-entrypoint odoo SUBCOMMAND [...]     run shell, scaffold, ... with the container's configuration
       odoo-entrypoint PROGRAM [...]             run anything else under the same init duties
       odoo-entrypoint healthcheck [--live|--ready|--started]
       odoo-entrypoint addons list [--json] [FOLDER...]
       odoo-entrypoint addons check [--ce-only] [--json] [FOLDER...]
       odoo-entrypoint -h | --help | --version

`--help` lists the environment, the probes and the exit codes.
";

/// The whole help.
pub fn long_help() -> String {
    let mut text =
        SHORT_HELP.replace("\n`--help` lists the environment, the probes and the exit codes.\n", "");
    text += "\nDatabase (each also as NAME_FILE: the path of a file that holds the value)\n";
    // Writing to a String cannot fail.
    for connection in CONNECTIONS {
        let _ = writeln!(text, "  {:<27} {} [{}]", connection.name, connection.doc, connection.default);
        let _ = writeln!(text, "  {:<27}   else {}", "", connection.aliases.join(", "));
    }
    text += "\nOdoo\n";
    for (name, doc) in [
        ("ODOO_RC", "the base file, never written to [/etc/odoo/odoo.conf]"),
        ("ODOO_<OPTION>", "any option of odoo.conf: ODOO_WORKERS=4, ODOO_PROXY_MODE=true"),
        ("ODOO_INIT", "modules that have to be installed, or none [base]"),
    ] {
        let _ = writeln!(text, "  {name:<27} {doc}");
    }
    text += "\nSupervisor (durations: 500ms, 30s, 5m)\n";
    for variable in VARIABLES {
        let default = match variable.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let _ = writeln!(text, "  {:<27} {}{default}", variable.name, variable.doc);
    }
    text + "\
\nAddons (without folders: those of the configured addons_path)
  addons list                 every module on the path: version, licence, where it is, whether it wins
  addons check                manifests that Odoo cannot read, duplicates, missing dependencies, cycles
  addons check --ce-only      refuses besides what is not Odoo Community: licences, Enterprise modules, what needs them

Precedence: Odoo's flags, environment, base file, defaults. A variable that holds the image's default counts as unset.

Probes (http://HOST:8080, GET and HEAD)
  /livez                      would a restart of the container help? 503 if so
  /readyz /healthz            200 when Odoo answers and its database does
  /startupz                   200 once the preflight has passed
  ?verbose                    lists the checks

Exit codes
  0 asked-for stop   64 usage          69 database unavailable   70 internal        73 cannot write odoo.conf
  77 run as root     78 configuration  80 init failed            81 an addon breaks a rule
  126 not executable 127 not found
  137 stop over its budget             else Odoo's own, or 128+n for signal n

Examples
  docker run -e HOST=db -e PASSWORD_FILE=/run/secrets/db ghcr.io/jgtolentino/odoo-ce
  docker run -e ODOO_WORKERS=4 ghcr.io/jgtolentino/odoo-ce odoo --proxy-mode
  HEALTHCHECK CMD [\"odoo-entrypoint\", \"healthcheck\"]
  RUN odoo-entrypoint addons check --ce-only /mnt/extra-addons
"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Invocation {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        parse(&arguments).unwrap()
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_official_entrypoints_command_lines_are_understood() {
        assert_eq!(parsed("odoo-entrypoint"), Invocation::Serve(vec![]));
        assert_eq!(parsed("/entrypoint.sh odoo"), Invocation::Serve(vec![]));
        assert_eq!(parsed("x odoo -d a"), Invocation::Serve(strings(&["-d", "a"])));
        assert_eq!(parsed("x -- --workers=2"), Invocation::Serve(strings(&["--workers=2"])));
        assert_eq!(parsed("x --workers=2"), Invocation::Serve(strings(&["--workers=2"])));
        assert_eq!(parsed("x odoo scaffold a"), Invocation::Subcommand(strings(&["scaffold", "a"])));
        assert_eq!(
            parsed("x bash -c ls"),
            Invocation::Program("bash".into(), vec!["-c".into(), "ls".into()])
        );
    }

    #[test]
    fn the_name_decides_whose_help_it_is() {
        assert_eq!(parsed("odoo-entrypoint --version"), Invocation::Version);
        assert_eq!(parsed("/usr/local/bin/odoo --version"), Invocation::OdooItself(strings(&["--version"])));
        assert_eq!(parsed("odoo-bin -c /a -d b"), Invocation::Serve(strings(&["-c", "/a", "-d", "b"])));
        assert_eq!(parsed("odoo shell -d b"), Invocation::Subcommand(strings(&["shell", "-d", "b"])));
    }

    #[test]
    fn healthcheck_has_three_questions_and_refuses_others() {
        assert_eq!(parsed("x healthcheck"), Invocation::Healthcheck(Question::Ready));
        assert_eq!(parsed("x healthcheck --live"), Invocation::Healthcheck(Question::Live));
        let arguments = ["x", "healthcheck", "--raedy"].map(OsString::from);
        assert_eq!(parse(&arguments).unwrap_err().hint, "did you mean --ready?");
    }

    #[test]
    fn addons_takes_flags_and_folders_and_nothing_else() {
        let check = AddonsCheck { json: true, ce_only: true, folders: vec!["/a".into(), "-b".into()] };
        assert_eq!(parsed("x addons check --json /a --ce-only -- -b"), Invocation::AddonsCheck(check));
        assert_eq!(parsed("x addons list"), Invocation::AddonsList(AddonsList::default()));
        assert_eq!(parsed("x addons check --help"), Invocation::LongHelp);
        let refused = |line: &str| {
            let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let refused = parse(&arguments).unwrap_err();
            (refused.message, refused.hint)
        };
        let text = |message: &str, hint: &str| (message.to_owned(), hint.to_owned());
        assert_eq!(
            refused("x addons check --ce-olny"),
            text("addons check does not know --ce-olny", "did you mean --ce-only?")
        );
        assert_eq!(
            refused("x addons list --ce-only"),
            text("addons list does not know --ce-only", "`odoo-entrypoint --help` lists what there is")
        );
        assert_eq!(refused("x addons chek"), text("addons does not know chek", "did you mean check?"));
        assert_eq!(
            refused("x addons"),
            text("addons needs to be told what to do", "write `addons list` or `addons check`")
        );
    }

    #[test]
    fn the_help_names_every_variable_and_fits_a_terminal() {
        let help = long_help();
        for variable in VARIABLES {
            assert!(help.contains(variable.name));
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 132, "{line}");
        }
    }
}
