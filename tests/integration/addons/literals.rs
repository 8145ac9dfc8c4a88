//! Our parser and Python's `ast.literal_eval` side by side: the same files taken, with the same values.

use super::generator::{Random, file, mutate};
use super::{Check, PYTHON, reference};
use crate::harness::Test;
use odoo_entrypoint::odoo::literal::{self, DEFAULT_LIMIT, Value};
use std::fs;

pub const CHECKS: &[Check] = &[
    ("python_takes_what_we_take", python_takes_what_we_take),
    ("edges_are_where_python_has_them", edges_are_where_python_has_them),
];

/// The same files in every run; a failure names the case.
const SEED: u64 = 0x0d00_0018;
const GENERATED: usize = 4000;
const MUTANTS: usize = 12_000;

/// The form of `reference.py`.
fn dump(value: &Value, into: &mut String) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let float = |value: f64| hex(&value.to_bits().to_be_bytes());
    let all = |items: &[Value]| {
        items
            .iter()
            .map(|item| {
                let mut text = String::new();
                dump(item, &mut text);
                text + ","
            })
            .collect::<Vec<_>>()
    };
    match value {
        Value::None => into.push_str("None"),
        Value::Bool(value) => into.push_str(if *value { "True" } else { "False" }),
        Value::Ellipsis => into.push_str("Ellipsis"),
        Value::Int(value) => *into += &format!("i{}", value.hex()),
        Value::Float(value) => *into += &format!("f{}", float(*value)),
        Value::Complex(real, imaginary) => *into += &format!("c{}{}", float(*real), float(*imaginary)),
        Value::Str(text) => {
            *into += &format!("s{}", hex(text.replace("\\N{EM DASH}", "\u{2014}").as_bytes()))
        }
        Value::Bytes(bytes) => *into += &format!("b{}", hex(bytes)),
        Value::Tuple(items) => *into += &format!("({})", all(items).concat()),
        Value::List(items) => *into += &format!("[{}]", all(items).concat()),
        Value::Set(items) => {
            let mut items = all(items);
            items.sort();
            // Equal for Python, which looks the name of a character up.
            items.dedup();
            *into += &format!("{{{}}}", items.concat());
        }
        Value::Dict(entries) => {
            into.push('{');
            for entry in entries {
                dump(&entry.key, into);
                into.push(':');
                dump(&entry.value, into);
                into.push(',');
            }
            into.push('}');
        }
    }
}

fn ours(case: &[u8]) -> Result<String, String> {
    let value = literal::parse(case, DEFAULT_LIMIT);
    let value = value.map_err(|error| format!("{}:{}: {}", error.line, error.column, error.message))?;
    let mut text = String::new();
    dump(&value, &mut text);
    Ok(text)
}

/// Asks Python about every case.
fn pythons(test: &Test, cases: &[Vec<u8>]) -> Vec<Result<String, String>> {
    let mut input = Vec::new();
    for case in cases {
        input.extend(format!("{}\n", case.len()).bytes());
        input.extend(case);
    }
    let (input, answers) = (test.write("cases", input), test.write("answers", ""));
    let launch = test.launch(PYTHON).arg(reference(test)).arg("literals").arg(input).arg(&answers);
    launch.run().expect_code(0);
    let text = fs::read_to_string(answers).unwrap();
    let answers: Vec<_> = text
        .lines()
        .map(|line| match line.split_at(2) {
            ("= ", dump) => Ok(dump.to_owned()),
            (_, error) => Err(error.to_owned()),
        })
        .collect();
    assert_eq!(answers.len(), cases.len(), "an answer for each case");
    answers
}

/// The differences that `odoo::literal` documents.
fn is_documented(case: &[u8], ours: &Result<String, String>, python: &Result<String, String>) -> bool {
    let text = String::from_utf8_lossy(case);
    match (ours, python) {
        // The name of a character is not looked up.
        (Ok(_), Err(error)) => text.contains("\\N{") && error.contains("unknown Unicode character name"),
        _ => false,
    }
}

