//! What the command line asks for. Pure; [`crate::settings::reference`] gives the texts of `--help`.

pub mod config;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::error::nearest;
use crate::health::verdict::Question;
use crate::odoo::options::{OPTIONS, Place};
use crate::settings::reference::{CONNECTIONS, OWN_ODOO_VARIABLES, VARIABLES};

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
    /// `config show` or `config check`.
    Config(config::Config),
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
        "config" => config::parse(&texts(others)?).map(Invocation::Config),
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
            other => return Err(refuse_flag("healthcheck", other, &["--ready", "--live", "--started"])),
        },
        [_, other, ..] => return Err(refuse_flag("healthcheck", other, &[])),
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
        other => return Err(refuse_flag("addons", other, &VERBS)),
    };
    let mut flags_are_over = false;
    for word in rest {
        match word.as_str() {
            "--" if !flags_are_over => flags_are_over = true,
            "-h" | "--help" if !flags_are_over => return Ok(Invocation::LongHelp),
            "--json" if !flags_are_over => (list.json, check.json) = (true, true),
            "--ce-only" if !flags_are_over && verb == "check" => check.ce_only = true,
            flag if !flags_are_over && flag.starts_with('-') => {
                return Err(refuse_flag(&format!("addons {verb}"), flag, known));
            }
            folder => list.folders.push(PathBuf::from(folder)),
        }
    }
    check.folders.clone_from(&list.folders);
    Ok(if verb == "list" { Invocation::AddonsList(list) } else { Invocation::AddonsCheck(check) })
}

/// A verb's refusal of a word that it does not know.
fn refuse_flag(verb: &str, given: &str, known: &[&str]) -> Refused {
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
       odoo-entrypoint config show [--origin] [--all] [--json]
       odoo-entrypoint config check [--preflight] [--json]
       odoo-entrypoint addons list [--json] [FOLDER...]
       odoo-entrypoint addons check [--ce-only] [--json] [FOLDER...]
       odoo-entrypoint -h | --help | --version

`--help` lists the environment, the probes and the exit codes.
";

/// Where the second column begins.
const COLUMN: usize = 27;
/// No line is longer.
const WIDTH: usize = 120;

/// One record of the help: the name, and its text wrapped beside it.
fn record(text: &mut String, name: &str, doc: &str) {
    let mut line = format!("  {name:<COLUMN$}");
    if name.len() > COLUMN {
        let _ = writeln!(text, "{line}");
        line = format!("  {:<COLUMN$}", "");
    }
    for word in doc.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = format!("  {:<COLUMN$}  ", "");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

/// The text with its default in brackets.
fn with_default(doc: &str, default: &str) -> String {
    if default.is_empty() { doc.to_owned() } else { format!("{doc} [{default}]") }
}

/// The whole help.
pub fn long_help() -> String {
    let mut text =
        SHORT_HELP.replace("\n`--help` lists the environment, the probes and the exit codes.\n", "");
    text += "\nDatabase (each also as NAME_FILE: the path of a file that holds the value)\n";
    for connection in CONNECTIONS {
        let doc = with_default(connection.doc, connection.default);
        record(&mut text, connection.name, &format!("{doc}; else {}", connection.aliases.join(", ")));
    }
    text += "\nOdoo\n";
    for (name, doc) in OWN_ODOO_VARIABLES {
        record(&mut text, name, doc);
    }
    text += "\nSupervisor (durations: 500ms, 30s, 5m)\n";
    for variable in VARIABLES {
        record(&mut text, variable.name, &with_default(variable.doc, variable.default));
    }
    text += "\nOptions of Odoo 18, each as ODOO_<OPTION> and ODOO_<OPTION>_FILE\n";
    for option in OPTIONS.iter().filter(|option| option.place == Place::File) {
        record(&mut text, &option.key.to_uppercase(), &with_default(option.doc, option.default));
    }
    text + "\
\nAddons (without folders: those of the configured addons_path)
  addons list                 every module on the path: version, licence, where it is, whether it wins
  addons check                manifests that Odoo cannot read, duplicates, missing dependencies, cycles
  addons check --ce-only      refuses besides what is not Odoo Community: licences, Enterprise modules, what needs them

Precedence: Odoo's flags, environment, base file, defaults. A variable that holds the image's default counts as unset.

config
  show                         what is in force, as Odoo will read it, without secrets
    --origin                   with where each value comes from and what it shadows
    --all                      with Odoo's own defaults
  check                        every problem of the configuration at once; exit code 78 if there is one
    --preflight                and of the world: folders, ports, modules, database
  --json                       for programs
  --env-file FILE              lines NAME=VALUE instead of this environment; may be given several times
  --assume-files               take files that _FILE variables name for readable: they are on another machine
  -- ODOO OPTIONS              as they would be given to Odoo

Probes (http://HOST:8080, GET and HEAD)
  /livez                       would a restart of the container help? 503 if so
  /readyz /healthz             200 when Odoo answers and its database does
  /startupz                    200 once the preflight has passed
  ?verbose                     lists the checks

Exit codes
  0 asked-for stop   64 usage          69 database unavailable   70 internal        73 cannot write odoo.conf
  77 run as root     78 configuration  80 init failed            81 an addon breaks a rule
  126 not executable 127 not found
  137 stop over its budget             else Odoo's own, or 128+n for signal n

Examples
  docker run -e HOST=db -e PASSWORD_FILE=/run/secrets/db ghcr.io/jgtolentino/odoo-ce
  docker run -e ODOO_WORKERS=auto ghcr.io/jgtolentino/odoo-ce odoo --proxy-mode
  docker exec odoo-ce odoo-entrypoint config show --origin
  odoo-entrypoint config check --env-file production.env --assume-files -- -c deploy/odoo.conf
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
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
