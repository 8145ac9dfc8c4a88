//! The rendered `odoo.conf`: pure text first, then a file that appears whole or not at all.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Problem;
use crate::odoo::conf;
use crate::settings::{Odoo, Origin, Secret};

/// The rendered file's name in its folder.
const CONF: &str = "odoo.conf";

/// The texts of the files that Odoo gets.
pub struct Rendered {
    /// `odoo.conf`.
    pub conf: Secret,
    /// libpq's password file, where `odoo.conf` cannot hold the password.
    pub pgpass: Option<Secret>,
}

/// Where they were written.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder of their own.
    pub folder: PathBuf,
    /// `odoo.conf`.
    pub conf: PathBuf,
    /// The password file, if there is one.
    pub pgpass: Option<PathBuf>,
}

/// Renders. Pure; the order of the keys is that of the table, so equal settings give equal bytes.
pub fn render(odoo: &Odoo) -> Rendered {
    let mut pgpass = None;
    let mut options = Vec::new();
    for setting in &odoo.options {
        let mut text = setting.text.as_str();
        if setting.key == "db_password" && needs_pgpass(text, &setting.origin) {
            pgpass =
                Some(Secret::new(format!("*:*:*:*:{}\n", text.replace('\\', "\\\\").replace(':', "\\:"))));
            text = "False";
        }
        // An empty value is a crash for Odoo's integers and means "not set" everywhere else.
        if text.is_empty() && setting.key.starts_with("db_") {
            text = "False";
        }
        options.push((setting.key.as_str(), text));
    }
    let others = odoo.sections.iter().map(|(name, entries)| {
        let entries = entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str()));
        (name.as_str(), entries.collect::<Vec<_>>())
    });
    let conf = conf::render(std::iter::once(("options", options)).chain(others));
    Rendered { conf: Secret::new(conf), pgpass }
}

/// What Odoo would read as something else: blanks at the ends are stripped, four words become booleans. In the base
/// file they mean what Odoo takes them for.
fn needs_pgpass(text: &str, origin: &Origin) -> bool {
    let word = matches!(text, "True" | "true" | "False" | "false");
    !matches!(origin, Origin::BaseFile { .. }) && (word || conf::unrepresentable(text).is_some())
}

/// Writes the files into a folder `name` of our own (mode 0700, files 0600, each written beside its place and renamed),
/// made in the first of `folders` that takes it.
///
/// # Errors
/// No folder takes them; each is named with its reason.
pub fn write(rendered: &Rendered, folders: &[PathBuf], name: &str) -> Result<Files, Problem> {
    let mut reasons = Vec::new();
    for folder in folders {
        match write_into(rendered, &folder.join(name)) {
            Ok(files) => return Ok(files),
            Err(error) => reasons.push(format!("{}: {error}", folder.display())),
        }
    }
    Err(Problem::new(
        "cannot write the rendered odoo.conf",
        format!("{} (this process is uid {})", reasons.join("; "), nix::unistd::geteuid()),
        "mount a tmpfs that this user may write on /run/odoo, or set ENTRYPOINT_RUNTIME_DIR to a writable folder",
    ))
}

/// Writes `odoo.conf` anew where [`write`] has put it.
///
/// # Errors
/// It cannot be written.
pub fn write_again(rendered: &Rendered, files: &Files) -> Result<(), Problem> {
    replace(&files.folder, CONF, &rendered.conf).map(|_| ()).map_err(|error| {
        Problem::new(
            "cannot write the rendered odoo.conf",
            format!("{}: {error}", files.conf.display()),
            "make room there, or set ENTRYPOINT_RUNTIME_DIR to another folder",
        )
    })
}

fn write_into(rendered: &Rendered, folder: &Path) -> io::Result<Files> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(folder)?;
    // In /tmp anybody could have made it first, as a link or as a folder of theirs.
    if !metadata.is_dir() || metadata.uid() != nix::unistd::geteuid().as_raw() {
        let name = folder.display();
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{name} is not a folder of ours"),
        ));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    // The password first: a reader of the new odoo.conf finds it there.
    let pgpass = match &rendered.pgpass {
        Some(text) => Some(replace(folder, "pgpass", text)?),
        None => None,
    };
    Ok(Files { folder: folder.to_owned(), conf: replace(folder, CONF, &rendered.conf)?, pgpass })
}

impl Files {
    /// Removes them: they hold secrets, and a start writes them anew. What cannot be removed is no reason to fail.
    pub fn remove(&self) {
        for file in [Some(&self.conf), self.pgpass.as_ref()].into_iter().flatten() {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir(&self.folder);
    }
}

fn replace(folder: &Path, name: &str, text: &Secret) -> io::Result<PathBuf> {
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let target = folder.join(name);
    let written = (|| {
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.expose().as_bytes())?;
        fs::rename(&temporary, &target)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| target)
}
