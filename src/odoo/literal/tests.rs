use super::*;

fn value(text: &str) -> Value {
    parse(text.as_bytes(), DEFAULT_LIMIT).unwrap()
}

fn error(text: &str) -> (usize, usize, String) {
    let error = parse(text.as_bytes(), DEFAULT_LIMIT).unwrap_err();
    (error.line, error.column, error.message)
}

fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

fn int(value: u32) -> Value {
    Value::Int(Int::binary(format!("{value:x}").as_bytes(), 4))
}

#[test]
fn strings_are_what_python_makes_of_them() {
    for (written, meant) in [
        (r#"'a' "b" '''c''' """d""""#, "abcd"),
        (r"'\n\t\\\'\x41\u00e9\U0001f600\101\0'", "\n\t\\'Aé😀A\0"),
        (r"'\q\8'", r"\q\8"),
        (r"r'\n'", r"\n"),
        (r"u'é'", "é"),
        ("'a\\\nb'", "ab"),
        ("'''a\r\nb\rc'''", "a\nb\nc"),
        ("'''it's'''", "it's"),
        // These two stay as they are written: see the module's documentation.
        (r"'\N{EM DASH}'", r"\N{EM DASH}"),
        (r"'\uD800'", r"\ud800"),
    ] {
        assert_eq!(value(written), text(meant), "{written}");
    }
    assert_eq!(value(r"b'\xff\u00e9\401' rb'\x'"), Value::Bytes(b"\xff\\u00e9\x01\\x".to_vec()));
}

#[test]
fn numbers_have_every_form() {
    for (written, meant) in [
        ("0x_fF", int(255)),
        ("0b1_0", int(2)),
        ("0O17", int(15)),
        ("1_000", int(1000)),
        ("00", int(0)),
        ("-0", int(0)),
        ("1.", Value::Float(1.0)),
        ("-.5e-1_0", Value::Float(-5e-11)),
        ("09.5", Value::Float(9.5)),
        ("1e400", Value::Float(f64::INFINITY)),
        ("2j", Value::Complex(0.0, 2.0)),
        ("-1 - 2J", Value::Complex(-1.0, -2.0)),
    ] {
        assert_eq!(value(written), meant, "{written}");
    }
    assert_eq!(value("-123456789012345678901234567890"), {
        let Value::Int(number) = value("0x18ee90ff6c373e0ee4e3f0ad2") else { panic!("an int") };
        Value::Int(number.negated())
    });
}

#[test]
fn containers_nest_and_keys_are_equal_as_python_finds_them() {
    assert_eq!(value("1,"), Value::Tuple(vec![int(1)]));
    assert_eq!(value("((1))"), int(1));
    assert_eq!(value("(set)()"), Value::Set(vec![]));
    assert_eq!(value("{1, 1.0, True, 1+0j}"), Value::Set(vec![int(1)]));
    let Value::Dict(entries) = value("{\n'a': 1,\n(1, 'b'): [],\n'a': {},\n}") else { panic!("a dict") };
    let entries: Vec<_> = entries.into_iter().map(|entry| (entry.key, entry.value, entry.line)).collect();
    let pair = Value::Tuple(vec![int(1), text("b")]);
    assert_eq!(entries, [(text("a"), Value::Dict(vec![]), 4), (pair, Value::List(vec![]), 3)]);
}

#[test]
fn errors_have_a_place() {
    for (written, line, column) in [
        ("", 1, 1),
        ("{'é': x}", 1, 7),
        ("{\n  'a': 1\n  'b': 2}", 3, 3),
        ("[1,\r\n 2", 1, 1),
        ("{'a': 1}\n  b", 2, 1),
        ("'a\\\n\\x1'", 2, 1),
        ("{[]: 1}", 1, 2),
        ("1\\ ", 1, 2),
        ("{'a':\u{a0}1}", 1, 6),
    ] {
        let error = error(written);
        assert_eq!((error.0, error.1), (line, column), "{written:?}: {}", error.2);
    }
}

#[test]
fn nesting_ends_where_python_ends_it() {
    let nested = |count: usize| "[".repeat(count) + &"]".repeat(count);
    assert!(parse(nested(200).as_bytes(), DEFAULT_LIMIT).is_ok());
    assert_eq!(error(&nested(201)).1, 201);
    assert_eq!(error(&"-".repeat(100_000)).1, 2, "no recursion by signs");
}

#[test]
fn the_limit_counts_characters() {
    assert!(parse("'éé'".as_bytes(), 4).is_ok());
    assert!(parse("'ééé'".as_bytes(), 4).is_err());
}

#[test]
fn truth_is_pythons() {
    for written in ["None", "False", "0", "0.0", "0j", "''", "b''", "()", "[]", "{}", "set()"] {
        assert!(!value(written).truthy(), "{written}");
    }
    for written in ["True", "...", "-1", "0.1", "1j", "'False'", "b'0'", "(0,)", "[0]", "{0: 0}", "{0}"] {
        assert!(value(written).truthy(), "{written}");
    }
}
