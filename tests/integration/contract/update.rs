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
];

/// For a run of real Odoo that installs something.
const RUN: Duration = Duration::from_secs(90);

fn state(site: &Site, module: &str) -> String {
    site.module_state(module).unwrap_or_else(|| "unknown".to_owned())
}

fn install_update_and_vanish(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    let addon = Addon::new("mod_a").manifest("data", "['data.xml']").file("data.xml", "<odoo/>\n");
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

    let script = "def migrate(cr, version):\n    cr.execute(\"UPDATE res_users SET login = %s WHERE login = 'admin'\", (version,))\n";
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
    // One transaction a module; but the new state of a module is committed with the next module, so the last one that
    // went well is reset with those that did not.
    assert_eq!(
        (state(&site, "mod_a").as_str(), state(&site, "mod_b").as_str()),
        ("installed", "uninstalled")
    );

    // A module that cannot even be imported.
    site.addon(&Addon::new("mod_d").python("import no_such_python_package\n"));
    let run = site.one_shot(&["-i", "mod_d"]).run_within(RUN);
    run.expect_code(255);
    log::expect(&run.stderr, "CRITICAL", "odoo.modules.module", "Couldn't load module mod_d");
    assert_eq!(state(&site, "mod_d"), "uninstalled");
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
    let mut site = test.site(odoo);
    site.addon(&Addon::new("mod_a"));
    let mut holder = site.cluster.connect(&site.database.name);
    let mut transaction = holder.transaction().expect("a transaction");
    transaction.batch_execute("LOCK TABLE ir_module_module IN ACCESS EXCLUSIVE MODE").expect("the lock");
    let run = site.one_shot(&["-i", "mod_a"]).run_within(RUN);
    run.expect_code(255);
    assert!(run.stderr.contains("LockNotAvailable"), "{}", run.stderr);
}
