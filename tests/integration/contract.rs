//! The contract of Odoo 18 that the product relies on, checked against the double and against real Odoo alike.

use crate::harness::odoo::Odoo;
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::sync::Arc;

type Check = fn(&Test, &Odoo);

const CHECKS: &[(&str, Check)] = &[("serves", serves)];

/// Every check twice: with the double, and with real Odoo where there is one.
pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let real = Odoo::real();
    let mut trials = Vec::new();
    for (name, check) in CHECKS {
        trials
            .push(world.trial(format!("contract::double::{name}"), Limit::Double, |test| {
                check(test, &Odoo::Double)
            }));
        let name = format!("contract::real::{name}");
        trials.push(match real.clone() {
            Ok(odoo) => world.trial(name, Limit::Real, move |test| check(test, &odoo)),
            Err(reason) => world.skipped(name, reason),
        });
    }
    trials
}

fn serves(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let process = site.serve(&[]);
    assert_eq!(site.get("/web/health").expect("an answer").status, 200);
    assert!(process.exited().is_none());
}
