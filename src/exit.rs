//! Every exit code of `odoo-entrypoint`, in one place. The table in the README follows this file.
//!
//! The numbers are those of `sysexits.h` where it has a fitting one, so that an operator can look them up, and a
//! shell's (126, 127, 128+n) where a child is concerned.

/// Why this process ends. [`Exit::code`] is what the kernel, Docker and Kubernetes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// An asked-for stop within its budget, or a verb that succeeded.
    Success,
    /// A check that was asked for says no (`healthcheck`).
    Unhealthy,
    /// The command line cannot be understood.
    Usage,
    /// PostgreSQL cannot be used: unreachable for too long, or it refuses us.
    Database,
    /// A fault of ours, or an Odoo that stopped by itself too often while claiming success.
    Internal,
    /// The rendered file cannot be written.
    CannotWrite,
    /// Refused to start Odoo as root.
    Root,
    /// The configuration is wrong; every problem has been named.
    Config,
    /// Installing or updating modules failed.
    Update,
    /// A module on the addons path breaks a rule (`addons check`).
    Addons,
    /// The program exists and cannot be executed.
    NotExecutable,
    /// The program does not exist.
    NotFound,
    /// A stop had to be finished with `KILL`.
    StopOverBudget,
    /// What the child said: its exit code, or 128+n for a death by signal n.
    Child(u8),
}

impl Exit {
    /// The number the parent of this process sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Unhealthy => 1,
            Exit::Usage => 64,
            Exit::Database => 69,
            Exit::Internal => 70,
            Exit::CannotWrite => 73,
            Exit::Root => 77,
            Exit::Config => 78,
            Exit::Update => 80,
            Exit::Addons => 81,
            Exit::NotExecutable => 126,
            Exit::NotFound => 127,
            Exit::StopOverBudget => 137,
            Exit::Child(code) => code,
        }
    }
}
