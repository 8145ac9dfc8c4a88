//! What is looked at before Odoo is started: the role, the server's connections, the master password, the numeric libraries.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::postgres::Options;
use crate::harness::{SOON, Test};
use std::fs;

pub const CHECKS: &[Check] = &[
    ("a_superusers_role_is_told_and_refused_when_strict", a_superusers_role_is_told_and_refused_when_strict),
    (
        "connections_that_the_server_does_not_have_are_told",
        connections_that_the_server_does_not_have_are_told,
    ),
    ("a_preflight_by_hand_asks_the_database_once", a_preflight_by_hand_asks_the_database_once),
    ("a_plain_master_password_is_hashed_in_time", a_plain_master_password_is_hashed_in_time),
    ("numeric_libraries_are_kept_in_proportion", numeric_libraries_are_kept_in_proportion),
    ("the_data_directory_is_left_as_it_was", the_data_directory_is_left_as_it_was),
    ("a_manifest_that_ends_every_request_stops_a_start", a_manifest_that_ends_every_request_stops_a_start),
    (
        "community_only_holds_at_start_where_it_is_asked_for",
        community_only_holds_at_start_where_it_is_asked_for,
    ),
    ("a_folder_of_modules_that_is_missing_stops_a_start", a_folder_of_modules_that_is_missing_stops_a_start),
    ("an_old_volume_does_not_hide_the_images_modules", an_old_volume_does_not_hide_the_images_modules),
];

fn a_superusers_role_is_told_and_refused_when_strict(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let role = &product.site.role.name;
    product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} SUPERUSER"));
    let process = product.launch().start();
    product.wait_ready(&process);
    process.wait_log(&format!("the database role {role} is a superuser, which Odoo does not need"), SOON);
    stop(&process);
    let before = product.journal.count("start");
    let ended = product.launch().env("ENTRYPOINT_STRICT", "true").run();
    ended.expect_code(78);
    let at = ended.stderr.find("odoo-entrypoint: error:").expect("an error");
    assert_eq!(
        ended.stderr[at..],
        format!(
            "odoo-entrypoint: error: the database role is a superuser\n  why: {role} (environment variable USER), and \
             ENTRYPOINT_STRICT is set\n  fix: run in psql: ALTER ROLE \"{role}\" NOSUPERUSER\n(exit code 78)\n"
        )
    );
    assert_eq!(product.journal.count("start"), before, "nothing was started");
    // The fix is what it says.
    product.site.cluster.sql("postgres", &format!("ALTER ROLE \"{role}\" NOSUPERUSER"));
    let process = product.launch().env("ENTRYPOINT_STRICT", "true").start();
    product.wait_ready(&process);
    stop(&process);
}

fn connections_that_the_server_does_not_have_are_told(test: &Test) {
    let cluster = test.own_cluster(&Options { max_connections: 20, ..Options::default() });
    let product = Product::on(test, &Odoo::Double, &cluster);
    let told = "and PostgreSQL has 17 for all its clients: set ODOO_DB_MAXCONN=15 or raise max_connections";
    let process = product.launch().start();
    product.wait_ready(&process);
    process.wait_log(told, SOON);
    stop(&process);
    // The fix is what it says.
    let process = product.launch().env("ODOO_DB_MAXCONN", "15").start();
    product.wait_ready(&process);
    assert!(!process.stderr().contains("raise max_connections"), "{}", process.stderr());
    stop(&process);
}

fn a_preflight_by_hand_asks_the_database_once(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let check = ["config", "check", "--preflight"];
    let run = product.launch().args(check).run();
    run.expect_code(0);
    assert_eq!(run.stdout, "no problem found, 0 warnings\n", "{}", run.stderr);
    let run = product.launch().env("PASSWORD", "wrong").args(check).run();
    run.expect_code(69);
    let run = product.launch().env("DB", "nowhere").env("ODOO_DATA_DIR", "/proc/x").args(check).run();
    run.expect_code(78);
    for part in ["the database nowhere does not exist", "Odoo's data directory cannot be written"] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
    assert!(!product.site.cluster.database_exists("nowhere"), "a check creates nothing");
    product.assert_nothing_started();
}

