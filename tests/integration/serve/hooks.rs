//! What an image or a volume has run before Odoo.

use super::Check;
use super::output::hook;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, until_true};

pub const CHECKS: &[Check] = &[
    ("hooks_run_in_order_under_the_lock", hooks_run_in_order_under_the_lock),
    ("a_hook_that_fails_stops_the_start", a_hook_that_fails_stops_the_start),
    ("a_stop_ends_a_hook", a_stop_ends_a_hook),
];

fn hooks_run_in_order_under_the_lock(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let notes = test.write("notes", "");
    let note = |what: &str| format!("#!/bin/sh\necho {what} >>{}\n", notes.display());
    hook(test, "pre-init", "20-second", &note("second"));
    // Of this database: others of the cluster have locks of their own.
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE locktype = 'advisory' AND datname = current_database()";
    let first = format!(
        "#!/bin/sh\necho first $HOOK_STAGE $HOOK_MODULES $HOOK_DATABASE \
         $(PGPASSWORD={} PGDATABASE=$HOOK_DATABASE psql -Atc \"{locks}\") ${{ENTRYPOINT_LISTEN-none}} ${{PASSWORD-none}} >>{}\n",
        product.site.role.password,
        notes.display()
    );
    hook(test, "pre-init", "10-first", &first);
    let root = hook(test, "pre-start", "10-start", &note("start"));
    std::fs::write(root.join("pre-start/README"), "no hook").unwrap();
    let process = product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).start();
    product.wait_ready(&process);
    let expected = format!("first pre-init base {} 1 none none\nsecond\nstart\n", product.site.database.name);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), expected);
    assert!(process.stderr().contains("pre-start/README is not executable and is left out"));
    stop(&process);
    // Nothing to install: no pre-init hook.
    let process = product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).start();
    product.wait_ready(&process);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), format!("{expected}start\n"));
    stop(&process);
}

fn a_hook_that_fails_stops_the_start(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let root = hook(test, "pre-init", "10-backup", "#!/bin/sh\necho no room >&2; exit 3\n");
    let run = product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).run();
    run.expect_code(80);
    assert!(
        run.stderr.contains("a pre-init hook failed\n  why: 10-backup ended with exit code 3"),
        "{}",
        run.stderr
    );
    product.assert_nothing_started();

    let product = Product::installed(test, &Odoo::Double);
    hook(test, "pre-start", "10-check", "#!/bin/sh\nexit 3\n");
    product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).run().expect_code(3);
    hook(test, "pre-start", "10-check", "#!/no/such/interpreter\n");
    product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).run().expect_code(126);
    product.assert_nothing_started();
}

fn a_stop_ends_a_hook(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let root = hook(test, "pre-start", "10-long", "#!/bin/sh\necho up >&2\nsleep 600 & sleep 600\n");
    let process = product.launch().env("ENTRYPOINT_HOOKS_DIR", &root).start();
    process.wait_log("up", SOON);
    until_true("it has children", SOON, || process.descendants().len() == 3);
    stop(&process);
    product.assert_nothing_started();
}
