//! The rendered file against what a real Odoo 18 then holds: what was meant is what it reads.

use super::Check;
use super::dialect::text;
use super::options::LOADER;
use super::python;
use super::random::Random;
use crate::harness::Test;
use odoo_entrypoint::odoo::args::{self, Args};
use odoo_entrypoint::odoo::options::{self, Kind, OPTIONS, OptionSpec, Place};
use odoo_entrypoint::odoo::{conf, render};
use odoo_entrypoint::settings::Settings;
use odoo_entrypoint::settings::raw::Environment;
use odoo_entrypoint::settings::resolve::{BaseFile, Inputs, World, resolve};
use serde_json::{Value, json};

pub const REAL: &[Check] = &[("odoo_holds_what_was_meant", odoo_holds_what_was_meant)];

const CASES: usize = 1_500;

fn odoo_holds_what_was_meant(test: &Test) {
    let mut random = Random::new(2_025);
    let mut settings = Vec::new();
    let mut tried = 0;
    while settings.len() < CASES {
        tried += 1;
        assert!(tried < 40 * CASES, "nearly everything is refused");
        settings.extend(generate(&mut random));
    }
    let files: Vec<String> =
        settings.iter().map(|settings| render::render(&settings.odoo).conf.expose().to_owned()).collect();
    let cases: Vec<Value> = files.iter().map(|file| Value::from(file.clone())).collect();
    let answers = python::ask(test, LOADER, &[&python::odoo_source()], &cases);
    let mut compared = 0;
    for ((settings, file), answer) in settings.iter().zip(&files).zip(answers) {
        assert!(answer["error"].is_null(), "{file}\n{answer}");
        for setting in &settings.odoo.options {
            let Some(option) = options::find(&setting.key) else {
                assert_eq!(answer["options"][&setting.key], untyped(&setting.text), "{file}");
                continue;
            };
            // A password that the file cannot hold goes another way (`PGPASSFILE`).
            let rendered = conf::parse(file.as_bytes()).expect("a file of ours");
            let entry = rendered.options().iter().find(|entry| entry.key == setting.key).expect("an entry");
            if let Some(expected) = held(option, &entry.value) {
                assert_eq!(answer["options"][option.key], expected, "{} in\n{file}", option.key);
                compared += 1;
            }
        }
        for (name, entries) in &settings.odoo.sections {
            for entry in entries {
                assert_eq!(answer["misc"][name][&entry.key], untyped(&entry.value), "[{name}] in\n{file}");
            }
        }
    }
    assert!(compared > 8 * CASES, "{compared} values were compared");
}

/// `True` and `False`, and texts.
fn untyped(text: &str) -> Value {
    match text {
        "True" | "true" => json!(true),
        "False" | "false" => json!(false),
        text => json!(text),
    }
}

/// What Odoo has to hold for an option with this text; `None` where its start computes something else from it.
fn held(option: &OptionSpec, text: &str) -> Option<Value> {
    let path = ["data_dir", "addons_path", "upgrade_path", "pre_upgrade_scripts"];
    let files = [
        "logfile",
        "pidfile",
        "test_file",
        "screencasts",
        "screenshots",
        "pg_path",
        "translate_out",
        "translate_in",
    ];
    let geo = ["geoip_city_db", "geoip_country_db", "server_wide_modules", "test_tags"];
    if path.iter().chain(&files).chain(&geo).any(|key| *key == option.key) {
        return None;
    }
    let boolean = untyped(text);
    if boolean.is_boolean() {
        return Some(boolean);
    }
    let as_text = option.key.starts_with("websocket_") || option.key.starts_with("db_replica_s");
    Some(match option.kind {
        _ if as_text => json!(text),
        Kind::Int => json!(options::odoo_integer(text)?),
        Kind::Float => json!(text.trim().parse::<f64>().ok()?),
        Kind::List if option.key == "log_handler" => json!(text.split(',').collect::<Vec<_>>()),
        _ => json!(text),
    })
}

/// Options from the environment, the flags and the file, at random; `None` where they are refused.
fn generate(random: &mut Random) -> Option<Settings> {
    let mut environment = Environment::default();
    let mut flags = Vec::new();
    let mut file = String::from("[options]\n");
    let in_file: Vec<&OptionSpec> = OPTIONS.iter().filter(|option| option.place == Place::File).collect();
    let mut written = Vec::new();
    for _ in 0..random.below(14) {
        let option = *random.of(&in_file);
        let value = value(random, option);
        match random.below(4) {
            0 | 1 => {
                environment.values.insert(format!("ODOO_{}", option.key.to_uppercase()), value);
            }
            2 if option.kind != Kind::Bool => {
                if let Some(flag) = option.flags.iter().find(|flag| flag.starts_with("--")) {
                    flags.push(format!("{flag}={value}"));
                }
            }
            _ if !written.contains(&option.key) => {
                written.push(option.key);
                file.push_str(&conf::render([("x", [(option.key, value.as_str())])])["[x]\n".len()..]);
            }
            _ => {}
        }
    }
    for (name, default) in [("HOST", "db"), ("USER", "odoo"), ("PASSWORD", "s3cret"), ("DB", "odoo")] {
        let text = if random.one_in(3) { text(random) } else { default.to_owned() };
        environment.values.insert(name.to_owned(), text);
    }
    if random.one_in(3) {
        file.push_str("of_a_module = ");
        file.push_str(&text(random));
        file.push_str("\n[queue_job]\nchannels = root:2\n  sub:1\n");
    }
    let document = conf::parse(file.as_bytes()).ok()?;
    let args: Args = args::parse(&flags).ok()?;
    let base = BaseFile { path: "/etc/odoo/odoo.conf".to_owned(), document };
    resolve(&Inputs { environment: &environment, args: &args, base: Some(&base), world: &World::default() })
        .ok()
}

/// Mostly of the option's kind.
fn value(random: &mut Random, option: &OptionSpec) -> String {
    let pick = |random: &mut Random, texts: &[&str]| (*random.of(texts)).to_owned();
    match option.kind {
        Kind::Bool => pick(random, &["true", "True", "False", "0", "yes", "off", "1", "no"]),
        Kind::Int => {
            pick(random, &["1", "0", "12", "8070", "08", "010", "0x10", "1_000", "-1", "False", " 7", "auto"])
        }
        Kind::Float => pick(random, &["1", "0.5", "1e3", "-2.25", "False", "x"]),
        Kind::Choice(words) => (*random.of(words)).to_owned(),
        Kind::List if option.key == "log_handler" => {
            pick(random, &[":INFO", "odoo:DEBUG", "odoo:DEBUG, werkzeug:INFO,"])
        }
        Kind::List => pick(random, &["a", "a,b", " a , b ,", "/x,/y", ""]),
        Kind::Text => text(random),
    }
}
