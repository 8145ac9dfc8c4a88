//! Bad input: one file a case in `tests/corpus/settings`, its name is the rule, and the whole message stands in it.
//!
//! A case is lines at the margin, each with its indented block:
//!
//! ```text
//! # why it is there
//! arguments config check       what is run; this is the default
//! environment                  NAME=VALUE lines; \xNN is a byte
//! file NAME [mode] [root]      a file and its content; `root` gives it to root
//! folder NAME / link NAME TARGET / fifo NAME / sparse NAME BYTES
//! expect CODE                  the message, from its first line to its last
//! ```
//!
//! `{dir}`, `{uid}` and `{gid}` stand for the test's folder and the user that runs it. `UPDATE_CORPUS=1` writes the messages
//! anew; the difference is what there is to review.

use crate::harness::{Limit, Test, World, program_uid, program_user};
use libtest_mimic::Trial;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/settings")
}

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder()).expect("the corpus").map(|entry| entry.expect("a case").path()).collect();
    paths.sort();
    let trial = |path: PathBuf| {
        let rule = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let name = format!("configuration::corpus::{rule}");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let by_root = text.lines().any(|line| line.starts_with("file ") && line.ends_with(" root"));
        if by_root && !Uid::effective().is_root() {
            return world.skipped(name, "only root can make a file of root's");
        }
        world.trial(name, Limit::Double, move |test| run(test, &path))
    };
    paths.into_iter().map(trial).collect()
}

/// A line at the margin and its block.
struct Part<'a> {
    words: Vec<&'a str>,
    block: String,
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(content) = line.strip_prefix("    ").or_else(|| line.is_empty().then_some("")) {
            if let Some(part) = parts.last_mut() {
                part.block.push_str(content);
                part.block.push('\n');
            }
        } else if !line.starts_with('#') {
            parts.push(Part { words: line.split(' ').collect(), block: String::new() });
        }
    }
    parts
}

fn gid() -> u32 {
    program_user().map_or_else(|| nix::unistd::getegid().as_raw(), |(_, gid)| gid)
}

fn run(test: &Test, path: &Path) {
    let text = fs::read_to_string(path).expect("a case");
    let parts = parts(&text);
    let dir = test.dir().display().to_string();
    let ids = [("{uid}", program_uid().to_string()), ("{gid}", gid().to_string())];
    let fill = |text: &str| {
        ids.iter().fold(text.replace("{dir}", &dir), |text, (mark, value)| text.replace(mark, value))
    };
    let empty = test.write("empty.conf", "[options]\n");
    let mut launch = test
        .launch(test.world().product())
        .env("HOST", "db")
        .env("PORT", "5432")
        .env("USER", "odoo")
        .env("PASSWORD", "s3cret")
        .env("DB", "odoo")
        .env("ODOO_RC", empty)
        .env("ODOO_DATA_DIR", test.make_dir("data"))
        .env("ENTRYPOINT_EXTRA_ADDONS", test.dir().join("no-addons"))
        .env("ENTRYPOINT_OCA_ADDONS", test.dir().join("no-repositories"))
        .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{}", crate::harness::ports::free()))
        .env("ENTRYPOINT_RUNTIME_DIR", test.make_dir("run"));
    let mut arguments = vec!["config".to_owned(), "check".to_owned()];
    let mut expected = None;
    for part in &parts {
        match part.words.as_slice() {
            ["arguments", rest @ ..] => arguments = rest.iter().map(|word| fill(word)).collect(),
            ["environment"] => {
                for line in part.block.lines().filter(|line| !line.is_empty()) {
                    let (name, value) = line.split_once('=').expect("NAME=VALUE");
                    launch = launch.env(name, OsString::from_vec(bytes(&fill(value))));
                }
            }
            ["file", name, rest @ ..] => {
                let path = test.write(name, bytes(&fill(&part.block)));
                if let Some(mode) = rest.first() {
                    let mode = u32::from_str_radix(mode, 8).expect("a mode");
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the mode");
                }
                if rest.contains(&"root") {
                    nix::unistd::chown(&path, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))
                        .expect("root's");
                }
                if *name == "odoo.conf" {
                    launch = launch.env("ODOO_RC", path);
                }
            }
            ["folder", name, rest @ ..] => {
                let path = test.make_dir(name);
                if let Some(mode) = rest.first() {
                    let mode = u32::from_str_radix(mode, 8).expect("a mode");
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the mode");
                }
            }
            ["link", name, target] => {
                std::os::unix::fs::symlink(fill(target), test.dir().join(name)).expect("a link");
            }
            ["fifo", name] => {
                nix::unistd::mkfifo(&test.dir().join(name), Mode::from_bits_truncate(0o644)).expect("a fifo");
            }
            ["sparse", name, size] => {
                let path = test.write(name, "");
                let file = fs::OpenOptions::new().write(true).open(path).expect("the file");
                file.set_len(size.parse().expect("a size")).expect("its size");
            }
            ["expect", code] => {
                expected = Some((code.parse::<i32>().expect("a code"), part.block.trim_end().to_owned()))
            }
            other => panic!("{}: {other:?} is no part of a case", path.display()),
        }
    }
    let (code, message) = expected.expect("what to expect");
    let finished = launch.args(&arguments).run();
    let at = finished.stderr.find("odoo-entrypoint: error:").unwrap_or(finished.stderr.len());
    let said = finished.stderr[at..].trim_end();
    let mut told = said.replace(&dir, "{dir}");
    for (mark, before) in [("{uid}", "uid "), ("{gid}", "gid "), ("{gid}", "fsGroup: ")] {
        let value = &ids.iter().find(|(name, _)| *name == mark).expect("an id").1;
        told = told.replace(&format!("{before}{value}"), &format!("{before}{mark}"));
    }
    told = told.replace(&format!("{}:{}", ids[0].1, ids[1].1), "{uid}:{gid}");
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let head = &text[..text.find("\nexpect ").expect("what to expect") + 1];
        let block: String = told.lines().map(|line| format!("    {line}\n")).collect();
        let code = finished.status.code().expect("a code");
        fs::write(path, format!("{head}expect {code}\n{block}")).expect("the case");
        return;
    }
    assert_eq!(told, message, "the message of {}", path.display());
    finished.expect_code(code);
}

/// A text with `\xNN` for bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|tail| tail.get(..2));
        match escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}
