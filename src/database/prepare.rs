//! From a server that may not be there yet to databases that Odoo can use: the wait, the creation, the lock.

use std::time::Duration;

use sha1::{Digest, Sha1};
use tokio::time::Instant;

use super::classify::{self, Class, Refusal, Verdict};
use super::connect::{Session, identifier};
use super::facts::{self, Content, Server};
use super::{Target, limits, plan};
use crate::error::Problem;
use crate::exit::Exit;
use crate::lifecycle::Work;
use crate::settings::Settings;

/// Odoo 18 connects to this database at every start, to look for its own (`cli/server.py`, `main`), and its cron for
/// as long as it runs.
const COMMON: &str = "postgres";

/// Why the wait for a database is over, with the exit code.
pub type Lost = (Exit, Problem);

/// Why something else than the wait failed.
pub enum Trouble {
    /// It would fail again.
    Lasting(Exit, Problem),
    /// PostgreSQL went away, in these words; it is worth waiting for again.
    Passing(String),
}

/// Told when the reason of the wait changes, not at every attempt.
pub trait Progress {
    /// The wait goes on because of this.
    fn waiting(&self, database: &str, refusal: &Refusal);
    /// Something about the server is odd, and no reason to stop.
    fn advise(&self, line: String);
}

/// Waits until every chosen database can be used, and returns what is to be done in them.
///
/// # Errors
/// The wait is over, or the databases are not for Odoo.
pub async fn prepare(settings: &Settings, progress: &impl Progress) -> Result<Vec<Work>, Lost> {
    let mut wait = Wait::new(settings, progress);
    let mut works = Vec::new();
    // A login is some milliseconds of waiting for a new backend, so this one is tried beside the first.
    let target = settings.database.clone();
    let early = tokio::spawn(async move {
        let session = Session::open(&target, COMMON).await?;
        facts::server(&session).await
    });
    for database in &settings.databases {
        let content = loop {
            let session = wait.database(database).await?;
            match facts::content(&session).await {
                Ok(content) => break content,
                // A login can be followed by a restart: the postgres image does that at its first start.
                Err(refusal) => wait.pause(database, &refusal).await?,
            }
        };
        // The next database has a grace of its own.
        wait.refused_since = None;
        works.extend(
            plan::plan(database, &content, &settings.init, settings.policy.one_shot)
                .map_err(|p| (Exit::Config, p))?,
        );
    }
    // It counts last, so that what is wrong with the used database is told first.
    let server = match early.await {
        Ok(Ok(server)) => server,
        _ => wait.server().await?,
    };
    let role = limits::role(&settings.database, &server, settings.strict);
    let lines = [limits::advice(&settings.odoo, &server), role.map_err(|problem| (Exit::Config, problem))?];
    lines.into_iter().flatten().for_each(|line| progress.advise(line));
    Ok(works)
}

/// The wait: attempts with growing steps, one line when the reason changes.
struct Wait<'a, P> {
    settings: &'a Settings,
    progress: &'a P,
    started: Instant,
    attempts: u32,
    refused_since: Option<Instant>,
    last: Option<Class>,
    jitter: Jitter,
}

impl<'a, P: Progress> Wait<'a, P> {
    fn new(settings: &'a Settings, progress: &'a P) -> Self {
        let started = Instant::now();
        Wait {
            settings,
            progress,
            started,
            attempts: 0,
            refused_since: None,
            last: None,
            jitter: Jitter::new(),
        }
    }

    fn target(&self) -> &'a Target {
        &self.settings.database
    }

    /// Logs into a database that Odoo will serve, creating it where that is allowed.
    async fn database(&mut self, database: &str) -> Result<Session, Lost> {
        loop {
            let refusal = match Session::open(self.target(), database).await {
                Ok(session) => return Ok(session),
                Err(refusal) => refusal,
            };
            if refusal.class == Class::MissingDatabase && self.settings.create_database {
                match create(self.settings, database).await {
                    Ok(true) => continue,
                    // No right: somebody else may be about to create it.
                    Ok(false) => {}
                    Err(refusal) => {
                        self.pause(COMMON, &refusal).await?;
                        continue;
                    }
                }
            }
            self.pause(database, &refusal).await?;
        }
    }

    /// Logs into the database that is common to all, and asks what the server is like.
    async fn server(&mut self) -> Result<Server, Lost> {
        loop {
            let answer = match Session::open(self.target(), COMMON).await {
                Ok(session) => facts::server(&session).await,
                Err(refusal) => Err(refusal),
            };
            match answer {
                Ok(server) => return Ok(server),
                Err(refusal) => self.pause(COMMON, &refusal).await?,
            }
        }
    }

    /// Sleeps until the next attempt, or gives up.
    async fn pause(&mut self, database: &str, refusal: &Refusal) -> Result<(), Lost> {
        let now = Instant::now();
        self.attempts = self.attempts.saturating_add(1);
        if self.last != Some(refusal.class) {
            self.progress.waiting(database, refusal);
            self.last = Some(refusal.class);
        }
        let refused_for = if refusal.class.is_refusal() {
            now - *self.refused_since.get_or_insert(now)
        } else {
            self.refused_since = None;
            Duration::ZERO
        };
        let waited = now - self.started;
        match classify::after_failure(
            refusal.class,
            waited,
            refused_for,
            self.settings.wait,
            self.settings.auth_grace,
        ) {
            Verdict::Retry(step) => {
                tokio::time::sleep(self.jitter.of(step)).await;
                Ok(())
            }
            Verdict::GiveUp => Err((
                Exit::Database,
                classify::problem(self.target(), database, refusal, self.attempts, waited),
            )),
        }
    }
}

