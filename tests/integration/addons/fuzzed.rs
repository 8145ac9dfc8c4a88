//! What the fuzz targets have kept, replayed: `make fuzz` finds inputs, this sees to it that they stay harmless.

use super::Check;
use crate::harness::Test;
use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks.rs"]
mod checks;

pub const CHECKS: &[Check] = &[("the_kept_inputs_are_harmless", the_kept_inputs_are_harmless)];

fn the_kept_inputs_are_harmless(_test: &Test) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in [("manifest", checks::manifest as fn(&[u8])), ("odoo_conf", checks::odoo_conf)] {
        let files: Vec<_> =
            fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 10, "the corpus of {target} is there");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| check(&bytes));
            assert!(outcome.is_ok(), "{}", file.display());
        }
    }
}
