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
fn debug_shapes() {
    let _ = (value("1"), error("x"), text(""), int(1));
}