/// Spreads replicas that were started together over the step, so that they do not knock in unison.
struct Jitter(u64);

impl Jitter {
    fn new() -> Self {
        // Distinct for every process and container is all that is needed.
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Jitter(clock.subsec_nanos().into())
    }

    /// Between half the step and the whole of it.
    fn of(&mut self, step: Duration) -> Duration {
        // Knuth's MMIX generator; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.0 >> 48) as u32;
        step / 2 + (step / 2) * share / 65_536
    }
}

fn trouble(settings: &Settings, database: &str, refusal: &Refusal) -> Trouble {
    if refusal.class.is_refusal() {
        let problem = classify::problem(&settings.database, database, refusal, 1, Duration::ZERO);
        Trouble::Lasting(Exit::Database, problem)
    } else {
        Trouble::Passing(format!("{} ({})", refusal.class.name(), refusal.text))
    }
}

/// Creates a database as Odoo would (`service/db.py`, `_create_empty_database`); false without the right to.
///
/// # Errors
/// The server's, on the database `postgres`.
async fn create(settings: &Settings, database: &str) -> Result<bool, Refusal> {
    let session = Session::open(&settings.database, COMMON).await?;
    if !facts::may_create(&session).await? {
        return Ok(false);
    }
    let template = &settings.odoo.db_template;
    // The collation C is only safe with template0, and makes better indexes.
    let collate = if template == "template0" { "LC_COLLATE 'C'" } else { "" };
    let statement = format!(
        "CREATE DATABASE {} ENCODING 'unicode' {collate} TEMPLATE {}",
        identifier(database),
        identifier(template)
    );
    if let Err(refusal) = session.run(&statement).await {
        // A sibling was faster.
        if facts::exists(&session, database).await? {
            return Ok(true);
        }
        return Err(refusal);
    }
    tracing::info!("created the database {database}");
    let session = Session::open(&settings.database, database).await?;
    let mut extras = vec!["CREATE EXTENSION IF NOT EXISTS pg_trgm"];
    if settings.odoo.unaccent {
        extras.push("CREATE EXTENSION IF NOT EXISTS unaccent");
        extras.push("ALTER FUNCTION unaccent(text) IMMUTABLE");
    }
    extras.push("GRANT CREATE ON SCHEMA public TO PUBLIC");
    for statement in extras {
        if let Err(refusal) = session.run(statement).await {
            tracing::warn!("{statement}: {}", refusal.text);
        }
    }
    Ok(true)
}

/// The lock of one database, held for as long as this lives: PostgreSQL frees it with its session.
pub struct Lock {
    _session: Session,
}

/// Takes the lock that click-odoo-update takes too, and sees again what is left to do.
///
/// # Errors
/// The connection's, or a database that has become another application's.
pub async fn lock(settings: &Settings, database: &str) -> Result<(Lock, Option<Work>), Trouble> {
    let lose = |refusal: Refusal| trouble(settings, database, &refusal);
    let session = Session::open(&settings.database, database).await.map_err(lose)?;
    // A role may have limits of its own, which are meant for requests and not for hours in a queue.
    for limit in ["statement_timeout", "lock_timeout", "idle_session_timeout"] {
        // The last one is unknown before PostgreSQL 14.
        let _ = session.query(&format!("SET {limit} = 0")).await;
    }
    session.run(&format!("SELECT pg_advisory_lock({})", lock_id(database))).await.map_err(lose)?;
    let content = facts::content(&session).await.map_err(lose)?;
    let work = plan::plan(database, &content, &settings.init, settings.policy.one_shot)
        .map_err(|problem| Trouble::Lasting(Exit::Config, problem))?;
    Ok((Lock { _session: session }, work))
}

/// What is in a database now, for the verdict over an installation.
///
/// # Errors
/// The connection's.
pub async fn content(settings: &Settings, database: &str) -> Result<Content, Trouble> {
    let lose = |refusal: Refusal| trouble(settings, database, &refusal);
    let session = Session::open(&settings.database, database).await.map_err(lose)?;
    facts::content(&session).await.map_err(lose)
}

/// click-odoo-contrib's number: the first 14 hexadecimal digits of the SHA-1 of a name (`_dbutils.advisory_lock`).
fn lock_id(database: &str) -> i64 {
    let digest = Sha1::digest(format!("click-odoo-update/{database}"));
    digest.iter().take(7).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_click_odoo_updates() {
        // int(hashlib.sha1(b"click-odoo-update/odoo").hexdigest()[:14], 16)
        assert_eq!(lock_id("odoo"), 8_188_322_942_609_317);
    }

    #[test]
    fn jitter_stays_within_the_upper_half() {
        let mut jitter = Jitter::new();
        let step = Duration::from_millis(100);
        for _ in 0..1000 {
            let pause = jitter.of(step);
            assert!(pause >= step / 2 && pause <= step, "{pause:?}");
        }
    }
}
