//! Odoo 18: its options, its file, its command line, and how it is started.

pub mod args;
pub mod baked;
pub mod conf;
pub mod launch;
pub mod literal;
pub mod manifest;
pub mod master;
pub mod options;
pub mod password;
pub mod path;
pub mod render;
pub mod sizing;
