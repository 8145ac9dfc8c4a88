//! The answers to probes.
//!
//! [`verdict`] is the pure function from a snapshot to an answer; [`server`] maps it to HTTP on a thread of its own;
//! [`sampler`] asks Odoo and PostgreSQL in the background, so that no probe waits for either; [`client`] is the one
//! HTTP request that the samplers and the `healthcheck` verb make; [`page`] is what a browser finds on
//! Odoo's port until Odoo is started.

pub mod client;
pub mod page;
pub mod sampler;
pub mod server;
pub mod verdict;
