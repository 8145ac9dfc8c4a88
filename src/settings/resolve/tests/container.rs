//! What follows from the container: sizes, folders of modules, Kubernetes' variables. And secrets that are none.

use super::*;
use crate::odoo::sizing::Limits;

fn world(millicpus: u64, mib: u64) -> World {
    let limits = Limits { millicpus: Some(millicpus), memory: Some(mib * 1024 * 1024) };
    World { limits, cpus: 8, ..World::default() }
}

#[test]
fn automatic_sizes_follow_the_container_and_leave_what_was_chosen() {
    let auto = &[("ODOO_WORKERS", "auto")];
    let settings = good(&Given { environment: auto, world: world(2_000, 4_096), ..Given::default() });
    let file = rendered(&settings);
    assert_eq!((file["workers"].as_str(), file["max_cron_threads"].as_str()), ("5", "2"));
    assert_eq!(file["db_maxconn"], "10");
    assert_eq!(option(&settings, "workers").1, "the container's limits");
    assert_eq!((settings.odoo.workers, settings.odoo.db_maxconn), (5, 10));
    assert!(settings.notes[0].starts_with("sizes for 2 CPU and 4 GiB: 5 workers"), "{:?}", settings.notes);
    assert_eq!(settings.policy.stop_timeout, Duration::from_secs(125), "the grace of prefork mode");

    let chosen = &[("ODOO_WORKERS", "auto"), ("ODOO_DB_MAXCONN", "32"), ("ODOO_MAX_CRON_THREADS", "0")];
    let file =
        rendered(&good(&Given { environment: chosen, world: world(2_000, 4_096), ..Given::default() }));
    assert_eq!((file["db_maxconn"].as_str(), file["max_cron_threads"].as_str()), ("32", "0"));

    let file = rendered(&good(&Given { environment: auto, world: world(2_000, 1_024), ..Given::default() }));
    assert_eq!(file["workers"], "0");
    assert!(!file.contains_key("db_maxconn"), "all requests share one pool in threaded mode");
}

#[test]
fn auto_may_stand_in_the_file_or_be_a_flag() {
    let base = Some("[options]\nworkers = auto\n");
    let settings = good(&Given { base, world: world(1_000, 2_048), ..Given::default() });
    assert_eq!(rendered(&settings)["workers"], "3");
    let given = Given { arguments: "--workers=auto", world: world(1_000, 2_048), ..Given::default() };
    assert_eq!(rendered(&good(&given))["workers"], "3");
}

