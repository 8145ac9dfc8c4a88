//! `odoo-entrypoint`: PID 1 of a production Odoo 18 container.
//!
//! Four jobs, four places:
//!
//! * the **configuration** Odoo reads: [`settings`], [`odoo`]
//! * the **database readiness** it needs: [`database`]
//! * the **process tree** below this process: [`lifecycle`] decides, [`process`] acts
//! * the **answers to probes**: [`health`]
//!
//! And what all of it says goes through [`output`].
//!
//! The core is pure and names no clock, file, process or socket: `settings` but for `settings::source`, `odoo` but for
//! `odoo::launch::find` and `odoo::render::write`, `database::{classify, plan}`, `lifecycle`, `health::verdict`,
//! `output::{record, json}`.
//! [`run`] is the one loop around it: gather events, step, perform actions.

pub mod addons;
pub mod cli;
pub mod database;
pub mod entry;
pub mod error;
pub mod exit;
pub mod foreground;
pub mod health;
pub mod lifecycle;
pub mod logging;
pub mod names;
pub mod odoo;
pub mod output;
pub mod preflight;
pub mod process;
pub mod run;
pub mod settings;
pub mod verbs;
