//! Manifests and what is made of them: beside Python and Odoo themselves, and through the real binary.

mod corpus;
mod fuzzed;
mod generator;
mod literals;
mod manifests;
mod places;
mod tree;
mod verbs;

use crate::harness::odoo::Odoo;
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One statement about the product.
type Check = (&'static str, fn(&Test));

/// One that is made beside a source tree of Odoo.
type CheckWithOdoo = (&'static str, fn(&Test, &Path));

/// The Python that the suite has anyway, for the double.
const PYTHON: &str = "/usr/bin/python3";

/// The script that asks Python, where the unprivileged user can read it.
fn reference(test: &Test) -> PathBuf {
    test.write("reference.py", include_str!("reference.py"))
}

/// Every check of this group.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (group, checks) in [
        ("corpus", corpus::CHECKS),
        ("fuzzed", fuzzed::CHECKS),
        ("places", places::CHECKS),
        ("literals", literals::CHECKS),
        ("manifests", manifests::CHECKS),
        ("verbs", verbs::CHECKS),
    ] {
        for (name, check) in checks {
            trials.push(world.trial(format!("addons::{group}::{name}"), Limit::Double, check));
        }
    }
    for (name, check) in [manifests::WITH_ODOO, places::WITH_ODOO, verbs::WITH_ODOO].concat() {
        let name = format!("addons::real::{name}");
        trials.push(match Odoo::real() {
            Ok(Odoo::Real(source)) => world.trial(name, Limit::Real, move |test| check(test, &source)),
            Ok(Odoo::Double) => panic!("the double is no real Odoo"),
            Err(reason) => world.skipped(name, reason),
        });
    }
    trials
}
