//! The shell of the settings: reads the environment, `*_FILE` contents and the base file. Decides nothing.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::raw::{Environment, Unreadable};
use super::reference::default_of;
use super::resolve::{self, BaseFile, World, connection_variable};
use crate::addons::discover::{self, Places};
use crate::error::Problem;
use crate::odoo::args::Args;
use crate::odoo::{baked, conf, launch, options};
use crate::process::cgroup;

/// The base file of the image, when `ODOO_RC` and `-c` say nothing.
pub const DEFAULT_BASE_FILE: &str = "/etc/odoo/odoo.conf";

/// More than any secret or configuration; a device or a log that was mounted by mistake must not fill the memory.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
const MAX_BASE_FILE_BYTES: u64 = 1024 * 1024;

/// Takes the environment of this process, and the content of every `X_FILE` of ours.
pub fn environment() -> Environment {
    with_files(values())
}

/// Takes the environment of this process alone.
pub fn values() -> Environment {
    let mut environment = Environment::default();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => {
                environment.values.insert(name, value);
            }
            Err(_) => environment.not_text.push(name),
        }
    }
    environment
}

/// Takes files in the form of Docker's `--env-file` for the environment: `NAME=VALUE` on each line, literally; `#` begins a
/// comment line; a name alone is taken from this process. A later line wins.
///
/// # Errors
/// One for each file that cannot be read and each line that is neither.
pub fn env_files(files: &[PathBuf]) -> Result<Environment, Vec<Problem>> {
    let mut environment = Environment::default();
    let mut problems = Vec::new();
    for path in files {
        let text = read_bounded(path, MAX_BASE_FILE_BYTES)
            .map_err(|error| describe(path, &error))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "the content is not UTF-8".to_owned()));
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                problems.push(Problem::new(
                    "cannot read the environment file",
                    format!("{} (named by --env-file): {error}", path.display()),
                    "name a readable file with NAME=VALUE on each line",
                ));
                continue;
            }
        };
        // Editors on Windows write a byte order mark; Docker passes over it too.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = match line.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (line, std::env::var(line).ok()),
            };
            if name.is_empty() || name.contains(char::is_whitespace) {
                problems.push(Problem::new(
                    "cannot understand the environment file",
                    format!("{}:{}: this is not NAME=VALUE", path.display(), index + 1),
                    "write NAME=VALUE, without quotes and without blanks around the `=`",
                ));
            } else if let Some(value) = value {
                environment.values.insert(name.to_owned(), value);
            }
        }
    }
    if problems.is_empty() { Ok(environment) } else { Err(problems) }
}

/// Reads the content of every `X_FILE` of ours.
pub fn with_files(mut environment: Environment) -> Environment {
    environment.files = named_files(&environment)
        .map(|(name, path)| (name.to_owned(), secret_file(name, Path::new(path))))
        .collect();
    environment
}

/// Takes every `X_FILE` of ours for readable, as far as its content can be any text.
pub fn assuming_files(mut environment: Environment) -> Environment {
    environment.files = named_files(&environment)
        .filter(|(name, _)| name.strip_suffix("_FILE").is_some_and(resolve::takes_any_text))
        .map(|(name, _)| (name.to_owned(), Ok("(not read)".to_owned())))
        .collect();
    environment
}

fn named_files(environment: &Environment) -> impl Iterator<Item = (&str, &str)> {
    let all = environment.values.iter().map(|(name, path)| (name.as_str(), path.as_str()));
    all.filter(|(name, path)| !path.is_empty() && names_a_file(name))
}

/// Whether this variable is the `_FILE` form of a setting, and not a setting that ends so (`ODOO_TEST_FILE`).
fn names_a_file(name: &str) -> bool {
    let Some(plain) = name.strip_suffix("_FILE") else { return false };
    let option = |name: &str| name.strip_prefix("ODOO_").and_then(|key| options::find(&key.to_lowercase()));
    connection_variable(plain) || (option(name).is_none() && option(plain).is_some())
}

