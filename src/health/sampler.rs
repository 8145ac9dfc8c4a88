//! Asks Odoo's page and the used database in the background, and reports what they say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::client;
use super::verdict::{PERIOD, SAMPLE_DEADLINE};
use crate::database::connect::Session;
use crate::lifecycle::Pid;
use crate::process::tree;
use crate::settings::{Odoo, Settings};

/// The name of the check of Odoo's page.
pub const PAGE: &str = "page";
/// The name of the check of the used database.
pub const DATABASE: &str = "database";

/// One answer: the check's name, and success or why not.
pub type Sample = (&'static str, Result<(), String>);

/// Takes a sample; false when nobody wants any more.
pub trait Report: Fn(Sample) -> bool + Send {}

impl<F: Fn(Sample) -> bool + Send> Report for F {}

/// While Odoo boots nobody listens at first; the first answer is wanted at once.
const BOOT_PERIOD: Duration = Duration::from_millis(100);
/// A request to a booting Odoo hangs until the registry is loaded, each in a thread of its own. So there is one, with
/// patience, and not one every five seconds.
const BOOT_DEADLINE: Duration = Duration::from_secs(60);

/// What to ask Odoo.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Page {
    address: SocketAddr,
    host: String,
    path: &'static str,
}

impl Page {
    /// With one database `/websocket/health`, a route that exists only in a loaded registry: 404 without the database.
    /// `/web/health` says `pass` even then, and is what is left where no database, or several, are chosen.
    fn of(odoo: &Odoo, databases: &[String]) -> Self {
        let (host, path) = match databases {
            // A `dbfilter` with %d or %h picks the database by the host's name.
            [only] => (host_header(only), "/websocket/health"),
            _ => ("localhost".to_owned(), "/web/health"),
        };
        Page { address: loopback(&odoo.http_interface, odoo.http_port), host, path }
    }
}

fn host_header(database: &str) -> String {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if database.chars().all(valid) { database.to_owned() } else { "localhost".to_owned() }
}

/// Where to reach what listens on that interface.
pub fn loopback(interface: &str, port: u16) -> SocketAddr {
    let ip = match interface.parse::<IpAddr>() {
        Ok(ip) if !ip.is_unspecified() => ip,
        Ok(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, port)
}

/// Samples Odoo's page until it is aborted: eagerly until the first success, then every [`PERIOD`].
pub async fn page(settings: Arc<Settings>, report: impl Report) {
    let page = Page::of(&settings.odoo, &settings.databases);
    let mut booted = false;
    loop {
        let deadline = if booted { SAMPLE_DEADLINE } else { BOOT_DEADLINE };
        let result = match client::get(page.address, &page.host, page.path, deadline).await {
            Ok(response) if response.status == 200 => Ok(()),
            Ok(response) => Err(format!("{} answers {}", page.path, response.status)),
            Err(error) => Err(format!("{}: {error}", page.path)),
        };
        booted |= result.is_ok();
        if !report((PAGE, result)) {
            return;
        }
        tokio::time::sleep(if booted { PERIOD } else { BOOT_PERIOD }).await;
    }
}

/// Stands in for the page where Odoo serves none (`http_enable = False`): it has come up when it handles `TERM`.
pub async fn handlers(child: Pid, report: impl Report) {
    loop {
        let up = tree::catches(child, Signal::SIGTERM);
        let result = if up { Ok(()) } else { Err("Odoo does not handle signals yet".to_owned()) };
        if !report((PAGE, result)) {
            return;
        }
        tokio::time::sleep(if up { PERIOD } else { BOOT_PERIOD }).await;
    }
}

/// Something that Odoo serves in any state without a database, a session or a lock.
const CHEAP: &str = "/web/static/img/favicon.ico";

/// Calls `answered` after each answer, whatever it says, until that returns false. There is one request at a time, and a
/// new one only once the last has been answered, refused or cut off: against an Odoo that hangs more of them would pile up.
pub async fn answers(settings: Arc<Settings>, answered: impl Fn() -> bool + Send) {
    let address = loopback(&settings.odoo.http_interface, settings.odoo.http_port);
    loop {
        let patience = settings.policy.hang_timeout;
        let result = client::get(address, "localhost", CHEAP, patience).await;
        if result.is_ok() && !answered() {
            return;
        }
        tokio::time::sleep(if result.is_ok() { PERIOD.min(patience / 4) } else { RETRY }).await;
    }
}

/// After a refusal, or a connection that was cut off.
const RETRY: Duration = Duration::from_secs(1);

/// Samples the first database by a connection that it keeps, until it is aborted.
pub async fn database(settings: Arc<Settings>, report: impl Report) {
    let Some(name) = settings.databases.first() else { return };
    let mut session = None;
    loop {
        let attempt = async {
            if session.is_none() {
                session = Some(Session::open(&settings.database, name).await?);
            }
            match &session {
                Some(session) => session.query("SELECT 1").await.map(|_| ()),
                None => Ok(()),
            }
        };
        let result = match tokio::time::timeout(SAMPLE_DEADLINE, attempt).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(format!("{}: {}", refusal.class.name(), refusal.text)),
            Err(_) => Err(format!("no answer within {} s", SAMPLE_DEADLINE.as_secs())),
        };
        if result.is_err() {
            session = None;
        }
        if !report((DATABASE, result)) {
            return;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_interface_is_reached_by_loopback() {
        assert_eq!(loopback("0.0.0.0", 1).to_string(), "127.0.0.1:1");
        assert_eq!(loopback("::", 1).to_string(), "[::1]:1");
        assert_eq!(loopback("10.0.0.1", 1).to_string(), "10.0.0.1:1");
        assert_eq!(loopback("", 1).to_string(), "127.0.0.1:1");
    }

    #[test]
    fn the_host_names_the_database_where_a_header_can() {
        assert_eq!(host_header("prod-1.eu"), "prod-1.eu");
        assert_eq!(host_header("prod db\r\n"), "localhost");
    }
}
