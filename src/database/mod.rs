//! PostgreSQL: waiting until Odoo can use it, knowing what is in it, and the lock among replicas.
//!
//! [`classify`], [`limits`] and [`plan`] are pure; [`connect`], [`facts`] and [`prepare`] talk to the server.

pub mod classify;
pub mod connect;
pub mod facts;
pub mod limits;
pub mod plan;
pub mod prepare;

use crate::settings::Secret;

/// The connection that Odoo will use, without the database's name.
#[derive(Clone)]
pub struct Target {
    /// A name, an address, the folder of a unix socket, or a comma list; empty leaves it to the local socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The role; empty is the account's name, as for libpq.
    pub user: String,
    /// The password, if any.
    pub password: Option<Secret>,
    /// libpq's word for how much TLS is wanted.
    pub ssl_mode: String,
    /// Where the host comes from, for messages.
    pub host_origin: String,
    /// Where the role comes from, for messages.
    pub user_origin: String,
    /// Where the password comes from, for messages.
    pub password_origin: String,
}

impl Target {
    /// `odoo@db:5432/name`, without the password.
    pub fn describe(&self, database: &str) -> String {
        format!("{}@{}:{}/{database}", self.user, self.host, self.port)
    }
}