fn compare(test: &Test, cases: &[Vec<u8>]) -> (usize, usize) {
    let (mut taken, mut refused) = (0, 0);
    let mut different = Vec::new();
    for (case, python) in cases.iter().zip(pythons(test, cases)) {
        let ours = ours(case);
        match &python {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
        let same = match (&ours, &python) {
            (Ok(ours), Ok(python)) => ours == python,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !same && !is_documented(case, &ours, &python) {
            different
                .push(format!("{:?}\n   ours: {ours:?}\n python: {python:?}", String::from_utf8_lossy(case)));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {} differ:\n{}",
        different.len(),
        cases.len(),
        different[..different.len().min(12)].join("\n")
    );
    (taken, refused)
}

fn python_takes_what_we_take(test: &Test) {
    let mut random = Random(SEED);
    let mut cases: Vec<Vec<u8>> = (0..GENERATED).map(|_| file(&mut random)).collect();
    for index in 0..MUTANTS {
        let mutant = mutate(&mut random, cases[index % GENERATED].clone());
        cases.push(mutant);
    }
    let (taken, refused) = compare(test, &cases);
    // The generator would prove nothing if it only made one kind.
    assert!(taken > GENERATED * 9 / 10 && refused > MUTANTS / 4, "{taken} taken, {refused} refused");
}

fn edges_are_where_python_has_them(test: &Test) {
    let nested = |open: &str, close: &str, count: usize| open.repeat(count) + &close.repeat(count);
    let mut cases: Vec<String> = [
        "",
        "\n",
        "#",
        "1\n  ",
        "1\n #",
        "1\n\\\n",
        "1\n\\\n\n",
        "\\\n  1",
        " \\\n1",
        "\n \\\n1",
        "\x0c 1",
        "\t \x0c1",
        "{'a': 1}\n    ",
        "{'a': 1}\n    \n",
        "1,\n2",
        "1;",
        "1\n2",
        "'a'\n'b'",
        "('a'\n'b')",
        "{1: 2, 3}",
        "{1, 2: 3}",
        "{**{}}",
        "[*[]]",
        "{[]: 1}",
        "{(1, []): 1}",
        "{{}}",
        "{set()}",
        "{1: 'a', True: 'b', 1.0: 'c', 1+0j: 'd'}",
        "{'a': 1, 'b': 2, 'a': 3}",
        "{1, True, 1.0}",
        "{True, 1}",
        "{0, -0.0, 0j}",
        "{2**3}",
        "set([])",
        "set",
        "(set)",
        "((set))()",
        "[set, 1]",
        "set()()",
        "set().x",
        "frozenset()",
        "{}()",
        "[1][0]",
        "'a'.b",
        "1 .real",
        "1.real",
        "1if 1 else 2",
        "--1",
        "-True",
        "-'a'",
        "+(-1)",
        "-(1+2j)",
        "1+2",
        "1j+2j",
        "1+2j+3j",
        "(1+2j)",
        "-(-1)",
        "1e400+1e400j",
        "0x_f",
        "0x",
        "0xg",
        "1__0",
        "1_",
        "_1",
        "01",
        "0_7",
        "00.5",
        "09",
        "09e1",
        "1_e5",
        "1e_5",
        "1._5",
        "0b12",
        "0o8",
        "1L",
        "'\\",
        "'\\'",
        "'a\nb'",
        "'a\\\nb'",
        "'''a\r\nb'''",
        "'''a''''",
        "''''",
        "'''''''",
        "b'é'",
        "'a' b'b'",
        "f''",
        "'a' f''",
        "u''",
        "ur''",
        "rb''",
        "br''",
        "bu''",
        "'\\x4'",
        "'\\u123'",
        "'\\U00110000'",
        "'\\N{}'",
        "'\\N{x'",
        "'\\N{é}'",
        "b'\\x4'",
        "'\\+1'",
        "'\\x+1'",
        "'\\8\\18\\777\\7777'",
        "b'\\777'",
        "é",
        "１",
        "\u{feff}{}",
        "\u{a0}1",
        "\u{3000}1",
        "[1\u{2028}]",
        "'\u{2028}'",
        "1\0",
        "'\0'",
        "#\0",
        "true",
        "null",
        "{'a': 1",
        "{'a': 1]",
        "(1",
        "1)",
        "[1 2]",
        "['a' 'b' 1]",
        "[,]",
        "(,)",
        "{,}",
        "{:}",
        "{1:}",
        "[1,,2]",
        ",",
        "1,",
        "lambda: 0",
        "x := 1",
        "yield",
        "await x",
        "not 1",
        "~1",
        "1 < 2",
        "*a",
        "...",
        "....",
        ". . .",
        "1 \\ \n",
    ]
    .map(str::to_owned)
    .to_vec();
    for count in [100, 198, 201, 1000, 30_000] {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("[[],", "]"), ("{1:[", "]}"), ("-", ""), ("(", ""), ("set(", ")")]
        {
            cases.push(
                nested(open, close, if open.len() > 2 { count / 2 } else { count })
                    + if open == "-" { "1" } else { "" },
            );
        }
    }
    for digits in [4300, 4301] {
        cases.extend(["", "-", "0x", "0.", "1j+"].map(|prefix| format!("{prefix}{}", "9".repeat(digits))));
        cases.push(format!("{}.0", "9".repeat(digits)));
        cases.push(format!("{}j", "9_".repeat(digits - 1) + "9"));
        cases.push("0".repeat(digits));
    }
    // The limit counts characters behind the newlines' translation.
    for size in [DEFAULT_LIMIT, DEFAULT_LIMIT + 1] {
        cases.push(format!("'{}'", "é".repeat(size - 2)));
        cases.push(format!("1{}", "\r\n".repeat(size - 1)));
    }
    for bits in [53, 54, 64, 96, 128, 160, 1023, 1024] {
        for low in ["0", "1", "8", "fff"] {
            // Rounding to even, and the largest of floating point numbers.
            let middle = "0".repeat(bits / 4);
            cases.extend(
                ["1", "18", "1ffffffffffff8", "fffffffffffffbff"]
                    .map(|high| format!("0x{high}{middle}{low}+1j")),
            );
        }
    }
    let mut cases: Vec<Vec<u8>> = cases.into_iter().map(String::into_bytes).collect();
    cases.push(b"{'a': '\xff'}".to_vec());
    cases.push(b"# coding: latin-1\n'\xe9'".to_vec());
    compare(test, &cases);
}
