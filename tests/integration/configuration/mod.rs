//! The configuration: what is read, what is refused and in which words, what is rendered, and whether Python and Odoo read
//! it as we do.

mod container;
mod corpus;
mod dialect;
mod golden;
mod options;
mod python;
mod random;
mod rendered;
mod show;

use crate::harness::odoo::Odoo;
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::sync::Arc;

/// One statement about the product.
type Check = (&'static str, fn(&Test));

/// Every check of the configuration.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for checks in [dialect::CHECKS, show::CHECKS] {
        for (name, check) in checks {
            trials.push(world.trial(format!("configuration::{name}"), Limit::Double, check));
        }
    }
    for checks in [options::REAL, rendered::REAL] {
        for (name, check) in checks {
            let name = format!("configuration::real::{name}");
            trials.push(match Odoo::real() {
                Ok(_) => world.trial(name, Limit::Real, check),
                Err(reason) => world.skipped(name, reason),
            });
        }
    }
    trials.extend(corpus::trials(world));
    trials.extend(golden::trials(world));
    trials.extend(container::trials(world));
    trials
}
