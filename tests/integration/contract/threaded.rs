//! `workers = 0`: one process, its signals, its socket.

use super::pages::{self, expect_pages};
use super::{A_WHILE, Check, log};
use crate::harness::addons::Addon;
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test, http, ports, procfs, until_true};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

pub const CHECKS: &[Check] = &[
    ("threaded_serves_and_stops", threaded_serves_and_stops),
    ("threaded_second_signal_forces", threaded_second_signal_forces),
    ("threaded_hup_restarts_in_place", threaded_hup_restarts_in_place),
    ("threaded_takes_a_socket_over", threaded_takes_a_socket_over),
    ("threaded_preload_blocks_requests", threaded_preload_blocks_requests),
    ("threaded_port_in_use_exits_1", threaded_port_in_use_exits_1),
];

fn threaded_serves_and_stops(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.conf.set("max_cron_threads", 1);
    let process = site.launch().start();
    process.wait_catches(Signal::SIGTERM);
    site.wait_ready(&process);
    let caught = |signal| procfs::has_in_mask(process.pid(), "SigCgt", signal);
    let handled = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1];
    assert!(handled.into_iter().all(caught));
    assert!(![Signal::SIGUSR2, Signal::SIGTTIN, Signal::SIGTTOU].into_iter().any(caught));
    assert!(process.descendants().is_empty(), "one process is all there is");

    let data = test.dir().join("data").display().to_string();
    for path in ["/web/health", "/websocket/health", pages::STATIC] {
        assert_eq!(pages::answer(&site, path).0, 200, "{path}");
    }
    assert!(test.dir().join("data/sessions").is_dir());
    assert_eq!(pages::session_files(&data), 0, "these addresses can be probed for ever");
    expect_pages(
        &site,
        &[
            ("/", 303, "/odoo"),
            ("/web", 303, "/web/login?redirect="),
            ("/odoo", 303, "/web/login?redirect="),
            ("/web/login", 200, ""),
            ("/web/health?db_server_status=1", 200, ""),
            ("/no/such/page", 404, ""),
        ],
    );
    let health = site.get("/web/health").expect("an answer");
    assert_eq!(health.body, "{\"status\": \"pass\"}");
    assert!(health.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let status = site.get("/web/health?db_server_status=1").expect("an answer").body;
    assert_eq!(status, "{\"status\": \"pass\", \"db_server_status\": true}");
    let head = format!(
        "HEAD /websocket/health HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
        site.http_port
    );
    let response = http::request(site.http_port, &head, A_WHILE);
    // An answer to HEAD announces a body that never comes.
    assert!(
        response
            .map_or_else(|error| error.kind() == ErrorKind::InvalidData, |response| response.status == 200)
    );
    let nameless = "GET /web/health HTTP/1.0\r\n\r\n";
    assert_eq!(http::request(site.http_port, nameless, SOON).expect("an answer").status, 500);

    check_log(&process.stderr(), &site.database.name, process.pid());
    let mark = process.mark();
    // In this order: Python's stderr takes no line from a handler that interrupts another one's long output.
    process.signal(Signal::SIGUSR1);
    process.wait_log_after(mark, "odoo.tools.cache: ", SOON);
    // It may still be writing the rest of it, and then this dump is lost; so it is asked for until it is there.
    let mut asked = None;
    until_true("it dumps its stacks", SOON, || {
        if asked.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(2)) {
            process.signal(Signal::SIGQUIT);
            asked = Some(Instant::now());
        }
        process.stderr().get(mark..).is_some_and(|log| log.contains("# Thread:"))
    });
    assert_eq!(pages::answer(&site, "/websocket/health").0, 200);

    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    log::expect(&process.stderr(), "INFO", "odoo.service.server", "Initiating shutdown");
    assert!(TcpStream::connect(("127.0.0.1", site.http_port)).is_err());
}

/// Every line of a clean start has the prefix; the events that a supervisor may look for are there.
fn check_log(text: &str, database: &str, pid: i32) {
    for line in text.lines() {
        // The request without Host is answered with a traceback.
        if line.contains("Exception during request handling") || line.contains("odoo.http: ") {
            break;
        }
        if line.contains("Warn: Can't find .pfb") {
            // A library of Odoo's that writes to stderr by itself when it misses its fonts, and not always a whole line.
            continue;
        }
        let parsed = log::parse(line).unwrap_or_else(|| panic!("not a record: {line}"));
        assert_eq!(parsed.pid, pid.to_string(), "{line}");
        assert_eq!(parsed.message.ends_with(' '), parsed.logger != "werkzeug", "{line:?}");
        assert!(["?", database].contains(&parsed.database), "{line}");
    }
    for (logger, event) in [
        ("odoo", "Odoo version 18.0"),
        ("odoo", "Using configuration file at "),
        ("odoo", "addons paths: ["),
        ("odoo", "database: "),
        ("odoo.service.server", "HTTP service (werkzeug) running on "),
        ("odoo.modules.loading", "loading 1 modules..."),
        ("odoo.modules.loading", " modules loaded in "),
        ("odoo.modules.loading", "Modules loaded."),
        ("odoo.modules.registry", "Registry loaded in "),
        ("werkzeug", "\"GET /websocket/health HTTP/1.1\" 200 - "),
    ] {
        log::expect(text, "INFO", logger, event);
    }
    assert!(!text.contains("Loading module "), "not at INFO when nothing is installed or updated");
}

