//! A GET, and nothing else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// In order of arrival; names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The `Location` header without scheme and host.
    pub fn location(&self) -> Option<&str> {
        let location = self.header("location")?;
        let path = location
            .split_once("://")
            .map_or(location, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
        Some(path)
    }
}

/// `GET path` from 127.0.0.1:port with a Host header, within `timeout` in all.
///
/// # Errors
/// No connection, no complete answer in time (`TimedOut`), or not HTTP (`InvalidData`).
pub fn get(port: u16, path: &str, timeout: Duration) -> io::Result<Response> {
    request(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"),
        timeout,
    )
}

/// Sends `head` as it is and reads the answer.
///
/// # Errors
/// As [`get`].
pub fn request(port: u16, head: &str, timeout: Duration) -> io::Result<Response> {
    let end = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), timeout)?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(head.as_bytes())?;
    read_response(&mut stream, end)
}

/// Reads one answer: up to its Content-Length, else to the end of the stream.
///
/// # Errors
/// As [`get`].
pub fn read_response(stream: &mut TcpStream, end: Instant) -> io::Result<Response> {
    let mut bytes = Vec::new();
    loop {
        if let Some(response) = parse(&bytes, false) {
            return Ok(response);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut chunk = [0; 16384];
        match stream.read(&mut chunk) {
            Ok(0) => return parse(&bytes, true).ok_or_else(|| io::ErrorKind::InvalidData.into()),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
}

/// `None` while the answer is not complete.
fn parse(bytes: &[u8], at_end: bool) -> Option<Response> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let body = &bytes[head_end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let response = Response { status, headers, body: String::from_utf8_lossy(body).into_owned() };
    let length = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let complete = at_end || length.is_some_and(|length| body.len() >= length);
    complete.then_some(response)
}
