//! The shell of the settings: reads the environment, `*_FILE` contents and the base file. Decides nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::raw::Environment;
use super::resolve::{BaseFile, connection_variable};
use crate::error::Problem;
use crate::odoo::args::Args;
use crate::odoo::{conf, options};

/// The base file of the image, when `ODOO_RC` and `-c` say nothing.
pub const DEFAULT_BASE_FILE: &str = "/etc/odoo/odoo.conf";

/// More than any secret or configuration; a device or a log that was mounted by mistake must not fill the memory.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
const MAX_BASE_FILE_BYTES: u64 = 1024 * 1024;

/// Takes the environment of this process, and the content of every `X_FILE` of ours.
pub fn environment() -> Environment {
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
    let files: BTreeMap<_, _> = environment
        .values
        .iter()
        .filter(|(name, path)| !path.is_empty() && names_a_file(name))
        .map(|(name, path)| (name.clone(), secret_file(name, Path::new(path))))
        .collect();
    environment.files = files;
    environment
}

/// Whether this variable is the `_FILE` form of a setting, and not a setting that ends so (`ODOO_TEST_FILE`).
fn names_a_file(name: &str) -> bool {
    let Some(plain) = name.strip_suffix("_FILE") else { return false };
    let option = |name: &str| name.strip_prefix("ODOO_").and_then(|key| options::find(&key.to_lowercase()));
    connection_variable(plain) || (option(name).is_none() && option(plain).is_some())
}

fn secret_file(variable: &str, path: &Path) -> Result<String, String> {
    let bytes = read_bounded(path, MAX_SECRET_BYTES)
        .map_err(|error| format!("{variable}={}: {}", path.display(), describe(path, &error)))?;
    let mut text = String::from_utf8(bytes)
        .map_err(|_| format!("{variable}={}: the content is not UTF-8", path.display()))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
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
            let hint = match error.kind() {
                io::ErrorKind::NotFound => {
                    "mount the file there, or unset ODOO_RC to use the image's own".to_owned()
                }
                io::ErrorKind::IsADirectory => {
                    "Docker makes a folder where the source of a bind mount is missing: create the file on the host"
                        .to_owned()
                }
                _ => format!("make it readable for uid {}: chmod a+r {path}", nix::unistd::geteuid()),
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
