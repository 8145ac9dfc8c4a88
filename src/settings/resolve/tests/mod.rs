mod container;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::lifecycle::Restart;
use crate::odoo::args;
use crate::odoo::render;
use crate::settings::Limit;

/// What a start is given, in the shape in which a test can say it.
#[derive(Default)]
struct Given<'a> {
    environment: &'a [(&'a str, &'a str)],
    files: &'a [(&'a str, &'a str)],
    arguments: &'a str,
    base: Option<&'a str>,
    world: World,
}

/// The variables that the image declares.
const IMAGE: &[(&str, &str)] =
    &[("HOST", "db"), ("PORT", "5432"), ("USER", "odoo"), ("PASSWORD", "odoo"), ("DB", "odoo")];

fn resolve_given(given: &Given<'_>) -> Result<Settings, Vec<Problem>> {
    let all = IMAGE.iter().chain(given.environment);
    let mut environment = Environment {
        values: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Environment::default()
    };
    for (variable, content) in given.files {
        environment.values.insert((*variable).to_owned(), "/run/secrets/x".to_owned());
        environment.files.insert((*variable).to_owned(), Ok((*content).to_owned()));
    }
    let arguments: Vec<String> = given.arguments.split_whitespace().map(str::to_owned).collect();
    let args = args::parse(&arguments).unwrap_or_else(|error| panic!("{}", error.message));
    let base = given.base.map(|text| BaseFile {
        path: "/etc/odoo/odoo.conf".to_owned(),
        document: conf::parse(text.as_bytes()).unwrap(),
    });
    resolve(&Inputs { environment: &environment, args: &args, base: base.as_ref(), world: &given.world })
}

