//! `-i` and `-u`: what they write, what they say, and how little of a failure shows.

use super::{Check, log};
use crate::harness::addons::Addon;
use crate::harness::odoo::{Odoo, Site};
use crate::harness::{SOON, Test, until_true};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

pub const CHECKS: &[Check] = &[
    ("install_update_and_vanish", install_update_and_vanish),
    ("unknown_and_not_installed_are_silent", unknown_and_not_installed_are_silent),
    ("broken_data_exits_255", broken_data_exits_255),
    ("a_failed_load_without_stop_serves", a_failed_load_without_stop_serves),
    ("term_during_install_dies_of_sigint", term_during_install_dies_of_sigint),
    ("a_killed_install_leaves_its_states", a_killed_install_leaves_its_states),
    ("a_held_lock_fails_the_update", a_held_lock_fails_the_update),
    ("tables_that_others_read", tables_that_others_read),
];

/// For a run of real Odoo that installs something.
const RUN: Duration = Duration::from_secs(90);

fn state(site: &Site, module: &str) -> String {
    site.module_state(module).unwrap_or_else(|| "unknown".to_owned())
}

fn install_update_and_vanish(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    let model = "from odoo import fields, models\n\n\n\
                 class Thing(models.Model):\n    _name = 'mod_a.thing'\n    \
                 _description = 'Thing'\n\n    name = fields.Char()\n";
    let addon = Addon::new("mod_a").python(model);
    let addon = addon.manifest("data", "['data.xml']").file("data.xml", "<odoo/>\n");
    site.addon(&addon);
    let run = site.one_shot(&["-i", "mod_a"]).run_within(RUN);
    run.expect_code(0);
    assert_eq!(state(&site, "mod_a"), "installed");
    let version =
        |site: &Site| site.database.value("SELECT latest_version FROM ir_module_module WHERE name = 'mod_a'");
    assert_eq!(version(&site).as_deref(), Some("18.0.1.0.0"));
    for (logger, text) in [
        ("odoo.modules.loading", "updating modules list"),
        ("odoo.modules.loading", "Loading module mod_a ("),
        ("odoo.modules.registry", "module mod_a: creating or updating database tables"),
        ("odoo.modules.loading", "loading mod_a/data.xml"),
        ("odoo.modules.loading", "Module mod_a loaded in "),
        ("odoo.modules.loading", "Modules loaded."),
        ("odoo.modules.registry", "Registry changed, signaling through the database"),
        ("odoo.modules.registry", "Registry loaded in "),
    ] {
        log::expect(&run.stderr, "INFO", logger, text);
    }
    let needs =
        "SELECT d.name FROM ir_module_module_dependency d JOIN ir_module_module m ON m.id = d.module_id";
    assert_eq!(site.database.value(&format!("{needs} WHERE m.name = 'mod_a'")).as_deref(), Some("base"));

    let script = "def migrate(cr, version):\n    \
                  cr.execute(\"UPDATE res_users SET login = %s WHERE login = 'admin'\", (version,))\n";
    site.addon(&addon.version("18.0.1.1.0").file("migrations/18.0.1.1.0/pre-rename.py", script));
    let run = site.one_shot(&["-u", "mod_a"]).run_within(RUN);
    run.expect_code(0);
    assert_eq!(version(&site).as_deref(), Some("18.0.1.1.0"));
    log::expect(&run.stderr, "INFO", "odoo.modules.migration", "module mod_a: Running migration ");
    let logins = "SELECT count(*) FROM res_users WHERE login = '18.0.1.0.0'";
    assert_eq!(site.database.value(logins).as_deref(), Some("1"), "the script got the version it comes from");

    fs::remove_dir_all(test.dir().join("addons/mod_a")).expect("remove the addon");
    let run = site.one_shot(&[]).run();
    run.expect_code(0);
    log::expect(&run.stderr, "WARNING", "odoo.modules.graph", "module mod_a: not installable, skipped");
    log::expect(
        &run.stderr,
        "ERROR",
        "odoo.modules.loading",
        "Some modules are not loaded, some dependencies or manifest",
    );
    assert_eq!(state(&site, "mod_a"), "installed");
}

fn unknown_and_not_installed_are_silent(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("mod_a"));
    let run = site.one_shot(&["-i", "no_such_a", "-u", "no_such_b,mod_a"]).run_within(RUN);
    run.expect_code(0);
    log::expect(&run.stderr, "WARNING", "odoo.modules.loading", "invalid module names, ignored: ");
    let warning = run.stderr.lines().find(|line| line.contains("invalid module names")).expect("the warning");
    assert!(
        warning.contains("no_such_a") && warning.contains("no_such_b") && !warning.contains("mod_a"),
        "{warning}"
    );
    assert!(!run.stderr.contains("Loading module mod_a"), "{}", run.stderr);
    assert_eq!(state(&site, "mod_a"), "uninstalled");

    // Without a database there is nothing to do, and that is a success.
    site.conf.remove("db_name");
    site.one_shot(&["-i", "mod_a"]).run().expect_code(0);
}

