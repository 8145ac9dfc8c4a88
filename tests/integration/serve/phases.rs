//! The main job, and a stop in every phase of it.

use super::product::{Product, stop};
use super::{Check, MainJob};
use crate::harness::odoo::Odoo;
use crate::harness::postgres::{Options, StopMode};
use crate::harness::{SOON, Test, http, until_true};
use nix::sys::signal::Signal;

pub const MAIN_JOB: &[MainJob] = &[
    ("empty_database_to_login_page_and_back", empty_database_to_login_page_and_back),
    ("prefork_with_two_workers", prefork_with_two_workers),
    ("ready_only_once_the_login_page_is", ready_only_once_the_login_page_is),
];

pub const CHECKS: &[Check] = &[
    ("stop_while_waiting", stop_while_waiting),
    ("stop_while_locked_out", stop_while_locked_out),
    ("stop_in_an_init", stop_in_an_init),
    ("stop_in_boot_before_odoo_handles_signals", stop_in_boot_before_odoo_handles_signals),
    ("stop_twice_in_a_drain", stop_twice_in_a_drain),
    ("unready_and_still_serving_in_a_drain", unready_and_still_serving_in_a_drain),
    ("several_databases_are_each_installed", several_databases_are_each_installed),
    ("a_module_of_ones_own_is_installed_once", a_module_of_ones_own_is_installed_once),
    ("ctrl_c_is_a_stop", ctrl_c_is_a_stop),
    ("without_http_it_is_ready_when_odoo_runs", without_http_it_is_ready_when_odoo_runs),
    ("arguments_of_odoo_are_understood", arguments_of_odoo_are_understood),
    ("a_one_shot_installs_beside_a_server", a_one_shot_installs_beside_a_server),
    ("a_one_shot_creates_no_database_and_tells_failures", a_one_shot_creates_no_database_and_tells_failures),
    ("a_shell_has_the_rendered_configuration", a_shell_has_the_rendered_configuration),
    ("other_programs_run_as_they_are", other_programs_run_as_they_are),
    ("a_uid_without_an_account", a_uid_without_an_account),
    ("odoos_own_version", odoos_own_version),
];

fn empty_database_to_login_page_and_back(test: &Test, odoo: &Odoo) {
    let product = Product::empty(test, odoo);
    let process = product.launch().start();
    product.wait_ready(&process);
    assert_eq!(product.site.module_state("base").as_deref(), Some("installed"));
    assert_eq!(product.site.get("/web/login").unwrap().status, 200);
    for path in ["/livez", "/readyz", "/startupz", "/healthz"] {
        assert_eq!(product.status(path), 200, "{path}");
    }
    stop(&process);
    product.assert_nothing_left();
}

fn prefork_with_two_workers(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let process = product.launch().env("ODOO_WORKERS", "2").start();
    product.wait_ready(&process);
    assert_eq!(product.site.get("/web/login").unwrap().status, 200);
    // The master, its two workers and the gevent process.
    product.wait_processes(&process, 4);
    stop(&process);
    product.assert_nothing_left();
}

/// Never 200 before the page itself is. Asked in this order, the page first, so that no answer can overtake the other.
fn ready_only_once_the_login_page_is(test: &Test, odoo: &Odoo) {
    let product = Product::installed(test, odoo);
    let process = product.launch().env("DOUBLE_LATE_DELAY", "1").start();
    let mut unready = 0;
    until_true("it is ready", 2 * SOON, || {
        assert!(process.exited().is_none(), "{}", process.stderr());
        let ready = product.status("/readyz") == 200;
        if ready {
            assert_eq!(product.site.get("/web/login").unwrap().status, 200);
        } else {
            unready += 1;
        }
        ready
    });
    assert!(unready > 0, "the boot was seen");
    stop(&process);
}

fn stop_while_waiting(test: &Test) {
    let cluster = test.own_cluster(&Options::default());
    let product = Product::on(test, &Odoo::Double, &cluster);
    cluster.stop(StopMode::Fast);
    let process = product.launch().start();
    product.wait_reason(&process, "waiting for");
    product.wait_reason(&process, "connection refused");
    assert_eq!((product.status("/livez"), product.status("/startupz")), (200, 200));
    stop(&process);
    product.assert_nothing_started();
    cluster.start_again();
}

