//! Golden cases: `tests/golden/CASE` holds what a container is given and, whole, what becomes of it.
//!
//! * `environment`: `NAME=VALUE` lines, `arguments`: Odoo's, `base.conf`: the mounted file, `secrets/`: files (all optional)
//! * `rendered.conf`: the file that Odoo gets, `show.txt`: `config show --origin`
//!
//! `{case}` stands for the case's folder. `UPDATE_GOLDEN=1` writes both anew.

use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let mut cases: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the golden cases")
        .map(|entry| entry.expect("a case").path())
        .collect();
    cases.sort();
    let trial = |case: PathBuf| {
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        world.trial(format!("configuration::golden::{name}"), Limit::Double, move |test| run(test, &case))
    };
    cases.into_iter().map(trial).collect()
}

fn run(test: &Test, case: &Path) {
    // A copy that the user under test may read.
    let copy = test.make_dir("case");
    let read = |name: &str| fs::read_to_string(case.join(name)).ok();
    let base = copy.join("base.conf");
    if let Some(text) = read("base.conf") {
        test.write("case/base.conf", text);
    }
    if case.join("secrets").is_dir() {
        test.make_dir("case/secrets");
        for entry in fs::read_dir(case.join("secrets")).expect("secrets") {
            let entry = entry.expect("a secret");
            let name = format!("case/secrets/{}", entry.file_name().to_string_lossy());
            test.write(&name, fs::read(entry.path()).expect("a secret"));
        }
    }
    // Stands in for Odoo and prints the file that it was given.
    let odoo = test.write("bin", "#!/bin/sh\nexec cat \"$ODOO_RC\"\n");
    fs::set_permissions(&odoo, fs::Permissions::from_mode(0o755)).expect("its mode");
    let launch = || {
        let mut launch = test
            .launch(test.world().product())
            .env_remove("USER")
            .env("ENTRYPOINT_ODOO_BIN", &odoo)
            .env("ENTRYPOINT_RUNTIME_DIR", test.make_dir("run"))
            .env("ENTRYPOINT_EXTRA_ADDONS", "/nonexistent/addons")
            .env("ENTRYPOINT_OCA_ADDONS", "/nonexistent/repositories");
        if base.exists() {
            launch = launch.env("ODOO_RC", &base);
        }
        for line in read("environment").unwrap_or_default().lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            launch = launch.env(name, value.replace("{case}", &copy.display().to_string()));
        }
        launch
    };
    let arguments = read("arguments").unwrap_or_default();
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let rendered = launch().args(["odoo", "golden"]).args(&arguments).run();
    rendered.expect_code(0);
    let shown = launch().args(["config", "show", "--origin", "--"]).args(&arguments).run();
    shown.expect_code(0);
    for (name, text) in [("rendered.conf", rendered.stdout), ("show.txt", shown.stdout)] {
        let dir = test.dir().display().to_string();
        // A path in the middle of a line moves what is aligned after it.
        let text = text.replace(&copy.display().to_string(), "{case}").replace(&dir, "{dir}");
        let path = case.join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, text).expect("the golden file");
        } else {
            let golden =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(text, golden, "{}", path.display());
        }
    }
}
