//! Why a child died, in words for the log, the probes and Kubernetes' termination message.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::lifecycle::Ending;

/// What Kubernetes keeps of a termination message.
const MESSAGE_LIMIT: usize = 4096;

/// Explains an ending. `hung`: it was we who stopped it. `kills` is how often the kernel has killed for the container's memory limit meanwhile.
pub fn explain(ending: Ending, hung: bool, kills: u64, last_error: Option<&str>) -> String {
    let mut text = match ending {
        _ if hung => format!("gave no answer any more and was stopped by this supervisor ({ending})"),
        Ending::Signal(9) if kills > 0 => {
            "killed by the kernel: the container's memory limit was reached; raise it, or lower ODOO_WORKERS"
                .to_owned()
        }
        Ending::Signal(9) => {
            "killed (signal 9) from outside: neither by this supervisor nor for the container's memory limit"
                .to_owned()
        }
        Ending::Signal(4 | 6 | 7 | 8 | 11) => {
            format!("crashed in native code ({ending}): a C extension, or the interpreter itself")
        }
        Ending::Signal(_) => format!("ended by {ending}, which this supervisor did not send"),
        Ending::Code(0) => "ended with exit code 0 although nobody asked for it".to_owned(),
        Ending::Code(2) => "ended with exit code 2: Odoo refuses its command line or its file".to_owned(),
        Ending::Code(_) => format!("ended with {ending}"),
    };
    if kills > 0 && (hung || ending != Ending::Signal(9)) {
        text.push_str("; the kernel has killed other processes for the container's memory limit");
    }
    if let Some(error) = last_error {
        text.push_str("; its last error: ");
        text.push_str(error);
    }
    text
}

/// Writes the termination message, if there is a file for one: Kubernetes makes it, and nobody else does.
pub fn leave_message(path: &Path, text: &str) {
    let end = (0..=text.len().min(MESSAGE_LIMIT)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let message = text.get(..end).unwrap_or_default();
    let written = OpenOptions::new().write(true).truncate(true).open(path);
    match written.and_then(|mut file| file.write_all(message.as_bytes())) {
        Ok(()) => {}
        Err(error) => tracing::debug!("no termination message in {}: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_death_has_its_words() {
        let killed = explain(Ending::Signal(9), false, 1, None);
        assert!(killed.contains("the container's memory limit was reached"), "{killed}");
        let hung = explain(Ending::Signal(9), true, 0, None);
        assert!(hung.contains("no answer") && !hung.contains("outside"), "{hung}");
        let shot = explain(Ending::Signal(9), false, 0, None);
        assert!(shot.contains("from outside"), "{shot}");
        assert_eq!(
            explain(Ending::Signal(11), false, 0, Some("odoo: boom")),
            "crashed in native code (signal 11 (SIGSEGV)): a C extension, or the interpreter itself; its last error: odoo: boom"
        );
        assert_eq!(
            explain(Ending::Code(1), false, 2, None),
            "ended with exit code 1; the kernel has killed other processes for the container's memory limit"
        );
    }
}
