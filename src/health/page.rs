//! What a browser finds on Odoo's port until Odoo is started: a page that says what is going on, in phases and counts, and
//! nothing that is not for everybody (no host, role, database or error). Served from the probes' thread.

use std::fmt::Write;
use std::net::TcpListener as StdListener;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::server::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::server::{self, Board};
use super::verdict::Snapshot;
use crate::lifecycle::{Moment, Phase};

/// More at once than a starting Odoo is worth; the next ones wait in the kernel's queue.
const CONNECTIONS: usize = 128;
/// Where the page is. Odoo has no route there.
const PATH: &str = "/-/starting";
/// How often the page asks again, in seconds.
const PERIOD: u32 = 3;

/// Which socket carries the page now, if any.
pub type Door = watch::Sender<Option<Arc<StdListener>>>;

/// Serves the page wherever the door leads to, until the process ends.
pub async fn serve(board: Arc<Board>, mut door: watch::Receiver<Option<Arc<StdListener>>>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let socket = door.borrow_and_update().as_ref().map(|socket| socket.try_clone());
        if let Some(Ok(socket)) = socket
            && let Ok(listener) = TcpListener::from_std(socket)
        {
            tokio::select! {
                // First, so that nobody is taken from the queue once it is Odoo's.
                biased;
                _ = door.changed() => continue,
                () = server::answer_all(&listener, &slots, connections(), &board, respond) => {}
            }
        }
        if door.changed().await.is_err() {
            return;
        }
    }
}

/// One request each: the next one on the connection would be for Odoo.
fn connections() -> http1::Builder {
    let mut connections = http1::Builder::new();
    connections.keep_alive(false);
    connections
}

fn respond(request: &Request<Incoming>, board: &Board) -> Response<Full<Bytes>> {
    let page = board.wants_page();
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, body) = match request.uri().path() {
        "/web" if page && asks => (StatusCode::FOUND, String::new()),
        PATH if page && asks => (StatusCode::OK, board.look(render)),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "Odoo is being started; try again in a moment\n".to_owned()),
    };
    let kind =
        if status == StatusCode::OK { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::FOUND => drop(headers.insert(LOCATION, HeaderValue::from_static(PATH))),
        StatusCode::OK => {
            let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        _ => drop(headers.insert(RETRY_AFTER, HeaderValue::from(PERIOD))),
    }
    response
}

/// The words for a phase; nothing else of the snapshot but its numbers may get onto the page.
fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Preflight => ("Starting", "Checking the configuration."),
        Phase::Waiting => ("Waiting for the database", "It is being started, or cannot be reached yet."),
        Phase::Lock => ("Waiting for another server", "It is preparing the database; this one comes next."),
        Phase::Init => {
            ("Preparing the database", "Modules are being installed. This can take several minutes.")
        }
        Phase::Boot | Phase::Serving => ("Starting Odoo", "Only a few seconds to go."),
        Phase::Hung | Phase::Backoff => {
            ("Restarting Odoo", "It ended unexpectedly and is being started again.")
        }
        Phase::Draining | Phase::Stopping | Phase::Exited => ("Shutting down", "This server is going away."),
    }
}

fn render(snapshot: &Snapshot, now: Moment) -> String {
    let (title, text) = words(snapshot.phase);
    let seconds = now.saturating_sub(snapshot.since).as_secs();
    let since = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    let mut progress = String::new();
    // Writing to a String cannot fail.
    let _ = match snapshot.progress {
        Some((at, of)) if snapshot.phase == Phase::Init => write!(
            progress,
            "<progress max=\"{of}\" value=\"{at}\"></progress><p class=\"n\">module {at} of {of}, {since}</p>"
        ),
        _ => write!(progress, "<progress></progress><p class=\"n\">{since}</p>"),
    };
    TEMPLATE.replace("{title}", title).replace("{text}", text).replace("{progress}", &progress)
}

/// Without JavaScript the page asks for `/web` again, which leads back here or to Odoo. With it, it asks in the background,
/// so that a moment in which nobody listens shows no error.
const TEMPLATE: &str = include_str!("page.html");

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(phase: Phase, progress: Option<(u32, u32)>) -> Snapshot {
        Snapshot {
            phase,
            since: Moment::from_secs(10),
            detail: "db.internal: role secret_role".to_owned(),
            progress,
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_page_shows_phase_and_counts_and_nothing_else() {
        let page = render(&snapshot(Phase::Init, Some((7, 42))), Moment::from_secs(40));
        assert!(page.contains("Preparing the database") && page.contains("module 7 of 42, 30 s"), "{page}");
        for phase in Phase::ALL {
            let page = render(&snapshot(phase, None), Moment::from_secs(40));
            for word in ["internal", "secret", "{title}", "{text}", "{progress}"] {
                assert!(!page.contains(word), "{phase:?}: {word}");
            }
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for word in ["http:", "https:", "src=", "@import", "url(/"] {
            assert!(!TEMPLATE.contains(word), "{word}");
        }
        assert!(TEMPLATE.contains("prefers-color-scheme") && TEMPLATE.contains("http-equiv=\"refresh\""));
    }
}
