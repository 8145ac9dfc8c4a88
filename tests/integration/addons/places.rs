//! Where modules are looked for, through the library: what the settings put into `addons_path`, and Odoo's own order.

use super::tree::{manifest, tree};
use super::{Check, CheckWithOdoo, PYTHON, reference};
use crate::harness::Test;
use odoo_entrypoint::addons::discover::{Kind, Places, Root, addons_path, configured, roots};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub const CHECKS: &[Check] = &[
    ("extra_and_each_repository_are_roots", extra_and_each_repository_are_roots),
    ("a_packaged_odoo_needs_no_entry_of_its_own", a_packaged_odoo_needs_no_entry_of_its_own),
    ("nothing_there_is_nothing_to_say", nothing_there_is_nothing_to_say),
];

/// Those that need real Odoo.
pub const WITH_ODOO: &[CheckWithOdoo] = &[("the_order_is_odoos_own", the_order_is_odoos_own)];

fn executable(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

fn kinds(roots: &[Root]) -> Vec<(Kind, PathBuf)> {
    roots.iter().map(|root| (root.kind, root.path.clone())).collect()
}

fn extra_and_each_repository_are_roots(test: &Test) {
    let lgpl = manifest("LGPL-3", &[]);
    let source = test.make_dir("odoo18");
    let core = tree(test, "odoo18/odoo/addons", &[("base", &lgpl)]);
    fs::write(source.join("odoo/__init__.py"), "").unwrap();
    let beside = tree(test, "odoo18/addons", &[("web", &lgpl)]);
    let extra = test.make_dir("extra");
    let oca = tree(test, "oca", &[("direct", &lgpl)]);
    let repository = tree(test, "oca/web-addons", &[("web_x", &lgpl)]);
    let data = test.make_dir("data/addons/18.0");
    let places = Places {
        odoo: Some(executable(&source.join("odoo-bin"), "#!/usr/bin/env python3\n")),
        search: "/usr/bin".to_owned(),
        data_dir: Some(test.dir().join("data")),
        extra: extra.clone(),
        oca: oca.clone(),
        ..Places::default()
    };
    let found = roots(&places);
    // The folder of repositories is a root itself, as a module lies in it.
    let after =
        [(Kind::Odoo, beside), (Kind::Extra, extra.clone()), (Kind::Oca, oca), (Kind::Oca, repository)];
    let before = [(Kind::Core, core.clone()), (Kind::Data, data.clone())];
    assert_eq!(kinds(&found), [before.to_vec(), after.to_vec()].concat());
    assert_eq!(addons_path(&found), after.map(|(_, path)| path));
    // What is configured replaces what is discovered, but for what Odoo has anyway.
    let found = configured(&places, &[extra.clone(), PathBuf::from("/gone"), extra.clone(), core.clone()]);
    let expected = [
        (Kind::Core, core),
        (Kind::Data, data),
        (Kind::Configured, extra),
        (Kind::Configured, "/gone".into()),
    ];
    assert_eq!(kinds(&found), expected);
}

fn a_packaged_odoo_needs_no_entry_of_its_own(test: &Test) {
    // As Debian's package lies: /usr/bin/odoo, /usr/lib/python3/dist-packages/odoo.
    for folder in ["usr/bin", "usr/lib/python3/dist-packages/odoo"] {
        test.make_dir(folder);
    }
    let prefix = test.dir().join("usr");
    let core = tree(test, "usr/lib/python3/dist-packages/odoo/addons", &[("base", &manifest("LGPL-3", &[]))]);
    fs::write(core.parent().unwrap().join("__init__.py"), "").unwrap();
    let local = tree(
        test,
        "usr/local/lib/python3.11/dist-packages/odoo/addons",
        &[("oca", &manifest("LGPL-3", &[]))],
    );
    executable(&prefix.join("bin/python3.11"), "");
    std::os::unix::fs::symlink("python3.11", prefix.join("bin/python3")).unwrap();
    let odoo = executable(&prefix.join("bin/odoo"), &format!("#!{}\n", prefix.join("bin/python3").display()));
    let home = test.make_dir("home");
    let own = tree(
        test,
        "home/.local/lib/python3.11/site-packages/odoo/addons",
        &[("mine", &manifest("LGPL-3", &[]))],
    );
    let found = roots(&Places { odoo: Some(odoo), home: Some(home), ..Places::default() });
    assert_eq!(kinds(&found), [(Kind::Core, core), (Kind::Package, own), (Kind::Package, local)]);
    assert_eq!(addons_path(&found), Vec::<PathBuf>::new());
}

fn nothing_there_is_nothing_to_say(test: &Test) {
    let places = Places {
        odoo: Some(test.dir().join("missing")),
        extra: test.dir().join("no-extra"),
        oca: test.dir().join("no-oca"),
        ..Places::default()
    };
    assert_eq!(roots(&places), []);
    let binary = executable(&test.dir().join("odoo"), "\x7fELF");
    assert_eq!(roots(&Places { odoo: Some(binary), ..places }), []);
}

fn the_order_is_odoos_own(test: &Test, source: &Path) {
    let lgpl = manifest("LGPL-3", &[]);
    let extra = tree(test, "extra", &[("mine", &lgpl)]);
    let oca = tree(test, "oca/web", &[("web_x", &lgpl)]);
    let python_path = test.make_dir("packages");
    tree(test, "packages/odoo/addons", &[("packaged", &lgpl)]);
    test.make_dir("home/.local/lib/python3.11/site-packages");
    tree(test, "home/.local/lib/python3.11/site-packages/odoo/addons", &[("users", &lgpl)]);
    test.make_dir("data/addons/18.0");
    let places = Places {
        odoo: Some(source.join("odoo-bin")),
        search: "/usr/bin".to_owned(),
        python_path: python_path.display().to_string(),
        home: Some(test.dir().join("home")),
        data_dir: Some(test.dir().join("data")),
        extra: extra.clone(),
        oca: oca.parent().unwrap().to_owned(),
    };
    let found = roots(&places);
    let configured: Vec<String> = addons_path(&found).iter().map(|path| path.display().to_string()).collect();
    let conf = test.write(
        "odoo.conf",
        format!(
            "[options]\naddons_path = {}\ndata_dir = {}\n",
            configured.join(","),
            test.dir().join("data").display()
        ),
    );
    let answers = test.write("answers", "");
    let run = test
        .launch(PYTHON)
        .arg(reference(test))
        .arg("path")
        .arg(source)
        .arg(&answers)
        .env("ODOO_RC", conf)
        .env("PYTHONPATH", &python_path)
        .run();
    run.expect_code(0);
    let odoos: Vec<PathBuf> = fs::read_to_string(answers).unwrap().lines().map(PathBuf::from).collect();
    assert_eq!(found.iter().map(|root| root.path.clone()).collect::<Vec<_>>(), odoos);
    assert!(odoos.len() >= 7, "{odoos:?}");
}
