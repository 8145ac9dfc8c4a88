//! What the tests stand on: a PostgreSQL of their own, processes with their output, ports, and an Odoo.
//!
//! A test is a function that takes a [`Test`] and panics when something is wrong. It runs on a thread of its
//! own under a deadline; whatever it starts carries a mark in its environment, so that it can be ended
//! however the test ends.

pub mod addons;
pub mod docker;
pub mod http;
pub mod keeper;
pub mod odoo;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod procfs;
pub mod relay;
pub mod world;

pub use world::{Limit, Test, World, program_uid, program_user};

use std::time::{Duration, Instant};

/// How long a test waits for a fact that has to come true. Generous: two cores may be shared by many
/// processes, and a fact that is never waited for longer than needed costs nothing.
pub const SOON: Duration = Duration::from_secs(60);

/// Asks `fact` every few milliseconds until it answers `Some`; panics with `what` after `deadline`.
pub fn until<T>(what: &str, deadline: Duration, mut fact: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = fact() {
            return answer;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// [`until`] for a yes-or-no fact.
pub fn until_true(what: &str, deadline: Duration, mut fact: impl FnMut() -> bool) {
    until(what, deadline, || fact().then_some(()));
}