fn threaded_second_signal_forces(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let process = site.serve(&[]);
    // A request whose second half never comes keeps a thread busy that Python waits for.
    let mut stuck = TcpStream::connect(("127.0.0.1", site.http_port)).expect("a connection");
    stuck.write_all(b"GET /web/health HTTP/1.1\r\n").expect("half a request");
    // Connections are taken in order, so when a later one was answered, this one has its thread.
    assert_eq!(pages::answer(&site, pages::STATIC).0, 200);
    process.signal(Signal::SIGTERM);
    process.wait_log("Initiating shutdown", SOON);
    until_true("the port is closed", SOON, || TcpStream::connect(("127.0.0.1", site.http_port)).is_err());
    // Beyond the second that it waits for requests.
    thread::sleep(2 * A_WHILE);
    assert!(process.exited().is_none(), "a stuck request does not hold it");
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    assert!(process.stderr().ends_with("Forced shutdown.\n"), "{}", process.stderr());
}

fn threaded_hup_restarts_in_place(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let process = site.serve(&["-u", "no_such_module", "--log-handler=odoo.tools:INFO"]);
    log::expect(
        &process.stderr(),
        "WARNING",
        "odoo.modules.loading",
        "invalid module names, ignored: no_such_module",
    );
    let mark = process.mark();
    process.signal(Signal::SIGHUP);
    process.wait_log_after(mark, "Initiating server reload", SOON);
    process.wait_log_after(mark, "Registry loaded in ", 2 * SOON);
    site.wait_ready(&process);
    let arguments = procfs::process(process.pid()).expect("the same process").arguments;
    assert!(arguments.contains(&"--log-handler=odoo.tools:INFO".to_owned()), "{arguments:?}");
    assert!(!arguments.contains(&"-u".to_owned()) && !arguments.contains(&"no_such_module".to_owned()));

    process.signal(Signal::SIGUSR2);
    assert_eq!(process.wait_exit(SOON).signal(), Some(Signal::SIGUSR2 as i32), "USR2 is not for Odoo");
}

fn threaded_takes_a_socket_over(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let listener = TcpListener::bind(("127.0.0.1", ports::free())).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let ask = || {
        thread::spawn(move || http::get(port, "/websocket/health", 3 * SOON).map(|response| response.status))
    };
    let early = ask();
    let process = site.launch().listening_on(listener.try_clone().expect("a listener")).start();
    assert_eq!(early.join().expect("a client").expect("an answer"), 200);
    process.wait_log("HTTP service (werkzeug) running through socket activation", SOON);
    assert!(TcpStream::connect(("127.0.0.1", site.http_port)).is_err(), "its own port is not used");

    // The handover holds through a reload: nobody is refused.
    let mark = process.mark();
    process.signal(Signal::SIGHUP);
    process.wait_log_after(mark, "Initiating server reload", SOON);
    assert_eq!(ask().join().expect("a client").expect("an answer"), 200);
    process.wait_log_after(mark, "running through socket activation", SOON);
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
}

fn threaded_preload_blocks_requests(test: &Test, odoo: &Odoo) {
    let mut site = test.site(odoo);
    site.addon(&Addon::new("slow_module").with_slow_hook(100));
    let process = site.launch().args(["-i", "slow_module"]).start();
    process.wait_log("hook runs", 2 * SOON);
    // The port is open before the load. What needs no database is answered, all else waits for the load's
    // end.
    assert_eq!(pages::answer(&site, pages::STATIC).0, 200);
    let health = http::get(site.http_port, "/web/health", A_WHILE);
    assert_eq!(health.expect_err("no answer").kind(), ErrorKind::TimedOut);
    let begin = Instant::now();
    process.kill_tree();
    assert!(begin.elapsed() < SOON);
    assert_eq!(site.module_state("slow_module").as_deref().unwrap_or("uninstalled"), "uninstalled");
}

fn threaded_port_in_use_exits_1(test: &Test, odoo: &Odoo) {
    let site = test.site(odoo);
    let _taken = TcpListener::bind(("127.0.0.1", site.http_port)).expect("the port");
    let run = site.launch().run();
    run.expect_code(1);
    assert!(run.stderr.contains("Address already in use"), "{}", run.stderr);
}
