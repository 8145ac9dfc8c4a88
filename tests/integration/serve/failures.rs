//! Bad surroundings: each has its whole message, its exit code, and nothing half-started. Bad settings have a corpus of their
//! own (`configuration::corpus`).
//!
//! A message is compared whole, so that a change of its words is a decision. What differs from run to run (ports, folders,
//! names) is put in.

use super::Check;
use super::product::Product;
use crate::harness::odoo::Odoo;
use crate::harness::process::Finished;
use crate::harness::{Limit, Test, World, ports, program_uid};
use libtest_mimic::Trial;
use nix::unistd::Uid;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

pub const CHECKS: &[Check] = &[
    ("unwritable_runtime_folder", unwritable_runtime_folder),
    ("runtime_folder_of_somebody_else", runtime_folder_of_somebody_else),
    ("probe_port_taken", probe_port_taken),
    ("odoos_port_taken", odoos_port_taken),
    ("unknown_host", unknown_host),
    ("nobody_listens", nobody_listens),
    ("wrong_password", wrong_password),
    ("missing_database_without_the_right_to_create_it", missing_database_without_the_right_to_create_it),
    ("missing_database_and_creation_switched_off", missing_database_and_creation_switched_off),
    ("no_connect_on_postgres", no_connect_on_postgres),
    ("odoo_missing", odoo_missing),
    ("odoo_not_on_the_path", odoo_not_on_the_path),
    ("odoo_not_executable", odoo_not_executable),
    ("odoo_with_a_missing_interpreter", odoo_with_a_missing_interpreter),
    ("another_applications_database", another_applications_database),
    ("tables_of_another_role", tables_of_another_role),
    ("a_refusal_ends_with_its_grace", a_refusal_ends_with_its_grace),
    ("a_table_that_somebody_holds_locked", a_table_that_somebody_holds_locked),
    ("nobody_reads_stderr", nobody_reads_stderr),
    ("broken_module", broken_module),
    ("unknown_module", unknown_module),
    ("all_problems_at_once", all_problems_at_once),
];

/// The whole of the error: everything from the first `odoo-entrypoint: error:` on. The log lines before it are not compared.
#[track_caller]
fn expect(finished: &Finished, code: i32, message: &str) {
    finished.expect_code(code);
    let at = finished.stderr.find("odoo-entrypoint: error:").expect("an error message");
    assert_eq!(finished.stderr[at..], format!("{message}\n(exit code {code})\n"));
}

/// The product on an installed database.
fn product(test: &Test) -> Product<'_> {
    Product::installed(test, &Odoo::Double)
}

fn unwritable_runtime_folder(test: &Test) {
    let product = product(test);
    fs::set_permissions(&product.runtime, fs::Permissions::from_mode(0o555)).unwrap();
    expect(
        &product.launch().run(),
        73,
        &format!(
            "odoo-entrypoint: error: cannot write the rendered odoo.conf\n  why: {}: Permission denied (os error 13) \
             (this process is uid {})\n  fix: mount a tmpfs that this user may write on /run/odoo, or set \
             ENTRYPOINT_RUNTIME_DIR to a writable folder",
            product.runtime.display(),
            program_uid()
        ),
    );
    product.assert_nothing_started();
}

