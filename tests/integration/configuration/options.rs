//! The table of options, held against the parser of a real Odoo 18.

use super::Check;
use super::python;
use crate::harness::Test;
use odoo_entrypoint::odoo::options::{Kind, OPTIONS, OptionSpec, Place, odoo_integer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub const REAL: &[Check] = &[
    ("the_table_has_every_option_of_odoo", the_table_has_every_option_of_odoo),
    ("every_option_works_where_the_table_says", every_option_works_where_the_table_says),
];

/// Odoo's parser, told as data: what it knows, and what it holds after it has read a file.
pub const LOADER: &str = r#"
import json, os, sys
sys.path.insert(0, sys.argv[1])
os.environ.pop("ODOO_RC", None)
from odoo.tools import config as module
from odoo.tools.config import configmanager

def options():
    manager = configmanager(fname="/nonexistent")
    known = {}
    for group in [manager.parser] + manager.parser.option_groups:
        for option in group.option_list:
            if option.dest is None:
                known.setdefault("", []).append({"flags": option._short_opts + option._long_opts})
                continue
            default = getattr(option, "my_default", None)
            known.setdefault(option.dest, []).append({
                "flags": option._short_opts + option._long_opts, "type": option.type, "action": option.action,
                "default": default, "choices": option.choices and list(option.choices)})
    outside = {key: manager.options[key] for key in manager.options if key not in known}
    return {"known": known, "outside": outside}

def load(text):
    path = os.path.join(os.environ["TMPDIR"], "odoo.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        manager = configmanager(fname=path)
    except Exception as error:
        return {"error": repr(error)}
    return {"options": manager.options, "misc": manager.misc}

for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(options() if case is None else load(case), default=str))
"#;

/// Options that `config.get()` reads and the parser does not declare, with the file of Odoo that does.
const UNDECLARED: &[&str] = &[
    // odoo/sql_db.py, `connection_info_for`
    "db_replica_user",
    "db_replica_password",
    "db_replica_sslmode",
    // odoo/tools/misc.py, `find_in_path`
    "bin_path",
    // odoo/modules/registry.py, `Registry.registries`
    "registry_lru_size",
];

fn loader(test: &Test, cases: &[Value]) -> Vec<Value> {
    python::ask(test, LOADER, &[&python::odoo_source()], cases)
}

fn table() -> BTreeMap<&'static str, &'static OptionSpec> {
    OPTIONS.iter().map(|option| (option.key, option)).collect()
}

fn the_table_has_every_option_of_odoo(test: &Test) {
    let answer = loader(test, &[Value::Null]).remove(0);
    let table = table();
    let mut seen: BTreeSet<&str> = UNDECLARED.iter().copied().collect();
    for (key, uses) in answer["known"].as_object().expect("options") {
        // The parser's own: --help and --version, and the shorthands for log handlers, which have a list of their own.
        if key.is_empty() {
            continue;
        }
        let option = table.get(key.as_str()).unwrap_or_else(|| panic!("{key} is missing"));
        seen.insert(option.key);
        let uses = uses.as_array().expect("uses");
        let flags: BTreeSet<&str> = uses
            .iter()
            .filter(|usage| usage["action"] != "append_const")
            .flat_map(|usage| usage["flags"].as_array().expect("flags"))
            .filter_map(Value::as_str)
            .collect();
        let ours: BTreeSet<&str> = option.flags.iter().chain(option.off).copied().collect();
        assert_eq!(ours, flags, "flags of {key}");
        let usage = &uses[0];
        let kind = match (usage["action"].as_str(), usage["type"].as_str()) {
            (Some("store_true" | "store_false"), _) => "switch",
            (_, Some(name)) => name,
            (action, None) => action.unwrap_or_default(),
        };
        match option.kind {
            Kind::Bool => assert!(matches!(kind, "switch" | "callback"), "{key}: {kind}"),
            Kind::Int => assert_eq!(kind, "int", "{key}"),
            Kind::Float => assert_eq!(kind, "float", "{key}"),
            Kind::Choice(words) => {
                let choices: BTreeSet<&str> =
                    usage["choices"].as_array().expect("choices").iter().filter_map(Value::as_str).collect();
                assert_eq!(words.iter().copied().collect::<BTreeSet<_>>(), choices, "{key}");
            }
            Kind::Text | Kind::List => assert_eq!(kind, "string", "{key}"),
        }
        // What Odoo computes at its start is not the table's matter.
        let computed = ["data_dir", "screenshots", "addons_path", "upgrade_path", "pre_upgrade_scripts"];
        if option.place == Place::File && !computed.contains(&option.key) {
            assert_eq!(python_text(&usage["default"]), unset(option.default), "default of {key}");
        }
    }
    for (key, default) in answer["outside"].as_object().expect("options") {
        // Computed from others (`_parse_config`).
        if ["demo", "root_path"].contains(&key.as_str()) {
            continue;
        }
        let option = table.get(key.as_str()).unwrap_or_else(|| panic!("{key} is missing"));
        seen.insert(option.key);
        assert!(option.flags.is_empty() && option.off.is_empty(), "{key} has no flag");
        assert_eq!(python_text(default), unset(option.default), "default of {key}");
    }
    seen.insert("root_path");
    let ours: BTreeSet<&str> = table.keys().copied().collect();
    assert_eq!(ours, seen, "the table has nothing else");
}

/// A default as it would stand in a file; Python's three ways to say "nothing" are one.
fn python_text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) | Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn unset(text: &str) -> String {
    if matches!(text, "False" | "None") { String::new() } else { text.to_owned() }
}

