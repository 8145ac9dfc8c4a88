//! The verbs: each sets up what it needs, runs, and says how it ended.

use std::ffi::OsString;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::addons::verbs;
use crate::cli::{AddonsCheck, AddonsList};
use crate::error::{Failure, Problem};
use crate::exit::Exit;
use crate::health::server::Board;
use crate::health::verdict::Question;
use crate::health::{client, server};
use crate::process::children::Program;
use crate::process::signals::{For, Signals};
use crate::process::{death, inherited};
use crate::settings::{resolve, source};
use crate::{foreground, logging, odoo, output, preflight, run};

/// `healthcheck` answers within Docker's and Kubernetes' own time for it.
const HEALTHCHECK_DEADLINE: Duration = Duration::from_secs(4);

/// What a log reader that stalls gets at the end.
const FLUSH: Duration = Duration::from_secs(1);

/// The full lifecycle, or with `--stop-after-init` a one-shot without a listener.
///
/// # Errors
/// Whatever ends it otherwise than by an asked-for stop.
pub fn serve(arguments: &[String]) -> Result<Exit, Failure> {
    let result = supervise(arguments);
    // A one-shot by `docker exec` is not why its container ends.
    let one_shot = arguments.iter().any(|argument| argument == "--stop-after-init");
    if let Err(failure) = &result
        && (!one_shot || std::process::id() == 1)
    {
        // From the environment itself, since the settings may be what is wrong.
        let given = std::env::var("ENTRYPOINT_TERMINATION_LOG").ok();
        death::leave_message(&resolve::termination_log(given), &failure.to_string());
    }
    result
}

fn supervise(arguments: &[String]) -> Result<Exit, Failure> {
    preflight::refuse_root()?;
    close_to_others();
    let runtime = runtime()?;
    let mut signals = install(&runtime, For::Serve)?;
    start_output()?;
    if inherited::blocked(nix::libc::SIGTERM) {
        tracing::warn!(
            "whoever started this process has blocked TERM; Odoo inherits that, and will be killed at a stop"
        );
    }
    let board = Board::new();
    let args = preflight::arguments(arguments)?;
    let environment = source::environment();
    let listen = resolve::listen(&environment).map_err(|problem| Failure::one(Exit::Config, problem));
    // An address that is wrong is told with all other problems; a right one answers before they are looked for.
    if let (Ok(address), false) = (listen, args.stop_after_init) {
        server::start(address, board.clone()).map_err(|(exit, problem)| Failure::one(exit, problem))?;
    }
    let settings = preflight::settings(&environment, &args)?;
    let ready = preflight::check(settings, &environment)?;
    let files = ready.files.clone();
    let result = runtime.block_on(run::serve(ready, board, &mut signals));
    // A name that is being resolved cannot be interrupted; it ends with the process.
    runtime.shutdown_background();
    files.remove();
    result
}

/// An `odoo` subcommand with the rendered configuration, in the foreground.
///
/// # Errors
/// The settings, the preflight, or a program that cannot be started.
pub fn subcommand(arguments: &[String]) -> Result<Exit, Failure> {
    preflight::refuse_root()?;
    close_to_others();
    let runtime = runtime()?;
    let mut signals = install(&runtime, For::Program)?;
    let (args, arguments) = odoo::args::of_subcommand(arguments).map_err(preflight::misunderstood)?;
    let settings = preflight::settings(&source::environment(), &args)?;
    let ready = preflight::render(settings, &preflight::folder_of_a_run())?;
    let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    if arguments.first().is_some_and(|name| name == "shell") {
        // With workers even the shell binds Odoo's port.
        arguments.extend(["--no-http", "--workers=0", "--max-cron-threads=0"].map(OsString::from));
    }
    let program = Program { path: ready.odoo, arguments, environment: Some(ready.environment) };
    let result = runtime.block_on(foreground::run(&program, &mut signals));
    ready.files.remove();
    result
}

