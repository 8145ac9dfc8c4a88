//! What is in a database, as far as the plan needs to know.

use std::collections::BTreeMap;

use super::classify::{Class, Refusal};
use super::connect::{Session, literal};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// No tables: Odoo can be installed.
    Empty,
    /// Tables, and none of them Odoo's.
    Foreign {
        /// One of them, for the message.
        example: String,
    },
    /// Odoo's: module name to state, without those that are not installed.
    Odoo {
        /// `installed`, `to upgrade` and so on, by module.
        modules: BTreeMap<String, String>,
    },
}

/// Asks.
///
/// Odoo creates `ir_module_module` in the transaction that installs `base`, so the table is there exactly when `base`
/// is (`odoo/modules/db.py`, `initialize`). Extensions' tables (PostGIS) do not make a database foreign.
///
/// # Errors
/// The connection's.
pub async fn content(session: &Session) -> Result<Content, Refusal> {
    const MODULES: &str =
        "SELECT name, state FROM ir_module_module WHERE state NOT IN ('uninstalled', 'uninstallable')";
    const ANY_TABLE: &str = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
             AND d.objid = c.oid AND d.deptype = 'e') LIMIT 1";
    // One round trip at nearly every start; the second question is for databases without Odoo.
    match session.query(MODULES).await {
        Ok(rows) => {
            let modules = rows.into_iter().filter_map(|row| {
                let mut columns = row.into_iter();
                Some((columns.next()??, columns.next()??))
            });
            Ok(Content::Odoo { modules: modules.collect() })
        }
        Err(refusal) if refusal.class == Class::UndefinedTable => {
            let rows = session.query(ANY_TABLE).await?;
            Ok(first(&rows).map_or(Content::Empty, |table| Content::Foreign { example: table.to_owned() }))
        }
        // The login has been granted, so it is the table that is refused.
        Err(refusal) if refusal.class == Class::NoConnectRight => {
            Err(Refusal { class: Class::NoTableRight, ..refusal })
        }
        Err(refusal) => Err(refusal),
    }
}

/// What the server and our role in it are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Connections that are open to roles like ours: `max_connections` without those kept for superusers.
    pub connections: u64,
    /// Whether our role is a superuser.
    pub superuser: bool,
}

/// Asks.
///
/// # Errors
/// The connection's.
pub async fn server(session: &Session) -> Result<Server, Refusal> {
    let sql = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, \
         rolsuper FROM pg_roles WHERE rolname = current_user";
    let rows = session.query(sql).await?;
    let mut columns = rows.into_iter().next().unwrap_or_default().into_iter();
    let connections = columns.next().flatten().and_then(|text| text.parse().ok());
    let superuser = columns.next().flatten().is_some_and(|text| text == "t");
    // A pooler may answer these with something else, and then there is nothing to compare with.
    Ok(Server { connections: connections.unwrap_or(u64::MAX), superuser })
}

/// Whether the role may create databases.
///
/// # Errors
/// The connection's.
pub async fn may_create(session: &Session) -> Result<bool, Refusal> {
    let rows =
        session.query("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").await?;
    Ok(first(&rows) == Some("t"))
}

/// Whether a database of that name exists.
///
/// # Errors
/// The connection's.
pub async fn exists(session: &Session, database: &str) -> Result<bool, Refusal> {
    let sql = format!("SELECT 1 FROM pg_database WHERE datname = {}", literal(database));
    Ok(!session.query(&sql).await?.is_empty())
}

fn first(rows: &[super::connect::Row]) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}
