//! Flags, files and environment: what is read, in which order, and what happens to what is wrong.

use super::{A_WHILE, Check, log};
use crate::harness::odoo::Odoo;
use crate::harness::process::{Finished, Launch};
use crate::harness::{SOON, Test};

pub const CHECKS: &[Check] = &[
    ("version_is_18", version_is_18),
    ("usage_errors_exit_2", usage_errors_exit_2),
    ("broken_files_exit_1", broken_files_exit_1),
    ("a_missing_rc_file_is_ignored", a_missing_rc_file_is_ignored),
    ("values_are_taken_literally", values_are_taken_literally),
    ("flags_beat_files_and_files_merge", flags_beat_files_and_files_merge),
    ("only_four_spellings_are_booleans", only_four_spellings_are_booleans),
    ("libpq_fills_in_what_is_not_configured", libpq_fills_in_what_is_not_configured),
];

/// Odoo that only reports its configuration: no database, no HTTP, and it ends.
fn report<'a>(test: &'a Test, odoo: &Odoo) -> Launch<'a> {
    test.launch(odoo.command(test)).args(["--stop-after-init", "--no-http"])
}

/// `user@host:port` of the line in which Odoo says how it connects.
#[track_caller]
fn connection(run: &Finished) -> String {
    run.expect_code(0);
    let line =
        run.stderr.lines().filter_map(log::parse).find_map(|line| line.message.strip_prefix("database: "));
    line.unwrap_or_else(|| panic!("no connection in\n{}", run.stderr)).trim_end().to_owned()
}

fn version_is_18(test: &Test, odoo: &Odoo) {
    let run = test.launch(odoo.command(test)).arg("--version").run();
    run.expect_code(0);
    assert!(run.stdout.starts_with("Odoo Server 18.0"), "{}", run.stdout);
}

fn usage_errors_exit_2(test: &Test, odoo: &Odoo) {
    let cases: &[(&[&str], &str)] = &[
        (&["-c", "/nonexistent/odoo.conf"], "doesn't exist or is not readable"),
        (&["--no-such-flag"], "no such option: --no-such-flag"),
        (&["--no-http", "stray"], "unrecognized parameters: 'stray'"),
        (&["--workers=two"], "invalid integer value"),
        (&["-d", "one,two", "-i", "base"], "Cannot use -i/--init or -u/--update with multiple databases"),
        (&["--syslog", "--logfile=x"], "the syslog and logfile options are exclusive"),
        (&["--addons-path=/nonexistent"], "no such directory"),
        (&["--log-level=warning"], "invalid choice"),
    ];
    for (flags, text) in cases {
        let run = test.launch(odoo.command(test)).args(*flags).run();
        run.expect_code(2);
        assert!(run.stderr.contains("error: ") && run.stderr.contains(text), "{flags:?}: {}", run.stderr);
    }
}

fn broken_files_exit_1(test: &Test, odoo: &Odoo) {
    let cases: &[(&str, &str)] = &[
        ("[options]\nworkers = 0\nworkers = 0\n", "DuplicateOptionError"),
        ("[options]\nworkers\n", "ParsingError"),
        ("workers = 0\n[options]\n", "MissingSectionHeaderError"),
        ("\u{feff}[options]\nworkers = 0\n", "MissingSectionHeaderError"),
        ("[options]\nhttp_port = 08069\n", "OptionValueError"),
        ("[options]\ndb_port =\n", "OptionValueError"),
    ];
    for (text, error) in cases {
        let conf = test.write("broken.conf", text);
        // The file is read by the import already: not even --version works.
        let run = test.launch(odoo.command(test)).env("ODOO_RC", conf).arg("--version").run();
        run.expect_code(1);
        assert!(run.stderr.contains("Traceback") && run.stderr.contains(error), "{text:?}: {}", run.stderr);
    }
}