#[test]
fn sizes_that_cannot_fit_are_warned_about() {
    let environment = &[("ODOO_WORKERS", "8"), ("ODOO_LIMIT_MEMORY_SOFT", "500000000"), ("PASSWORD", "x")];
    let settings = good(&Given { environment, world: world(2_000, 2_048), ..Given::default() });
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    assert!(settings.warnings[0].starts_with("8 workers want about 3.2 GiB"), "{:?}", settings.warnings);
    assert!(settings.warnings[1].contains("is on virtual memory"), "{:?}", settings.warnings);
    let environment = &[("ODOO_WORKERS", "4"), ("PASSWORD", "x")];
    let settings = good(&Given { environment, world: world(2_000, 2_048), ..Given::default() });
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn numeric_libraries_get_their_share_of_the_container() {
    let threads = |environment, millicpus| {
        good(&Given { environment, world: world(millicpus, 8_192), ..Given::default() }).numeric_threads
    };
    assert_eq!(threads(&[], 4_000), 4, "threaded mode is one process");
    assert_eq!(threads(&[("ODOO_WORKERS", "2")], 4_000), 1);
    assert_eq!(threads(&[("ODOO_WORKERS", "1"), ("ODOO_MAX_CRON_THREADS", "1")], 4_000), 2);
    assert_eq!(threads(&[], 64_000), 8, "no more than the machine has");
    assert_eq!(threads(&[], 500), 1);
}

#[test]
fn folders_of_modules_are_discovered_unless_somebody_has_chosen_them() {
    let world =
        World { addons: vec!["/odoo/addons".to_owned(), "/mnt/extra-addons".to_owned()], ..World::default() };
    let path = |environment, base| {
        let settings = good(&Given { environment, base, world: world.clone(), ..Given::default() });
        option(&settings, "addons_path")
    };
    let found = ("/odoo/addons,/mnt/extra-addons".to_owned(), "discovery".to_owned());
    assert_eq!(path(&[], None), found);
    // The official image's own file says that, and nobody has chosen it.
    assert_eq!(
        path(&[], Some("[options]\naddons_path = /mnt/extra-addons\ndata_dir = /var/lib/odoo\n")),
        found
    );
    assert_eq!(path(&[], Some("[options]\naddons_path = /mnt/mine\n")).0, "/mnt/mine");
    assert_eq!(path(&[("ODOO_ADDONS_PATH", "/a, /b,")], None).0, "/a,/b");
}

#[test]
fn what_kubernetes_injects_for_services_is_no_setting() {
    let environment = &[
        // Services odoo, odoo-db, odoo-http and entrypoint, and one called db, whose address is an alias of HOST.
        ("ODOO_PORT", "tcp://10.0.0.1:8069"),
        ("ODOO_PORT_8069_TCP", "tcp://10.0.0.1:8069"),
        ("ODOO_PORT_8069_TCP_ADDR", "10.0.0.1"),
        ("ODOO_SERVICE_HOST", "10.0.0.1"),
        ("ODOO_SERVICE_PORT", "8069"),
        ("ODOO_SERVICE_PORT_HTTP", "8069"),
        ("ODOO_DB_PORT", "tcp://10.0.0.2:5432"),
        ("ODOO_DB_PORT_5432_TCP", "tcp://10.0.0.2:5432"),
        ("ODOO_DB_SERVICE_HOST", "10.0.0.2"),
        ("ODOO_DB_SERVICE_PORT", "5432"),
        ("ODOO_DB_SERVICE_PORT_POSTGRES", "5432"),
        ("ODOO_HTTP_PORT", "tcp://10.0.0.3:80"),
        ("ENTRYPOINT_PORT", "tcp://10.0.0.4:80"),
        ("PASSWORD", "x"),
    ];
    let settings = good(&Given { environment, ..Given::default() });
    assert_eq!((settings.database.port, settings.odoo.http_port), (5432, 8069));
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    // A number is a wish, and nonsense is told.
    assert_eq!(
        rendered(&good(&Given { environment: &[("ODOO_DB_PORT", "6432")], ..Given::default() }))["db_port"],
        "6432"
    );
    assert_eq!(whats(&Given { environment: &[("ODOO_DB_PORT", "http://x")], ..Given::default() }).len(), 1);
}

#[test]
fn placeholders_and_the_public_master_password_are_refused() {
    for (environment, what) in [
        (&[("PASSWORD", "CHANGE_ME_STRONG_DB_PASSWORD")], "db_password is still a placeholder"),
        (&[("ODOO_SMTP_PASSWORD", "please-changeme")], "smtp_password is still a placeholder"),
        (&[("ODOO_ADMIN_PASSWD", "change-me")], "admin_passwd is still a placeholder"),
        (&[("ODOO_ADMIN_PASSWD", "admin")], "the master password is the public default"),
        (&[("ODOO_ADMIN_PASSWD", "$pbkdf2-sha512$x")], "admin_passwd is not a hash that Odoo can verify"),
    ] {
        assert_eq!(whats(&Given { environment, ..Given::default() }), [what]);
    }
    let base = Some("[options]\nadmin_passwd = True\n");
    assert_eq!(whats(&Given { base, ..Given::default() }), ["admin_passwd is not a password"]);
    // A placeholder that is not used does no harm.
    let base = Some("[options]\ndb_password = CHANGE_ME\n");
    good(&Given { base, environment: &[("PASSWORD", "x")], ..Given::default() });
}

#[test]
fn a_master_password_is_hashed_and_a_hash_is_kept() {
    let settings = good(&Given { environment: &[("ODOO_ADMIN_PASSWD", "geheim")], ..Given::default() });
    assert!(settings.master_password.as_ref().is_some_and(|secret| secret.expose() == "geheim"));
    assert_eq!(rendered(&settings)["admin_passwd"], "False", "until the hash is there none matches");
    let hash = format!("$pbkdf2-sha512$600000$c2FsdA${}", "a".repeat(86));
    let settings = good(&Given { environment: &[("ODOO_ADMIN_PASSWD", &hash)], ..Given::default() });
    assert!(settings.master_password.is_none());
    assert_eq!(rendered(&settings)["admin_passwd"], hash);
    // From the environment even this is a password; in the file it is Odoo's word for none.
    let settings = good(&Given { environment: &[("ODOO_ADMIN_PASSWD", "False")], ..Given::default() });
    assert!(settings.master_password.is_some());
    let settings = good(&Given { base: Some("[options]\nadmin_passwd = False\n"), ..Given::default() });
    assert!(settings.master_password.is_none());
    let settings =
        good(&Given { environment: &[("ODOO_ADMIN_PASSWD", "$2b$12$abc.def")], ..Given::default() });
    assert!(
        settings.warnings.iter().any(|line| line.contains("looks like a hash")),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn strictness_turns_the_public_password_into_a_problem() {
    let strict = &[("ENTRYPOINT_STRICT", "true")];
    assert_eq!(
        whats(&Given { environment: strict, ..Given::default() }),
        ["the database password is the public default"]
    );
    let environment = &[("ENTRYPOINT_STRICT", "true"), ("PASSWORD", "x")];
    assert!(good(&Given { environment, ..Given::default() }).strict);
}

#[test]
fn what_was_shadowed_is_remembered() {
    let settings = good(&Given {
        environment: &[("HOST", "own"), ("PGHOST", "alias"), ("ODOO_WORKERS", "3")],
        base: Some("[options]\ndb_host = file\nworkers = 1\n"),
        arguments: "--workers=2",
        ..Given::default()
    });
    let shadows = |key: &str| {
        let setting = settings.odoo.options.iter().find(|setting| setting.key == key).unwrap();
        setting.shadowed.iter().map(|s| format!("{} {}", s.text, s.origin)).collect::<Vec<_>>()
    };
    assert_eq!(shadows("db_host"), ["alias environment variable PGHOST", "file /etc/odoo/odoo.conf line 2"]);
    assert_eq!(shadows("workers"), ["3 environment variable ODOO_WORKERS", "1 /etc/odoo/odoo.conf line 3"]);
}
