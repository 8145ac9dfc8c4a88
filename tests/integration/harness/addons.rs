//! Small addons for tests, as files. Both Odoos import and load them.

use super::{Test, world::give_away};
use std::fs;
use std::path::PathBuf;

/// One addon; `write` puts it below an addons directory of the test.
#[derive(Clone, Debug)]
pub struct Addon {
    name: String,
    version: String,
    depends: Vec<String>,
    manifest: Vec<(String, String)>,
    files: Vec<(String, String)>,
    python: String,
}

impl Addon {
    /// An addon that depends on `base` and does nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: "18.0.1.0.0".to_owned(),
            depends: vec!["base".to_owned()],
            manifest: Vec::new(),
            files: Vec::new(),
            python: String::new(),
        }
    }

    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    pub fn depends(mut self, names: &[&str]) -> Self {
        self.depends = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// A further manifest key; `value` is Python text.
    pub fn manifest(mut self, key: &str, value: &str) -> Self {
        self.manifest.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A file of the addon.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    /// The addon's `__init__.py`.
    pub fn python(mut self, code: &str) -> Self {
        code.clone_into(&mut self.python);
        self
    }

    /// A data file that refers to a model which does not exist: the load fails with a `ParseError`.
    pub fn with_broken_data(self) -> Self {
        self.manifest("data", "['data.xml']").file(
            "data.xml",
            "<odoo>\n    <record id=\"broken\" model=\"no.such.model\">\n        <field name=\"name\">x</field>\n    </record>\n</odoo>\n",
        )
    }

    /// A hook that keeps the module's transaction open for `seconds` once it is being installed. It says so on stderr.
    pub fn with_slow_hook(self, seconds: u32) -> Self {
        self.manifest("post_init_hook", "'wait'").python(&format!(
            "import sys\nimport time\n\n\ndef wait(env):\n    print('hook runs', file=sys.stderr, flush=True)\n    \
             time.sleep({seconds})\n"
        ))
    }

    /// Writes the addon below the directory `addons` of the test; returns that directory.
    pub fn write(&self, test: &Test, addons: &str) -> PathBuf {
        let root = test.make_dir(addons);
        let depends: Vec<_> = self.depends.iter().map(|name| format!("'{name}'")).collect();
        let mut manifest = format!(
            "{{\n    'name': '{}',\n    'version': '{}',\n    'license': 'LGPL-3',\n    'author': 'Tests',\n    'depends': [{}],\n",
            self.name,
            self.version,
            depends.join(", ")
        );
        for (key, value) in &self.manifest {
            manifest += &format!("    '{key}': {value},\n");
        }
        manifest += "}\n";
        let home = test.make_dir(&format!("{addons}/{}", self.name));
        let own = [("__manifest__.py", &manifest), ("__init__.py", &self.python)];
        let further = self.files.iter().map(|(path, content)| (path.as_str(), content));
        for (path, content) in own.into_iter().chain(further) {
            let path = home.join(path);
            let parent = path.parent().expect("a file in the addon");
            fs::create_dir_all(parent).expect("an addon's directory");
            give_away(parent);
            fs::write(&path, content).expect("an addon's file");
            give_away(&path);
        }
        root
    }
}
