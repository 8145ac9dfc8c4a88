//! Manifests beside Odoo's own `load_manifest`: the defaults, and what it raises on.

use super::tree::tree;
use super::{Check, CheckWithOdoo, PYTHON, reference};
use crate::harness::Test;
use odoo_entrypoint::addons::discover::{Kind, Root};
use odoo_entrypoint::addons::{Content, Module, scan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub const CHECKS: &[Check] = &[("a_fifo_or_a_folder_is_no_manifest", a_fifo_or_a_folder_is_no_manifest)];

/// Those that need real Odoo.
pub const WITH_ODOO: &[CheckWithOdoo] = &[
    ("every_manifest_of_odoo_is_taken_alike", every_manifest_of_odoo_is_taken_alike),
    ("what_odoo_raises_on_is_an_error", what_odoo_raises_on_is_an_error),
];

fn ours(module: &Module) -> Result<Value, String> {
    match &module.content {
        Content::Good(manifest) => {
            let mut auto_install = manifest.auto_install.clone();
            if let Some(triggers) = &mut auto_install {
                triggers.sort();
                triggers.dedup();
            }
            Ok(json!({
                "version": manifest.version,
                "license": manifest.license,
                "depends": manifest.depends,
                "title": manifest.title,
                "installable": manifest.installable,
                "auto_install": auto_install,
            }))
        }
        other => Err(format!("{other:?}")),
    }
}

fn odoos(test: &Test, source: &Path, roots: &[PathBuf]) -> BTreeMap<PathBuf, Result<Value, String>> {
    let answers = test.write("answers", "");
    let joined: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let launch = test.launch(PYTHON).arg(reference(test)).arg("manifests").arg(source).arg(joined.join(":"));
    launch.arg(&answers).run_within(std::time::Duration::from_secs(200)).expect_code(0);
    let text = fs::read_to_string(answers).unwrap();
    let answer = |line: &str| {
        let (path, answer) = line.split_once('\t').expect("a path");
        let answer = match answer.split_at(2) {
            ("= ", json) => Ok(serde_json::from_str(json).expect("JSON")),
            (_, error) => Err(error.to_owned()),
        };
        (PathBuf::from(path), answer)
    };
    text.lines().map(answer).collect()
}

fn every_manifest_of_odoo_is_taken_alike(test: &Test, source: &Path) {
    let roots = [source.join("odoo/addons"), source.join("addons")];
    let odoos = odoos(test, source, &roots);
    let catalogue = scan(&roots.clone().map(|root| Root::new(root, Kind::Core)));
    assert_eq!(catalogue.modules.len(), odoos.len());
    assert!(odoos.len() > 500, "only {} modules", odoos.len());
    for module in &catalogue.modules {
        let folder = module.path.parent().unwrap();
        assert_eq!(Ok(ours(module).unwrap()), odoos[folder], "{}", module.name);
    }
}

/// Each with the difference that is documented, if any.
const CASES: &[(&str, &str)] = &[
    ("plain", "{'name': 'A'}"),
    ("title_of_another_type", "{'name': 'A', 'license': 'LGPL-3', 'sequence': 'x', 'summary': None}"),
    ("versions_1", "{'name': 'A', 'version': '1.0'}"),
    ("versions_2", "{'name': 'A', 'version': '18.0'}"),
    ("versions_3", "{'name': 'A', 'version': '18.0.1.2.3'}"),
    ("versions_4", "{'name': 'A', 'version': '17.0.1.0.0'}"),
    ("versions_5", "{'name': 'A', 'version': '1.0.0.0'}"),
    ("versions_6", "{'name': 'A', 'version': '1.0\\n'}"),
    ("versions_7", "{'name': 'A', 'version': '1.0 '}"),
    ("versions_8", "{'name': 'A', 'version': '1', 'installable': False}"),
    ("versions_9", "{'name': 'A', 'version': 1.0, 'installable': False}"),
    ("versions_10", "{'name': 'A', 'version': b'1.0'}"),
    ("versions_11", "{'name': 'A', 'version': None}"),
    ("versions_12", "{'name': 'A', 'version': ''}"),
    ("versions_13", "{'name': 'A', 'version': '18.0.1'}"),
    ("versions_14", "{'name': 'A', 'version': '\u{0661}.0'}"),
    ("licence_false", "{'name': 'A', 'license': False}"),
    ("licence_empty", "{'name': 'A', 'license': ''}"),
    ("licence_unknown", "{'name': 'A', 'license': 'MIT'}"),
    ("auto_true", "{'name': 'A', 'depends': ['base', 'web'], 'auto_install': True}"),
    ("auto_one", "{'name': 'A', 'depends': ['base', 'web'], 'auto_install': ['web']}"),
    ("auto_set", "{'name': 'A', 'depends': ['base', 'web'], 'auto_install': {'web'}}"),
    ("auto_dict", "{'name': 'A', 'depends': ['base', 'web'], 'auto_install': {'web': 1}}"),
    ("auto_other", "{'name': 'A', 'depends': ['base'], 'auto_install': ['web']}"),
    ("auto_empty", "{'name': 'A', 'depends': ['base'], 'auto_install': []}"),
    ("auto_text", "{'name': 'A', 'depends': ['base'], 'auto_install': 'base'}"),
    ("auto_letters", "{'name': 'A', 'depends': ['a', 'b'], 'auto_install': 'ab'}"),
    ("auto_bytes", "{'name': 'A', 'depends': ['a'], 'auto_install': b'a'}"),
    ("auto_unhashable", "{'name': 'A', 'depends': ['a'], 'auto_install': [[]]}"),
    ("auto_number", "{'name': 'A', 'depends': ['a'], 'auto_install': 1}"),
    ("auto_and_no_depends", "{'name': 'A', 'depends': None, 'auto_install': True}"),
    ("depends_tuple", "{'name': 'A', 'depends': ('base',)}"),
    ("installable_zero", "{'name': 'A', 'installable': 0}"),
    ("installable_text", "{'name': 'A', 'installable': 'False'}"),
    ("twice", "{'name': 'A', 'version': '1', 'version': '1.0'}"),
    ("syntax", "{'name': 'A',"),
    ("a_call", "{'name': _('A')}"),
    ("empty", ""),
    ("a_number", "1"),
    ("indented_end", "{'name': 'A'}\n    "),
    ("a_mark", "\u{feff}{'name': 'A'}"),
];

/// Errors of ours where `load_manifest` itself is content: the first `-i base` raises (`odoo/modules/db.py`), or the
/// difference is documented.
const STRICTER: &[(&str, &str)] = &[
    ("depends_none", "{'name': 'A', 'depends': None}"),
    ("category_list", "{'name': 'A', 'category': ['x']}"),
    ("depends_text", "{'name': 'A', 'depends': 'base'}"),
    ("licence_list", "{'name': 'A', 'license': ['MIT']}"),
    ("pairs", "[('name', 'A')]"),
];

fn what_odoo_raises_on_is_an_error(test: &Test, source: &Path) {
    let root = tree(test, "cases", &[CASES, STRICTER].concat());
    let odoos = odoos(test, source, std::slice::from_ref(&root));
    let catalogue = scan(&[Root::new(&root, Kind::Extra)]);
    assert_eq!(catalogue.modules.len(), odoos.len());
    for module in &catalogue.modules {
        let ours = ours(module);
        let odoo = &odoos[module.path.parent().unwrap()];
        if STRICTER.iter().any(|(name, _)| *name == module.name) {
            assert!(ours.is_err() && odoo.is_ok(), "{}: {ours:?}, Odoo {odoo:?}", module.name);
            continue;
        }
        match (&ours, odoo) {
            (Ok(ours), Ok(odoo)) => {
                // Odoo keeps whatever is iterable.
                assert_eq!(ours, odoo, "{}", module.name);
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{}: {ours:?}, Odoo {odoo:?}", module.name),
        }
    }
}

fn a_fifo_or_a_folder_is_no_manifest(test: &Test) {
    let root = tree(test, "roots", &[("good", "{'name': 'A', 'license': 'LGPL-3'}")]);
    let fifo = test.make_dir("roots/fifo").join("__manifest__.py");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    test.make_dir("roots/folder/__manifest__.py");
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    std::os::unix::fs::symlink("/nowhere", test.make_dir("roots/dangling").join("__manifest__.py")).unwrap();
    std::os::unix::fs::symlink(root.join("good"), root.join("linked")).unwrap();
    fs::write(root.join("file"), "").unwrap();
    let catalogue = scan(&[Root::new(&root, Kind::Extra)]);
    let names: Vec<&str> = catalogue.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["good", "linked"]);
}