/// Odoo's own check, with the library and the parameters it uses (`odoo/tools/config.py`, `crypt_context`).
const VERIFY: &str = r#"
import sys
from passlib.context import CryptContext
context = CryptContext(schemes=["pbkdf2_sha512", "plaintext"], deprecated=["plaintext"], pbkdf2_sha512__rounds=600_000)
stored = sys.stdin.readline().strip()
print(context.verify_and_update("geheim \u00fc", stored), context.verify_and_update("admin", stored)[0])
"#;

fn a_plain_master_password_is_hashed_in_time(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ODOO_ADMIN_PASSWD", "geheim \u{fc}").start();
    product.wait_ready(&process);
    let rendered =
        fs::read_to_string(product.rendered_folder().join("odoo.conf")).expect("the rendered file");
    stop(&process);
    let stored =
        rendered.lines().find_map(|line| line.strip_prefix("admin_passwd = ")).expect("a master password");
    assert!(stored.starts_with("$pbkdf2-sha512$600000$"), "{stored}");
    let verify = test.write("verify.py", VERIFY);
    let run = test.launch("/usr/bin/python3").arg(verify).stdin(&format!("{stored}\n")).run();
    run.expect_code(0);
    // Right and up to date for Odoo, and no other one matches.
    assert_eq!(run.stdout, "(True, None) False\n");
}

fn numeric_libraries_are_kept_in_proportion(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ODOO_WORKERS", "2").env("MKL_NUM_THREADS", "7").start();
    product.wait_ready(&process);
    let environment = Product::environ(product.odoo(&process).expect("Odoo runs"));
    let value = |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(&format!("{name}=")));
    let cpus = std::thread::available_parallelism().map_or(2, usize::from);
    assert_eq!(value("OMP_NUM_THREADS"), Some((cpus / 2).max(1).to_string().as_str()));
    assert_eq!(value("OPENBLAS_NUM_THREADS"), value("OMP_NUM_THREADS"));
    assert_eq!(value("MKL_NUM_THREADS"), Some("7"), "what somebody has chosen stays");
    stop(&process);
}

fn the_data_directory_is_left_as_it_was(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let data = test.dir().join("data");
    let files = || {
        let mut found = Vec::new();
        let mut open = vec![data.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
                if entry.file_type().expect("a type").is_dir() {
                    open.push(entry.path());
                } else {
                    found.push(entry.path());
                }
            }
        }
        found
    };
    product.launch().args(["config", "check", "--preflight"]).run().expect_code(0);
    assert_eq!(files(), Vec::<std::path::PathBuf>::new());
}

/// A folder of modules: name and manifest each.
fn modules(test: &Test, folder: &str, manifests: &[(&str, &str)]) -> std::path::PathBuf {
    for (name, manifest) in manifests {
        test.make_dir(&format!("{folder}/{name}"));
        test.write(&format!("{folder}/{name}/__manifest__.py"), manifest);
        test.write(&format!("{folder}/{name}/__init__.py"), "");
    }
    test.make_dir(folder)
}