fn good(given: &Given<'_>) -> Settings {
    resolve_given(given).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn whats(given: &Given<'_>) -> Vec<String> {
    let problems = resolve_given(given).err().expect("taken");
    problems.into_iter().map(|problem| problem.what).collect()
}

/// Text and origin of one option.
fn option(settings: &Settings, key: &str) -> (String, String) {
    let setting = settings.odoo.options.iter().find(|setting| setting.key == key);
    setting.map_or_else(Default::default, |setting| (setting.text.clone(), setting.origin.to_string()))
}

fn rendered(settings: &Settings) -> BTreeMap<String, String> {
    let text = render::render(&settings.odoo).conf;
    let document = conf::parse(text.expose().as_bytes()).unwrap();
    document.options().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
}

#[test]
fn the_images_defaults_alone_make_a_start() {
    let settings = good(&Given::default());
    let text = render::render(&settings.odoo).conf;
    assert_eq!(
        text.expose(),
        "[options]\ndb_host = db\ndb_port = 5432\ndb_user = odoo\ndb_password = odoo\ndb_name = odoo\n\
         data_dir = /var/lib/odoo\nwithout_demo = all\nlist_db = False\nadmin_passwd = False\n"
    );
    assert_eq!(settings.listen.to_string(), "[::]:8080");
    assert_eq!(settings.wait, Limit::For(Duration::from_secs(300)));
    assert_eq!(settings.init, ["base"]);
    assert_eq!(settings.policy.restart, Restart::OnFailure);
    assert!(settings.warnings.iter().any(|line| line.contains("public default")), "{:?}", settings.warnings);
}

#[test]
fn precedence_is_flags_environment_aliases_file_defaults() {
    let base = Some("[options]\ndb_host = file\nworkers = 1\n");
    let host = |environment, arguments| {
        option(&good(&Given { environment, arguments, base, ..Given::default() }), "db_host")
    };
    let pair = |text: &str, origin: &str| (text.to_owned(), origin.to_owned());
    assert_eq!(host(&[], ""), pair("file", "/etc/odoo/odoo.conf line 2"));
    assert_eq!(host(&[("PGHOST", "alias")], ""), pair("alias", "environment variable PGHOST"));
    assert_eq!(host(&[("PGHOST", "alias"), ("HOST", "own")], ""), pair("own", "environment variable HOST"));
    assert_eq!(host(&[("HOST", "own")], "--db_host flag"), pair("flag", "flag --db_host"));
    // The image's own value is a default and not a wish.
    assert_eq!(host(&[("HOST", "db")], ""), pair("file", "/etc/odoo/odoo.conf line 2"));
}

#[test]
fn a_shadowed_connection_value_is_a_warning() {
    let environment = &[("HOST", "own")];
    let settings =
        good(&Given { environment, base: Some("[options]\ndb_host = file\n"), ..Given::default() });
    assert!(settings.warnings.contains(
        &"db_host comes from environment variable HOST; the other value, from /etc/odoo/odoo.conf line 2, is not used"
            .to_owned()
    ));
}

#[test]
fn credentials_from_two_places_are_a_warning() {
    let mixed =
        "db_user comes from /etc/odoo/odoo.conf line 2 and db_password from environment variable PASSWORD";
    let base = Some("[options]\ndb_user = file\n");
    let settings = good(&Given { environment: &[("PASSWORD", "x")], base, ..Given::default() });
    assert!(settings.warnings.iter().any(|line| line.starts_with(mixed)), "{:?}", settings.warnings);
    let settings = good(&Given {
        environment: &[("USER", "a"), ("POSTGRES_PASSWORD", "x")],
        base: Some(""),
        ..Given::default()
    });
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn a_file_beside_the_images_default_is_the_value() {
    let settings = good(&Given { files: &[("PASSWORD_FILE", "s3cret")], ..Given::default() });
    assert_eq!(rendered(&settings)["db_password"], "s3cret");
    assert_eq!(option(&settings, "db_password").1, "file /run/secrets/x named by PASSWORD_FILE");
}

#[test]
fn both_forms_of_a_variable_are_an_error() {
    let given =
        Given { environment: &[("PASSWORD", "one")], files: &[("PASSWORD_FILE", "two")], ..Given::default() };
    assert_eq!(whats(&given), ["both PASSWORD and PASSWORD_FILE are set"]);
}

#[test]
fn empty_means_unset_but_for_database_and_password() {
    let environment =
        &[("HOST", ""), ("DB", ""), ("PASSWORD", ""), ("ODOO_WORKERS", ""), ("ENTRYPOINT_LISTEN", "")];
    let settings = good(&Given { environment, ..Given::default() });
    let file = rendered(&settings);
    assert_eq!((file["db_host"].as_str(), file["db_name"].as_str()), ("db", "False"));
    assert_eq!(file["db_password"], "False");
    assert!(settings.databases.is_empty() && settings.database.password.is_none());
    assert_eq!(file["list_db"], "True", "who chose none has to be able to choose");
}

#[test]
fn passwords_that_the_file_cannot_hold_take_the_pgpass_file() {
    for password in ["True", " blank ", "False", "false"] {
        let settings = good(&Given { environment: &[("PASSWORD", password)], ..Given::default() });
        let texts = render::render(&settings.odoo);
        assert_eq!(rendered(&settings)["db_password"], "False", "{password}");
        assert_eq!(texts.pgpass.unwrap().expose(), format!("*:*:*:*:{password}\n"));
        assert_eq!(settings.database.password.unwrap().expose(), password);
    }
    let settings = good(&Given { environment: &[("PASSWORD", "a#;%=:\\'\" b")], ..Given::default() });
    assert_eq!(rendered(&settings)["db_password"], "a#;%=:\\'\" b");
    assert_eq!(
        whats(&Given { environment: &[("PASSWORD", "a\nb")], ..Given::default() }),
        ["the setting PASSWORD is not valid"]
    );
}

#[test]
fn options_are_typed_and_written_as_odoo_reads_them() {
    let environment = &[
        ("ODOO_PROXY_MODE", "yes"),
        ("ODOO_WORKERS", "04"),
        ("ODOO_ADDONS_PATH", "/a, /b ,"),
        ("ODOO_LIMIT_TIME_REAL", "60"),
    ];
    let settings = good(&Given { environment, ..Given::default() });
    let file = rendered(&settings);
    assert_eq!((&*file["proxy_mode"], &*file["workers"], &*file["addons_path"]), ("True", "4", "/a,/b"));
    assert_eq!(settings.odoo.workers, 4);
    assert_eq!(settings.policy.stop_timeout, Duration::from_secs(65), "limit_time_real and five seconds");
}

#[test]
fn the_base_file_means_what_odoo_takes_it_for() {
    let settings = good(&Given {
        base: Some("[options]\nxmlrpc_port = 0x1F91\nhttp_enable = no\n[queue_job]\nchannels = root:2\n"),
        ..Given::default()
    });
    assert_eq!(settings.odoo.http_port, 8081);
    assert!(settings.odoo.http_enable, "`no` is a text, and true");
    assert_eq!(settings.odoo.sections[0].0, "queue_job");
}

#[test]
fn all_problems_come_at_once_with_their_origin() {
    let environment = &[
        ("ODOO_WORKERS", "two"),
        ("ENTRYPOINT_WAIT_TIMOUT", "5m"),
        ("ENTRYPOINT_DRAIN_DELAY", "5"),
        ("ODOO_STOP_AFTER_INIT", "true"),
        ("USER", "postgres"),
        ("DB", "template1,a,a"),
    ];
    let base = Some("[options]\nhttp_port = 08069\nlimit_request = False\nstop_after_init = True\n");
    let problems = resolve_given(&Given { environment, base, ..Given::default() }).err().unwrap();
    let text: Vec<String> = problems.iter().map(|p| format!("{} | {} | {}", p.what, p.why, p.hint)).collect();
    assert_eq!(
        text,
        [
            "the setting ODOO_WORKERS is not valid | ODOO_WORKERS=\"two\" (environment): not a number of workers | \
             write digits, such as 4, or auto",
            "stop_after_init cannot stand in the base file | /etc/odoo/odoo.conf line 4: Odoo 18 does not read it \
             there | remove the line; --stop-after-init is a flag",
            "ODOO_STOP_AFTER_INIT cannot be set | stop_after_init cannot stand in odoo.conf: Odoo 18 takes it from its \
             flags only | unset ODOO_STOP_AFTER_INIT; as an argument it is --stop-after-init",
            "there is no setting ENTRYPOINT_WAIT_TIMOUT | ENTRYPOINT_WAIT_TIMOUT (environment) is not one of this \
             program's variables | did you mean ENTRYPOINT_WAIT_TIMEOUT?",
            "the setting ENTRYPOINT_DRAIN_DELAY is not valid | ENTRYPOINT_DRAIN_DELAY=\"5\" (environment): not a \
             duration | write 500ms, 30s, 5m or 2h",
            "http_port is not a whole number | /etc/odoo/odoo.conf line 2: http_port = \"08069\", at which Odoo stops \
             with a traceback | write digits without a leading zero, which Odoo reads as octal",
            "the database name cannot be used | environment variable DB: \"template1\" is a name that PostgreSQL or \
             Odoo uses for itself | set DB to another name: letters, digits, `_`, `-` and `.`",
            "the database name cannot be used | environment variable DB: \"a\" stands twice | set DB to another name: \
             letters, digits, `_`, `-` and `.`",
            "the database user cannot be postgres | environment variable USER: Odoo refuses to run with PostgreSQL's \
             superuser and would exit at once | create a role of its own (CREATE ROLE odoo LOGIN PASSWORD '...') and \
             set USER to it",
        ]
    );
}

#[test]
fn values_at_which_odoo_would_stop_are_found_before() {
    let base = Some(
        "[options]\nlog_level = warning\ntransient_age_limit = abc\nhttp_port = 0\ngevent_port = False\n",
    );
    assert_eq!(
        whats(&Given { base, ..Given::default() }),
        [
            "transient_age_limit has a value that Odoo cannot read",
            "log_level has a value that Odoo cannot read",
            "http_port is out of range"
        ]
    );
}

#[test]
fn two_listeners_need_two_ports() {
    let environment = &[("ODOO_HTTP_PORT", "8072"), ("ODOO_WORKERS", "2")];
    let given = Given { environment, ..Given::default() };
    assert_eq!(whats(&given), ["http_port and gevent_port are the same port"]);
    let threaded = &[("ODOO_HTTP_PORT", "8072")];
    good(&Given { environment: threaded, ..Given::default() });
    let probes = &[("ODOO_HTTP_PORT", "8080")];
    assert_eq!(
        whats(&Given { environment: probes, ..Given::default() }),
        ["ENTRYPOINT_LISTEN and http_port are the same port"]
    );
}

#[test]
fn a_base_file_without_options_is_a_warning() {
    let settings = good(&Given { base: Some("[Options]\nworkers = 2\n"), ..Given::default() });
    let expected = "/etc/odoo/odoo.conf has no section [options], the one that Odoo reads; it has [Options]";
    assert!(settings.warnings.contains(&expected.to_owned()), "{:?}", settings.warnings);
}

#[test]
fn a_secrets_value_is_in_no_problem_and_no_warning() {
    let environment = &[("PASSWORD", "hunter2\nx"), ("ODOO_SMTP_PASSWORD", "hunter2\0")];
    let problems = resolve_given(&Given { environment, ..Given::default() }).err().unwrap();
    assert_eq!(problems.len(), 2);
    assert!(!format!("{problems:?}").contains("hunter2"));
    let base = Some("[options]\ndb_password = hunter2\n");
    let settings = good(&Given { environment: &[("PASSWORD", "hunter3")], base, ..Given::default() });
    assert!(!settings.warnings.is_empty());
    assert!(!settings.warnings.join("\n").contains("hunter"));
}

#[test]
fn a_flags_value_cannot_break_out_of_its_line() {
    let args = args::parse(&["--db-filter=^a$\radmin_passwd = admin".to_owned()]).unwrap();
    let environment = Environment::default();
    let problems =
        resolve(&Inputs { environment: &environment, args: &args, base: None, world: &World::default() })
            .err()
            .unwrap();
    assert_eq!(problems[0].what, "the setting --db-filter is not valid");
}

#[test]
fn contradictions_between_two_names_are_an_error() {
    let given = Given { environment: &[("HOST", "a"), ("ODOO_DB_HOST", "b")], ..Given::default() };
    assert_eq!(whats(&given), ["HOST and ODOO_DB_HOST contradict each other"]);
    good(&Given { environment: &[("HOST", "a"), ("ODOO_DB_HOST", "a")], ..Given::default() });
}

#[test]
fn other_softwares_variables_are_left_alone_and_near_misses_are_told() {
    let environment = &[
        ("ODOO_PORT", "tcp://10.0.0.1:8069"),
        ("ODOO_PORT_8069_TCP_ADDR", "10.0.0.1"),
        ("ODOO_SERVICE_HOST", "10.0.0.1"),
        ("ODOO_SERVICE_PORT_HTTP", "80"),
        ("ODOO_VERSION", "18.0"),
        ("ODOO_WROKERS", "4"),
        ("PASSWORD", "x"),
    ];
    let settings = good(&Given { environment, ..Given::default() });
    assert_eq!(
        settings.warnings,
        ["ODOO_WROKERS is no option of Odoo 18 and is ignored; did you mean ODOO_WORKERS?"]
    );
}

#[test]
fn modules_to_install_come_from_variable_and_flag() {
    let init = |environment, arguments| good(&Given { environment, arguments, ..Given::default() }).init;
    assert_eq!(init(&[("ODOO_INIT", "sale, crm")], "-i crm,stock"), ["sale", "crm", "stock"]);
    assert_eq!(init(&[("ODOO_INIT", "")], ""), ["base"]);
    let none = good(&Given { environment: &[("ODOO_INIT", "none")], ..Given::default() });
    assert!(none.init.is_empty() && !none.create_database);
    assert_eq!(
        whats(&Given { environment: &[("ODOO_INIT", "a;b")], ..Given::default() }),
        ["a module's name is not valid"]
    );
}

#[test]
fn log_handlers_of_flags_join_those_of_the_file() {
    let settings = good(&Given {
        arguments: "--log-handler odoo.sql_db:DEBUG",
        base: Some("[options]\nlog_handler = :WARNING\n"),
        ..Given::default()
    });
    assert_eq!(rendered(&settings)["log_handler"], ":WARNING,odoo.sql_db:DEBUG");
}
