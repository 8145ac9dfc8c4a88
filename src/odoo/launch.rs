//! How Odoo is started: where its executable is, with which arguments and in which environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Problem, nearest};
use crate::exit::Exit;
use crate::lifecycle::{Role, Work};
use crate::odoo::options::{self, OPTIONS};
use crate::settings::reference::{self, KNOWN_ODOO_VARIABLES};
use crate::settings::resolve::connection_variable;

/// Finds Odoo's executable: the one that is named, else the first `odoo` or `odoo-bin` on the `PATH` that is not this
/// program (the image installs it under those names too).
///
/// # Errors
/// There is none (127), or it cannot be executed (126).
pub fn find(named: Option<&Path>, search: &str) -> Result<PathBuf, (Exit, Problem)> {
    if let Some(path) = named {
        return executable(path).map(|()| path.to_owned()).map_err(|why| refuse(path, &why));
    }
    let own = std::fs::metadata("/proc/self/exe").map(|own| (own.dev(), own.ino())).ok();
    let mut not_executable = None;
    // An empty entry would be the current folder, which nobody means here.
    for folder in std::env::split_paths(search).filter(|folder| !folder.as_os_str().is_empty()) {
        for name in ["odoo", "odoo-bin"] {
            let path = folder.join(name);
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_dir() || own == Some((metadata.dev(), metadata.ino())) {
                continue;
            }
            match executable(&path) {
                Ok(()) => return Ok(path),
                Err(why) => not_executable = not_executable.or(Some((path, why))),
            }
        }
    }
    Err(match not_executable {
        Some((path, why)) => refuse(&path, &why),
        None => (
            Exit::NotFound,
            Problem::new(
                "Odoo is not installed",
                format!("neither odoo nor odoo-bin is in PATH={search:?} (environment)"),
                "install Odoo 18, or set ENTRYPOINT_ODOO_BIN to its executable",
            ),
        ),
    })
}

enum NotExecutable {
    Missing(String),
    Forbidden(String),
}

fn executable(path: &Path) -> Result<(), NotExecutable> {
    let metadata = std::fs::metadata(path).map_err(|error| NotExecutable::Missing(error.to_string()))?;
    if metadata.is_dir() {
        return Err(NotExecutable::Forbidden("is a folder".to_owned()));
    }
    if !metadata.is_file() {
        return Err(NotExecutable::Forbidden("is not a regular file".to_owned()));
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).map_err(|error| {
        let mode = metadata.permissions().mode() & 0o7777;
        NotExecutable::Forbidden(format!(
            "{} (mode {mode:04o}, owner {}; this process is uid {})",
            error.desc(),
            metadata.uid(),
            nix::unistd::geteuid()
        ))
    })
}

fn refuse(path: &Path, why: &NotExecutable) -> (Exit, Problem) {
    let path = path.display();
    match why {
        NotExecutable::Missing(error) => (
            Exit::NotFound,
            Problem::new(
                "Odoo's executable does not exist",
                format!("ENTRYPOINT_ODOO_BIN={path} (environment): {error}"),
                "set it to Odoo's executable, or unset it to search the PATH",
            ),
        ),
        NotExecutable::Forbidden(why) => (
            Exit::NotExecutable,
            Problem::new(
                "Odoo's executable cannot be executed",
                format!("{path}: {why}"),
                format!("chmod a+rx {path}, or set ENTRYPOINT_ODOO_BIN to another one"),
            ),
        ),
    }
}

/// What makes a run that ends by itself and serves nothing.
const ONE_SHOT: [&str; 5] = [
    "--stop-after-init",
    // With workers Odoo binds its port even for this, and ignores TERM until it is done (`PreforkServer.start`);
    // threads are interruptible and bind nothing.
    "--no-http",
    "--workers=0",
    "--max-cron-threads=0",
    // The address space is limited for requests, not for the installation of a large module.
    "--limit-memory-hard=0",
];

/// Odoo's arguments for a role. The rendered file has all the rest.
pub fn arguments(role: &Role, extra: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = match role {
        // A hook is no Odoo and has none of this.
        Role::Server | Role::Hook { .. } => Vec::new(),
        Role::Init(Work { database, modules }) => {
            let mut arguments = vec![OsString::from(format!("--database={database}"))];
            if !modules.is_empty() {
                arguments.push(format!("--init={}", modules.join(",")).into());
            }
            arguments.extend(ONE_SHOT.map(OsString::from));
            arguments
        }
    };
    arguments.extend(extra.iter().map(OsString::from));
    arguments
}