fn a_manifest_that_ends_every_request_stops_a_start(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let good = ("good", "{'name': 'Good', 'license': 'LGPL-3', 'depends': ['not_there']}");
    let extra = modules(test, "extra", &[good, ("bad", "{'name': 'Bad',\n 'depends': [get()]}")]);
    let ended = product.launch().env("ENTRYPOINT_EXTRA_ADDONS", &extra).run();
    ended.expect_code(81);
    let at = ended.stderr.find("odoo-entrypoint: error:").expect("an error");
    assert_eq!(
        ended.stderr[at..],
        format!(
            "odoo-entrypoint: error: the manifest of bad is not a Python literal\n  why: {}/bad/__manifest__.py:2:14: the \
             name get; a manifest is a literal: no names, calls or operators\n  fix: mend that place; until then every request of Odoo, -i and \
             -u fail, installed or not\n(exit code 81)\n",
            extra.display()
        )
    );
    product.assert_nothing_started();
    // What may never be installed is no reason: a repository holds more than one uses.
    fs::remove_dir_all(extra.join("bad")).expect("the bad one");
    let process = product.launch().env("ENTRYPOINT_EXTRA_ADDONS", &extra).start();
    product.wait_ready(&process);
    process.wait_log("1 more to say about modules that may never be installed", SOON);
    stop(&process);
}

fn community_only_holds_at_start_where_it_is_asked_for(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let extra = modules(
        test,
        "extra",
        &[
            ("sold", "{'name': 'Sold', 'license': 'OPL-1'}"),
            ("uses_it", "{'name': 'Uses it', 'license': 'LGPL-3', 'depends': ['sold']}"),
            ("account_accountant", "{'name': 'A name of theirs', 'license': 'LGPL-3'}"),
        ],
    );
    let launch = || product.launch().env("ENTRYPOINT_EXTRA_ADDONS", &extra);
    let ended = launch().env("ENTRYPOINT_CE_ONLY", "true").run();
    ended.expect_code(81);
    assert_eq!(ended.stderr.matches("odoo-entrypoint: error: ").count(), 3, "{}", ended.stderr);
    for name in ["sold", "uses_it", "account_accountant"] {
        assert!(ended.stderr.contains(name), "no {name} in {}", ended.stderr);
    }
    product.assert_nothing_started();
    let process = launch().start();
    product.wait_ready(&process);
    stop(&process);
}

/// Odoo lists every folder of the path for each request, and answers 500 to all of them where one is not there.
fn a_folder_of_modules_that_is_missing_stops_a_start(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let ended = product.launch().env("ODOO_ADDONS_PATH", "/nonexistent/addons").run();
    ended.expect_code(81);
    for part in
        ["a folder of the addons path cannot be listed", "/nonexistent/addons (configured): No such file"]
    {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
    product.assert_nothing_started();
}

fn an_old_volume_does_not_hide_the_images_modules(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let manifest = "{'name': 'Module', 'license': 'LGPL-3'}";
    let (mounted, copy) =
        (modules(test, "mounted", &[("m", manifest)]), modules(test, "copy", &[("m", manifest)]));
    test.write("copy/.baked-digest", "sha256:new\n");
    let shown = |policy: &str| {
        let launch =
            product.launch().env("ENTRYPOINT_EXTRA_ADDONS", &mounted).env("ENTRYPOINT_BAKED_COPY", &copy);
        launch.env("ENTRYPOINT_BAKED_ADDONS", policy).args(["config", "show"]).run()
    };
    let path_of = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("addons_path = ")).unwrap_or_default().to_owned()
    };
    // A marker of another build: the volume of an older container.
    test.write("mounted/.baked-digest", "sha256:old\n");
    let stale = shown("require");
    stale.expect_code(0);
    assert_eq!(path_of(&stale.stdout), copy.display().to_string());
    assert!(stale.stderr.contains("holds the modules of another build"), "{}", stale.stderr);
    // The same build, and no marker at all: a deliberate mount.
    test.write("mounted/.baked-digest", "sha256:new\n");
    assert_eq!(path_of(&shown("require").stdout), mounted.display().to_string());
    fs::remove_file(mounted.join(".baked-digest")).expect("the marker");
    assert_eq!(path_of(&shown("auto").stdout), mounted.display().to_string());
    let refused = shown("require");
    refused.expect_code(78);
    assert!(refused.stderr.contains("the modules are not those of this image"), "{}", refused.stderr);
}
