//! `config show` and `config check`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::config::{Config, What};
use crate::database::{classify, prepare};
use crate::entry::{self, print};
use crate::error::Failure;
use crate::exit::Exit;
use crate::preflight;
use crate::settings::raw::Environment;
use crate::settings::{Limit, Settings, show, source};

/// Runs either of them.
///
/// # Errors
/// 78 with every problem, 64 for Odoo's arguments, and those of the preflight.
pub fn run(config: &Config) -> Result<Exit, Failure> {
    let environment = environment(&config.env_files, config.assume_files)?;
    match config.what {
        What::Show { origin, all } => {
            let settings = settings(config, &environment)?;
            if config.json {
                return print(&show::json(&settings, all));
            }
            caution(&settings.warnings);
            print(&show::text(&settings, origin, all))
        }
        What::Check { preflight } => {
            let result = settings(config, &environment).and_then(|settings| {
                if preflight {
                    world(&settings, &environment)?;
                }
                Ok(settings)
            });
            match (config.json, result) {
                (true, Ok(settings)) => print(&show::report(&[], &settings.warnings)),
                (true, Err(failure)) => {
                    print(&show::report(&failure.problems, &[]))?;
                    Ok(failure.exit)
                }
                (false, Ok(settings)) => {
                    caution(&settings.warnings);
                    let count = settings.warnings.len();
                    print(&format!(
                        "no problem found, {count} warning{}\n",
                        if count == 1 { "" } else { "s" }
                    ))
                }
                (false, Err(failure)) => Err(failure),
            }
        }
    }
}

fn settings(config: &Config, environment: &Environment) -> Result<Settings, Failure> {
    preflight::settings(environment, &preflight::arguments(&config.odoo)?)
}

/// On stderr, so that what is printed can be piped.
fn caution(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "odoo-entrypoint: warning: {warning}");
    }
}

fn environment(files: &[PathBuf], assume_files: bool) -> Result<Environment, Failure> {
    let values = if files.is_empty() {
        source::values()
    } else {
        source::env_files(files).map_err(|problems| Failure { exit: Exit::Config, problems })?
    };
    Ok(if assume_files { source::assuming_files(values) } else { source::with_files(values) })
}

/// Everything around the settings, as a start would find it; the database is asked once, and nothing is created in it.
fn world(settings: &Settings, environment: &Environment) -> Result<(), Failure> {
    preflight::refuse_root()?;
    let mut found = preflight::problems(settings, environment, &mut |line| caution(&[line]));
    if let Err(problem) = preflight::odoo(settings) {
        found.push(problem);
    }
    let once = Settings {
        wait: Limit::Once,
        auth_grace: Duration::ZERO,
        create_database: false,
        ..settings.clone()
    };
    if let Err(problem) = entry::runtime()?.block_on(prepare::prepare(&once, &Told)) {
        found.push(problem);
    }
    preflight::all(found)
}

/// There is one attempt, and its failure is the problem that is told.
struct Told;

impl prepare::Progress for Told {
    fn waiting(&self, _database: &str, _refusal: &classify::Refusal) {}

    fn advise(&self, line: String) {
        caution(&[line]);
    }
}
