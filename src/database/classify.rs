//! What PostgreSQL or the network says, sorted by what to do about it. Pure.
//!
//! SQLSTATEs are from PostgreSQL's appendix A; which of them a server sends when is from `postmaster.c`, `auth.c` and
//! `postinit.c`.

use std::io;
use std::time::Duration;

use super::Target;
use crate::error::Problem;
use crate::settings::Limit;

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The host's name has no address (yet).
    NameNotFound,
    /// Nobody listens.
    Refused,
    /// No route, or the network is down.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The connection was cut while it was used.
    Reset,
    /// 57P03, 57P01, 57P02: starting up, shutting down or recovering.
    StartingUp,
    /// 53300, or a pooler that has no connection left.
    TooManyConnections,
    /// 28P01 or 28000: password, role or `pg_hba.conf`.
    LoginRefused,
    /// 3D000: there is no such database.
    MissingDatabase,
    /// 42501: the role may not connect to this database.
    NoConnectRight,
    /// 42501 for a table: it belongs to another role.
    NoTableRight,
    /// 42P01: no such table. An answer to a question of ours, and never a reason to wait.
    UndefinedTable,
    /// The server's answer is of no known kind.
    Other,
}

impl Class {
    /// Whether init scripts may still mend it; the others are retried for as long as the wait lasts.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Class::LoginRefused
                | Class::MissingDatabase
                | Class::NoConnectRight
                | Class::NoTableRight
                | Class::UndefinedTable
                | Class::Other
        )
    }

    /// A word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Class::NameNotFound => "name not found",
            Class::Refused => "connection refused",
            Class::Unreachable => "unreachable",
            Class::TimedOut => "no answer",
            Class::Reset => "connection lost",
            Class::StartingUp => "starting up",
            Class::TooManyConnections => "too many connections",
            Class::LoginRefused => "login refused",
            Class::MissingDatabase => "no such database",
            Class::NoConnectRight => "no right to connect",
            Class::NoTableRight => "no right to read Odoo's tables",
            Class::UndefinedTable => "no such table",
            Class::Other => "error",
        }
    }
}

/// A connection that did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub class: Class,
    /// PostgreSQL's or the system's own words.
    pub text: String,
}

impl Refusal {
    /// Sorts an error of the client library.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Refusal {
                class: of_sqlstate(db.code().code(), db.message()),
                text: db.message().to_owned(),
            };
        }
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Refusal { class: of_io(io), text: io.to_string() };
            }
            source = cause.source();
        }
        let class = if error.is_closed() { Class::Reset } else { Class::Other };
        Refusal { class, text: error.to_string() }
    }

    /// No answer within the time that an attempt gets.
    pub fn timed_out(after: Duration) -> Self {
        Refusal { class: Class::TimedOut, text: format!("no answer within {} s", after.as_secs()) }
    }
}

/// Sorts an SQLSTATE; the message is PostgreSQL's and only looked at where one code stands for two things.
pub fn of_sqlstate(code: &str, message: &str) -> Class {
    match code {
        "57P01" | "57P02" | "57P03" => Class::StartingUp,
        "53300" => Class::TooManyConnections,
        "28P01" | "28000" => Class::LoginRefused,
        "3D000" => Class::MissingDatabase,
        "42501" => Class::NoConnectRight,
        "42P01" => Class::UndefinedTable,
        // Class 08 is the connection's; pgbouncer says 08P01 for all it has to say.
        "08P01" if message.contains("no more connections") => Class::TooManyConnections,
        code if code.starts_with("08") => Class::Reset,
        _ => Class::Other,
    }
}

fn of_io(error: &io::Error) -> Class {
    match error.kind() {
        // A unix socket that is not there yet is a server that is not there yet.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Class::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Class::Reset,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Class::Unreachable,
        io::ErrorKind::TimedOut => Class::TimedOut,
        // What getaddrinfo says has no errno: std makes it `Uncategorized`, with its own words.
        _ if error.raw_os_error().is_none() && error.to_string().contains("lookup address") => {
            Class::NameNotFound
        }
        _ => Class::Unreachable,
    }
}

/// The steps between attempts: a hundredth of the time waited so far, between 25 ms and 1 s.
///
/// So the wait is never longer than needed by more than 1 % or 25 ms, a database that comes up in seconds is met at
/// once, and one that is away for minutes is not hammered.
pub fn step(waited: Duration) -> Duration {
    (waited / 100).clamp(Duration::from_millis(25), Duration::from_secs(1))
}

/// What to do after an attempt that failed. Pure: the caller measures the times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this long (before jitter).
    Retry(Duration),
    /// The wait is over.
    GiveUp,
}

/// Decides between another attempt and the end.
///
/// `waited` counts from the first attempt, `refused_for` from the first of an unbroken series of refusals.
pub fn after_failure(
    class: Class,
    waited: Duration,
    refused_for: Duration,
    limit: Limit,
    auth_grace: Duration,
) -> Verdict {
    let over = match limit {
        Limit::Once => true,
        Limit::For(time) => waited >= time,
        Limit::Forever => false,
    };
    if over || (class.is_refusal() && refused_for >= auth_grace) {
        return Verdict::GiveUp;
    }
    let left = match limit {
        Limit::For(time) => time.saturating_sub(waited),
        _ => Duration::MAX,
    };
    let grace_left = if class.is_refusal() { auth_grace.saturating_sub(refused_for) } else { Duration::MAX };
    Verdict::Retry(step(waited).min(left).min(grace_left))
}

