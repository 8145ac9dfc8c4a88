//! Names of accounts and hosts, looked up by what is linked in.
//!
//! A static glibc loads the modules that `nsswitch.conf` names (`systemd`, `resolve`, `mdns`) from the machine it runs on, and
//! crashes in them. Two are built in: `files` and `dns` (glibc 2.34). musl has nothing to choose from.

/// Uses the built-in modules and no others. To be called once, before the first lookup and before any thread.
#[cfg(target_env = "gnu")]
pub fn use_what_is_linked_in() {
    use std::ffi::{CStr, c_char, c_int};

    #[allow(unsafe_code, reason = "glibc has no other way, and its crash would be ours")]
    unsafe extern "C" {
        /// glibc's `nss.h`: replaces the line of `nsswitch.conf` for one database.
        fn __nss_configure_lookup(database: *const c_char, service_line: *const c_char) -> c_int;
    }
    let choices: [(&CStr, &CStr); 3] =
        [(c"passwd", c"files"), (c"group", c"files"), (c"hosts", c"files dns")];
    for (database, line) in choices {
        // SAFETY: both are constant C strings, and glibc copies what it keeps.
        #[allow(unsafe_code, reason = "glibc has no other way, and its crash would be ours")]
        unsafe {
            __nss_configure_lookup(database.as_ptr(), line.as_ptr());
        }
    }
}

/// Nothing to do.
#[cfg(not(target_env = "gnu"))]
pub fn use_what_is_linked_in() {}
