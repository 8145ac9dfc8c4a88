//! In real containers: sizes follow their limits, and a read-only root is enough.

use super::Check;
use crate::harness::docker::{self, Image};
use crate::harness::{Limit, Test, World};
use libtest_mimic::Trial;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;

const CHECKS: &[Check] = &[
    ("sizes_follow_the_limits_of_a_container", sizes_follow_the_limits_of_a_container),
    ("a_read_only_root_and_any_uid_are_enough", a_read_only_root_and_any_uid_are_enough),
];

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    let trial = |&(name, check): &Check| {
        let name = format!("configuration::container::{name}");
        match docker::available() {
            Ok(()) => world.trial(name, Limit::Double, check),
            Err(reason) => world.skipped(name, reason),
        }
    };
    CHECKS.iter().map(trial).collect()
}

/// The options in force in a container with these limits.
fn options(image: &Image, limits: &[&str]) -> (BTreeMap<String, String>, Vec<String>) {
    let output = image.run(&[limits, &["-e", "ODOO_WORKERS=auto"]].concat(), &["config", "show", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let options = all["options"].as_array().expect("options").iter().map(|option| {
        (
            option["key"].as_str().expect("a key").to_owned(),
            option["value"].as_str().unwrap_or_default().to_owned(),
        )
    });
    let notes = all["notes"].as_array().expect("notes").iter().filter_map(Value::as_str);
    (options.collect(), notes.map(str::to_owned).collect())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sizes_follow_the_limits_of_a_container(test: &Test) {
    let image = Image::of_the_binary(test);
    for (limits, workers, cron, connections, line) in [
        (
            &["--memory=2g", "--cpus=1.5"][..],
            "4",
            "2",
            Some("11"),
            "sizes for 1.5 CPU and 2 GiB: 4 workers, 2 cron",
        ),
        (
            &["--memory=4g", "--cpus=0.5"],
            "2",
            "1",
            Some("16"),
            "sizes for 0.5 CPU and 4 GiB: 2 workers, 1 cron",
        ),
        (&["--memory=1g", "--cpus=2"], "0", "1", None, "sizes for 2 CPU and 1 GiB: threaded mode"),
        (
            &["--memory=2g"],
            "4",
            "2",
            Some("11"),
            "sizes for 2 CPU (assumed, nothing is limited) and 2 GiB: 4 workers",
        ),
    ] {
        let (options, notes) = options(&image, limits);
        assert_eq!(
            (options["workers"].as_str(), options["max_cron_threads"].as_str()),
            (workers, cron),
            "{limits:?}: {notes:?}"
        );
        assert_eq!(options.get("db_maxconn").map(String::as_str), connections, "{limits:?}");
        assert!(notes[0].starts_with(line), "{notes:?}");
    }
}

fn a_read_only_root_and_any_uid_are_enough(test: &Test) {
    let image = Image::of_the_binary(test);
    let common = [
        "--read-only",
        "--user=7777:0",
        "--cap-drop=ALL",
        "-e",
        "ENTRYPOINT_ODOO_BIN=/odoo-entrypoint",
        "-e",
        "PASSWORD=x",
    ];
    let check = ["config", "check", "--preflight"];
    // The control: without the folders both are missed, in one go with the database.
    let output = image.run(&common, &check);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    for part in [
        "/var/lib/odoo (the image's default): Read-only file system (os error 30); this process is uid 7777, gid 0",
        "fix: mount a volume on /var/lib/odoo",
        "there is no folder for temporary files",
        "PostgreSQL's host name cannot be resolved",
    ] {
        assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
    }
    let mounts = ["--tmpfs=/tmp", "--tmpfs=/var/lib/odoo:uid=7777,mode=700"];
    let output = image.run(&[&common[..], &mounts].concat(), &check);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("odoo-entrypoint: error: ").count(), 1, "{}", stderr(&output));
}
