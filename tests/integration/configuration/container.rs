//! Sizes in a real container with limits.

use crate::harness::World;
use libtest_mimic::Trial;
use std::sync::Arc;

pub fn trials(_: &Arc<World>) -> Vec<Trial> {
    Vec::new()
}
