//! Verbs that look and tell, and start nothing: they may run as root, in an image's build or on another machine.

pub mod config;
