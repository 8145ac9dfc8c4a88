//! Secrets reach Odoo through files of mode 0600 and nothing else.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test};
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub const CHECKS: &[Check] = &[
    (
        "no_secret_is_in_any_argv_environment_log_or_answer",
        no_secret_is_in_any_argv_environment_log_or_answer,
    ),
    ("a_password_of_a_flag_goes_no_further", a_password_of_a_flag_goes_no_further),
    ("files_are_0600_in_a_0700_folder", files_are_0600_in_a_0700_folder),
    ("subcommands_and_odoo_itself_get_no_secret", subcommands_and_odoo_itself_get_no_secret),
    ("a_password_file_is_read", a_password_file_is_read),
    ("odoo_gets_the_accounts_name_not_the_roles", odoo_gets_the_accounts_name_not_the_roles),
];

/// Every place that somebody else than Odoo could read, looked at again and again in a phase.
struct Watch<'a> {
    product: &'a Product<'a>,
    program: String,
    secrets: &'a [&'a str],
    looked_at: usize,
}

impl Watch<'_> {
    fn check(&self, place: &str, text: &str) {
        for secret in self.secrets {
            assert!(!text.contains(secret), "{secret} is in {place}: {text}");
        }
    }

    fn look(&mut self, process: &crate::harness::process::Process) {
        for child in process.descendants() {
            // It may have ended since.
            let Ok(bytes) = fs::read(format!("/proc/{}/environ", child.pid)) else { continue };
            // Between fork and exec it is still the product, not dumpable and so closed to all but root, who looks here.
            if child.arguments.first().is_some_and(|name| *name == self.program) {
                continue;
            }
            self.check("an environment", &String::from_utf8_lossy(&bytes));
            self.check("an argv", &child.command_line());
            self.looked_at += 1;
        }
        let own = fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap_or_default();
        self.check("the supervisor's argv", &String::from_utf8_lossy(&own));
        for path in ["/", "/livez?verbose", "/readyz?verbose", "/startupz?verbose", "/status", "/metrics"] {
            if let Ok(response) = self.product.probe(path) {
                self.check(path, &response.body);
            }
        }
        self.check("stderr", &process.stderr());
        self.check("stdout", &process.stdout());
    }
}

/// In every phase: waiting for PostgreSQL, installing, booting, serving, after a crash, draining, stopping; in the text and the
/// JSON of the log, in the reason of the end; and where things go wrong.
fn no_secret_is_in_any_argv_environment_log_or_answer(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let (password, smtp, master) = ("correct-horse-battery", "hush-hush-smtp", "hush-hush-master");
    let role = &product.site.role.name;
    let alter =
        |text: &str| product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} PASSWORD '{text}'"));
    let secrets = [password, smtp, master];
    let program = test.world().product().display().to_string();
    let mut watch = Watch { product: &product, program: program.clone(), secrets: &secrets, looked_at: 0 };
    let base =
        test.write("secret.conf", format!("[options]\nsmtp_password = {smtp}\n[a_module]\ntoken = {smtp}\n"));
    let reason = test.dir().join("reason");
    let launch = || {
        product
            .launch()
            .env("ODOO_RC", &base)
            .env("PASSWORD", password)
            .env("ODOO_ADMIN_PASSWD", master)
            .env("ODOO_LOG_LEVEL", "debug")
            .env("ENTRYPOINT_LOG_LEVEL", "debug")
            .env("ENTRYPOINT_LOG_FORMAT", "json")
            .env("ENTRYPOINT_DRAIN_DELAY", "300ms")
            .env("ENTRYPOINT_TERMINATION_LOG", &reason)
            .env("DOUBLE_MODULE_DELAY", "0.2")
    };
    test.write("reason", "");
    // Waiting: the role has another password for now.
    alter("another");
    let process = launch().env("ENTRYPOINT_AUTH_GRACE", "1h").start();
    process.wait_log("waiting for PostgreSQL", SOON);
    watch.look(&process);
    // Installing, booting, serving.
    alter(password);
    crate::harness::until_true("it is ready", 2 * SOON, || {
        watch.look(&process);
        product.status("/readyz") == 200
    });
    watch.look(&process);
    assert!(watch.looked_at > 1, "an init and a server were looked at");
    let rendered = fs::read_to_string(product.rendered_folder().join("odoo.conf")).unwrap();
    assert!(rendered.contains(password) && rendered.contains(smtp), "the control: they are in the file");
    assert!(!rendered.contains(master), "the master password is hashed even there");
    // The supervisor's own environment has them, and is closed to Odoo's user.
    let environ = format!("/proc/{}/environ", process.pid());
    if nix::unistd::Uid::effective().is_root() {
        let own = String::from_utf8_lossy(&fs::read(&environ).unwrap()).into_owned();
        assert!(own.contains(password), "the control: root can read it there");
    }
    let refused = test.launch("/bin/cat").arg(&environ).run();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", refused.stdout);
    // A crash, and its restart.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(product.odoo(&process).expect("Odoo runs")),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    crate::harness::until_true("it is ready again", 2 * SOON, || {
        watch.look(&process);
        process.stderr().matches("boot -> serving").count() == 2
            || process.stderr().matches("boot to serving").count() == 2
    });
    process.signal(nix::sys::signal::Signal::SIGTERM);
    crate::harness::until_true("it has stopped", SOON, || {
        watch.look(&process);
        process.exited().is_some()
    });
    watch.look(&process);
    // What goes wrong tells everything but the secret.
    let wrong = ["wrong-horse", smtp, master];
    let watch = Watch { product: &product, program: program.clone(), secrets: &wrong, looked_at: 0 };
    for (code, launch) in [
        (69, launch().env("PASSWORD", "wrong-horse").env("ENTRYPOINT_AUTH_GRACE", "0")),
        (78, launch().env("PASSWORD", "wrong-horse\n")),
        (78, launch().env("ODOO_SMTP_PASSWORD", format!("{smtp}CHANGE_ME"))),
        (78, launch().env("ODOO_ADMIN_PASSWD", format!("$pbkdf2-sha512${master}"))),
        (78, launch().env("ODOO_DB_PASSWORD", "wrong-horse")),
        (64, launch().arg("--wrokers").arg("-w").arg("wrong-horse")),
        (0, launch().args(["config", "show", "--origin", "--all"])),
        (0, launch().args(["config", "show", "--json", "--all"])),
        (0, launch().args(["config", "check"])),
    ] {
        let ended = launch.run();
        ended.expect_code(code);
        watch.check("the reason of the end", &fs::read_to_string(&reason).unwrap());
        watch.check("stderr", &ended.stderr);
        watch.check("stdout", &ended.stdout);
    }
}

