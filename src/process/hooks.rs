//! The hook folders: executables that an image or a volume brings, run in the order of their names.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Problem;
use crate::lifecycle::{HookStage, Hooks};

/// What is in the folders below `root` now. A folder that is not there has no hooks.
///
/// # Errors
/// A folder cannot be read: a backup that has to run before an update must not be left out in silence.
pub fn find(root: &Path) -> Result<Hooks, Problem> {
    let mut hooks = Hooks::default();
    for stage in HookStage::ALL {
        let folder = root.join(stage.name());
        let names = names(&folder).map_err(|error| {
            Problem::new(
                "cannot read a folder of hooks",
                format!("{}: {error}", folder.display()),
                "make it readable for this user, or set ENTRYPOINT_HOOKS_DIR to another folder",
            )
        })?;
        match stage {
            HookStage::PreInit => hooks.pre_init = names,
            HookStage::PreUpdate => hooks.pre_update = names,
            HookStage::PreStart => hooks.pre_start = names,
        }
    }
    Ok(hooks)
}

/// The executable of a hook.
pub fn path(root: &Path, stage: HookStage, name: &str) -> PathBuf {
    root.join(stage.name()).join(name)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Kubernetes mounts a ConfigMap as links into a hidden folder.
        if name.starts_with('.') {
            continue;
        }
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if !metadata.is_file() {
            continue;
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            tracing::warn!("the hook {} is not executable and is left out", entry.path().display());
            continue;
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_in_the_order_of_their_names() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(find(root.path()).unwrap(), Hooks::default());
        let folder = root.path().join("pre-start");
        fs::create_dir_all(folder.join("a-folder")).unwrap();
        for (name, mode) in [("20-b", 0o755), ("10-a", 0o755), ("README", 0o644), (".hidden", 0o755)] {
            fs::write(folder.join(name), "").unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink(folder.join("10-a"), folder.join("30-link")).unwrap();
        assert_eq!(find(root.path()).unwrap().pre_start, ["10-a", "20-b", "30-link"]);
    }
}
