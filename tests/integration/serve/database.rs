//! PostgreSQL comes late, goes away, holds something else, or is shared by replicas.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::postgres::{Options, StopMode};
use crate::harness::{SOON, Test, http, until_true};

pub const CHECKS: &[Check] = &[
    ("a_late_postgresql_is_waited_for", a_late_postgresql_is_waited_for),
    ("one_line_when_the_reason_changes", one_line_when_the_reason_changes),
    ("a_missing_database_is_created", a_missing_database_is_created),
    ("a_role_that_comes_late_is_waited_for", a_role_that_comes_late_is_waited_for),
    ("replicas_install_once", replicas_install_once),
    (
        "a_lost_database_makes_unready_and_a_found_one_ready",
        a_lost_database_makes_unready_and_a_found_one_ready,
    ),
    ("a_restart_of_postgresql_in_the_lock_is_waited_out", a_restart_of_postgresql_in_the_lock_is_waited_out),
    ("a_killed_first_installation_is_resumed", a_killed_first_installation_is_resumed),
    (
        "limits_of_the_role_do_not_end_the_wait_for_the_lock",
        limits_of_the_role_do_not_end_the_wait_for_the_lock,
    ),
    ("names_of_hosts_are_resolved", names_of_hosts_are_resolved),
    ("a_unix_socket_will_do", a_unix_socket_will_do),
    ("passwords_of_any_kind_reach_odoo", passwords_of_any_kind_reach_odoo),
    ("no_database_chosen_serves_the_selector", no_database_chosen_serves_the_selector),
];

