//! Everything that can be found wrong before anything is started: uid, settings, folders, ports, Odoo's executable.

mod folders;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{Uid, User, geteuid, getuid};
use socket2::{Domain, Protocol, Socket, Type};

use crate::addons;
use crate::error::{Failure, Problem};
use crate::exit::Exit;
use crate::odoo::args::{self, Args, UsageError};
use crate::odoo::launch::{self, Identity};
use crate::odoo::master::Master;
use crate::odoo::path;
use crate::odoo::render::{Files, render as texts, write};
use crate::settings::raw::Environment;
use crate::settings::resolve::{DATA_DIR, Inputs, resolve};
use crate::settings::{Odoo, Settings, source};

/// What a start needs, all of it checked.
pub struct Ready {
    /// The settings.
    pub settings: Settings,
    /// The rendered files.
    pub files: Files,
    /// Odoo's executable.
    pub odoo: PathBuf,
    /// Odoo's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The master password on its way into the rendered file.
    pub master: Option<Arc<Master>>,
}

/// Refuses to start Odoo as root: a hole in any module would be one in the whole container.
///
/// # Errors
/// The real or the effective uid is 0.
pub fn refuse_root() -> Result<(), Failure> {
    let (real, effective) = (getuid(), geteuid());
    if !real.is_root() && !effective.is_root() {
        return Ok(());
    }
    let problem = Problem::new(
        "refused to run Odoo as root",
        format!("the uid is {real}, the effective uid {effective}"),
        "run the container as user odoo: no `--user 0`, no `user: root`, runAsNonRoot in Kubernetes",
    );
    Err(Failure::one(Exit::Root, problem))
}

/// Understands Odoo's arguments.
///
/// # Errors
/// 64, with what is wrong.
pub fn arguments(arguments: &[String]) -> Result<Args, Failure> {
    args::parse(arguments).map_err(misunderstood)
}

/// The failure for arguments that Odoo would refuse too.
pub fn misunderstood(error: UsageError) -> Failure {
    Failure::one(Exit::Usage, Problem::new("cannot understand the arguments", error.message, error.hint))
}

/// Resolves the settings from what this process was given.
///
/// # Errors
/// 78, with every problem at once.
pub fn settings(environment: &Environment, args: &Args) -> Result<Settings, Failure> {
    let (base, mut problems) = match source::base_file(environment, args) {
        Ok(base) => (base, Vec::new()),
        Err(problem) => (None, vec![problem]),
    };
    match resolve(&Inputs { environment, args, base: base.as_ref(), world: &source::world(environment) }) {
        Ok(settings) if problems.is_empty() => Ok(settings),
        Ok(_) => Err(Failure { exit: Exit::Config, problems }),
        Err(others) => {
            problems.extend(others);
            Err(Failure { exit: Exit::Config, problems })
        }
    }
}

/// Checks the world around valid settings, and writes Odoo's files.
///
/// # Errors
/// Every problem of [`problems`] at once, and those of [`render`].
pub fn check(settings: Settings, environment: &Environment) -> Result<Ready, Failure> {
    tell(&settings);
    all(problems(&settings, environment, &mut |line| tracing::warn!("{line}")))?;
    if settings.policy.one_shot {
        // It may run beside a server in the same container. And it asks nobody for a master password.
        return render(settings, &folder_of_a_run());
    }
    // A fixed name, so that a restarted container replaces its file and others find it; one per user, so that
    // another's in a shared /tmp is not in the way.
    let mut ready = render(settings, &format!("odoo-entrypoint-{}", geteuid()))?;
    if let Some(plain) = ready.settings.master_password.take() {
        let (odoo, files) = (ready.settings.odoo.clone(), ready.files.clone());
        ready.master = Some(Arc::new(Master::start(plain, odoo, files)));
    }
    Ok(ready)
}

