//! `odoo.conf` as Python's own parser reads it: thousands of generated files, ours against `RawConfigParser`.

use super::Check;
use super::python;
use super::random::Random;
use crate::harness::Test;
use odoo_entrypoint::odoo::conf;
use serde_json::{Map, Value, json};

pub const CHECKS: &[Check] = &[
    ("files_are_read_as_python_reads_them", files_are_read_as_python_reads_them),
    ("rendered_files_are_read_back_by_python", rendered_files_are_read_back_by_python),
];

/// What Odoo does with a file (`config.py`, `load`), up to its meaning: text mode with universal newlines, UTF-8 as the
/// locale of every image has it, and every section with what it inherits.
const READ: &str = r#"
import configparser, io, json, sys
for line in sys.stdin:
    parser = configparser.RawConfigParser()
    try:
        parser.read_file(io.TextIOWrapper(io.BytesIO(bytes.fromhex(json.loads(line))), encoding="utf-8"))
        answer = {name: dict(parser.items(name)) for name in parser.sections()}
    except (configparser.Error, UnicodeDecodeError) as error:
        answer = type(error).__name__
    print(json.dumps(answer))
"#;

const FILES: usize = 6_000;

fn files_are_read_as_python_reads_them(test: &Test) {
    let mut random = Random::new(18);
    let files: Vec<Vec<u8>> = (0..FILES).map(|_| file(&mut random)).collect();
    let cases: Vec<Value> = files.iter().map(|bytes| Value::from(hex(bytes))).collect();
    let answers = python::ask(test, READ, &[], &cases);
    let (mut taken, mut refused) = (0, 0);
    for (bytes, python) in files.iter().zip(answers) {
        let ours = conf::parse(bytes);
        let shown = String::from_utf8_lossy(bytes);
        match (&ours, &python) {
            (Ok(document), Value::Object(_)) => {
                taken += 1;
                assert_eq!(meaning(document), python, "{shown:?}");
            }
            (Err(_), Value::String(_)) => refused += 1,
            _ => panic!("{shown:?}: ours {ours:?}, Python's {python}"),
        }
    }
    // Files that are all refused, or all taken, would prove little.
    assert!(taken > FILES / 4 && refused > FILES / 10, "{taken} taken, {refused} refused");
}

/// Every section and its entries, in no order.
fn meaning(document: &conf::Document) -> Value {
    let sections = document.sections.iter().map(|section| {
        let entries =
            section.entries.iter().map(|entry| (entry.key.clone(), Value::from(entry.value.clone())));
        (section.name.clone(), Value::Object(entries.collect()))
    });
    Value::Object(sections.collect::<Map<_, _>>())
}

fn rendered_files_are_read_back_by_python(test: &Test) {
    let mut random = Random::new(4);
    let mut cases = Vec::new();
    let mut meant = Vec::new();
    while cases.len() < 2_000 {
        let values: Vec<String> = (0..1 + random.below(5))
            .map(|_| text(&mut random))
            .filter(|value| conf::unrepresentable(value).is_none())
            .collect();
        let keys: Vec<String> = (0..values.len()).map(|number| format!("key_{number}")).collect();
        let entries = || keys.iter().zip(&values).map(|(key, value)| (key.as_str(), value.as_str()));
        let text = conf::render([("options", entries().collect::<Vec<_>>()), ("other", entries().collect())]);
        let section: Map<String, Value> =
            entries().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        cases.push(Value::from(hex(text.as_bytes())));
        meant.push(json!({"options": section.clone(), "other": section}));
    }
    for (meant, read) in meant.iter().zip(python::ask(test, READ, &[], &cases)) {
        assert_eq!(*meant, read);
    }
}

/// Characters with a meaning to the parser or to Unicode, and texts of them.
pub fn text(random: &mut Random) -> String {
    const PARTS: &[&str] = &[
        "a",
        "b",
        "1",
        "0",
        " ",
        "  ",
        "=",
        ":",
        "#",
        ";",
        "%",
        "%(a)s",
        "\"",
        "'",
        "[",
        "]",
        "$",
        "\\",
        "True",
        "None",
        ",",
        "\u{e9}",
        "\u{4e2d}",
        "\u{130}",
        "\u{3a3}",
        "\u{df}",
        "\u{2028}",
        "\u{85}",
        "\u{a0}",
        "\u{feff}",
        "\u{b}",
        "\u{c}",
        "\u{1c}",
        "\u{1f}",
        "\u{1f600}",
        "\t",
        "/",
        "~",
        "-",
    ];
    (0..random.below(8)).map(|_| *random.of(PARTS)).collect()
}

fn file(random: &mut Random) -> Vec<u8> {
    const HEADERS: &[&str] = &[
        "[options]",
        "[options]",
        "[options]",
        "[DEFAULT]",
        "[DEFAULT]",
        "[other]",
        "[ options ]",
        "[Options]",
        "[a]b]",
        "[a] b = c",
        "[]",
        "[",
        "]",
        "[x",
        "x]",
        "[\u{e9}]",
        "  [options]",
        "[default]",
    ];
    const KEYS: &[&str] = &[
        "workers",
        "db_host",
        "DB_Host",
        "db host",
        "a",
        "A",
        "\u{130}",
        "\u{3a3}A\u{3a3}",
        "[k",
        "k]",
        "a#b",
        "",
        "\u{a0}k",
        "k\u{85}",
        "%",
        "1",
        "x\ty",
    ];
    const SEPARATORS: &[&str] = &["=", ":", " = ", " : ", "=\t", " =", "==", ":=", "", "", " "];
    const INDENTS: &[&str] = &["", "", "", " ", "  ", "    ", "\t", "\u{a0}", "\u{b}", "\u{1c}"];
    const ENDS: &[&str] =
        &["\n", "\n", "\n", "\n", "\n", "\r\n", "\r", "\n\n", " \n", "\u{2028}", "\u{85}\n"];
    let mut all = String::new();
    if random.one_in(60) {
        all.push('\u{feff}');
    }
    if !random.one_in(10) {
        all.push_str("[options]\n");
    }
    for _ in 0..random.below(9) {
        let line = match random.below(10) {
            0 => (*random.of(HEADERS)).to_owned(),
            1 => format!("{}{}", random.of(&["#", ";", "# ", "; x ", "#="]), text(random)),
            2 => String::new(),
            3 | 4 => text(random),
            _ => format!("{}{}{}", random.of(KEYS), random.of(SEPARATORS), text(random)),
        };
        all += random.of::<&str>(INDENTS);
        all.push_str(&line);
        all += random.of::<&str>(ENDS);
    }
    let mut bytes = all.into_bytes();
    // Now and then what no template would hold.
    if random.one_in(5) && !bytes.is_empty() {
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = *random.of(b"\n\r =:#;[]\0\xff\x80a"),
                1 => bytes.insert(at, *random.of(b"\n\r =:#;[]\0\xc3\xa0a")),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                break;
            }
        }
    }
    bytes
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