fn a_late_postgresql_is_waited_for(test: &Test) {
    let cluster = test.own_cluster(&Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    cluster.stop(StopMode::Fast);
    let process = product.launch().start();
    product.wait_reason(&process, "connection refused");
    cluster.start_again();
    product.wait_ready(&process);
    stop(&process);
}

fn one_line_when_the_reason_changes(test: &Test) {
    let cluster = test.own_cluster(&Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    cluster.stop(StopMode::Fast);
    // Some twenty attempts, each with the same answer.
    let ended = product.launch().env("ENTRYPOINT_WAIT_TIMEOUT", "500ms").run();
    ended.expect_code(69);
    assert_eq!(ended.stderr.matches("waiting for PostgreSQL: ").count(), 1, "{}", ended.stderr);
    cluster.start_again();
}

fn a_missing_database_is_created(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let creator = product.site.cluster.create_role(&test.unique("creator"), "secret", "CREATEDB");
    let name = test.unique("made here");
    let name = name.replace(' ', "-");
    let launch = product.launch().env("DB", &name).env("USER", &creator.name).env("PASSWORD", "secret");
    let process = launch.start();
    product.wait_ready(&process);
    let about = format!(
        "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = '{name}'"
    );
    assert_eq!(product.site.cluster.value("postgres", &about).as_deref(), Some("UTF8 C"));
    let trigrams = "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'";
    assert_eq!(product.site.cluster.value(&name, trigrams).as_deref(), Some("pg_trgm"));
    stop(&process);
    drop(process);
    product.site.cluster.drop_database(&name);
}

fn a_role_that_comes_late_is_waited_for(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let (database, cluster) = (&product.site.database.name, &product.site.cluster);
    let late = test.unique("late");
    let launch =
        product.launch().env("USER", &late).env("PASSWORD", "soon").env("ENTRYPOINT_AUTH_GRACE", "30s");
    let process = launch.start();
    product.wait_reason(&process, "login refused");
    let role = cluster.create_role(&late, "soon", "");
    cluster.sql("postgres", &format!("GRANT {late} TO {}", product.site.role.name));
    cluster.sql("postgres", &format!("ALTER DATABASE {database} OWNER TO {late}"));
    product.wait_ready(&process);
    stop(&process);
    drop(process);
    cluster.sql(database, &format!("REASSIGN OWNED BY {late} TO {}", product.site.role.name));
    drop(role);
}

fn replicas_install_once(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let replicas: Vec<_> = (0..3).map(|_| product.sibling()).collect();
    let slow = || product.launch().env("DOUBLE_MODULE_DELAY", "0.3");
    let first = slow().start();
    let others: Vec<_> = replicas.iter().map(|replica| replica.launch(slow()).start()).collect();
    product.wait_ready(&first);
    for (replica, process) in replicas.iter().zip(&others) {
        until_true("the sibling is ready", 2 * SOON, || {
            assert!(process.exited().is_none(), "{}", process.stderr());
            http::get(replica.probe_port, "/readyz", SOON).is_ok_and(|answer| answer.status == 200)
        });
    }
    let installs = product
        .journal
        .events()
        .into_iter()
        .filter(|event| event["event"] == "start" && event["argv"].to_string().contains("--init"));
    assert_eq!(installs.count(), 1);
    stop(&first);
    others.iter().for_each(stop);
}

fn a_lost_database_makes_unready_and_a_found_one_ready(test: &Test) {
    let cluster = test.own_cluster(&Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    let process = product.launch().start();
    product.wait_ready(&process);
    cluster.stop(StopMode::Fast);
    product.wait_status(&process, "/readyz", 503);
    let body = product.probe("/readyz").unwrap().body;
    assert!(body.contains("[-]database failed: ") || body.contains("[-]page failed: "), "{body}");
    assert_eq!(product.status("/livez"), 200, "liveness asks no remote");
    cluster.start_again();
    product.wait_ready(&process);
    stop(&process);
}

fn a_restart_of_postgresql_in_the_lock_is_waited_out(test: &Test) {
    let cluster = test.own_cluster(&Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    let mut holder = cluster.connect(&product.site.database.name);
    super::phases::take_the_lock(&mut holder, &product.site.database.name);
    let process = product.launch().start();
    product.wait_reason(&process, "lock for");
    cluster.stop(StopMode::Fast);
    product.wait_reason(&process, "waiting for");
    cluster.start_again();
    product.wait_ready(&process);
    stop(&process);
}

/// What a kill after the commit of `base` leaves.
fn a_killed_first_installation_is_resumed(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    product
        .site
        .database
        .sql("UPDATE ir_module_module SET state = 'to install' WHERE name IN ('web', 'bus')");
    let process = product.launch().start();
    product.wait_ready(&process);
    for module in ["base", "web", "bus"] {
        assert_eq!(product.site.module_state(module).as_deref(), Some("installed"), "{module}");
    }
    stop(&process);
}

fn limits_of_the_role_do_not_end_the_wait_for_the_lock(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let (cluster, database) = (&product.site.cluster, &product.site.database.name);
    for limit in ["statement_timeout", "lock_timeout"] {
        cluster.sql("postgres", &format!("ALTER ROLE {} SET {limit} = '200ms'", product.site.role.name));
    }
    let mut holder = cluster.connect(database);
    super::phases::take_the_lock(&mut holder, database);
    let process = product.launch().start();
    let longer = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'advisory' \
         AND now() - query_start > interval '600 ms'"
    );
    until_true("it waits for longer than its role may", SOON, || {
        assert!(process.exited().is_none(), "{}", process.stderr());
        cluster.value("postgres", &longer).is_some()
    });
    // It is about the wait: on a busy machine Odoo's own statements may take longer than that.
    cluster.sql("postgres", &format!("ALTER ROLE {} RESET ALL", product.site.role.name));
    drop(holder);
    product.wait_ready(&process);
    stop(&process);
}

fn names_of_hosts_are_resolved(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("HOST", "localhost").start();
    product.wait_ready(&process);
    stop(&process);
}

fn a_unix_socket_will_do(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("HOST", product.site.cluster.socket_dir()).start();
    product.wait_ready(&process);
    stop(&process);
}

/// What the file cannot hold goes through libpq's password file, for Odoo and for us.
fn passwords_of_any_kind_reach_odoo(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    for password in ["a b'c\"d#e;f%g=h:i\\j$k", "True", "false", "FALSE", " blanks ", "pässwörd", "x:y\\z "]
    {
        let quoted = password.replace('\'', "''");
        let role = &product.site.role.name;
        product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} PASSWORD '{quoted}'"));
        let process = product.launch().env("PASSWORD", password).start();
        product.wait_ready(&process);
        assert_eq!(product.site.get("/web/login").unwrap().status, 200, "{password:?}");
        stop(&process);
        product.assert_nothing_left();
    }
}

fn no_database_chosen_serves_the_selector(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("DB", "").start();
    product.wait_ready(&process);
    stop(&process);
}