fn broken_data_exits_255(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("mod_a"));
    site.addon(&Addon::new("mod_b").depends(&["mod_a"]));
    site.addon(&Addon::new("mod_c").depends(&["mod_b"]).with_broken_data());
    let run = site.one_shot(&["-i", "mod_c"]).run_within(RUN);
    run.expect_code(255);
    log::expect(&run.stderr, "WARNING", "odoo.modules.loading", "Transient module states were reset");
    log::expect(&run.stderr, "ERROR", "odoo.modules.registry", "Failed to load registry");
    let text = format!("Failed to initialize database `{}`.", site.database.name);
    log::expect(&run.stderr, "CRITICAL", "odoo.service.server", &text);
    assert!(run.stderr.contains("ParseError: while parsing "), "{}", run.stderr);
    assert_eq!(state(&site, "mod_c"), "uninstalled");
    // One transaction a module; but the new state of a module is committed with the next module, so the last
    // one that went well is reset with those that did not.
    assert_eq!(
        (state(&site, "mod_a").as_str(), state(&site, "mod_b").as_str()),
        ("installed", "uninstalled")
    );

    // A module that cannot even be imported.
    site.addon(&Addon::new("mod_d").python("import no_such_python_package\n"));
    let run = site.one_shot(&["-i", "mod_d"]).run_within(RUN);
    run.expect_code(255);
    log::expect(&run.stderr, "CRITICAL", "odoo.modules.module", "Couldn't load module mod_d");
    // Even that it exists is rolled back.
    assert_eq!(state(&site, "mod_d"), "unknown");
}

fn a_failed_load_without_stop_serves(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("mod_broken").with_broken_data());
    let process = site.launch().args(["-i", "mod_broken"]).start();
    process.wait_log("Failed to initialize database", RUN);
    site.wait_ready(&process);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0, "the failure is forgotten");
}

fn term_during_install_dies_of_sigint(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("slow_module").with_slow_hook(100));
    let process = site.one_shot(&["-i", "slow_module"]).start();
    process.wait_log("hook runs", RUN);
    process.signal(Signal::SIGTERM);
    let status = process.wait_exit(SOON);
    assert_eq!(status.signal(), Some(Signal::SIGINT as i32), "{status}");
    assert!(process.stderr().contains("KeyboardInterrupt"));
    assert!(!process.stderr().contains("Failed to load registry"));
    assert_ne!(state(&site, "slow_module"), "installed");
    assert_ne!(state(&site, "slow_module"), "to install");
}

fn a_killed_install_leaves_its_states(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("mod_a"));
    site.addon(&Addon::new("slow_module").depends(&["mod_a"]).with_slow_hook(100));
    let process = site.one_shot(&["-i", "slow_module"]).start();
    process.wait_log("hook runs", RUN);
    process.signal(Signal::SIGKILL);
    process.wait_exit(SOON);
    // The server ends the orphaned transaction in its own time.
    let query = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", site.database.name);
    until_true("the transaction is over", SOON, || {
        site.cluster.value("postgres", &query).as_deref() == Some("0")
    });
    assert_eq!(state(&site, "slow_module"), "to install");
    // A plain start says so and serves; nothing repairs it.
    let run = site.one_shot(&[]).run();
    run.expect_code(0);
    log::expect(&run.stderr, "ERROR", "odoo.modules.loading", "Some modules have inconsistent states");
    assert_eq!(state(&site, "slow_module"), "to install");
}

fn a_held_lock_fails_the_update(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let mut holder = site.cluster.connect(&site.database.name);
    let mut transaction = holder.transaction().expect("a transaction");
    // One row that the update has to write. (Were it the whole table, the reset of the states, which has no
    // time limit, would wait for it as well.)
    let lock = "SELECT 1 FROM ir_module_module WHERE name = 'bus' FOR UPDATE";
    transaction.batch_execute(lock).expect("the lock");
    let run = site.one_shot(&["-u", "bus"]).run_within(RUN);
    run.expect_code(255);
    log::expect(&run.stderr, "ERROR", "odoo.sql_db", "bad query: ");
    assert!(run.stderr.contains("canceling statement due to lock timeout"), "{}", run.stderr);
    assert!(run.stderr.contains("LockNotAvailable"), "{}", run.stderr);
    drop(transaction);
    assert_eq!(state(&site, "bus"), "installed");
}

/// The tables that the product reads beside Odoo.
fn tables_that_others_read(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    for (table, column, kind) in [
        ("ir_module_module", "id", "int4"),
        ("ir_module_module", "name", "varchar"),
        ("ir_module_module", "state", "varchar"),
        ("ir_module_module", "latest_version", "varchar"),
        ("ir_module_module", "auto_install", "bool"),
        ("ir_module_module", "demo", "bool"),
        ("ir_module_module", "shortdesc", "jsonb"),
        ("ir_module_module_dependency", "name", "varchar"),
        ("ir_module_module_dependency", "module_id", "int4"),
        ("ir_module_module_dependency", "auto_install_required", "bool"),
        ("ir_config_parameter", "key", "varchar"),
        ("ir_config_parameter", "value", "text"),
        ("ir_cron", "active", "bool"),
        ("ir_cron", "nextcall", "timestamp"),
        ("ir_cron", "failure_count", "int4"),
        ("ir_cron", "cron_name", "varchar"),
        ("res_users", "login", "varchar"),
        ("res_users", "active", "bool"),
    ] {
        let query = "SELECT udt_name FROM information_schema.columns WHERE table_schema = 'public'";
        let found =
            site.database.value(&format!("{query} AND table_name = '{table}' AND column_name = '{column}'"));
        assert_eq!(found.as_deref(), Some(kind), "{table}.{column}");
    }
    let states = "SELECT string_agg(DISTINCT state, ',' ORDER BY state) FROM ir_module_module \
                  WHERE state LIKE '%installed'";
    assert_eq!(site.database.value(states).as_deref(), Some("installed,uninstalled"));
    let base = "SELECT latest_version LIKE '18.0.%' FROM ir_module_module \
                WHERE name = 'base' AND state = 'installed'";
    assert_eq!(site.database.value(base).as_deref(), Some("t"));
    let key = "SELECT count(*) FROM ir_config_parameter WHERE key = 'database.uuid'";
    assert_eq!(site.database.value(key).as_deref(), Some("1"));
    let signal = "SELECT to_regclass('base_registry_signaling') IS NOT NULL";
    assert_eq!(site.database.value(signal).as_deref(), Some("t"));
}