/// As click-odoo-update takes it, its number computed by PostgreSQL itself.
pub fn take_the_lock(holder: &mut postgres::Client, database: &str) {
    let lock = format!(
        "SELECT pg_advisory_lock(('x' || substr(encode(digest('click-odoo-update/{database}', 'sha1'), 'hex'), 1, 14)) \
         ::bit(56)::bigint)"
    );
    holder.simple_query("CREATE EXTENSION IF NOT EXISTS pgcrypto").unwrap();
    holder.simple_query(&lock).unwrap();
}

fn stop_while_locked_out(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let database = &product.site.database.name;
    let mut holder = product.site.cluster.connect(database);
    take_the_lock(&mut holder, database);
    let process = product.launch().start();
    product.wait_reason(&process, "lock for");
    stop(&process);
    product.assert_nothing_started();
}

fn stop_in_an_init(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let process = product.launch().env("DOUBLE_MODULE_DELAY", "600").start();
    product.wait_reason(&process, "installing base");
    product.journal.wait("start", |_| true);
    assert_eq!((product.status("/livez"), product.status("/startupz")), (200, 200));
    stop(&process);
    assert_eq!(product.site.database.value("SELECT to_regclass('ir_module_module')"), None);
    product.assert_nothing_left();
}

fn stop_in_boot_before_odoo_handles_signals(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("DOUBLE_BOOT_DELAY", "600").start();
    product.wait_reason(&process, "boot for");
    // HUP would kill it now, and is kept from it.
    process.signal(Signal::SIGHUP);
    process.wait_log("not forwarded", SOON);
    let odoo = product.odoo(&process).expect("Odoo runs");
    stop(&process);
    assert!(!Product::is_alive(odoo));
    product.assert_nothing_left();
}

fn unready_and_still_serving_in_a_drain(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().env("ENTRYPOINT_DRAIN_DELAY", "600s").start();
    product.wait_ready(&process);
    process.signal(Signal::SIGTERM);
    product.wait_reason(&process, "draining for");
    assert_eq!((product.status("/livez"), product.status("/startupz")), (200, 200));
    assert_eq!(product.site.get("/web/login").unwrap().status, 200);
    assert_eq!(product.journal.count("signal"), 0, "Odoo has not been told yet");
    stop(&process);
}

/// The second TERM ends the drain, and Odoo gets one TERM, not two.
fn stop_twice_in_a_drain(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process =
        product.launch().env("ENTRYPOINT_DRAIN_DELAY", "600s").env("DOUBLE_STOP_DELAY", "1").start();
    product.wait_ready(&process);
    process.signal(Signal::SIGTERM);
    product.wait_reason(&process, "draining");
    stop(&process);
    let terms = product.journal.events().iter().filter(|event| event["signal"] == "SIGTERM").count();
    assert_eq!(terms, 1);
}

fn several_databases_are_each_installed(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let second = product.site.cluster.create_database(&test.unique("second"), &product.site.role);
    let both = format!("{}, {}", product.site.database.name, second.name);
    let process = product.launch().env("DB", both).start();
    product.wait_ready(&process);
    for database in [&product.site.database, &second] {
        let state = database.value("SELECT state FROM ir_module_module WHERE name = 'base'");
        assert_eq!(state.as_deref(), Some("installed"), "{}", database.name);
    }
    stop(&process);
    drop(process);
    drop(second);
}

fn a_module_of_ones_own_is_installed_once(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let own = crate::harness::addons::Addon::new("own_module").write(test, "addons");
    for round in 1..=2 {
        let launch = product.launch().env("ODOO_INIT", "own_module").env("ODOO_ADDONS_PATH", &own);
        let process = launch.start();
        product.wait_ready(&process);
        assert_eq!(product.site.module_state("own_module").as_deref(), Some("installed"));
        stop(&process);
        // An init and a server the first time, and then servers only.
        assert_eq!(product.journal.count("start"), round + 1);
    }
}

fn ctrl_c_is_a_stop(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    process.signal(Signal::SIGINT);
    assert_eq!(process.wait_code(SOON), 0);
    product.assert_nothing_left();
}

fn without_http_it_is_ready_when_odoo_runs(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().arg("--no-http").start();
    product.wait_ready(&process);
    assert!(http::get(product.site.http_port, "/", SOON).is_err());
    stop(&process);
}

fn arguments_of_odoo_are_understood(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let name = product.site.database.name.clone();
    let password = product.site.role.password.clone();
    let launch = product.launch().env("DB", "nowhere").env("PASSWORD", "wrong");
    let process = launch.args(["odoo", "-d", &name, "-w", &password, "--dev", "xml"]).start();
    product.wait_ready(&process);
    let start = product.journal.wait("start", |_| true);
    let arguments = start["argv"].to_string();
    assert!(arguments.contains("--dev=xml") && !arguments.contains(&password), "{arguments}");
    stop(&process);
}

