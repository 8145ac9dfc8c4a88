//! See `fuzz/checks.rs`.
#![no_main]
#![allow(dead_code)]

#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::odoo_conf(bytes));
