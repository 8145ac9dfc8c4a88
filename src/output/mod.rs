//! What this container says: Odoo's stderr, byte for byte, and the supervisor's own lines between its lines.
//!
//! [`start`] sets up a queue and a thread that does nothing but write it to stderr, so that a reader that stalls stalls
//! that thread and neither Odoo nor the loop. The queue is bounded; what does not fit is dropped in whole lines and
//! counted. [`reader`] takes Odoo's end of the pipe, [`record`] knows a log line (pure), [`json`] writes one (pure).

pub mod json;
pub mod reader;
pub mod record;

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::process::inherited::without_signals;

/// What waits for a stalled reader before lines are dropped.
pub const LIMIT: usize = 8 * 1024 * 1024;
/// Room beyond [`LIMIT`] for the supervisor's own lines, which explain what happens meanwhile.
const OWN_ROOM: usize = 64 * 1024;
/// What an idle queue keeps of its memory.
const KEPT: usize = 256 * 1024;
/// At most so much in one `write`, so that the count of what is still waiting stays true.
const PIECE: usize = 64 * 1024;

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Odoo's own lines.
    #[default]
    Text,
    /// One JSON object a record.
    Json,
}

/// Reads `ENTRYPOINT_LOG_FORMAT`.
///
/// # Errors
/// The accepted form.
pub fn format(text: &str) -> Result<Format, &'static str> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("not a format (write text or json)"),
    }
}

/// The queue between whoever says something and the thread that writes it.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// The line that says how many were dropped.
    notice: fn(u64) -> String,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Taken by the writer and not yet written.
    writing: usize,
    /// Lines dropped since it was last said.
    dropped: u64,
    /// The rest of a line whose beginning was dropped is dropped too, or, the other way round, must be ended.
    cut: Cut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cut {
    /// At the beginning of a line.
    #[default]
    No,
    /// Within a line that is kept.
    Kept,
    /// Within a line that is dropped.
    Dropped,
}

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Starts the queue and its thread; until then, and where it cannot be started, lines are written at once.
///
/// # Errors
/// No thread can be started.
pub fn start(notice: fn(u64) -> String) -> io::Result<()> {
    let queue = Arc::new(Queue { state: Mutex::default(), changed: Condvar::new(), notice });
    let own = queue.clone();
    let thread = std::thread::Builder::new().name("output".to_owned()).stack_size(128 * 1024);
    without_signals(|| thread.spawn(move || own.write_to(&mut Stderr)))?;
    // A second start in one process (tests) keeps the first.
    let _ = QUEUE.set(queue);
    Ok(())
}

/// Says whole lines of our own.
pub fn say(lines: &[u8]) {
    match QUEUE.get() {
        Some(queue) => queue.add(lines, LIMIT + OWN_ROOM),
        // No complaint when nobody reads there.
        None => drop(io::stderr().write_all(lines)),
    }
}

/// Passes Odoo's bytes on, or drops their lines where the reader has stalled for too long.
fn pass(bytes: &[u8]) {
    if let Some(queue) = QUEUE.get() {
        queue.add(bytes, LIMIT);
    }
}

/// Waits until everything is written, but not longer than this.
pub fn finish(deadline: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.finish(deadline);
    }
}

impl Queue {
    /// A thread that panicked has left the state usable: every change is one assignment or one append.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: &[u8], limit: usize) {
        let mut state = self.lock();
        state.add(bytes, limit);
        drop(state);
        self.changed.notify_all();
    }

    fn finish(&self, deadline: Duration) {
        let end = Instant::now() + deadline;
        let mut state = self.lock();
        while !state.waiting.is_empty() || state.writing > 0 || state.dropped > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write_to(&self, to: &mut dyn Write) {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() && state.dropped == 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let mut bytes = std::mem::take(&mut state.waiting);
            // What was dropped came after what is waiting.
            let dropped = std::mem::take(&mut state.dropped);
            if dropped > 0 {
                bytes.extend_from_slice((self.notice)(dropped).as_bytes());
            }
            state.writing = bytes.len();
            drop(state);
            for piece in bytes.chunks(PIECE) {
                // A reader that is gone, or a full disk: these bytes are lost, the next ones may not be.
                let _ = to.write_all(piece);
                self.lock().writing -= piece.len();
            }
            bytes.clear();
            if bytes.capacity() <= KEPT {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    state.waiting = bytes;
                }
            }
            self.changed.notify_all();
        }
    }
}

impl State {
    fn add(&mut self, bytes: &[u8], limit: usize) {
        let fits = |state: &State, more: usize| state.waiting.len() + state.writing + more <= limit;
        if self.cut != Cut::Dropped && fits(self, bytes.len()) {
            self.waiting.extend_from_slice(bytes);
            self.cut = if bytes.last().is_none_or(|last| *last == b'\n') { Cut::No } else { Cut::Kept };
            return;
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = line.ends_with(b"\n");
            let keep = self.cut != Cut::Dropped && fits(self, line.len());
            match (keep, self.cut) {
                (true, _) => self.waiting.extend_from_slice(line),
                // The beginning stands there already: it gets an end, and counts as dropped.
                (false, Cut::Kept) => {
                    self.waiting.push(b'\n');
                    self.dropped += 1;
                }
                (false, Cut::No) => self.dropped += 1,
                (false, Cut::Dropped) => {}
            }
            self.cut = match (ends, keep) {
                (true, _) => Cut::No,
                (false, true) => Cut::Kept,
                (false, false) => Cut::Dropped,
            };
        }
    }
}

/// stderr without std's lock: the thread is its only user from here on, and may be in a `write` for ever.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match nix::unistd::write(io::stderr(), bytes) {
                Ok(count) => return Ok(count),
                // Whoever shares the pipe may have made it non-blocking.
                Err(nix::errno::Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(5)),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(limit: usize, pieces: &[&str]) -> (String, u64) {
        let mut state = State::default();
        for piece in pieces {
            state.add(piece.as_bytes(), limit);
        }
        (String::from_utf8(state.waiting).unwrap(), state.dropped)
    }

    #[test]
    fn what_fits_passes_as_it_is() {
        assert_eq!(
            added(100, &["a\n", "half ", "line\n", "\n", "end"]),
            ("a\nhalf line\n\nend".to_owned(), 0)
        );
    }

    #[test]
    fn what_does_not_fit_is_dropped_in_whole_lines_and_counted() {
        assert_eq!(added(6, &["one\ntwo\nthree\n4\n"]), ("one\n4\n".to_owned(), 2));
        assert_eq!(added(6, &["one\n", "long ", "line\n", "x\n"]), ("one\nx\n".to_owned(), 1));
    }

    #[test]
    fn a_line_that_was_begun_is_ended() {
        assert_eq!(added(6, &["begun", " and too long", " still\n", ""]), ("begun\n".to_owned(), 1));
    }
}