fn a_missing_rc_file_is_ignored(test: &Test, odoo: &Odoo) {
    let run = report(test, odoo).env("ODOO_RC", "/nonexistent/odoo.conf").run();
    assert_eq!(connection(&run), "default@default:default");
    assert!(!run.stderr.contains("Using configuration file at"), "{}", run.stderr);

    let conf = test.write("sections.conf", "[Options]\ndb_user = someone\n");
    let run = report(test, odoo).env("ODOO_RC", &conf).run();
    assert_eq!(connection(&run), "default@default:default");
    log::expect(&run.stderr, "INFO", "odoo", &format!("Using configuration file at {}", conf.display()));
}

fn values_are_taken_literally(test: &Test, odoo: &Odoo) {
    let text = "# a comment\n[options]\nDB_User = a#b;c%d=\"e\" ; f\ndb_host : None\ndb_port = 0x10\nno_such_key = 1\n\
                [another]\nkey = value\n";
    let run = report(test, odoo).env("ODOO_RC", test.write("odoo.conf", text)).run();
    assert_eq!(connection(&run), "a#b;c%d=\"e\" ; f@None:16");

    let text = "[DEFAULT]\ndb_host = inherited\n[options]\ndb_user = two\n  lines\ndb_port = 010\n";
    let run = report(test, odoo).env("ODOO_RC", test.write("odoo.conf", text)).run();
    run.expect_code(0);
    assert!(run.stderr.contains("database: two\nlines@inherited:8"), "{}", run.stderr);
}

fn flags_beat_files_and_files_merge(test: &Test, odoo: &Odoo) {
    let first = test.write("first.conf", "[options]\ndb_user = first\ndb_host = first\ndb_port = 1\n");
    let second = test.write("second.conf", "[options]\ndb_host = second\ndb_port = 2\n");
    let run = report(test, odoo).env("ODOO_RC", first).arg("-c").arg(second).args(["--db_po", "3"]).run();
    // The user survives from a file that -c should have replaced; optparse takes abbreviated flags.
    assert_eq!(connection(&run), "first@second:3");

    test.write("home/.odoorc", "[options]\ndb_user = home\n");
    assert_eq!(connection(&report(test, odoo).run()), "home@default:default");
}

fn only_four_spellings_are_booleans(test: &Test, odoo: &Odoo) {
    // Any other text is true, "0" and "no" too: this server stops after its start.
    for value in ["true", "0", "no"] {
        let conf =
            test.write("odoo.conf", format!("[options]\nstop_after_init = {value}\nhttp_enable = False\n"));
        test.launch(odoo.command(test)).env("ODOO_RC", conf).run().expect_code(0);
    }
    let conf =
        test.write("odoo.conf", "[options]\nstop_after_init = false\nhttp_enable = False\ndb_user = True\n");
    let server = test.launch(odoo.command(test)).env("ODOO_RC", conf).arg("--max-cron-threads=0").start();
    server.wait_log("database: True@", SOON);
    server.wait_catches(nix::sys::signal::Signal::SIGTERM);
    std::thread::sleep(A_WHILE);
    assert!(server.exited().is_none(), "it stopped although nobody asked it to");
}

fn libpq_fills_in_what_is_not_configured(test: &Test, odoo: &Odoo) {
    let (cluster, port) = (test.cluster(), test.cluster().port());
    let role = cluster.create_role(&test.unique("role"), "it's #1", "");
    let database = cluster.create_database(&test.unique("db"), &role);
    let conf = format!("[options]\ndb_name = {}\ndb_host = False\ndb_password = False\n", database.name);
    let launch = report(test, odoo).env("ODOO_RC", test.write("odoo.conf", conf)).env("PGHOST", "127.0.0.1");
    let launch = launch.env("PGPORT", port.to_string()).env("PGUSER", &role.name);
    let pass = test.write("pass", format!("127.0.0.1:{port}:*:{}:it's #1\n", role.name));
    let run = launch.env("PGPASSFILE", pass).run();
    assert_eq!(connection(&run), format!("{}@127.0.0.1:{port}", role.name));
    log::expect(
        &run.stderr,
        "ERROR",
        "odoo.modules.loading",
        "not initialized, you can force it with `-i base`",
    );
}