/// What is set for Odoo and hooks on top of the scrubbed environment.
pub struct Identity {
    /// The account's name, or `odoo` for a uid that has none.
    pub name: String,
    /// A folder that exists.
    pub home: PathBuf,
}

/// Odoo's environment: ours without the connection, the options and this program's own variables, so that no secret
/// can be read from `/proc/PID/environ` of Odoo or its children.
///
/// `USER` and `LOGNAME` are the account's name, not the database role that `USER` carries on our side: Odoo asks
/// `getpass.getuser()`, which reads them first and fails for a uid without an account.
pub fn environment(
    ours: impl IntoIterator<Item = (OsString, OsString)>,
    rendered: &Path,
    pgpass: Option<&Path>,
    identity: &Identity,
) -> Vec<(OsString, OsString)> {
    let kept = ours.into_iter().filter(|(name, _)| name.to_str().is_some_and(|name| !is_input(name)));
    let mut environment: BTreeMap<OsString, OsString> = kept.collect();
    let mut set = |name: &str, value: OsString| environment.insert(name.into(), value);
    set("ODOO_RC", rendered.into());
    set("USER", identity.name.clone().into());
    set("LOGNAME", identity.name.clone().into());
    set("HOME", identity.home.clone().into());
    if let Some(path) = pgpass {
        set("PGPASSFILE", path.into());
    }
    environment.into_iter().collect()
}

/// The numeric libraries that modules bring (numpy's BLAS among them) start a thread for each core of the machine, in every
/// process of Odoo. Their pools are kept in proportion, where nobody has said otherwise.
pub fn limit_threads(environment: &mut Vec<(OsString, OsString)>, threads: u64) {
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"] {
        if environment.iter().all(|(known, _)| known != name) {
            environment.push((name.into(), threads.to_string().into()));
        }
    }
}

/// Whether a variable is an input of this program and has no meaning to Odoo, or would be misread by it.
fn is_input(name: &str) -> bool {
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    let option = |name: &str| {
        name.strip_prefix("ODOO_").is_some_and(|key| options::find(&key.to_lowercase()).is_some())
    };
    // OPENERP_SERVER names a configuration file; colours would get into the log's lines.
    let misread = matches!(name, "OPENERP_SERVER" | "ODOO_PY_COLORS" | "LISTEN_FDS" | "LISTEN_PID");
    let for_odoo = KNOWN_ODOO_VARIABLES.contains(&name) && !matches!(name, "ODOO_INIT" | "ODOO_UPDATE");
    connection_variable(plain)
        || (!for_odoo && misspelled_secret(plain))
        || (!for_odoo && (option(name) || option(plain)))
        || matches!(name, "ODOO_INIT" | "ODOO_UPDATE")
        || name.starts_with(reference::PREFIX)
        || misread
}

/// `ODOO_ADMIN_PASSWORD`: nothing reads it, and whoever set it meant a secret.
fn misspelled_secret(name: &str) -> bool {
    let key = name.strip_prefix("ODOO_").map(str::to_lowercase);
    let near = key.and_then(|key| nearest(&key, OPTIONS.iter().map(|option| option.key)));
    near.and_then(options::find).is_some_and(|option| option.secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_input_reaches_odoo() {
        let ours = [
            ("PASSWORD", "s"),
            ("PGPASSWORD", "s"),
            ("PASSWORD_FILE", "/run/s"),
            ("ODOO_ADMIN_PASSWD", "s"),
            ("ODOO_ADMIN_PASSWORD", "s"),
            ("ODOO_SMTP_PASSWORD_FILE", "/run/s"),
            ("ENTRYPOINT_LISTEN", "x"),
            ("ODOO_INIT", "base"),
            ("USER", "dbrole"),
            ("PATH", "/bin"),
            ("ODOO_VERSION", "18.0"),
            ("PGSSLROOTCERT", "/ca"),
        ];
        let identity = Identity { name: "odoo".to_owned(), home: PathBuf::from("/home") };
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = environment(ours, Path::new("/run/odoo/odoo.conf"), None, &identity);
        let shown: Vec<String> = environment
            .iter()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
            .collect();
        assert_eq!(
            shown,
            [
                "HOME=/home",
                "LOGNAME=odoo",
                "ODOO_RC=/run/odoo/odoo.conf",
                "ODOO_VERSION=18.0",
                "PATH=/bin",
                "PGSSLROOTCERT=/ca",
                "USER=odoo"
            ]
        );
    }
}
