//! `tests/corpus/manifests`: bad manifests, one a file, the file's name being the rule, each with all that `addons check`
//! says about it.
//!
//! `CORPUS=write` writes what is said now; read it before it is committed.

use super::Check;
use crate::harness::Test;
use crate::harness::world::give_away;
use std::fs;
use std::path::{Path, PathBuf};

pub const CHECKS: &[Check] = &[("every_bad_manifest_has_its_message", every_bad_manifest_has_its_message)];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/manifests");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "py"));
    files.sort();
    files
}

fn every_bad_manifest_has_its_message(test: &Test) {
    let cases = cases();
    assert!(cases.len() > 30, "the corpus is there");
    let mut wrong = Vec::new();
    for case in cases {
        let rule = case.file_stem().unwrap().to_str().unwrap();
        let folder = test.make_dir(&format!("{rule}/{rule}"));
        let manifest = folder.join("__manifest__.py");
        fs::copy(&case, &manifest).unwrap();
        give_away(&manifest);
        let root = folder.parent().unwrap();
        let run = test
            .launch(test.world().product())
            .env("ENTRYPOINT_ODOO_BIN", "/nonexistent")
            .args(["addons", "check"])
            .arg(root)
            .run();
        let said = run.stdout.replace(root.to_str().unwrap(), "/mnt/extra-addons");
        let code = run.status.code();
        let said = format!("{said}(exit code {})\n", code.unwrap_or(-1));
        let file = case.with_extension("expected");
        if std::env::var_os("CORPUS").is_some_and(|word| word == "write") {
            fs::write(&file, &said).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if said != expected || code != Some(81) || !run.stderr.is_empty() {
            wrong.push(format!("--- {rule}\n{said}{}--- expected\n{expected}", run.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
