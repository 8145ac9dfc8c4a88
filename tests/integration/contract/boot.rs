//! The way to a running server: who may start it, what it needs, and other commands than the server.

use super::{Check, log};
use crate::harness::odoo::{Odoo, Site};
use crate::harness::postgres::Options;
use crate::harness::process::Finished;
use crate::harness::relay::Relay;
use crate::harness::{SOON, Test, until_true};
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use std::os::unix::process::ExitStatusExt;

pub const CHECKS: &[Check] = &[
    ("users_that_are_refused", users_that_are_refused),
    ("signals_before_the_handlers_kill", signals_before_the_handlers_kill),
    ("postgresql_down_exits_1", postgresql_down_exits_1),
    ("no_connect_on_postgres_exits_1", no_connect_on_postgres_exits_1),
    ("a_missing_database_is_created", a_missing_database_is_created),
    ("an_empty_database_is_not_initialised", an_empty_database_is_not_initialised),
    ("subcommands", subcommands),
];

fn users_that_are_refused(test: &Test, odoo: &Odoo) {
    let quiet = |test| report(test, odoo);
    for run in [quiet(test).arg("--db_user=postgres").run(), quiet(test).env("PGUSER", "postgres").run()] {
        run.expect_code(1);
        assert!(run.stderr.ends_with("Using the database user 'postgres' is a security risk, aborting."));
    }
    // Who runs it is what the environment says first.
    let run = quiet(test).env("LOGNAME", "root").run();
    run.expect_code(0);
    assert!(run.stderr.contains("Running as user 'root' is a security risk.\n"), "{}", run.stderr);

    if Uid::effective().is_root() {
        // An id without a name, as some platforms give to a container.
        let nameless = |run: Finished, code| assert_eq!(run.status.code(), Some(code), "{}", run.stderr);
        let launch = || quiet(test).user(54_321, 54_321).directory("/").env("TMPDIR", "/tmp");
        nameless(launch().env_remove("USER").env_remove("LOGNAME").run(), 1);
        nameless(launch().run(), 0);
    }
}

fn report<'a>(test: &'a Test, odoo: &Odoo) -> crate::harness::process::Launch<'a> {
    test.launch(odoo.command(test)).args(["--stop-after-init", "--no-http"])
}

fn signals_before_the_handlers_kill(test: &Test, odoo: &Odoo) {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1] {
        // The delay is for the double, whose boot is too short to be hit.
        let process = test.launch(odoo.command(test)).env("DOUBLE_BOOT_DELAY", "20").arg("--no-http").start();
        // Python itself handles INT from its first moment on: from here it is the interpreter that boots.
        process.wait_catches(Signal::SIGINT);
        process.signal(signal);
        assert_eq!(process.wait_exit(SOON).signal(), Some(signal as i32));
    }
}

fn postgresql_down_exits_1(test: &Test, odoo: &Odoo) {
    let relay = Relay::to(test.cluster().port());
    relay.cut();
    let mut site = Site::empty(test, odoo, test.cluster());
    site.conf.set("db_port", relay.port());
    let run = site.launch().run();
    run.expect_code(1);
    log::expect(&run.stderr, "INFO", "odoo.sql_db", "Connection to the database failed");
    assert!(run.stderr.contains("Traceback") && run.stderr.contains("OperationalError"), "{}", run.stderr);
}

fn no_connect_on_postgres_exits_1(test: &Test, odoo: &Odoo) {
    let cluster = test.own_cluster(&Options::default());
    cluster.sql("postgres", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    let run = Site::empty(test, odoo, &cluster).launch().run();
    run.expect_code(1);
    assert!(run.stderr.contains("permission denied for database \"postgres\""), "{}", run.stderr);
}

fn a_missing_database_is_created(test: &Test, odoo: &Odoo) {
    let cluster = test.cluster();
    let mut site = Site::empty(test, odoo, cluster);
    let missing = test.unique("missing");
    site.conf.set("db_name", &missing);

    // Without the right to create one the start goes on, and fails at the first use.
    let run = site.one_shot(&[]).run();
    run.expect_code(255);
    log::expect(&run.stderr, "INFO", "odoo", &format!("Could not determine if database {missing} exists"));
    assert!(!cluster.database_exists(&missing));

    cluster.sql("postgres", &format!("ALTER ROLE {} CREATEDB", site.role.name));
    let process = site.one_shot(&[]).start();
    process.wait_log("init db", SOON);
    assert!(cluster.database_exists(&missing));
    // Nothing is committed before `base` is: killed here it stays an empty database for ever.
    process.kill_tree();
    until_true("the connection is gone", SOON, || {
        let query = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{missing}'");
        cluster.value("postgres", &query).as_deref() == Some("0")
    });
    assert_eq!(cluster.value(&missing, "SELECT to_regclass('ir_module_module')"), None);
    let run = site.one_shot(&[]).run();
    run.expect_code(0);
    log::expect(&run.stderr, "ERROR", "odoo.modules.loading", "not initialized");
}

fn an_empty_database_is_not_initialised(test: &Test, odoo: &Odoo) {
    let site = Site::empty(test, odoo, test.cluster());
    let run = site.one_shot(&[]).run();
    // No sign of it but one line; success everywhere else.
    run.expect_code(0);
    let text = format!("Database {} not initialized, you can force it with `-i base`", site.database.name);
    log::expect(&run.stderr, "ERROR", "odoo.modules.loading", &text);
    log::expect(&run.stderr, "INFO", "odoo.modules.registry", "Registry loaded in ");
    assert!(!run.stderr.contains("Modules loaded."), "{}", run.stderr);
    assert_eq!(site.database.value("SELECT to_regclass('ir_module_module')"), None);
}

fn subcommands(test: &Test, odoo: &Odoo) {
    let run = test.launch(odoo.command(test)).arg("no_such_command").run();
    run.expect_code(1);
    assert!(run.stderr.contains("Unknown command 'no_such_command'"), "{}", run.stderr);

    let site = test.site(odoo);
    let shell = |text: &str| {
        let flags = ["shell", "--no-http", "--workers=0", "--max-cron-threads=0"];
        site.launch().args(flags).stdin(text).run()
    };
    let write = "env.cr.execute(\"UPDATE res_users SET login = 'changed' WHERE login = 'admin'\")\n";
    let login = || site.database.value("SELECT login FROM res_users WHERE login IN ('admin', 'changed')");
    let run = shell(&format!("{write}print('said')\n"));
    run.expect_code(0);
    assert!(run.stdout.contains("said"), "{}", run.stdout);
    assert_eq!(login().as_deref(), Some("admin"), "what is not committed is rolled back");
    shell(&format!("{write}env.cr.commit()\n")).expect_code(0);
    assert_eq!(login().as_deref(), Some("changed"));
    shell("raise ValueError('no')\n").expect_code(1);
}
