//! What has to hold for any bytes. The fuzz targets search for a counterexample; the test suite replays what they kept.

use odoo_entrypoint::odoo::conf::{self, Document};
use odoo_entrypoint::odoo::literal;
use odoo_entrypoint::odoo::manifest::Manifest;

/// As a manifest: no panic, no endless recursion, and errors that point into the file.
pub fn manifest(bytes: &[u8]) {
    match literal::parse(bytes, literal::DEFAULT_LIMIT) {
        Ok(value) => drop(Manifest::load(&value)),
        Err(error) => {
            // A carriage return ends a line too; behind the last one is one more.
            let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            assert!((1..=bytes.len() + 1).contains(&error.column), "column {}", error.column);
            assert!(!error.message.is_empty());
        }
    }
}

/// As odoo.conf: no panic, errors that point into the file, and what was read is what is read back once it is rendered.
pub fn odoo_conf(bytes: &[u8]) {
    match conf::parse(bytes) {
        Ok(document) => {
            let text = conf::render(plain(&document));
            match conf::parse(text.as_bytes()) {
                Ok(again) => assert_eq!(plain(&document), plain(&again), "{text:?}"),
                Err(error) => panic!("{error:?} in {text:?}"),
            }
        }
        Err(error) => assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty(), "{error:?}"),
    }
}

/// Sections with their keys and values, without lines.
fn plain(document: &Document) -> Vec<(&str, Vec<(&str, &str)>)> {
    let sections = document.sections.iter().map(|section| {
        let entries = section.entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str()));
        (section.name.as_str(), entries.collect())
    });
    sections.collect()
}
