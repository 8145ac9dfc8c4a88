//! The probe server: a thread of its own with a runtime of its own, so that it answers whatever the supervisor is busy
//! with. No request does I/O; each is answered from the last snapshot.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::page;
use super::verdict::{Question, Snapshot, answer};
use crate::error::Problem;
use crate::exit::Exit;
use crate::lifecycle::Moment;
use crate::process::inherited::without_signals;

/// More at once than any set of probes; the next one waits in the kernel's queue.
const CONNECTIONS: usize = 512;
/// What a client gets to send its request head, and an idle connection to send the next one.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// hyper's smallest buffer: a probe's head is some hundred bytes.
const MAX_HEAD: usize = 8 * 1024;
/// The kernel's queue for what comes while every slot is taken.
const BACKLOG: i32 = 256;

/// What the supervisor tells the probes.
pub struct Board {
    /// When this process started; every [`Moment`] counts from here.
    started: Instant,
    snapshot: watch::Sender<Snapshot>,
    /// When the supervisor's loop last turned, in milliseconds.
    beat: AtomicU64,
    /// Odoo's socket, while the page is served there.
    door: page::Door,
    page: AtomicBool,
}

impl Board {
    /// The board of a process that has just started.
    pub fn new() -> Arc<Self> {
        Arc::new(Board {
            started: Instant::now(),
            snapshot: watch::Sender::new(Snapshot::default()),
            beat: AtomicU64::new(0),
            door: page::Door::new(None),
            page: AtomicBool::new(true),
        })
    }

    /// The time now.
    pub fn now(&self) -> Moment {
        self.started.elapsed()
    }

    /// Says that the supervisor's loop turns.
    pub fn beat(&self) {
        self.beat.store(u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Changes what the probes see.
    pub fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        self.snapshot.send_modify(change);
    }

    /// What the page makes of the last snapshot.
    pub fn look<T>(&self, look: impl FnOnce(&Snapshot, Moment) -> T) -> T {
        look(&self.snapshot.borrow(), self.now())
    }

    /// Opens, changes or closes the way to the starting page.
    pub fn lead_to_page(&self, socket: Option<Arc<std::net::TcpListener>>) {
        self.door.send_replace(socket);
    }

    /// Whether the page itself is wanted, or 503 alone.
    pub fn want_page(&self, wanted: bool) {
        self.page.store(wanted, Ordering::Relaxed);
    }

    /// See [`Board::want_page`].
    pub fn wants_page(&self) -> bool {
        self.page.load(Ordering::Relaxed)
    }

    /// Answers one question.
    fn answer(&self, question: Question) -> super::verdict::Answer {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        answer(question, &self.snapshot.borrow(), beat, self.now())
    }
}

/// Listens and answers from a thread of its own until the process ends.
///
/// # Errors
/// The address cannot be listened on, or no thread can be started.
pub fn start(address: SocketAddr, board: Arc<Board>) -> Result<(), (Exit, Problem)> {
    let listener = listen(address).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "stop what listens there, or set ENTRYPOINT_LISTEN to another port",
            _ if out_of_descriptors(&error) => DESCRIPTORS,
            _ => "set ENTRYPOINT_LISTEN to an address of this machine and a port above 1023",
        };
        let why = format!("ENTRYPOINT_LISTEN={address}: {error}");
        (Exit::Config, Problem::new("cannot listen for probes", why, hint))
    })?;
    // Here and not in the thread, so that there is no container without its probes.
    let (runtime, listener) = runtime(listener).map_err(|error| {
        let problem = Problem::new("cannot start the probe server", error.to_string(), DESCRIPTORS);
        (Exit::Internal, problem)
    })?;
    let thread = std::thread::Builder::new().name("probes".to_owned()).stack_size(256 * 1024);
    let serve = move || {
        runtime.block_on(async {
            tokio::spawn(page::serve(board.clone(), board.door.subscribe()));
            serve(&listener, &board).await;
        });
    };
    let spawned = without_signals(|| thread.spawn(serve));
    spawned.map(|_| ()).map_err(|error| {
        let problem = Problem::new(
            "cannot start the probe server's thread",
            error.to_string(),
            "raise the container's limit of processes (pids_limit) or of memory",
        );
        (Exit::Internal, problem)
    })
}

const DESCRIPTORS: &str = "raise the limit of open files (ulimit -n)";

fn out_of_descriptors(error: &io::Error) -> bool {
    use nix::errno::Errno;
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}

/// `[::]` means both families, whatever `net.ipv6.bindv6only` says, and IPv4 alone where the kernel has no IPv6.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    match bind(address) {
        Err(error)
            if address.is_ipv6()
                && address.ip().is_unspecified()
                && matches!(
                    error.raw_os_error().map(nix::errno::Errno::from_raw),
                    Some(nix::errno::Errno::EAFNOSUPPORT | nix::errno::Errno::EADDRNOTAVAIL)
                ) =>
        {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        result => result,
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn runtime(listener: std::net::TcpListener) -> io::Result<(tokio::runtime::Runtime, TcpListener)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    drop(entered);
    Ok((runtime, listener))
}

async fn serve(listener: &TcpListener, board: &Arc<Board>) {
    let mut connections = http1::Builder::new();
    connections.half_close(true);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    answer_all(listener, &slots, connections, board, respond).await;
}

/// Answers whoever connects, as many at a time as there are slots, until it is dropped.
pub(super) async fn answer_all(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    mut connections: http1::Builder,
    board: &Arc<Board>,
    respond: fn(&Request<Incoming>, &Board) -> Response<Full<Bytes>>,
) {
    connections.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(MAX_HEAD);
    loop {
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptors left, or the client is gone already. Not in a tight loop.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let board = board.clone();
        let connections = connections.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = respond(&request, &board);
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            // A client that sent garbage or went away has had its answer.
            let _ = connections.serve_connection(TokioIo::new(stream), service).await;
            drop(slot);
        });
    }
}

fn respond(request: &Request<Incoming>, board: &Board) -> Response<Full<Bytes>> {
    let question = match request.uri().path() {
        "/livez" => Question::Live,
        "/readyz" | "/healthz" => Question::Ready,
        "/startupz" => Question::Started,
        _ => {
            return text(
                StatusCode::NOT_FOUND,
                "not found; there are /livez /readyz /startupz /healthz\n".to_owned(),
            );
        }
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n".to_owned());
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let verbose = request
        .uri()
        .query()
        .is_some_and(|query| query.split('&').any(|part| part == "verbose" || part.starts_with("verbose=")));
    let answer = board.answer(question);
    let status = if answer.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, answer.body(question, verbose))
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
