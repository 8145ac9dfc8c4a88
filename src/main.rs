//! A table of contents: what is asked for, who does it, which exit code it has.

use std::ffi::OsString;
use std::process::ExitCode;

use odoo_entrypoint::cli::{self, Invocation};
use odoo_entrypoint::error::{Failure, Problem};
use odoo_entrypoint::exit::Exit;
use odoo_entrypoint::process::inherited;
use odoo_entrypoint::{entry, logging, names, verbs};

fn main() -> ExitCode {
    inherited::unblock();
    names::use_what_is_linked_in();
    logging::start();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let result = match cli::parse(&arguments) {
        Ok(Invocation::Serve(arguments)) => entry::serve(&arguments),
        Ok(Invocation::Subcommand(arguments)) => entry::subcommand(&arguments),
        Ok(Invocation::OdooItself(arguments)) => entry::odoo_itself(&arguments),
        Ok(Invocation::Program(name, arguments)) => entry::program(name, arguments),
        Ok(Invocation::Healthcheck(question)) => entry::healthcheck(question),
        Ok(Invocation::Config(config)) => verbs::config::run(&config),
        Ok(Invocation::AddonsList(asked)) => entry::addons_list(&asked),
        Ok(Invocation::AddonsCheck(asked)) => entry::addons_check(&asked),
        Ok(Invocation::ShortHelp) => entry::print(cli::SHORT_HELP),
        Ok(Invocation::LongHelp) => entry::print(&cli::long_help()),
        Ok(Invocation::Version) => entry::print(concat!("odoo-entrypoint ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(refused) => {
            let problem = Problem::new("cannot understand the command line", refused.message, refused.hint);
            Err(Failure::one(Exit::Usage, problem))
        }
    };
    ExitCode::from(entry::finish(result).code())
}
