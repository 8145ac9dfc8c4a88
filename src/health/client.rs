//! One HTTP request, for the samplers and for the `healthcheck` verb.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// More than any health answer.
const MAX_BODY: usize = 64 * 1024;

/// A response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// `GET path` on a connection of its own, everything within `deadline`.
///
/// # Errors
/// In words: refused, no answer within the deadline, not HTTP.
pub async fn get(
    address: SocketAddr,
    host: &str,
    path: &str,
    deadline: Duration,
) -> Result<Response, String> {
    match tokio::time::timeout(deadline, exchange(address, host, path)).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
    }
}

async fn exchange(address: SocketAddr, host: &str, path: &str) -> Result<Response, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let driver = Abort(tokio::spawn(connection));
    let request = Request::get(path.parse::<Uri>().map_err(|error| error.to_string())?)
        // Odoo answers 500 to a request without it (`http.py`, `environ['HTTP_HOST']`).
        .header(HOST, host)
        .header(USER_AGENT, "odoo-entrypoint")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    drop(driver);
    Ok(Response { status, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Ends the connection's task with the request, also when the deadline cancels it.
struct Abort<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
