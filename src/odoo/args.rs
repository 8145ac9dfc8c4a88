//! The arguments of `odoo` understood as Odoo's `optparse` understands them, not just passed on.
//!
//! What a file can say goes to the rendered file, so that there is one truth, and no secret stays in argv. What only a
//! flag can say, or what belongs to a single run (translations, tests), stays on the command line.

use crate::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};

/// Options that a file could hold and that belong to one run only: left on the command line.
const OF_ONE_RUN: &[&str] = &[
    "import_partial",
    "language",
    "load_language",
    "overwrite_existing_translations",
    "screencasts",
    "screenshots",
    "shell_interface",
    "test_file",
    "test_tags",
    "translate_in",
    "translate_out",
];

/// A value given by a flag, for the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The key in `[options]`.
    pub key: &'static str,
    /// The text as it would stand in the file.
    pub text: String,
    /// The flag, as it was written.
    pub flag: String,
}

/// Odoo's arguments, sorted by what becomes of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// For the rendered file; a later one of the same key wins.
    pub given: Vec<Given>,
    /// For Odoo's command line, normalised to `--flag=value`.
    pub passed: Vec<String>,
    /// `-c FILE`.
    pub config: Option<String>,
    /// `-i`, comma-separated; `None` when not given.
    pub init: Option<String>,
    /// `-u`, comma-separated; `None` when not given.
    pub update: Option<String>,
    /// `--stop-after-init`: a one-shot.
    pub stop_after_init: bool,
    /// `--help` or `--version`: Odoo answers and ends.
    pub informational: bool,
}

/// Why the arguments are refused; never quotes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    /// What is wrong: `no such option: --wrokers`.
    pub message: String,
    /// What to do.
    pub hint: String,
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> UsageError {
    UsageError { message: message.into(), hint: hint.into() }
}

/// What a flag of Odoo is.
enum Flag {
    Help,
    LogShorthand(&'static str),
    /// Switches its option to this text, or takes a value (`None`).
    Option(&'static OptionSpec, Option<&'static str>),
}

/// Reads the arguments after the program's name and the optional `odoo`.
///
/// # Errors
/// Unknown or ambiguous flags, missing or superfluous values, positional arguments, and `--save`.
pub fn parse(arguments: &[String]) -> Result<Args, UsageError> {
    let mut args = Args::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            if let Some(extra) = rest.next() {
                return Err(positional(extra));
            }
        } else if argument.starts_with("--") {
            let (written, inline) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let (name, flag) = long_flag(written)?;
            match flag {
                Flag::Option(option, None) => {
                    let value = inline.or_else(|| rest.next().cloned()).ok_or_else(|| needs_value(name))?;
                    args.take(option, name, value)?;
                }
                flag if inline.is_none() => args.switch(&flag, name)?,
                _ => return Err(usage(format!("{name} takes no value"), format!("write {name} alone"))),
            }
        } else if argument.starts_with('-') && argument.len() > 1 {
            for (at, letter) in argument[1..].char_indices() {
                let name = format!("-{letter}");
                match flag_of(&name).ok_or_else(|| unknown(&name))? {
                    Flag::Option(option, None) => {
                        let attached = &argument[1 + at + letter.len_utf8()..];
                        let value = match attached {
                            "" => rest.next().cloned().ok_or_else(|| needs_value(&name))?,
                            text => text.to_owned(),
                        };
                        args.take(option, &name, value)?;
                        break;
                    }
                    flag => args.switch(&flag, &name)?,
                }
            }
        } else {
            return Err(positional(argument));
        }
    }
    Ok(args)
}

/// Takes the base file and the connection out of a subcommand's arguments, which are otherwise its own: `-c` would be
/// merged over the rendered file, and `-w` would be in argv. Returns what is left.
///
/// # Errors
/// A flag of these without its value.
pub fn of_subcommand(arguments: &[String]) -> Result<(Args, Vec<String>), UsageError> {
    let mut args = Args::default();
    let mut left = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            left.push(argument.clone());
            left.extend(rest.by_ref().cloned());
            break;
        }
        let Some((option, name, inline)) = taken(argument) else {
            left.push(argument.clone());
            continue;
        };
        let value = inline.or_else(|| rest.next().cloned()).ok_or_else(|| needs_value(name))?;
        args.take(option, name, value)?;
    }
    Ok((args, left))
}

