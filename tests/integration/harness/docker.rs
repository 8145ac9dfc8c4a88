//! A real Docker engine, and an image that holds nothing but the product.

use super::Test;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Debian's client; another one first on the `PATH` may lack what it has.
fn client() -> Command {
    let debian = Path::new("/usr/bin/docker");
    Command::new(if debian.exists() { debian } else { Path::new("docker") })
}

/// Whether an engine answers.
///
/// # Errors
/// The reason to skip the tests that need one.
pub fn available() -> Result<(), String> {
    let answer = client().args(["info", "--format", "{{.ServerVersion}}"]).stderr(Stdio::null()).output();
    match answer {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => Ok(()),
        _ => Err("no docker engine answers".to_owned()),
    }
}

/// An image, removed when this goes out of scope.
pub struct Image(String);

impl Image {
    /// The product's binary as `/odoo-entrypoint`, the folders that a container expects, and nothing else: no shell, no
    /// C library, no /etc.
    pub fn of_the_binary(test: &Test) -> Self {
        let root = test.make_dir(&test.unique("image"));
        fs::copy(test.world().product(), root.join("odoo-entrypoint")).expect("the binary");
        for (folder, mode) in [("tmp", 0o1777), ("run", 0o755), ("var/lib/odoo", 0o755)] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).expect("a folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("its mode");
        }
        let name = format!("odoo-entrypoint-test:{}-{}", std::process::id(), test.world().number());
        let mut tar = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["--owner=0", "--group=0", "-c", "."])
            .stdout(Stdio::piped())
            .spawn()
            .expect("tar");
        let archive = tar.stdout.take().expect("its output");
        let import = client().args(["import", "-", &name]).stdin(archive).stdout(Stdio::null()).status();
        assert!(tar.wait().expect("tar").success() && import.expect("docker import").success(), "{name}");
        Self(name)
    }

    /// Runs the product in a container of its own until it ends.
    pub fn run(&self, flags: &[&str], arguments: &[&str]) -> Output {
        let mut command = client();
        command.args(["run", "--rm", "--network=none"]).args(flags).arg(&self.0).arg("/odoo-entrypoint");
        command.args(arguments).output().expect("docker run")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = client().args(["rmi", "-f", &self.0]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