/// Odoo's own `--help` and `--version`.
///
/// # Errors
/// Odoo cannot be found or started.
pub fn odoo_itself(arguments: &[String]) -> Result<Exit, Failure> {
    preflight::refuse_root()?;
    let environment = source::environment();
    let named = environment.get("ENTRYPOINT_ODOO_BIN").filter(|path| !path.is_empty());
    let path =
        odoo::launch::find(named.map(std::path::Path::new), environment.get("PATH").unwrap_or_default())
            .map_err(|(exit, problem)| Failure::one(exit, problem))?;
    // Even for these Odoo reads a configuration, and a broken one would end it.
    let environment = preflight::environment(std::path::Path::new("/dev/null"));
    run_program(&Program {
        path,
        arguments: arguments.iter().map(OsString::from).collect(),
        environment: Some(environment),
    })
}

/// Any other program.
///
/// # Errors
/// It cannot be started.
pub fn program(name: OsString, arguments: Vec<OsString>) -> Result<Exit, Failure> {
    run_program(&foreground::program(name, arguments))
}

fn run_program(program: &Program) -> Result<Exit, Failure> {
    close_to_others();
    let runtime = runtime()?;
    let mut signals = install(&runtime, For::Program)?;
    runtime.block_on(foreground::run(program, &mut signals))
}

/// Asks the running supervisor one question; 0 is yes and 1 is no.
///
/// # Errors
/// The address of the probes is not valid.
pub fn healthcheck(question: Question) -> Result<Exit, Failure> {
    let address =
        resolve::listen(&source::environment()).map_err(|problem| Failure::one(Exit::Config, problem))?;
    // `[::]` answers on IPv4 too, and a container may have no IPv6.
    let ip = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    let address = SocketAddr::new(ip, address.port());
    let path = format!("/{}", question.name());
    let asked = runtime()?.block_on(client::get(address, "localhost", &path, HEALTHCHECK_DEADLINE));
    match asked {
        Ok(response) => {
            print(&response.body)?;
            Ok(if response.status == 200 { Exit::Success } else { Exit::Unhealthy })
        }
        Err(error) => {
            print(&format!("no answer to {path}: {error}\n"))?;
            Ok(Exit::Unhealthy)
        }
    }
}

/// `addons list`.
///
/// # Errors
/// The settings are wrong, and no folder is named.
pub fn addons_list(asked: &AddonsList) -> Result<Exit, Failure> {
    print(&verbs::list(asked)?)
}

/// `addons check`; 81 where something breaks a rule.
///
/// # Errors
/// The settings are wrong, and no folder is named.
pub fn addons_check(asked: &AddonsCheck) -> Result<Exit, Failure> {
    let (text, exit) = verbs::check(asked)?;
    print(&text)?;
    Ok(exit)
}

/// Writes to stdout. A reader that went away (`| head`) is no error.
///
/// # Errors
/// None; the type is that of the verbs.
pub fn print(text: &str) -> Result<Exit, Failure> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Exit::Success)
}

/// Tells people how it ended, once, and gives the exit code.
pub fn finish(result: Result<Exit, Failure>) -> Exit {
    let exit = result.unwrap_or_else(|failure| {
        logging::last_words(&failure.to_string());
        failure.exit
    });
    output::finish(FLUSH);
    exit
}

/// Not dumpable: Odoo runs under our uid, and must not read our environment or memory. And a subreaper where we are
/// not PID 1, so that every orphan of Odoo is ours to reap.
fn close_to_others() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!("cannot close this process to others of its user: {error}");
    }
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!("cannot become a subreaper: {error}");
    }
}

/// The event loop of this thread.
///
/// # Errors
/// No descriptors are left.
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let hint = "raise the limit of open files (ulimit -n)";
        let problem = Problem::new("cannot start the event loop", error.to_string(), hint);
        Failure::one(Exit::Internal, problem)
    })
}

/// From here on nothing that is said waits for its reader.
fn start_output() -> Result<(), Failure> {
    output::start(logging::dropped).map_err(|error| {
        let hint = "raise the container's limit of processes (pids_limit) or of memory";
        Failure::one(
            Exit::Internal,
            Problem::new("cannot start the output's thread", error.to_string(), hint),
        )
    })
}

fn install(runtime: &Runtime, whose: For) -> Result<Signals, Failure> {
    let _entered = runtime.enter();
    Signals::install(whose).map_err(|error| {
        let hint = "raise the limit of open files (ulimit -n)";
        Failure::one(Exit::Internal, Problem::new("cannot handle signals", error.to_string(), hint))
    })
}
