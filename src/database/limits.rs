//! What a server cannot give to an Odoo of this size, and what a role has too much of. Pure.

use super::Target;
use super::facts::Server;
use crate::error::Problem;
use crate::settings::Odoo;

/// The supervisor's own: the check of the database, and the lock or a login.
const OWN: u64 = 2;

/// What is worth a line at start.
pub fn advice(odoo: &Odoo, server: &Server) -> Option<String> {
    let processes = if odoo.prefork() { u64::from(odoo.workers) + odoo.max_cron_threads + 1 } else { 1 };
    // Each cron thread listens by a connection of its own (`server.py`, `cron_thread`).
    let beside = odoo.max_cron_threads + OWN;
    let most = processes.saturating_mul(odoo.db_maxconn).saturating_add(beside);
    if most <= server.connections {
        return None;
    }
    let fits = server.connections.saturating_sub(beside) / processes;
    Some(format!(
        "Odoo may open {most} connections ({processes} process{} with db_maxconn {}), and PostgreSQL has {} for all its \
         clients: set ODOO_DB_MAXCONN={} or raise max_connections",
        if processes == 1 { "" } else { "es" },
        odoo.db_maxconn,
        server.connections,
        fits.max(1)
    ))
}

/// A superuser's role makes every hole in a module one in the whole server: a warning, or a refusal where strictness is
/// asked for.
///
/// # Errors
/// The role is a superuser's, and that is refused.
pub fn role(target: &Target, server: &Server, strict: bool) -> Result<Option<String>, Problem> {
    if !server.superuser {
        return Ok(None);
    }
    if strict {
        return Err(Problem::new(
            "the database role is a superuser",
            format!("{} ({}), and ENTRYPOINT_STRICT is set", target.user, target.user_origin),
            format!("run in psql: ALTER ROLE {} NOSUPERUSER", super::connect::identifier(&target.user)),
        ));
    }
    Ok(Some(format!(
        "the database role {} is a superuser, which Odoo does not need: ALTER ROLE {} NOSUPERUSER",
        target.user,
        super::connect::identifier(&target.user)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odoo(workers: u32, max_cron_threads: u64, db_maxconn: u64) -> Odoo {
        Odoo {
            options: Vec::new(),
            sections: Vec::new(),
            arguments: Vec::new(),
            http_interface: String::new(),
            http_port: 8069,
            gevent_port: 8072,
            http_enable: true,
            workers,
            max_cron_threads,
            db_maxconn,
            unaccent: false,
            db_template: String::new(),
        }
    }

    #[test]
    fn pools_that_exceed_the_server_are_told_with_what_fits() {
        let server = Server { connections: 97, superuser: false };
        assert_eq!(advice(&odoo(0, 2, 64), &server), None);
        assert_eq!(advice(&odoo(5, 2, 10), &server), None);
        assert_eq!(
            advice(&odoo(4, 2, 64), &server).unwrap(),
            "Odoo may open 452 connections (7 processes with db_maxconn 64), and PostgreSQL has 97 for all its clients: \
             set ODOO_DB_MAXCONN=13 or raise max_connections"
        );
        assert!(
            advice(&odoo(0, 2, 64), &Server { connections: 3, superuser: false })
                .unwrap()
                .contains("DB_MAXCONN=1 ")
        );
        assert_eq!(
            advice(&odoo(400, 2, u64::MAX), &Server { connections: u64::MAX, superuser: false }),
            None
        );
    }
}
