//! The process tree: starting, waiting, signalling, and knowing what is below us.

pub mod cgroup;
pub mod children;
pub mod signals;
pub mod tree;