/// Says what has been decided and what is odd.
fn tell(settings: &Settings) {
    for note in &settings.notes {
        tracing::info!("{note}");
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
}

/// One failure of all problems. Its exit code is theirs where they agree.
///
/// # Errors
/// There are problems.
pub fn all(found: Vec<(Exit, Problem)>) -> Result<(), Failure> {
    let Some((first, _)) = found.first() else { return Ok(()) };
    let exit = if found.iter().all(|(exit, _)| exit == first) { *first } else { Exit::Config };
    Err(Failure { exit, problems: found.into_iter().map(|(_, problem)| problem).collect() })
}

/// What is wrong with the world around valid settings: folders that cannot be written, ports that are taken, modules that
/// end every request of Odoo. `caution` is told what is odd.
pub fn problems(
    settings: &Settings,
    environment: &Environment,
    caution: &mut dyn FnMut(String),
) -> Vec<(Exit, Problem)> {
    let mut problems = folders::problems(settings);
    if !settings.policy.one_shot {
        let ports = ports(&settings.odoo).into_iter();
        problems.extend(ports.filter_map(|(key, port)| port_taken(&settings.odoo, key, port)));
    }
    let mut found: Vec<(Exit, Problem)> =
        problems.into_iter().map(|problem| (Exit::Config, problem)).collect();
    let modules = addons::start(settings, environment);
    modules.cautions.into_iter().for_each(caution);
    found.extend(modules.problems.into_iter().map(|problem| (Exit::Addons, problem)));
    found
}

/// Odoo's executable.
///
/// # Errors
/// It is missing (127), or cannot be executed (126).
pub fn odoo(settings: &Settings) -> Result<PathBuf, (Exit, Problem)> {
    launch::find(settings.odoo_bin.as_deref(), &std::env::var("PATH").unwrap_or_default())
}

/// The folder of a run that may be one of several in a container, and must not touch the server's.
pub fn folder_of_a_run() -> String {
    format!("odoo-entrypoint-{}-{}", geteuid(), std::process::id())
}

/// Finds Odoo and writes its files into a folder of that name.
///
/// # Errors
/// 126 or 127 for Odoo's executable, 73 where no folder takes the rendered file.
pub fn render(settings: Settings, folder: &str) -> Result<Ready, Failure> {
    let odoo = odoo(&settings).map_err(|(exit, problem)| Failure::one(exit, problem))?;
    let rendered = texts(&settings.odoo);
    let files = write(&rendered, &settings.runtime_dirs, folder)
        .map_err(|problem| Failure::one(Exit::CannotWrite, problem))?;
    let identity = identity(&settings.odoo);
    let mut environment =
        launch::environment(std::env::vars_os(), &files.conf, files.pgpass.as_deref(), &identity);
    launch::limit_threads(&mut environment, settings.numeric_threads);
    Ok(Ready { settings, files, odoo, environment, master: None })
}

/// The ports Odoo will bind.
fn ports(odoo: &Odoo) -> Vec<(&'static str, u16)> {
    match (odoo.http_enable, odoo.prefork()) {
        (false, _) => Vec::new(),
        (true, false) => vec![("http_port", odoo.http_port)],
        (true, true) => vec![("http_port", odoo.http_port), ("gevent_port", odoo.gevent_port)],
    }
}

/// Binds as Odoo will, and lets go: a port that is taken would be a traceback after seconds, or, for the gevent
/// process, one every four seconds for ever.
fn port_taken(odoo: &Odoo, key: &str, port: u16) -> Option<Problem> {
    // A host name is left to Odoo.
    let ip = odoo.http_interface.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let error = bind(SocketAddr::new(ip, port)).err()?;
    let origin = odoo.options.iter().find(|setting| setting.key == key);
    let origin = origin.map_or("Odoo's default".to_owned(), |setting| setting.origin.to_string());
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => format!("stop what listens there, or set ODOO_{}", key.to_uppercase()),
        io::ErrorKind::PermissionDenied => {
            format!("set ODOO_{} to a port above 1023; publish it as you like", key.to_uppercase())
        }
        _ => "set ODOO_HTTP_INTERFACE to an address of this container, or unset it".to_owned(),
    };
    Some(Problem::new(
        "Odoo's port cannot be used",
        format!("{key} = {port} on {ip} ({origin}): {error}"),
        hint,
    ))
}

fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // With SO_REUSEADDR two may bind, and only one may listen.
    socket.listen(1)
}

/// The environment of an Odoo that needs nothing of the settings: without our input, with a name and a home.
pub fn environment(rendered: &Path) -> Vec<(OsString, OsString)> {
    let identity = own_account().map_or_else(
        || Identity { name: "odoo".to_owned(), home: "/".into() },
        |account| Identity { name: account.name, home: account.dir },
    );
    launch::environment(std::env::vars_os(), rendered, None, &identity)
}

/// Odoo's data directory as Odoo reads its path.
pub fn data_dir(odoo: &Odoo) -> PathBuf {
    let setting = odoo.options.iter().find(|setting| setting.key == "data_dir");
    path::expand(setting.map_or(DATA_DIR, |setting| &setting.text), |name| match name {
        "HOME" => own_account().map(|account| account.dir.display().to_string()),
        name => std::env::var(name).ok(),
    })
}

fn own_account() -> Option<User> {
    User::from_uid(Uid::current()).ok().flatten()
}

/// Who Odoo runs as. A uid without an account (OpenShift) is called `odoo`, and lives in the data directory.
fn identity(odoo: &Odoo) -> Identity {
    match own_account() {
        Some(account) if account.dir.is_dir() => Identity { name: account.name, home: account.dir },
        Some(account) => Identity { name: account.name, home: data_dir(odoo) },
        None => Identity { name: "odoo".to_owned(), home: data_dir(odoo) },
    }
}
