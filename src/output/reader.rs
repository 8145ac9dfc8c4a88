//! Odoo's end of the pipe: reads what is there, looks at it, and passes it on.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use tokio::net::unix::pipe::Receiver;
use tokio::time::Instant;

use super::json::{Assembler, RECORD_LIMIT};
use super::record::{Notice, Watch};
use super::{Format, KEPT, pass};

/// The largest that an unprivileged process gets by default (`/proc/sys/fs/pipe-max-size`).
const PIPE_SIZE: i32 = 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// A busy log is read so many times a second and not once a line: at 10,000 lines a second that is the difference between
/// a fifth of a core and nothing. The first line after a pause is passed on at once.
const BUSY: Duration = Duration::from_millis(20);
/// After this long without anything new the log is not busy, and what has no end yet is passed on without it.
const IDLE: Duration = Duration::from_millis(50);
/// A line without an end is passed on in pieces of this size.
const LINE_LIMIT: usize = 64 * 1024;

/// The reading end, and the writing end that every child gets a copy of. Ours is never closed, so that the pipe has no
/// end: an orphan that still holds it is not waited for, and one that writes is heard.
pub struct Reader {
    pipe: Receiver,
    children: OwnedFd,
    format: Format,
    /// The beginning of a line that has no end yet.
    tail: Vec<u8>,
    /// Whether a piece of that line was passed on already.
    in_line: bool,
    chunk: Vec<u8>,
    /// What is passed on next; kept for its memory.
    out: Vec<u8>,
    assembler: Assembler,
    watch: Watch,
    last_read: Option<Instant>,
    busy_until: Option<Instant>,
}

impl Reader {
    /// Makes the pipe. Needs a tokio runtime.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn new(format: Format) -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // A smaller one works too: Odoo only waits for us sooner.
        let _ = fcntl(&read, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
        Ok(Reader {
            // Makes our end non-blocking, and no other: Odoo has to find a pipe that blocks.
            pipe: Receiver::from_owned_fd(read)?,
            children: write,
            format,
            tail: Vec::new(),
            in_line: false,
            chunk: Vec::new(),
            out: Vec::new(),
            assembler: Assembler::default(),
            watch: Watch::default(),
            last_read: None,
            busy_until: None,
        })
    }

    /// A child's copy of the writing end.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn for_child(&self) -> io::Result<OwnedFd> {
        self.children.try_clone()
    }

    /// Waits until there is something to read, or something to pass on without its end. Cancelling it loses nothing.
    pub async fn ready(&self) {
        let idle = (!self.tail.is_empty() || self.assembler.is_pending())
            .then(|| self.last_read.map(|at| at + IDLE))
            .flatten();
        let readable = async {
            if let Some(until) = self.busy_until {
                tokio::time::sleep_until(until).await;
            }
            if self.pipe.readable().await.is_err() {
                // The runtime is shutting down.
                std::future::pending::<()>().await;
            }
        };
        match idle {
            Some(at) => tokio::select! {
                () = readable => {}
                () = tokio::time::sleep_until(at) => {}
            },
            None => readable.await,
        }
    }

    /// Reads and passes on what is there: at most a pipe's worth, so that one who never stops writing cannot hold us.
    pub fn drain(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut out = std::mem::take(&mut self.out);
        let mut total = 0;
        self.chunk.resize(CHUNK, 0);
        let mut chunk = std::mem::take(&mut self.chunk);
        while total < usize::try_from(PIPE_SIZE).unwrap_or(CHUNK) {
            let Ok(count @ 1..) = self.pipe.try_read(&mut chunk) else { break };
            total += count;
            self.take(chunk.get(..count).unwrap_or_default(), &mut out, &mut notices);
        }
        self.chunk = chunk;
        let now = Instant::now();
        let idle = self.last_read.is_none_or(|at| now.duration_since(at) >= IDLE);
        if total > 0 {
            self.busy_until = (!idle).then(|| now + BUSY);
            self.last_read = Some(now);
        } else if idle {
            self.busy_until = None;
            self.give_up_waiting(&mut out);
        }
        if !out.is_empty() {
            pass(&out);
            out.clear();
            out.shrink_to(KEPT);
        }
        self.out = out;
        notices
    }

    /// [`Reader::drain`], after which nothing is kept back: the child has ended.
    pub fn drain_to_the_end(&mut self) -> Vec<Notice> {
        let notices = self.drain();
        let mut out = Vec::new();
        self.give_up_waiting(&mut out);
        pass(&out);
        notices
    }

    /// See [`Watch::take_last_error`].
    pub fn take_last_error(&mut self) -> Option<String> {
        self.watch.take_last_error()
    }

    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>, notices: &mut Vec<Notice>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !piece.ends_with(b"\n") {
                self.tail.extend_from_slice(piece);
                let limit = if self.format == Format::Json { RECORD_LIMIT } else { LINE_LIMIT };
                if self.tail.len() >= limit {
                    self.pass_tail(out);
                }
                continue;
            }
            if self.tail.is_empty() {
                self.line(piece, out, notices);
            } else {
                let mut line = std::mem::take(&mut self.tail);
                line.extend_from_slice(piece);
                self.line(&line, out, notices);
                line.clear();
                line.shrink_to(LINE_LIMIT);
                self.tail = line;
            }
        }
    }

    /// A line with its end.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>, notices: &mut Vec<Notice>) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if !std::mem::take(&mut self.in_line) {
            notices.extend(self.watch.line(text));
        }
        match self.format {
            Format::Text => out.extend_from_slice(line),
            Format::Json => self.assembler.line(text, out),
        }
    }

    fn pass_tail(&mut self, out: &mut Vec<u8>) {
        match self.format {
            Format::Text => out.extend_from_slice(&self.tail),
            Format::Json => self.assembler.line(&self.tail, out),
        }
        self.in_line = true;
        self.tail.clear();
    }

    fn give_up_waiting(&mut self, out: &mut Vec<u8>) {
        if !self.tail.is_empty() {
            self.pass_tail(out);
        }
        self.assembler.flush(out);
    }
}
