//! Trees of modules in a test's folder.

use crate::harness::Test;
use crate::harness::world::give_away;
use std::fs;
use std::path::PathBuf;

/// Writes `<root>/<module>/__manifest__.py` for each, and returns the root.
pub fn tree(test: &Test, root: &str, modules: &[(&str, &str)]) -> PathBuf {
    let path = test.make_dir(root);
    for (name, manifest) in modules {
        let folder = test.make_dir(&format!("{root}/{name}"));
        for (file, content) in [("__manifest__.py", *manifest), ("__init__.py", "")] {
            fs::write(folder.join(file), content).expect("a module's file");
            give_away(&folder.join(file));
        }
    }
    path
}

/// A manifest that nothing is wrong with.
pub fn manifest(license: &str, depends: &[&str]) -> String {
    let depends: Vec<String> = depends.iter().map(|name| format!("'{name}'")).collect();
    format!(
        "{{'name': 'A', 'version': '18.0.1.0.0', 'license': '{license}', 'depends': [{}]}}\n",
        depends.join(", ")
    )
}