fn secret_file(variable: &str, path: &Path) -> Result<String, Unreadable> {
    let read = || {
        let bytes = read_bounded(path, MAX_SECRET_BYTES)?;
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the content is not UTF-8"))
    };
    let mut text = read().map_err(|error| Unreadable {
        why: format!("{variable}={}: {}", path.display(), describe(path, &error)),
        hint: mend(path, error.kind()),
    })?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Looks at what some defaults follow.
pub fn world(environment: &Environment) -> World {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let limits = cgroup::limits();
    match places(environment) {
        Ok((places, advice)) => {
            let roots = discover::roots(&places);
            let addons = discover::addons_path(&roots);
            let addons = addons.iter().map(|path| path.display().to_string()).collect();
            let mut advice: Vec<String> = advice.into_iter().collect();
            if !roots.iter().any(|root| root.kind == discover::Kind::Core)
                && let Some(odoo) = &places.odoo
            {
                advice.push(format!(
                    "Odoo's own modules cannot be found from {} (an editable installation?): set ODOO_ADDONS_PATH if they \
                     are not in Odoo's package",
                    odoo.display()
                ));
            }
            World { limits, cpus: cpus as u64, addons, advice, refused: None }
        }
        Err(problem) => World { limits, cpus: cpus as u64, refused: Some(problem), ..World::default() },
    }
}

/// Where modules are looked for, and a word about it where the image's own are hidden.
///
/// # Errors
/// Something else than the image's modules is there, and that is refused.
pub fn places(environment: &Environment) -> Result<(Places, Option<String>), Problem> {
    let text = |name: &str| environment.get(name).unwrap_or_default().to_owned();
    let own = |name: &str| {
        let given = environment.get(name).filter(|text| !text.is_empty());
        PathBuf::from(given.unwrap_or(default_of(name)))
    };
    let (extra, copy) = (own("ENTRYPOINT_EXTRA_ADDONS"), own("ENTRYPOINT_BAKED_COPY"));
    let mark = |folder: &Path| {
        let bytes = read_bounded(&folder.join(baked::MARK), MAX_SECRET_BYTES).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    // A wrong word is reported with all other settings.
    let policy = baked::policy(&text("ENTRYPOINT_BAKED_ADDONS")).unwrap_or(baked::Policy::Auto);
    let (mounted, kept) = (mark(&extra), mark(&copy));
    let choice = baked::choose(
        policy,
        (&extra.display().to_string(), mounted.as_deref()),
        (&copy.display().to_string(), kept.as_deref()),
    )?;
    let (extra, advice) = match choice {
        baked::Choice::Mounted => (extra, None),
        baked::Choice::Copy(advice) => (copy, Some(advice)),
    };
    let named = Some(own("ENTRYPOINT_ODOO_BIN")).filter(|path| !path.as_os_str().is_empty());
    let places = Places {
        odoo: launch::find(named.as_deref(), &text("PATH")).ok(),
        search: text("PATH"),
        python_path: text("PYTHONPATH"),
        home: Some(PathBuf::from(text("HOME"))).filter(|home| home.is_absolute()),
        data_dir: None,
        extra,
        oca: own("ENTRYPOINT_OCA_ADDONS"),
    };
    Ok((places, advice))
}

/// Reads the base file that `-c`, `ODOO_RC` or the default names.
///
/// # Errors
/// It cannot be read, or it is not an `odoo.conf`. A missing file at the default path alone is no error: nobody
/// promised one.
pub fn base_file(environment: &Environment, args: &Args) -> Result<Option<BaseFile>, Problem> {
    let variable = environment.get("ODOO_RC").filter(|path| !path.is_empty());
    let (path, origin) = match (&args.config, variable) {
        (Some(path), _) => (path.as_str(), "named by the flag -c"),
        (None, Some(path)) => (path, "named by ODOO_RC (environment)"),
        (None, None) => (DEFAULT_BASE_FILE, "the default place"),
    };
    let nobody_named_it = args.config.is_none() && variable.is_none();
    let bytes = match read_bounded(Path::new(path), MAX_BASE_FILE_BYTES) {
        Err(error) if nobody_named_it && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|error| {
            let hint = match (error.kind(), &args.config) {
                (io::ErrorKind::NotFound, None) => {
                    "mount the file there, or unset ODOO_RC to use the image's own".to_owned()
                }
                (kind, _) => mend(Path::new(path), kind),
            };
            Problem::new(
                "cannot read the base file",
                format!("{path} ({origin}): {}", describe(Path::new(path), &error)),
                hint,
            )
        })?,
    };
    let document = conf::parse(&bytes).map_err(|error| {
        Problem::new(
            "the base file is not an odoo.conf",
            format!("{path}:{}:{} ({origin}): {}", error.line, error.column, error.message),
            "mend that line; Odoo itself would end with a traceback there",
        )
    })?;
    Ok(Some(BaseFile { path: path.to_owned(), document }))
}

/// Reads a regular file of at most `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // A FIFO would block the open, a device would never end.
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// What there is to do about a file that cannot be read.
fn mend(path: &Path, error: io::ErrorKind) -> String {
    match error {
        io::ErrorKind::NotFound => "name a file that exists; in a container it has to be mounted".to_owned(),
        io::ErrorKind::IsADirectory => {
            "Docker makes a folder where the source of a bind mount is missing: create the file on the host"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("make it readable for uid {}: chmod or chown {}", nix::unistd::geteuid(), path.display())
        }
        io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => {
            "name the file itself: this is something else".to_owned()
        }
        io::ErrorKind::InvalidData => "write the file in UTF-8".to_owned(),
        _ => "see what is at that path".to_owned(),
    }
}

/// The error with what explains a refusal: our uid, the file's owner and mode.
fn describe(path: &Path, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error.to_string();
    }
    // A folder on the way may be closed, and then the file's own mode is not to be had.
    let file = std::fs::metadata(path).map_or(String::new(), |metadata| {
        let (uid, gid, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
        format!(", the file is {uid}:{gid} mode {mode:04o}")
    });
    format!("{error}; this process is uid {}{file}", nix::unistd::geteuid())
}
