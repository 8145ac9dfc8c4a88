//! The black-box suite: everything here looks at processes, sockets, files and a database from outside.
//!
//! One binary without libtest's harness, because the trials are collected at run time (the same contract for
//! the double and for the real Odoo) and because a skipped test has to say why.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "the walls are the product's; a test that panics has failed, which is its job"
)]

mod addons;
mod configuration;
mod contract;
mod doubles;
// A helper that no suite uses at the moment is no defect of the product.
#[allow(dead_code)]
mod harness;
mod serve;

use harness::{World, keeper};
use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = keeper::run_if_asked() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    // Nearly all of a test's time is spent waiting for another process, so there may be more of them than
    // cores.
    arguments.test_threads.get_or_insert(4 * std::thread::available_parallelism().map_or(2, usize::from));

    let world = World::new();
    let mut trials = Vec::new();
    trials.extend(addons::trials(&world));
    trials.extend(configuration::trials(&world));
    trials.extend(contract::trials(&world));
    trials.extend(doubles::trials(&world));
    trials.extend(serve::trials(&world));

    let conclusion = libtest_mimic::run(&arguments, trials);
    world.report_skipped();
    let left_behind = world.close();
    if left_behind.is_empty() || arguments.list {
        return conclusion.exit_code();
    }
    eprintln!("processes left behind by the tests (ended now):\n{}", left_behind.join("\n"));
    ExitCode::FAILURE
}