/// The option that an argument of a subcommand gives, if it is one that is taken out: its flag, and the value that stands in the
/// same argument (`--db_password=x`, `-wx`). A long flag may be abbreviated, as `optparse` and `argparse` take it.
fn taken(argument: &str) -> Option<(&'static OptionSpec, &str, Option<String>)> {
    const TAKEN: &[&str] =
        &["config", "db_host", "db_port", "db_user", "db_password", "db_sslmode", "smtp_password"];
    let (name, inline) = if argument.starts_with("--") {
        argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value.to_owned())))
    } else {
        let (name, attached) = argument.split_at_checked(2)?;
        (name, (!attached.is_empty()).then(|| attached.to_owned()))
    };
    let flag =
        if name.starts_with("--") { long_flag(name).ok().map(|(_, flag)| flag) } else { flag_of(name) };
    match flag? {
        Flag::Option(option, None) if TAKEN.contains(&option.key) => Some((option, name, inline)),
        _ => None,
    }
}

impl Args {
    fn take(&mut self, option: &'static OptionSpec, flag: &str, value: String) -> Result<(), UsageError> {
        match option.key {
            "config" => self.config = Some(value),
            "init" => self.init = Some(value),
            "update" => self.update = Some(value),
            // Odoo appends what flags say to what the file says; the resolver does the same.
            key if option.place == Place::File && !OF_ONE_RUN.contains(&key) => {
                let wrong = match option.kind {
                    // The settings replace it by a number.
                    Kind::Int if key == "workers" && value == "auto" => None,
                    Kind::Int if options::odoo_integer(&value).is_none() => Some("an integer"),
                    Kind::Float if value.trim().parse::<f64>().is_err() => Some("a number"),
                    Kind::Choice(words) if !words.contains(&value.as_str()) => Some("one of its words"),
                    _ => None,
                };
                if let Some(form) = wrong {
                    return Err(usage(format!("the value of {flag} is not {form}"), accepted(option)));
                }
                self.given.push(Given { key: option.key, text: value, flag: flag.to_owned() });
            }
            // A short flag's value may begin with `-`; the long form with `=` cannot be misread.
            _ => match option.flags.iter().find(|name| name.starts_with("--")) {
                Some(long) => self.passed.push(format!("{long}={value}")),
                None => self.passed.extend([flag.to_owned(), value]),
            },
        }
        Ok(())
    }

    fn switch(&mut self, flag: &Flag, name: &str) -> Result<(), UsageError> {
        match flag {
            Flag::Help => {
                self.informational = true;
                self.passed.push(name.to_owned());
            }
            Flag::LogShorthand(entry) => self.given.push(Given {
                key: "log_handler",
                text: (*entry).to_owned(),
                flag: name.to_owned(),
            }),
            Flag::Option(option, text) => match option.key {
                "save" => {
                    return Err(usage(
                        format!("{name} is refused: it would write credentials into the base file"),
                        "edit the base file (ODOO_RC), or set ODOO_<OPTION> variables",
                    ));
                }
                "stop_after_init" => self.stop_after_init = true,
                key if option.place == Place::File && !OF_ONE_RUN.contains(&key) => self.given.push(Given {
                    key: option.key,
                    text: text.unwrap_or("True").to_owned(),
                    flag: name.to_owned(),
                }),
                _ => self.passed.push(name.to_owned()),
            },
        }
        Ok(())
    }
}

/// The flag of exactly that name.
fn flag_of(name: &str) -> Option<Flag> {
    if matches!(name, "-h" | "--help" | "--version") {
        return Some(Flag::Help);
    }
    if let Some((_, entry)) = options::LOG_SHORTHANDS.iter().find(|(known, _)| *known == name) {
        return Some(Flag::LogShorthand(entry));
    }
    OPTIONS.iter().find_map(|option| {
        if option.off.contains(&name) {
            Some(Flag::Option(option, Some("False")))
        } else if option.flags.contains(&name) {
            Some(Flag::Option(option, (option.kind == Kind::Bool).then_some("True")))
        } else {
            None
        }
    })
}

fn long_names() -> impl Iterator<Item = &'static str> {
    let shorthands = options::LOG_SHORTHANDS.iter().map(|(name, _)| *name);
    let flags = OPTIONS.iter().flat_map(|option| option.flags.iter().chain(option.off).copied());
    ["--help", "--version"].into_iter().chain(shorthands).chain(flags).filter(|name| name.starts_with("--"))
}

/// `optparse` takes every unambiguous beginning of a long flag.
fn long_flag(written: &str) -> Result<(&str, Flag), UsageError> {
    if let Some(flag) = flag_of(written) {
        return Ok((written, flag));
    }
    let candidates: Vec<&'static str> = long_names().filter(|name| name.starts_with(written)).collect();
    match candidates.as_slice() {
        [only] => flag_of(only).map(|flag| (*only, flag)).ok_or_else(|| unknown(written)),
        [] => Err(unknown(written)),
        several => Err(usage(
            format!("{written} is ambiguous"),
            format!("write one of {} in full", several.join(", ")),
        )),
    }
}

