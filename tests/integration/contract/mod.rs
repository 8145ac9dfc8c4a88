//! The contract of Odoo 18 that the product relies on, checked against the double and against real Odoo alike.
//!
//! A check that fails for real Odoo means that the product stands on a wrong belief; one that fails for the double means that all
//! tests which use it prove nothing.

mod boot;
mod configuration;
mod log;
mod pages;
mod prefork;
mod threaded;
mod update;

use crate::harness::odoo::Odoo;
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::sync::Arc;
use std::time::Duration;

/// One statement about Odoo.
type Check = (&'static str, fn(&Test, &Odoo));

/// Long enough that an Odoo which is going to answer, or to end, has done it; only for facts that must *not* come true.
const A_WHILE: Duration = Duration::from_millis(1500);

/// Every check twice: with the double, and with real Odoo where there is one.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let real = Odoo::real();
    let mut trials = Vec::new();
    for checks in [
        boot::CHECKS,
        configuration::CHECKS,
        pages::CHECKS,
        prefork::CHECKS,
        threaded::CHECKS,
        update::CHECKS,
    ] {
        for (name, check) in checks {
            let body = move |test: &Test| check(test, &Odoo::Double);
            trials.push(world.trial(format!("contract::double::{name}"), Limit::Double, body));
            let name = format!("contract::real::{name}");
            trials.push(match real.clone() {
                Ok(odoo) => world.trial(name, Limit::Real, move |test| check(test, &odoo)),
                Err(reason) => world.skipped(name, reason),
            });
        }
    }
    trials
}