/// What the container's command says can be read in its argv by anybody; it goes no further, and that is told.
fn a_password_of_a_flag_goes_no_further(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let password = product.site.role.password.clone();
    let process = product.launch().env_remove("PASSWORD").args(["odoo", "-w", &password]).start();
    product.wait_ready(&process);
    process.wait_log(
        "db_password was given as an argument (-w), which everybody who can list processes reads",
        SOON,
    );
    for child in process.descendants() {
        assert!(!child.command_line().contains(&password), "{}", child.command_line());
    }
    stop(&process);
}

fn files_are_0600_in_a_0700_folder(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let folder = product.rendered_folder();
    assert_eq!((mode(&folder), mode(&folder.join("odoo.conf"))), (0o700, 0o600));
    stop(&process);
}

fn a_password_file_is_read(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let file = test.write("password", format!("{}\n", product.site.role.password));
    let process = product.launch().env_remove("PASSWORD").env("PASSWORD_FILE", &file).start();
    product.wait_ready(&process);
    stop(&process);
}

fn odoo_gets_the_accounts_name_not_the_roles(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let environment = Product::environ(product.odoo(&process).expect("Odoo runs"));
    let value = |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(&format!("{name}=")));
    assert_ne!(value("USER"), Some(product.site.role.name.as_str()));
    assert_eq!(value("USER"), value("LOGNAME"));
    assert!(value("HOST").is_none() && value("DB").is_none() && value("ENTRYPOINT_LISTEN").is_none());
    stop(&process);
}

/// However the flag is written: what a subcommand takes stays its own, and secrets go into the file.
fn subcommands_and_odoo_itself_get_no_secret(test: &Test) {
    let odoo = test.write("tell", "#!/bin/sh\necho \"$@\"\nenv\n");
    fs::set_permissions(&odoo, fs::Permissions::from_mode(0o755)).unwrap();
    let launch = || {
        let launch = test.launch(test.world().product()).env("ENTRYPOINT_ODOO_BIN", &odoo);
        let launch = launch.env("ODOO_RC", test.write("empty.conf", "[options]\n")).env("USER", "odoo");
        launch
            .env("PASSWORD", "hush-1")
            .env("ODOO_SMTP_PASSWORD", "hush-2")
            .env("ODOO_ADMIN_PASSWORD", "hush-3")
    };
    for arguments in [
        &["odoo", "shell", "-whush-4", "-d", "prod"][..],
        &["odoo", "shell", "-w", "hush-4", "-d", "prod"],
        &["odoo", "shell", "--db_password=hush-4", "-d", "prod"],
        &["odoo", "shell", "--db_pass", "hush-4", "--smtp-passw=hush-5", "-d", "prod"],
        &["odoo", "--version"],
        &["odoo", "--help"],
    ] {
        let run = launch().args(arguments).run();
        run.expect_code(0);
        assert!(!run.stdout.contains("hush-"), "{arguments:?}: {}", run.stdout);
        assert_eq!(
            run.stdout.lines().next().unwrap().contains("prod"),
            arguments.contains(&"prod"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("\nLOGNAME=") && run.stdout.contains("\nHOME="), "{}", run.stdout);
    }
}
