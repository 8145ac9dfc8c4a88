//! A program image that learns its own process id: `LISTEN_PID` has to be in the environment that is executed, and is
//! known only after the fork, where nothing may be allocated any more.

use std::ffi::{CString, OsStr, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;

use nix::libc;

use super::children::Program;

const NAME: &[u8] = b"LISTEN_PID=";
/// The digits of the largest process id (2^22), and the NUL.
const DIGITS: usize = 8;

/// Path, arguments and environment as `execve` wants them, laid out before the fork.
pub struct Image {
    path: CString,
    /// What the pointers point to; never changed once they exist.
    _texts: Vec<CString>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// `LISTEN_PID=` and room for the digits; the environment points here too.
    listen_pid: Box<[u8]>,
}

// SAFETY: the pointers point to what the image owns itself, on the heap, wherever the image goes.
#[allow(unsafe_code, reason = "raw pointers to what it owns")]
unsafe impl Send for Image {}
// SAFETY: as above; nothing is changed through a shared reference.
#[allow(unsafe_code, reason = "raw pointers to what it owns")]
unsafe impl Sync for Image {}

impl Image {
    /// Lays it out.
    ///
    /// # Errors
    /// A NUL in a text.
    pub fn new(program: &Program) -> io::Result<Self> {
        let text = |bytes: &OsStr| CString::new(bytes.as_bytes()).map_err(io::Error::from);
        let path = text(program.path.as_os_str())?;
        let mut arguments = vec![path.clone()];
        for argument in &program.arguments {
            arguments.push(text(argument)?);
        }
        let mut environment = vec![CString::new("LISTEN_FDS=1").map_err(io::Error::from)?];
        for (name, value) in program.environment.iter().flatten() {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            environment.push(text(&entry)?);
        }
        let mut listen_pid = NAME.to_vec();
        listen_pid.resize(NAME.len() + DIGITS, 0);
        let listen_pid = listen_pid.into_boxed_slice();
        let pointers = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let mut image = Image {
            path,
            arguments: pointers(&arguments),
            environment: pointers(&environment),
            _texts: arguments.into_iter().chain(environment).collect(),
            listen_pid,
        };
        image.environment.push(image.listen_pid.as_ptr().cast());
        image.arguments.push(std::ptr::null());
        image.environment.push(std::ptr::null());
        Ok(image)
    }

    /// Writes the process id and executes. Returns only the error. Async-signal-safe.
    pub fn execute(&mut self) -> io::Error {
        write_number(self.listen_pid.get_mut(NAME.len()..).unwrap_or_default(), std::process::id());
        // SAFETY: both arrays end with a null pointer, and every other one points to a C string of this image.
        #[allow(unsafe_code, reason = "std's exec cannot change the environment after the fork")]
        unsafe {
            libc::execve(self.path.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr());
        }
        io::Error::last_os_error()
    }
}

/// Writes a number in decimal with a NUL behind it; `to` is zeroed.
fn write_number(to: &mut [u8], mut number: u32) {
    let mut digits = [0_u8; DIGITS];
    let mut count = 0;
    for place in digits.iter_mut().rev().skip(1) {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    let begin = DIGITS - 1 - count;
    for (to, digit) in to.iter_mut().zip(digits.get(begin..).unwrap_or_default()) {
        *to = *digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_program_reads_them() {
        for number in [0, 1, 9, 10, 4_194_304, 1234] {
            let mut place = [0; DIGITS];
            write_number(&mut place, number);
            let text = std::ffi::CStr::from_bytes_until_nul(&place).unwrap().to_str().unwrap();
            assert_eq!(text, number.to_string());
        }
    }
}
