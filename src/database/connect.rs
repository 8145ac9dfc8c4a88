//! One login, with the settings that Odoo will use.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::Target;
use super::classify::Refusal;

/// What one attempt gets, name resolution and login together. A host that swallows packets must not hold up the loop.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// A session; dropping it closes the connection.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One row of a result, as text.
pub type Row = Vec<Option<String>>;

impl Session {
    /// Logs in.
    ///
    /// # Errors
    /// The refusal, classified.
    pub async fn open(target: &Target, database: &str) -> Result<Self, Refusal> {
        let mut config = Config::new();
        config
            .dbname(database)
            .port(target.port)
            .application_name("odoo-entrypoint")
            .ssl_mode(SslMode::Disable)
            .connect_timeout(ATTEMPT)
            // A node that vanishes is noticed within half a minute.
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(25));
        if target.host.is_empty() {
            config.host_path("/var/run/postgresql");
        } else {
            for host in target.host.split(',') {
                config.host(host.trim());
            }
        }
        if !target.user.is_empty() {
            config.user(&target.user);
        }
        if let Some(password) = &target.password {
            config.password(password.expose());
        }
        let attempt = tokio::time::timeout(ATTEMPT, config.connect(NoTls)).await;
        let (client, connection) =
            attempt.map_err(|_| Refusal::timed_out(ATTEMPT))?.map_err(|error| Refusal::of(&error))?;
        let driver = tokio::spawn(async move {
            // How the connection ended is seen by whoever asks next.
            let _ = connection.await;
        });
        Ok(Session { client, driver })
    }

    /// Asks something that has to be answered at once: [`Session::run`] within [`ATTEMPT`].
    ///
    /// # Errors
    /// The refusal, classified; a table that somebody holds locked is one.
    pub async fn query(&self, sql: &str) -> Result<Vec<Row>, Refusal> {
        tokio::time::timeout(ATTEMPT, self.run(sql)).await.map_err(|_| Refusal::timed_out(ATTEMPT))?
    }

    /// Runs statements by the simple protocol (one round trip, nothing prepared), for as long as they take, and returns
    /// the rows of all.
    ///
    /// # Errors
    /// The refusal, classified.
    pub async fn run(&self, sql: &str) -> Result<Vec<Row>, Refusal> {
        let messages = self.client.simple_query(sql).await.map_err(|error| Refusal::of(&error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }
}

/// A text as an SQL literal, for the simple protocol, which has no parameters: libpq's `PQescapeLiteral`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A name as an SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
