//! Where Odoo's Python looks for packages, found without starting it: from the executable's first line, and by the
//! rules of Python's `site` and of Debian.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A script, and what runs it.
pub struct Script {
    /// The script itself, links followed.
    pub path: PathBuf,
    /// The interpreter's path as it is named, which a virtual environment depends on.
    pub interpreter: Option<PathBuf>,
}

/// Follows an executable to the Python script behind it: through links, and through a shell script that starts one.
pub fn follow(executable: &Path, search: &str) -> Option<Script> {
    let path = executable.canonicalize().ok()?;
    let head = head(&path)?;
    let first = head.strip_prefix("#!")?.lines().next()?;
    let mut words = first.split_whitespace();
    let mut interpreter = PathBuf::from(words.next()?);
    if is_called(&interpreter, "env") {
        // `env -S python3 -I`, `env NAME=value python3`
        let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        interpreter =
            std::env::split_paths(search).map(|folder| folder.join(program)).find(|path| path.is_file())?;
    }
    if is_called(&interpreter, "python") {
        return Some(Script { path, interpreter: Some(interpreter) });
    }
    // A shell script, be it pip's for long paths or a wrapper: the paths that it names.
    let named = head.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ';'));
    let named: Vec<&Path> =
        named.filter(|word| word.starts_with('/')).map(Path::new).filter(|path| path.is_file()).collect();
    let interpreter = named.iter().find(|named| is_called(named, "python")).map(|named| named.to_path_buf());
    let script =
        named.iter().find(|named| is_called(named, "odoo")).and_then(|named| named.canonicalize().ok());
    match script.filter(|script| *script != path) {
        Some(script) => {
            // One step: a wrapper of a wrapper is nobody's idea of an image.
            let own = self::head(&script).and_then(|head| {
                let first = head.strip_prefix("#!")?.lines().next()?.split_whitespace().next()?;
                Some(PathBuf::from(first)).filter(|path| is_called(path, "python"))
            });
            let on_path = || {
                std::env::split_paths(search).map(|folder| folder.join("python3")).find(|path| path.is_file())
            };
            Some(Script { path: script, interpreter: interpreter.or(own).or_else(on_path) })
        }
        None => interpreter.map(|interpreter| Script { path, interpreter: Some(interpreter) }),
    }
}

fn is_called(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// The beginning of a text file.
/// Opens a regular file: a FIFO would hold us up, a device would never end.
fn regular(path: &Path) -> Option<File> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    File::open(path).ok()
}

/// What a small file says; empty where it says nothing to us.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = regular(path).and_then(|file| file.take(64 * 1024).read_to_end(&mut bytes).ok());
    read.map_or(String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

fn head(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    regular(path)?.take(8 * 1024).read_to_end(&mut bytes).ok()?;
    bytes.starts_with(b"#!").then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// `sys.path` without the standard library: the script's folder, `PYTHONPATH`, the environment's or the user's and the
/// system's sites, each with the folders that its `.pth` files name. Folders that do not exist may be among them.
pub fn search_path(script: &Script, python_path: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = script.path.parent().map(Path::to_owned).into_iter().collect();
    folders.extend(std::env::split_paths(python_path).filter(|folder| folder.is_absolute()));
    for site in script.interpreter.iter().flat_map(|interpreter| sites(interpreter, home)) {
        let more = listed(&site);
        folders.push(site);
        folders.extend(more);
    }
    folders
}

/// The folders that `site` adds for an interpreter.
fn sites(interpreter: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut sites = Vec::new();
    // A virtual environment is known by a file beside or above the interpreter, links not followed.
    let environment =
        interpreter.parent().and_then(Path::parent).filter(|prefix| prefix.join("pyvenv.cfg").is_file());
    if let Some(prefix) = environment {
        sites.extend(versions(prefix).into_iter().map(|version| version.join("site-packages")));
        let text = text(&prefix.join("pyvenv.cfg"));
        let shared = text.lines().filter_map(|line| line.split_once('=')).any(|(key, value)| {
            key.trim().eq_ignore_ascii_case("include-system-site-packages")
                && value.trim().eq_ignore_ascii_case("true")
        });
        if !shared {
            return sites;
        }
    }
    let Ok(real) = interpreter.canonicalize() else { return sites };
    let Some(prefix) = real.parent().and_then(Path::parent) else { return sites };
    // `python3.11`; else whatever versions lie there.
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = if name.contains('.') {
        vec![name]
    } else {
        let found = versions(prefix).into_iter();
        found.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
    };
    for name in &names {
        if let Some(home) = home {
            sites.push(home.join(".local/lib").join(name).join("site-packages"));
        }
        // Debian's order (its patch of `site.getsitepackages`), then everybody else's.
        sites.push(prefix.join("local/lib").join(name).join("dist-packages"));
        sites.push(prefix.join("lib/python3/dist-packages"));
        sites.push(prefix.join("lib").join(name).join("dist-packages"));
        sites.push(prefix.join("lib").join(name).join("site-packages"));
    }
    sites
}

/// `<prefix>/lib/python3.*`, sorted.
fn versions(prefix: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_called(path, "python3.")).collect();
    found.sort();
    found
}

/// The folders that the `.pth` files of a site name, in the order of the files. Lines that are code are passed over.
fn listed(site: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(site).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "pth"))
        .collect();
    files.sort();
    let mut folders = Vec::new();
    for file in files {
        let text = text(&file);
        let lines = text.lines().map(str::trim_end);
        let paths =
            lines.filter(|line| !line.is_empty() && !line.starts_with(['#']) && !line.starts_with("import"));
        folders.extend(paths.map(|line| site.join(line)).filter(|path| path.is_dir()));
    }
    folders
}