/// A text for the file that is not the default, and what Odoo has to hold afterwards.
fn sample(option: &OptionSpec) -> (String, Value) {
    match option.kind {
        Kind::Bool => {
            let other = option.default != "True";
            (if other { "True" } else { "False" }.to_owned(), json!(other))
        }
        Kind::Int => ("4711".to_owned(), number("4711")),
        Kind::Float => ("2.5".to_owned(), json!(2.5)),
        Kind::Choice(words) => {
            let other = words.iter().find(|word| **word != option.default).expect("another word");
            ((*other).to_owned(), json!(other))
        }
        Kind::List if option.key == "log_handler" => {
            ("odoo:DEBUG,werkzeug:INFO".to_owned(), json!(["odoo:DEBUG", "werkzeug:INFO"]))
        }
        // Absolute, so that options which Odoo normalises as paths stay as they are.
        Kind::Text | Kind::List => ("/nonexistent/sample".to_owned(), json!("/nonexistent/sample")),
    }
}

fn number(text: &str) -> Value {
    json!(odoo_integer(text).expect("an integer"))
}

fn every_option_works_where_the_table_says(test: &Test) {
    // A switch that a file could set, and that has no place in one: the run would end as soon as it is up.
    let refused_by_policy = ["stop_after_init"];
    let options: Vec<_> = OPTIONS.iter().filter(|option| !refused_by_policy.contains(&option.key)).collect();
    let cases: Vec<Value> = options
        .iter()
        .map(|option| Value::from(format!("[options]\n{} = {}\n", option.key, sample(option).0)))
        .collect();
    // websocket_* are kept as texts and converted where they are used; so is what the parser does not declare.
    let texts: Vec<&str> = UNDECLARED
        .iter()
        .copied()
        .chain(["websocket_keep_alive_timeout", "websocket_rate_limit_burst", "websocket_rate_limit_delay"])
        .collect();
    for (option, answer) in options.iter().zip(loader(test, &cases)) {
        let (text, typed) = sample(option);
        let expected = if texts.contains(&option.key) { Value::from(text) } else { typed };
        let held = &answer["options"][option.key];
        match option.place {
            Place::File => assert_eq!(*held, expected, "{} in a file: {answer}", option.key),
            // `config` and `save` are held as any unknown key is, and nobody asks for them; `registry_lru_size` is
            // held as a text, which is what breaks it.
            Place::Flag | Place::Computed
                if ["config", "save", "registry_lru_size"].contains(&option.key) => {}
            Place::Flag | Place::Computed => assert_ne!(*held, expected, "{} in a file", option.key),
        }
    }
}
