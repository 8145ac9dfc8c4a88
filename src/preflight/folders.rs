//! Whether Odoo can write where it has to: the data directory with its sessions and attachments, and a folder for temporary
//! files. By writing, since modes do not tell (a read-only mount, a user namespace, a full disk).

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{getegid, geteuid};

use crate::error::Problem;
use crate::settings::Settings;

/// What is wrong with the folders.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    [data_problem(settings), temporary_problem()].into_iter().flatten().collect()
}

/// The first folder of the data directory that cannot be written.
fn data_problem(settings: &Settings) -> Option<Problem> {
    let setting = settings.odoo.options.iter().find(|setting| setting.key == "data_dir");
    let origin = setting.map_or(String::new(), |setting| format!(" ({})", setting.origin));
    let data = super::data_dir(&settings.odoo);
    let filestore = data.join("filestore");
    let sessions = data.join("sessions");
    // Odoo makes what is missing below the data directory (`config.py`, `session_dir`; `ir_attachment.py`).
    let existing = std::iter::once(filestore.clone())
        .chain(settings.databases.iter().map(|database| filestore.join(database)))
        .filter(|folder| folder.exists());
    let mut folders = [make(&data, 0o755), write_into(&data), make(&sessions, 0o700), write_into(&sessions)]
        .into_iter()
        .chain(existing.map(|folder| write_into(&folder)));
    let (folder, error) = folders.find_map(Result::err)?;
    Some(explain(&data, &origin, &folder, &error))
}

type Tried = Result<(), (PathBuf, io::Error)>;

fn make(folder: &Path, mode: u32) -> Tried {
    if folder.is_dir() {
        return Ok(());
    }
    if folder.exists() {
        return Err((folder.to_owned(), io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder")));
    }
    DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(|error| (folder.to_owned(), error))
}

/// Writes a file and removes it again.
fn write_into(folder: &Path) -> Tried {
    let path = folder.join(format!(".odoo-entrypoint-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let written = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(b"can this be written?"));
    let _ = fs::remove_file(&path);
    written.map_err(|error| (folder.to_owned(), error))
}

fn explain(data: &Path, origin: &str, folder: &Path, error: &io::Error) -> Problem {
    let (uid, gid) = (geteuid(), getegid());
    let owner = fs::metadata(folder).map_or(String::new(), |metadata| {
        let mode = metadata.mode() & 0o7777;
        format!(", it is {}:{} mode {mode:04o}", metadata.uid(), metadata.gid())
    });
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "as root: chown -R {uid}:{gid} {0} (a volume: docker run --rm -u 0 -v VOLUME:{0} IMAGE chown -R {uid}:{gid} \
             {0}; Kubernetes: fsGroup: {gid})",
            data.display()
        ),
        io::ErrorKind::ReadOnlyFilesystem => format!("mount a volume on {}", data.display()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on the volume of {}", data.display())
        }
        _ => "set ODOO_DATA_DIR to a folder that this user may write".to_owned(),
    };
    Problem::new(
        "Odoo's data directory cannot be written",
        format!("{}{origin}: {error}; this process is uid {uid}, gid {gid}{owner}", folder.display()),
        hint,
    )
}

/// Python looks for a folder in this order (`tempfile`), and Odoo ends with a traceback where it finds none.
fn temporary_problem() -> Option<Problem> {
    let named = ["TMPDIR", "TEMP", "TMP"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let usual = ["/tmp", "/var/tmp", "/usr/tmp", "."].into_iter().map(PathBuf::from);
    let mut reasons = Vec::new();
    for folder in named.chain(usual) {
        match write_into(&folder) {
            Ok(()) => return None,
            Err((folder, error)) => reasons.push(format!("{}: {error}", folder.display())),
        }
    }
    Some(Problem::new(
        "there is no folder for temporary files",
        format!("{} (this process is uid {})", reasons.join("; "), geteuid()),
        "mount a tmpfs on /tmp that this user may write",
    ))
}
