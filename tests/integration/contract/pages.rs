//! What pages and health addresses answer in each state.

use super::Check;
use crate::harness::http::{self, Response};
use crate::harness::odoo::{Odoo, Site};
use crate::harness::process::Process;
use crate::harness::relay::Relay;
use crate::harness::{SOON, Test, until, until_true};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub const CHECKS: &[Check] = &[
    ("pages_of_an_empty_database", pages_of_an_empty_database),
    ("pages_without_a_database", pages_without_a_database),
    ("pages_while_postgresql_is_down", pages_while_postgresql_is_down),
    ("an_unwritable_data_dir_is_500", an_unwritable_data_dir_is_500),
    ("a_missing_addons_dir_is_500", a_missing_addons_dir_is_500),
];

/// Served without session, database and registry.
pub const STATIC: &str = "/web/static/img/favicon.ico";

/// Status and, for redirects, where to.
pub fn answer(site: &Site, path: &str) -> (u16, Option<String>) {
    let response: Response = site.get(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    (response.status, response.location().map(str::to_owned))
}

/// Checks rows of "path, status, start of the redirect's target".
#[track_caller]
pub fn expect_pages(site: &Site, rows: &[(&str, u16, &str)]) {
    for (path, status, target) in rows {
        let (found, location) = answer(site, path);
        let fits = found == *status && location.clone().unwrap_or_default().starts_with(target);
        assert!(fits, "{path}: {found} {location:?}, not {status} {target:?}");
    }
}

/// The files below the sessions' directory; the directory itself is made at the first request.
pub fn session_files(site_data: &str) -> usize {
    let sessions = fs::read_dir(format!("{site_data}/sessions")).into_iter().flatten().flatten();
    let inside = sessions.map(|entry| fs::read_dir(entry.path()).map_or(1, Iterator::count));
    inside.sum()
}

/// A server that at least answers.
fn start(site: &Site, arguments: &[&str]) -> Process {
    let process = site.launch().args(arguments).start();
    until_true("the HTTP service answers", 2 * SOON, || {
        assert!(process.exited().is_none(), "it ended");
        site.get(STATIC).is_ok()
    });
    process
}

fn pages_of_an_empty_database(test: &Test, odoo: &Odoo) {
    let site = Site::empty(test, odoo, test.cluster());
    let process = start(&site, &[]);
    process.wait_log("Registry loaded in ", SOON);
    for path in ["/", "/web", "/odoo", "/web/login", "/web/health", "/websocket/health"] {
        assert_eq!(answer(&site, path).0, 500, "{path}");
    }
    assert_eq!(answer(&site, STATIC).0, 200);
}

fn pages_without_a_database(test: &Test, odoo: &Odoo) {
    let mut site = Site::empty(test, odoo, test.cluster());
    // The role owns a database, so that one would be found; the filter hides it.
    site.conf.remove("db_name").set("dbfilter", "^no-such-database$");
    let _process = start(&site, &[]);
    expect_pages(
        &site,
        &[
            ("/", 303, "/odoo"),
            ("/web", 303, "/web/database/selector"),
            ("/odoo", 303, "/web/database/selector"),
            ("/web/login", 303, "/web/database/selector"),
            ("/web/database/selector", 200, ""),
            ("/web/health", 200, ""),
            ("/web/health?db_server_status=1", 200, ""),
            ("/websocket/health", 404, ""),
            (STATIC, 200, ""),
        ],
    );
}

fn pages_while_postgresql_is_down(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    let relay = Relay::to(site.cluster.port());
    site.conf.set("db_port", relay.port()).set("max_cron_threads", 1);
    let process = site.serve(&[]);
    relay.cut();
    until("/websocket/health is 404", SOON, || (answer(&site, "/websocket/health").0 == 404).then_some(()));
    expect_pages(
        &site,
        &[
            ("/", 303, "/odoo"),
            // To itself, without end, and each time a session is written: nothing to probe.
            ("/web", 302, "/web"),
            ("/odoo", 302, "/odoo"),
            ("/web/login", 302, "/web/login"),
            ("/web/health", 200, ""),
            ("/web/health?db_server_status=1", 500, ""),
            ("/websocket/health", 404, ""),
            (STATIC, 200, ""),
        ],
    );
    process.wait_log("Exception in thread odoo.service.cron.cron0:", SOON);
    relay.restore();
    site.wait_ready(&process);
    expect_pages(&site, &[("/web/health?db_server_status=0", 200, ""), ("/web/login", 200, "")]);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
}

fn an_unwritable_data_dir_is_500(test: &Test, odoo: &Odoo) {
    let mut site = Site::empty(test, odoo, test.cluster());
    let dir = test.make_dir("read-only");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).expect("a mode");
    site.conf.set("data_dir", dir.join("data").display()).remove("db_name");
    let _process = start(&site, &[]);
    for path in ["/web/health", "/web", STATIC] {
        assert_eq!(answer(&site, path).0, 500, "{path}");
    }
}

fn a_missing_addons_dir_is_500(test: &Test, odoo: &Odoo) {
    let mut site = Site::empty(test, odoo, test.cluster());
    let own = odoo.addons().map_or_else(String::new, |path| format!("{},", path.display()));
    site.conf.set("addons_path", format!("{own}/nonexistent")).remove("db_name");
    let process = start(&site, &[]);
    process.wait_log("addons path does not exist: /nonexistent", SOON);
    for path in ["/web/health", "/web", STATIC] {
        assert_eq!(answer(&site, path).0, 500, "{path}");
    }
    // Nor does it answer a request without a Host header when all is well.
    let response =
        http::request(site.http_port, "GET /web/health HTTP/1.0\r\n\r\n", SOON).expect("an answer");
    assert_eq!(response.status, 500);
}
