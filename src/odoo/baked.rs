//! Whether `/mnt/extra-addons` holds the modules that were baked into this image. Pure.
//!
//! The base image declares the folder a volume, and Compose gives a new container the old one's anonymous volume: the modules
//! of an older image then hide those of the new one, with the commands that everybody uses. So the image carries its modules
//! twice, and the same digest beside both.

use crate::error::Problem;

/// The file that holds the digest of what was baked, in both folders.
pub const MARK: &str = ".baked-digest";

/// What to do about modules that are not the image's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A folder that somebody mounted is meant.
    Auto,
    /// Only what was baked may run.
    Require,
}

/// Reads `ENTRYPOINT_BAKED_ADDONS`.
///
/// # Errors
/// The accepted form.
pub fn policy(text: &str) -> Result<Policy, &'static str> {
    match text {
        "auto" => Ok(Policy::Auto),
        "require" => Ok(Policy::Require),
        _ => Err("not a rule for baked modules (write auto or require)"),
    }
}

/// Which of the two folders holds the modules to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The usual folder.
    Mounted,
    /// The image's second copy, and why, in one line.
    Copy(String),
}

/// Decides from the two marks (`None` where the file is not there).
///
/// # Errors
/// Something else than the image's modules is mounted, and the policy forbids that.
pub fn choose(
    policy: Policy,
    (folder, mounted): (&str, Option<&str>),
    (copy, baked): (&str, Option<&str>),
) -> Result<Choice, Problem> {
    match (mounted, baked) {
        // This image was built without modules of its own, or is another one.
        (_, None) => Ok(Choice::Mounted),
        (Some(mounted), Some(baked)) if mounted == baked => Ok(Choice::Mounted),
        (Some(_), Some(_)) => Ok(Choice::Copy(format!(
            "{folder} holds the modules of another build (an old volume hides those of this image): {copy} is used; \
             `docker compose up --renew-anon-volumes` removes the old volume"
        ))),
        (None, Some(_)) if policy == Policy::Auto => Ok(Choice::Mounted),
        (None, Some(_)) => Err(Problem::new(
            "the modules are not those of this image",
            format!(
                "{folder} has no {MARK}, so something else is mounted there; ENTRYPOINT_BAKED_ADDONS=require"
            ),
            format!(
                "remove the mount of {folder}, or set ENTRYPOINT_BAKED_ADDONS=auto to use what is mounted"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(policy: Policy, mounted: Option<&str>, baked: Option<&str>) -> Option<bool> {
        match choose(policy, ("/mnt/extra-addons", mounted), ("/usr/share/odoo-ce/addons", baked)) {
            Ok(Choice::Mounted) => Some(true),
            Ok(Choice::Copy(_)) => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    fn a_stale_volume_gives_way_and_a_deliberate_mount_does_not() {
        use Policy::{Auto, Require};
        for (policy, mounted, baked, expected) in [
            (Auto, Some("a"), Some("a"), Some(true)),
            (Auto, Some("old"), Some("a"), Some(false)),
            (Auto, None, Some("a"), Some(true)),
            (Auto, None, None, Some(true)),
            (Auto, Some("old"), None, Some(true)),
            (Require, Some("a"), Some("a"), Some(true)),
            (Require, Some("old"), Some("a"), Some(false)),
            (Require, None, Some("a"), None),
            (Require, None, None, Some(true)),
        ] {
            assert_eq!(chosen(policy, mounted, baked), expected, "{policy:?} {mounted:?} {baked:?}");
        }
    }
}