/// In a shared /tmp anybody can make the folder first, as a link to where they would like the secrets.
fn runtime_folder_of_somebody_else(test: &Test) {
    let product = product(test);
    let elsewhere = test.make_dir("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, product.rendered_folder()).unwrap();
    let ended = product.launch().run();
    ended.expect_code(73);
    assert!(ended.stderr.contains("is not a folder of ours"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    product.assert_nothing_started();
}

fn probe_port_taken(test: &Test) {
    let product = product(test);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    expect(
        &product.launch().env("ENTRYPOINT_LISTEN", address.to_string()).run(),
        78,
        &format!(
            "odoo-entrypoint: error: cannot listen for probes\n  why: ENTRYPOINT_LISTEN={address}: Address already in \
             use (os error 98)\n  fix: stop what listens there, or set ENTRYPOINT_LISTEN to another port"
        ),
    );
    product.assert_nothing_started();
}

fn odoos_port_taken(test: &Test) {
    let product = product(test);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    expect(
        &product.launch().env("ODOO_HTTP_PORT", port.to_string()).run(),
        78,
        &format!(
            "odoo-entrypoint: error: Odoo's port cannot be used\n  why: http_port = {port} on 127.0.0.1 (environment \
             variable ODOO_HTTP_PORT): Address already in use (os error 98)\n  fix: stop what listens there, or set \
             ODOO_HTTP_PORT"
        ),
    );
    product.assert_nothing_started();
}

fn unknown_host(test: &Test) {
    let product = product(test);
    let site = &product.site;
    let ended =
        product.launch().env("HOST", "no-such-host.invalid").env("ENTRYPOINT_WAIT_TIMEOUT", "0").run();
    // The resolver's own words depend on how it was asked and what it could reach.
    ended.expect_code(69);
    let place =
        format!("{}@no-such-host.invalid:{}/{}", site.role.name, site.cluster.port(), site.database.name);
    for part in [
        "odoo-entrypoint: error: PostgreSQL's host name cannot be resolved\n",
        &format!("  why: {place}: failed to lookup address information: "),
        " (host from environment variable HOST)\n",
        "  fix: set HOST to the service's name or address; in Compose both have to share a network\n(exit code 69)\n",
    ] {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
    product.assert_nothing_started();
}

fn nobody_listens(test: &Test) {
    let product = product(test);
    let (site, port) = (&product.site, ports::free());
    expect(
        &product.launch().env("PORT", port.to_string()).env("ENTRYPOINT_WAIT_TIMEOUT", "0").run(),
        69,
        &format!(
            "odoo-entrypoint: error: PostgreSQL cannot be reached\n  why: {}@127.0.0.1:{port}/{}: Connection refused \
             (os error 111) (host from environment variable HOST)\n  fix: start it, or set HOST and PORT to where it \
             listens; raise ENTRYPOINT_WAIT_TIMEOUT if it only needs longer",
            site.role.name, site.database.name
        ),
    );
    product.assert_nothing_started();
}

fn wrong_password(test: &Test) {
    let product = product(test);
    let (site, role) = (&product.site, &product.site.role.name);
    expect(
        &product.launch().env("PASSWORD", "wrong").env("ENTRYPOINT_AUTH_GRACE", "0").run(),
        69,
        &format!(
            "odoo-entrypoint: error: PostgreSQL refuses the login\n  why: {role}@127.0.0.1:{}/{}: password \
             authentication failed for user \"{role}\" (role from environment variable USER, password from environment \
             variable PASSWORD)\n  fix: set USER and PASSWORD (or PASSWORD_FILE) to a role that exists and may log in; \
             a changed POSTGRES_PASSWORD does not reach a data volume that already exists",
            site.cluster.port(),
            site.database.name
        ),
    );
    product.assert_nothing_started();
}

fn missing_message(product: &Product<'_>) -> String {
    let role = &product.site.role.name;
    format!(
        "odoo-entrypoint: error: the database nowhere does not exist\n  why: {role}@127.0.0.1:{}/nowhere: database \
         \"nowhere\" does not exist (host from environment variable HOST)\n  fix: create it (CREATE DATABASE \"nowhere\" \
         OWNER \"{role}\"), or give the role CREATEDB and set ENTRYPOINT_CREATE_DB=true",
        product.site.cluster.port()
    )
}

fn missing_database_without_the_right_to_create_it(test: &Test) {
    let product = product(test);
    let ended = product.launch().env("DB", "nowhere").env("ENTRYPOINT_AUTH_GRACE", "0").run();
    expect(&ended, 69, &missing_message(&product));
    product.assert_nothing_started();
}

fn missing_database_and_creation_switched_off(test: &Test) {
    let product = product(test);
    let role = &product.site.role.name;
    product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} CREATEDB"));
    let launch = product.launch().env("DB", "nowhere").env("ENTRYPOINT_AUTH_GRACE", "0");
    let ended = launch.env("ENTRYPOINT_CREATE_DB", "false").run();
    expect(&ended, 69, &missing_message(&product));
    assert!(!product.site.cluster.database_exists("nowhere"));
    product.assert_nothing_started();
}

fn no_connect_on_postgres(test: &Test) {
    let cluster = test.own_cluster(&crate::harness::postgres::Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    cluster.sql("postgres", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    let role = &product.site.role.name;
    expect(
        &product.launch().env("ENTRYPOINT_AUTH_GRACE", "0").run(),
        69,
        &format!(
            "odoo-entrypoint: error: the role may not connect to the database postgres\n  why: {role}@127.0.0.1:{}/\
             postgres: permission denied for database \"postgres\" (role from environment variable USER)\n  fix: GRANT \
             CONNECT ON DATABASE \"postgres\" TO \"{role}\"",
            cluster.port()
        ),
    );
    product.assert_nothing_started();
    // The fix is what it says.
    cluster.sql("postgres", &format!("GRANT CONNECT ON DATABASE \"postgres\" TO \"{role}\""));
    let process = product.launch().start();
    product.wait_ready(&process);
}

fn odoo_missing(test: &Test) {
    let product = product(test);
    expect(
        &product.launch().env("ENTRYPOINT_ODOO_BIN", "/opt/nowhere/odoo-bin").run(),
        127,
        "odoo-entrypoint: error: Odoo's executable does not exist\n  why: ENTRYPOINT_ODOO_BIN=/opt/nowhere/odoo-bin \
         (environment): No such file or directory (os error 2)\n  fix: set it to Odoo's executable, or unset it to \
         search the PATH",
    );
    product.assert_nothing_started();
}

fn odoo_not_on_the_path(test: &Test) {
    let product = product(test);
    let empty = test.make_dir("empty");
    expect(
        &product.launch().env_remove("ENTRYPOINT_ODOO_BIN").env("PATH", &empty).run(),
        127,
        &format!(
            "odoo-entrypoint: error: Odoo is not installed\n  why: neither odoo nor odoo-bin is in PATH={:?} \
             (environment)\n  fix: install Odoo 18, or set ENTRYPOINT_ODOO_BIN to its executable",
            empty.display().to_string()
        ),
    );
    product.assert_nothing_started();
}

fn odoo_not_executable(test: &Test) {
    let product = product(test);
    let path = test.write("odoo-bin", "#!/bin/sh\n");
    let uid = program_uid();
    expect(
        &product.launch().env("ENTRYPOINT_ODOO_BIN", &path).run(),
        126,
        &format!(
            "odoo-entrypoint: error: Odoo's executable cannot be executed\n  why: {}: Permission denied (mode 0600, \
             owner {uid}; this process is uid {uid})\n  fix: chmod a+rx {}, or set ENTRYPOINT_ODOO_BIN to another one",
            path.display(),
            path.display()
        ),
    );
    product.assert_nothing_started();
}

fn odoo_with_a_missing_interpreter(test: &Test) {
    let product = product(test);
    let path = test.write("odoo-bin", "#!/usr/bin/no-such-python\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    expect(
        &product.launch().env("ENTRYPOINT_ODOO_BIN", &path).run(),
        126,
        &format!(
            "odoo-entrypoint: error: cannot start {}\n  why: {}: No such file or directory (os error 2)\n  fix: its \
             first line names an interpreter that is not installed",
            path.display(),
            path.display()
        ),
    );
    product.assert_nothing_started();
}

fn another_applications_database(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    product.site.database.sql("CREATE TABLE wp_posts (id int)");
    let name = &product.site.database.name;
    expect(
        &product.launch().run(),
        78,
        &format!(
            "odoo-entrypoint: error: the database {name} belongs to another application\n  why: it has tables \
             (wp_posts among them), and none of them is Odoo's\n  fix: set DB to an empty database, to one of Odoo 18, \
             or to a name that does not exist yet"
        ),
    );
    product.assert_nothing_started();
}

/// The most frequent mistake of a restore.
fn tables_of_another_role(test: &Test) {
    let product = product(test);
    let admin = crate::harness::postgres::ADMIN;
    product.site.database.sql(&format!("ALTER TABLE ir_module_module OWNER TO {admin}"));
    let (role, name) = (&product.site.role.name, &product.site.database.name);
    expect(
        &product.launch().env("ENTRYPOINT_AUTH_GRACE", "0").run(),
        69,
        &format!(
            "odoo-entrypoint: error: Odoo's tables in the database {name} belong to another role\n  why: \
             {role}@127.0.0.1:{}/{name}: permission denied for table ir_module_module (role from environment variable \
             USER)\n  fix: give them to the role, as their owner or a superuser: REASSIGN OWNED BY \"<old role>\" TO \
             \"{role}\"; pg_restore --no-owner --role does it while restoring",
            product.site.cluster.port()
        ),
    );
    product.assert_nothing_started();
}

/// The grace counts from the first refusal, also where the login itself is granted each time.
fn a_refusal_ends_with_its_grace(test: &Test) {
    let product = product(test);
    let admin = crate::harness::postgres::ADMIN;
    product.site.database.sql(&format!("ALTER TABLE ir_module_module OWNER TO {admin}"));
    let ended = product.launch().env("ENTRYPOINT_AUTH_GRACE", "300ms").run();
    ended.expect_code(69);
    assert!(ended.stderr.contains(" attempts in "), "{}", ended.stderr);
}

fn a_table_that_somebody_holds_locked(test: &Test) {
    let product = product(test);
    let mut holder = product.site.cluster.connect(&product.site.database.name);
    holder.simple_query("BEGIN; LOCK TABLE ir_module_module").unwrap();
    let ended = product.launch().env("ENTRYPOINT_WAIT_TIMEOUT", "1s").run();
    ended.expect_code(69);
    assert!(ended.stderr.contains("no answer within 5 s"), "{}", ended.stderr);
    product.assert_nothing_started();
}

/// A pipe whose reader is gone is no reason to die, least of all for PID 1.
fn nobody_reads_stderr(test: &Test) {
    let product = product(test);
    let code = test.write("code", "");
    let script = format!("( \"$0\"; echo $? > '{}' ) 2>&1 | true", code.display());
    let program = test.world().product().to_owned();
    let launch = product.launch_of("/bin/sh").args(["-c", &script]).arg(program);
    launch.env("PORT", ports::free().to_string()).env("ENTRYPOINT_WAIT_TIMEOUT", "500ms").run();
    crate::harness::until_true("it ended", crate::harness::SOON, || {
        fs::read_to_string(&code).is_ok_and(|text| text.trim() == "69")
    });
}

fn broken_module(test: &Test) {
    let product = product(test);
    let addons = crate::harness::addons::Addon::new("broken").with_broken_data().write(test, "addons");
    let name = &product.site.database.name;
    let ended = product.launch().env("ODOO_INIT", "broken").env("ODOO_ADDONS_PATH", &addons).run();
    expect(
        &ended,
        80,
        &format!(
            "odoo-entrypoint: error: installing modules in database {name} failed\n  why: Odoo ended with exit code 255 \
             while installing broken\n  fix: read the first error above; nothing is served until it is mended and the \
             container starts again"
        ),
    );
    assert_eq!(product.journal.count("start"), 1, "no server was started");
    product.assert_nothing_left();
}

/// Odoo itself exits with 0 for it.
fn unknown_module(test: &Test) {
    let product = product(test);
    let name = &product.site.database.name;
    expect(
        &product.launch().env("ODOO_INIT", "no_such_module").run(),
        80,
        &format!(
            "odoo-entrypoint: error: installing modules in database {name} failed\n  why: Odoo reported success, and \
             the database says no_such_module: not installed\n  fix: check the names in ODOO_INIT, addons_path and the \
             modules' manifests (`installable`, `depends`)"
        ),
    );
    assert_eq!(product.journal.count("start"), 1, "no server was started");
    product.assert_nothing_left();
}

fn all_problems_at_once(test: &Test) {
    let product = product(test);
    let launch = product.launch().env("ODOO_WORKERS", "two").env("ENTRYPOINT_RESTART", "sometimes");
    let ended = launch.env("ODOO_RC", "/nowhere").run();
    ended.expect_code(78);
    assert_eq!(ended.stderr.matches("odoo-entrypoint: error: ").count(), 3, "{}", ended.stderr);
    product.assert_nothing_started();
}

/// Uid 0, really or in a user namespace of one's own.
pub fn as_root(world: &Arc<World>) -> Trial {
    let name = "serve::failures::as_root";
    let product = world.product().to_owned();
    let root = Uid::effective().is_root();
    let namespaces =
        || Command::new("unshare").args(["-r", "true"]).status().is_ok_and(|status| status.success());
    if !root && !namespaces() {
        return world.skipped(name, "neither root nor allowed to make a user namespace");
    }
    world.trial(name, Limit::Double, move |_| {
        let mut command = if root { Command::new(&product) } else { Command::new("unshare") };
        if !root {
            command.arg("-r").arg(&product);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(77));
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "odoo-entrypoint: error: refused to run Odoo as root\n  why: the uid is 0, the effective uid 0\n  fix: run \
             the container as user odoo: no `--user 0`, no `user: root`, runAsNonRoot in Kubernetes\n(exit code 77)\n"
        );
    })
}
