//! How long it takes to know what is configured: 650 manifests found, read, parsed and checked from a warm cache, beside
//! Python's `ast.literal_eval` on the same files in the same run. `make bench` prints a table.
//!
//! The manifests are real Odoo's where there is a source tree (`ODOO_SOURCE`, /opt/odoo-18.0), repeated up to 650; else
//! they are made up.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on ends"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use odoo_entrypoint::addons::check::{Demand, findings};
use odoo_entrypoint::addons::discover::{Kind, Root};
use odoo_entrypoint::addons::{self, scan};
use odoo_entrypoint::odoo::args::Args;
use odoo_entrypoint::odoo::literal::{DEFAULT_LIMIT, parse};
use odoo_entrypoint::odoo::render;
use odoo_entrypoint::preflight;
use odoo_entrypoint::settings::source;

const MANIFESTS: usize = 650;
const ROUNDS: usize = 51;

/// The interpreter that Odoo has, doing the least that Odoo does: open, read, evaluate.
const PEER: &str = "
import ast, sys, time
files = sys.argv[2:]
times = []
for _ in range(int(sys.argv[1])):
    start = time.perf_counter()
    for file in files:
        with open(file, encoding='utf-8') as stream:
            ast.literal_eval(stream.read())
    times.append(time.perf_counter() - start)
print(sorted(times)[len(times) // 2])
";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, bytes) = write_manifests(folder.path());
    let roots = [Root::new(folder.path(), Kind::Extra)];
    let catalogue = scan(&roots);
    assert_eq!(catalogue.modules.len(), MANIFESTS);
    assert!(catalogue.modules.iter().all(|module| module.manifest().is_some()), "all of them are good");
    let files: Vec<PathBuf> = catalogue.modules.iter().map(|module| module.path.clone()).collect();
    let texts: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();

    println!("{MANIFESTS} manifests, {:.0} kB, {source}", bytes as f64 / 1e3);
    row("scan: listed, opened, read, parsed, checked", median(|| scan(&roots)));
    row(
        "  of it parsing alone",
        median(|| texts.iter().map(|text| parse(text, DEFAULT_LIMIT).unwrap()).collect::<Vec<_>>()),
    );
    let demand = Demand { ce_only: true, wanted: &[] };
    row("scan and every rule of `addons check --ce-only`", median(|| findings(&scan(&roots), &demand)));
    let base = folder.path().join("odoo.conf");
    fs::write(&base, "[options]\nworkers = 4\nproxy_mode = True\n[queue_job]\nchannels = root:2\n").unwrap();
    row("settings, every manifest and rendering, as at a start", median(|| start(folder.path(), &base)));
    let output =
        Command::new("/usr/bin/python3").arg("-c").arg(PEER).arg("9").args(&files).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
    row("python3: the same files read and ast.literal_eval", Duration::from_secs_f64(seconds));
}

/// What a start does before it looks for PostgreSQL: environment and base file, the folders of modules, every manifest and
/// every rule, the text of odoo.conf.
fn start(addons: &Path, base: &Path) -> usize {
    let mut environment = source::environment();
    let mut set = |name: &str, value: &str| environment.values.insert(name.to_owned(), value.to_owned());
    set("ENTRYPOINT_EXTRA_ADDONS", &addons.display().to_string());
    set("ENTRYPOINT_OCA_ADDONS", "/nonexistent");
    set("ENTRYPOINT_CE_ONLY", "true");
    set("ODOO_RC", &base.display().to_string());
    set("PATH", "/nonexistent");
    set("PASSWORD", "s3cret");
    let args = Args::default();
    let settings = preflight::settings(&environment, &args).unwrap_or_else(|failure| panic!("{failure}"));
    let found = addons::start(&settings, &environment);
    assert!(found.problems.is_empty(), "{:?}", found.problems.first());
    render::render(&settings.odoo).conf.expose().len()
}

fn row(name: &str, time: Duration) {
    println!("{name:<52} {:>9.2} ms", time.as_secs_f64() * 1e3);
}

fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let result = work();
            let time = start.elapsed();
            drop(black_box(result));
            time
        })
        .collect();
    times.sort();
    times.into_iter().nth(ROUNDS / 2).expect("rounds")
}

/// Writes them, and says where they are from and how many bytes they have.
fn write_manifests(folder: &Path) -> (String, usize) {
    let source = env::var_os("ODOO_SOURCE").map_or_else(|| PathBuf::from("/opt/odoo-18.0"), PathBuf::from);
    let real = scan(&[
        Root::new(source.join("odoo/addons"), Kind::Core),
        Root::new(source.join("addons"), Kind::Odoo),
    ]);
    let mut bytes = 0;
    for index in 0..MANIFESTS {
        let text = match real.modules.get(index % real.modules.len().max(1)) {
            // Some of Odoo's own carry another licence, which only their own names excuse.
            Some(module) => {
                fs::read_to_string(&module.path).expect("a manifest").replace("OEEL-1", "LGPL-3").into_bytes()
            }
            None => invented(index).into_bytes(),
        };
        bytes += text.len();
        let module = folder.join(format!("module_{index:03}"));
        fs::create_dir(&module).expect("a module's folder");
        fs::write(module.join("__manifest__.py"), text).expect("a manifest");
    }
    let source =
        if real.modules.is_empty() { "made up".to_owned() } else { format!("of {}", source.display()) };
    (source, bytes)
}

/// As large as the average of Odoo's own.
fn invented(index: usize) -> String {
    let files: String =
        (0..16).map(|file| format!("        'views/a_view_of_module_{file}.xml',\n")).collect();
    format!(
        "# Part of a benchmark.\n{{\n    'name': 'Module {index}',\n    'version': '18.0.1.0.{index}',\n    \
         'license': 'LGPL-3',\n    'category': 'Accounting/Localizations',\n    'depends': ['base', 'web'],\n    \
         'description': \"\"\"\nIt does\n=======\n* nothing at all\n\"\"\",\n    'data': [\n{files}    ],\n    \
         'assets': {{'web.assets_backend': ['module/static/src/**/*']}},\n    'installable': True,\n}}\n"
    )
}