fn accepted(option: &OptionSpec) -> String {
    match option.kind {
        Kind::Choice(words) => format!("write one of {}", words.join(", ")),
        Kind::Float => format!("write a number, such as --{}=1.5", option.key.replace('_', "-")),
        _ => "write digits without a leading zero, which Odoo reads as octal".to_owned(),
    }
}

fn unknown(name: &str) -> UsageError {
    let hint = match crate::error::nearest(name, long_names()) {
        Some(near) => format!("did you mean {near}? `odoo --help` lists Odoo's options"),
        None => "`odoo --help` lists Odoo's options".to_owned(),
    };
    usage(format!("no such option of Odoo: {name}"), hint)
}

fn needs_value(name: &str) -> UsageError {
    usage(format!("{name} needs a value"), format!("write {name} VALUE"))
}

fn positional(argument: &str) -> UsageError {
    usage(
        format!("unrecognized argument: {argument}"),
        "Odoo's server takes options only; a subcommand such as `shell` comes first",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Args {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments).unwrap_or_else(|error| panic!("{line}: {}", error.message))
    }

    fn refused(line: &str) -> String {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments).err().map(|error| error.message).expect("taken")
    }

    fn given(args: &Args) -> Vec<(&str, &str)> {
        args.given.iter().map(|given| (given.key, given.text.as_str())).collect()
    }

    #[test]
    fn values_come_attached_detached_and_abbreviated() {
        let args = parsed("-c /a.conf -dprod --db_host=h --http-p 80 -w s3cret --proxy-mode --no-http");
        assert_eq!(args.config.as_deref(), Some("/a.conf"));
        assert_eq!(
            given(&args),
            [
                ("db_name", "prod"),
                ("db_host", "h"),
                ("http_port", "80"),
                ("db_password", "s3cret"),
                ("proxy_mode", "True"),
                ("http_enable", "False")
            ]
        );
        assert!(args.passed.is_empty(), "nothing of this stays in argv");
    }

    #[test]
    fn what_only_a_flag_can_say_is_passed_on() {
        let args = parsed("--dev all --test-tags=-x -l fr --stop-after-init -i a,b -u c");
        assert_eq!(args.passed, ["--dev=all", "--test-tags=-x", "--language=fr"]);
        assert!(args.stop_after_init);
        assert_eq!((args.init.as_deref(), args.update.as_deref()), (Some("a,b"), Some("c")));
    }

    #[test]
    fn log_shorthands_become_log_handlers() {
        assert_eq!(
            given(&parsed("--log-handler a:INFO --log-sql")),
            [("log_handler", "a:INFO"), ("log_handler", "odoo.sql_db:DEBUG")]
        );
    }

    #[test]
    fn a_subcommand_keeps_what_is_its_own() {
        let arguments =
            ["shell", "-c", "/a.conf", "-d", "prod", "--db_password=s3cret", "--no-http"].map(str::to_owned);
        let (args, left) = of_subcommand(&arguments).unwrap_or_else(|error| panic!("{}", error.message));
        assert_eq!(args.config.as_deref(), Some("/a.conf"));
        assert_eq!(given(&args), [("db_password", "s3cret")]);
        assert_eq!(left, ["shell", "-d", "prod", "--no-http"]);
        let arguments =
            ["shell", "-ws3cret", "--db_pass=s3cret", "--smtp-passw", "s3cret", "-c/a", "-p80", "--", "-wx"];
        let (args, left) =
            of_subcommand(&arguments.map(str::to_owned)).unwrap_or_else(|error| panic!("{}", error.message));
        assert_eq!(
            given(&args),
            [("db_password", "s3cret"), ("db_password", "s3cret"), ("smtp_password", "s3cret")]
        );
        assert_eq!(args.config.as_deref(), Some("/a"));
        assert_eq!(left, ["shell", "-p80", "--", "-wx"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(refused("--wrokers=2"), "no such option of Odoo: --wrokers");
        assert_eq!(refused("--db 1"), "--db is ambiguous");
        assert_eq!(refused("-d"), "-d needs a value");
        assert_eq!(refused("--proxy-mode=1"), "--proxy-mode takes no value");
        assert_eq!(refused("shell"), "unrecognized argument: shell");
        assert_eq!(refused("--workers=two"), "the value of --workers is not an integer");
        assert!(refused("-s").starts_with("-s is refused"));
    }
}