/// As `docker exec` runs it: no listener, no port, and the server's files stay as they are.
fn a_one_shot_installs_beside_a_server(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let own = crate::harness::addons::Addon::new("own_module").write(test, "addons");
    let process = product.launch().env("ODOO_ADDONS_PATH", &own).start();
    product.wait_ready(&process);
    let rendered = product.rendered_folder().join("odoo.conf");
    let before = std::fs::read_to_string(&rendered).unwrap();
    let one_shot = || product.launch().env("ODOO_ADDONS_PATH", &own).args(["odoo", "--stop-after-init"]);
    one_shot().args(["-i", "own_module"]).run().expect_code(0);
    assert_eq!(product.site.module_state("own_module").as_deref(), Some("installed"));
    assert_eq!(std::fs::read_to_string(&rendered).unwrap(), before);
    assert_eq!(std::fs::read_dir(&product.runtime).unwrap().count(), 1, "its own folder is gone");
    assert_eq!(product.status("/readyz"), 200);

    let interrupted = one_shot().env("DOUBLE_BOOT_DELAY", "600").start();
    until_true("it runs", SOON, || !interrupted.descendants().is_empty());
    interrupted.signal(Signal::SIGTERM);
    assert_eq!(interrupted.wait_code(SOON), 143);
    stop(&process);
}

fn a_one_shot_creates_no_database_and_tells_failures(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let role = &product.site.role.name;
    product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} CREATEDB"));
    let one_shot = || product.launch().args(["odoo", "--stop-after-init", "-i", "no_such_module"]);
    let missing = one_shot().env("DB", "never_made").env("ENTRYPOINT_AUTH_GRACE", "0").run();
    missing.expect_code(69);
    assert!(!product.site.cluster.database_exists("never_made"));
    one_shot().run().expect_code(80);
}

fn a_shell_has_the_rendered_configuration(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let name = product.site.database.name.clone();
    let shell = product.launch().args(["odoo", "shell", "-d", &name]).stdin("print('hello')\n").run();
    shell.expect_code(0);
    assert!(shell.stdout.contains("hello"), "{}", shell.stdout);
    product.assert_nothing_left();
}

fn other_programs_run_as_they_are(test: &Test) {
    let run = |arguments: &[&str]| test.launch(test.world().product()).args(arguments).run();
    let echo = run(&["sh", "-c", "echo hello; exit 7"]);
    echo.expect_code(7);
    assert_eq!(echo.stdout, "hello\n");
    run(&["sh", "-c", "kill -9 $$"]).expect_code(137);
    let missing = run(&["no-such-program"]);
    missing.expect_code(127);
    assert!(missing.stderr.contains("cannot start no-such-program"), "{}", missing.stderr);
    run(&["/etc/passwd"]).expect_code(126);

    let process = test
        .launch(test.world().product())
        .args(["sh", "-c", "trap 'exit 9' TERM; echo up >&2; while :; do sleep 0.01; done"])
        .start();
    process.wait_log("up", SOON);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 9, "it gets the signal, and its code is ours");
}

/// As OpenShift assigns them. (Where the suite does not run as root it runs as itself.)
fn a_uid_without_an_account(test: &Test) {
    const UID: u32 = 1_234_567;
    let product = Product::installed(test, &Odoo::Double);
    let launch = product.launch().user(UID, 0);
    if nix::unistd::Uid::effective().is_root() {
        for path in ["base.conf", "data", "home", "tmp"].map(|name| test.dir().join(name)) {
            nix::unistd::chown(&path, Some(UID.into()), None).unwrap();
        }
        for path in [&product.runtime, &product.journal.path().to_owned()] {
            nix::unistd::chown(path, Some(UID.into()), None).unwrap();
        }
    }
    let process = launch.start();
    product.wait_ready(&process);
    assert_eq!(product.site.get("/web/login").unwrap().status, 200);
    stop(&process);
}

fn odoos_own_version(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let version = product.launch().args(["odoo", "--version"]).run();
    version.expect_code(0);
    assert!(version.stdout.starts_with("Odoo Server 18.0"), "{}", version.stdout);
    let own = test.launch(test.world().product()).arg("--version").run();
    assert!(own.expect_code(0).stdout.starts_with("odoo-entrypoint "), "{}", own.stdout);
}