/// The problem that ends the wait. `attempts` counts logins, the failing one among them.
pub fn problem(
    target: &Target,
    database: &str,
    refusal: &Refusal,
    attempts: u32,
    waited: Duration,
) -> Problem {
    let place = target.describe(database);
    let after = match attempts {
        0 | 1 => String::new(),
        several => format!(" after {several} attempts in {:.1} s", waited.as_secs_f64()),
    };
    let host = format!("host from {}", target.host_origin);
    let why = |detail: String| format!("{place}{after}: {} ({detail})", refusal.text);
    let wait = "raise ENTRYPOINT_WAIT_TIMEOUT if it only needs longer";
    match refusal.class {
        Class::NameNotFound => Problem::new(
            "PostgreSQL's host name cannot be resolved",
            why(host),
            "set HOST to the service's name or address; in Compose both have to share a network",
        ),
        Class::Refused | Class::Unreachable | Class::TimedOut | Class::Reset => Problem::new(
            "PostgreSQL cannot be reached",
            why(host),
            format!("start it, or set HOST and PORT to where it listens; {wait}"),
        ),
        Class::StartingUp => Problem::new(
            "PostgreSQL is not ready",
            why(host),
            format!("look into its log for what it is busy with; {wait}"),
        ),
        Class::TooManyConnections => Problem::new(
            "PostgreSQL has no connection left",
            why(host),
            "raise max_connections, or lower db_maxconn and workers of everything that shares the server",
        ),
        // pg_hba.conf has `hostssl` lines only.
        Class::LoginRefused if refusal.text.contains("no encryption") || refusal.text.contains("SSL off") => {
            Problem::new(
                "PostgreSQL demands TLS",
                why(host),
                "this version logs in without TLS: allow it in pg_hba.conf (`host`) inside a private network",
            )
        }
        Class::LoginRefused => Problem::new(
            "PostgreSQL refuses the login",
            why(format!("role from {}, password from {}", target.user_origin, target.password_origin)),
            "set USER and PASSWORD (or PASSWORD_FILE) to a role that exists and may log in; \
             a changed POSTGRES_PASSWORD does not reach a data volume that already exists",
        ),
        Class::MissingDatabase => Problem::new(
            format!("the database {database} does not exist"),
            why(host),
            format!(
                "create it (CREATE DATABASE \"{database}\" OWNER \"{}\"), or give the role CREATEDB and set \
                 ENTRYPOINT_CREATE_DB=true",
                target.user
            ),
        ),
        Class::NoConnectRight => Problem::new(
            format!("the role may not connect to the database {database}"),
            why(format!("role from {}", target.user_origin)),
            format!("GRANT CONNECT ON DATABASE \"{database}\" TO \"{}\"", target.user),
        ),
        Class::NoTableRight => Problem::new(
            format!("Odoo's tables in the database {database} belong to another role"),
            why(format!("role from {}", target.user_origin)),
            format!(
                "give them to the role, as their owner or a superuser: REASSIGN OWNED BY \"<old role>\" TO \"{}\"; \
                 pg_restore --no-owner --role does it while restoring",
                target.user
            ),
        ),
        Class::UndefinedTable | Class::Other => {
            Problem::new("PostgreSQL cannot be used", why(host), "its own words are above; its log has more")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_with_the_wait_and_stay_in_their_bounds() {
        assert_eq!(step(Duration::ZERO), Duration::from_millis(25));
        assert_eq!(step(Duration::from_secs(2)), Duration::from_millis(25));
        assert_eq!(step(Duration::from_secs(30)), Duration::from_millis(300));
        assert_eq!(step(Duration::from_secs(3600)), Duration::from_secs(1));
    }

    #[test]
    fn refusals_have_the_grace_and_absence_has_the_wait() {
        let second = Duration::from_secs(1);
        let decide = |class, waited, refused| {
            after_failure(class, waited, refused, Limit::For(second * 60), second * 5)
        };
        let zero = Duration::ZERO;
        assert!(matches!(decide(Class::Refused, second * 59, zero), Verdict::Retry(_)));
        assert_eq!(decide(Class::Refused, second * 60, zero), Verdict::GiveUp);
        assert!(matches!(decide(Class::LoginRefused, second * 20, second * 4), Verdict::Retry(_)));
        assert_eq!(decide(Class::LoginRefused, second * 20, second * 5), Verdict::GiveUp);
        // The last attempt falls on the end of the grace, not after it.
        let late = decide(Class::LoginRefused, second * 30, Duration::from_millis(4990));
        assert_eq!(late, Verdict::Retry(Duration::from_millis(10)));
    }

    #[test]
    fn one_attempt_is_one_and_for_ever_has_no_end() {
        let hour = Duration::from_secs(3600);
        assert_eq!(
            after_failure(Class::Refused, Duration::ZERO, Duration::ZERO, Limit::Once, hour),
            Verdict::GiveUp
        );
        assert!(matches!(
            after_failure(Class::Refused, hour * 24, Duration::ZERO, Limit::Forever, hour),
            Verdict::Retry(_)
        ));
    }

    #[test]
    fn sqlstates_have_their_classes() {
        for (code, class) in [
            ("57P03", Class::StartingUp),
            ("53300", Class::TooManyConnections),
            ("28P01", Class::LoginRefused),
            ("28000", Class::LoginRefused),
            ("3D000", Class::MissingDatabase),
            ("42501", Class::NoConnectRight),
            ("08006", Class::Reset),
            ("XX000", Class::Other),
        ] {
            assert_eq!(of_sqlstate(code, ""), class, "{code}");
        }
    }
}
