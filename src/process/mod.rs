//! The process tree: starting, waiting, signalling, and knowing what is below us and why it died.

pub mod cgroup;
pub mod children;
pub mod death;
pub mod hooks;
mod image;
pub mod inherited;
pub mod listener;
pub mod memory;
pub mod signals;
pub mod terminal;
pub mod tree;
