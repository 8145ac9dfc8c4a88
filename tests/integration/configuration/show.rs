//! `config show`, `config check` and the documents that come from the tables.

use super::Check;
use crate::harness::Test;
use crate::harness::process::Launch;
use odoo_entrypoint::settings::document;
use serde_json::Value;
use std::fs;
use std::path::Path;

pub const CHECKS: &[Check] = &[
    ("the_document_of_the_settings_is_the_tables", the_document_of_the_settings_is_the_tables),
    ("json_tells_every_option_and_no_secret", json_tells_every_option_and_no_secret),
    ("an_environment_of_another_machine_can_be_checked", an_environment_of_another_machine_can_be_checked),
    ("a_check_reports_in_json_too", a_check_reports_in_json_too),
    ("a_reader_that_leaves_early_is_no_error", a_reader_that_leaves_early_is_no_error),
];

/// The product as it is in the image, with nothing set.
fn product(test: &Test) -> Launch<'_> {
    test.launch(test.world().product())
        .env_remove("USER")
        .env("ODOO_RC", test.write("empty.conf", "[options]\n"))
}

fn the_document_of_the_settings_is_the_tables(_: &Test) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let text = document::markdown();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("docs/settings.md");
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, there, "UPDATE_GOLDEN=1 cargo test writes docs/settings.md anew");
}

fn json_tells_every_option_and_no_secret(test: &Test) {
    let conf = "[options]\ndb_host = file\nsmtp_password = hush-smtp\nmodule_api_key = hush-key\n\
                sentry = https://hush-dsn@sentry.example.com/1\n[mail]\ntoken = hush-token\nsmtp_pass = hush-pass\n";
    let run = product(test)
        .env("ODOO_RC", test.write("odoo.conf", conf))
        .env("HOST", "own")
        .env("PASSWORD", "hush-database")
        .env("ODOO_ADMIN_PASSWD", "hush-master")
        .args(["config", "show", "--json", "--all"])
        .run();
    run.expect_code(0);
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains("hush-"), "{text}");
    }
    let all: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let options = all["options"].as_array().expect("options");
    let option =
        |key: &str| options.iter().find(|option| option["key"] == key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(option("db_host")["value"], "own");
    assert_eq!(option("db_host")["origin"], serde_json::json!({"kind": "environment", "name": "HOST"}));
    let shadowed = &option("db_host")["shadowed"][0];
    assert_eq!((&shadowed["value"], &shadowed["origin"]["line"]), (&Value::from("file"), &Value::from(2)));
    for key in ["db_password", "smtp_password", "module_api_key", "admin_passwd"] {
        assert_eq!(
            (&option(key)["value"], &option(key)["secret"]),
            (&Value::Null, &Value::from(true)),
            "{key}"
        );
    }
    assert_eq!(all["sections"]["mail"]["token"], Value::Null);
    assert_eq!(option("http_port")["origin"]["kind"], "odoo");
    assert_eq!(all["databases"], serde_json::json!(["odoo"]));
}

fn an_environment_of_another_machine_can_be_checked(test: &Test) {
    let env = "# of production\nHOST=db.internal\nPASSWORD_FILE=/run/secrets/nowhere\nODOO_WORKERS=4\nODOO_PROXY_MODE=yes\n";
    let file = test.write("production.env", env);
    let check = |flags: &[&str]| {
        product(test)
            .env("HOST", "not-asked")
            .args(["config", "check", "--env-file"])
            .arg(&file)
            .args(flags)
            .run()
    };
    let run = check(&[]);
    run.expect_code(78);
    assert!(run.stderr.contains("PASSWORD_FILE=/run/secrets/nowhere: No such file"), "{}", run.stderr);
    let run = check(&["--assume-files"]);
    run.expect_code(0);
    assert_eq!(run.stdout, "no problem found, 0 warnings\n", "{}", run.stderr);
    // As it is deployed: with the base file that will be mounted, and one variable more.
    let more = test.write("more.env", "ODOO_WORKERS=many\n");
    let conf = test.write("deploy.conf", "[options]\nlist_db = maybe\nlog_level = loud\n");
    let run = product(test)
        .args(["config", "check", "--assume-files", "--env-file"])
        .arg(&file)
        .arg("--env-file")
        .arg(more)
        .args(["--", "-c"])
        .arg(conf)
        .run();
    run.expect_code(78);
    for part in ["ODOO_WORKERS=\"many\"", "log_level = \"loud\""] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
}

fn a_check_reports_in_json_too(test: &Test) {
    let run = product(test).env("ODOO_WORKERS", "many").args(["config", "check", "--json"]).run();
    run.expect_code(78);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"][0]["what"], "the setting ODOO_WORKERS is not valid");
    let run = product(test).env("ODOO_WORKERS", "2").args(["config", "check", "--json"]).run();
    run.expect_code(0);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&report["ok"], report["warnings"].as_array().map(Vec::len)), (&Value::from(true), Some(1)));
}

fn a_reader_that_leaves_early_is_no_error(test: &Test) {
    let product = test.world().product().display().to_string();
    let run = test
        .launch("/bin/sh")
        .args(["-c", &format!("{product} --help | head -n 1; exit ${{PIPESTATUS:-0}}")])
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout, "odoo-entrypoint: PID 1 of an Odoo 18 container\n");
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}
