//! `odoo-entrypoint` itself, from outside: what it starts, what it answers, what it says, and how it ends.

mod bad_input;
mod crash;
mod database;
mod deaths;
mod door;
mod duties;
mod failures;
mod hooks;
mod namespace;
mod output;
mod phases;
mod preflight;
mod probes;
mod product;
mod secrets;
mod supervising;

use crate::harness::odoo::Odoo;
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::sync::Arc;

/// One statement about the product with the double behind it.
type Check = (&'static str, fn(&Test));

/// The statements that are made about real Odoo too.
type MainJob = (&'static str, fn(&Test, &Odoo));

/// Every check of the product.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (group, checks) in [
        ("bad_input", bad_input::CHECKS),
        ("crash", crash::CHECKS),
        ("database", database::CHECKS),
        ("deaths", deaths::CHECKS),
        ("door", door::CHECKS),
        ("duties", duties::CHECKS),
        ("failures", failures::CHECKS),
        ("hooks", hooks::CHECKS),
        ("output", output::CHECKS),
        ("phases", phases::CHECKS),
        ("preflight", preflight::CHECKS),
        ("probes", probes::CHECKS),
        ("secrets", secrets::CHECKS),
    ] {
        for (name, check) in checks {
            trials.push(world.trial(format!("serve::{group}::{name}"), Limit::Double, check));
        }
    }
    let root = nix::unistd::Uid::effective().is_root();
    for (group, checks) in
        [("bad_input", bad_input::AS_ROOT), ("deaths", deaths::AS_ROOT), ("pid_1", duties::AS_PID_1)]
    {
        for (name, check) in checks {
            let name = format!("serve::{group}::{name}");
            trials.push(if root {
                world.trial(name, Limit::Double, check)
            } else {
                world.skipped(name, "namespaces and cgroups need root")
            });
        }
    }
    let real = Odoo::real();
    for (name, check) in phases::MAIN_JOB.iter().chain(supervising::MAIN_JOB) {
        let body = move |test: &Test| check(test, &Odoo::Double);
        trials.push(world.trial(format!("serve::main_job::double::{name}"), Limit::Double, body));
        let name = format!("serve::main_job::real::{name}");
        trials.push(match real.clone() {
            Ok(odoo) => world.trial(name, Limit::Real, move |test| check(test, &odoo)),
            Err(reason) => world.skipped(name, reason),
        });
    }
    trials.push(failures::as_root(world));
    trials
}
