//! A Python literal, as `ast.literal_eval` of Python 3.11 takes it: a manifest is one (`odoo/modules/module.py`,
//! `load_manifest`).
//!
//! What Python takes is taken with the same value, and what it refuses is refused, by a differential test against the
//! interpreter. Four things are known to differ, all of them stricter or verbatim:
//!
//! * `\N{EM DASH}` stays as it is written, since the names of Unicode weigh a megabyte; a name is only checked for its form.
//! * A lone surrogate (`\ud800`), which no Rust text can hold, stays written out.
//! * `set` spelt with letters that Unicode folds to it (`ｓｅｔ()`) is refused.
//! * Brackets may nest 200 deep. Python has the same limit, and runs out of its parser's stack at 199 in some shapes.
//!
//! The file is read as `odoo.tools.misc.file_open` reads it: UTF-8 whatever a coding cookie says, a byte order mark
//! being no part of the syntax, with universal newlines.

mod lexer;
mod number;
mod parser;
mod text;

pub use self::number::Int;

/// The largest manifest in characters, unless `ODOO_LIMIT_LITEVAL_BUFFER` says otherwise
/// (`odoo/_monkeypatches/literal_eval.py`).
pub const DEFAULT_LIMIT: usize = 102_400;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// `...`, which is a literal too.
    Ellipsis,
    /// A whole number of any size.
    Int(Int),
    /// A floating point number, infinite where it overflows.
    Float(f64),
    /// `1 + 2j`: real and imaginary part.
    Complex(f64, f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// `()`, `(1,)`, `1, 2`
    Tuple(Vec<Value>),
    /// `[]`
    List(Vec<Value>),
    /// `{1}`, `set()`; of equal members the first is kept.
    Set(Vec<Value>),
    /// `{}`; of equal keys the first key is kept with the last value, in the order of the first.
    Dict(Vec<Entry>),
}

/// An entry of a dict.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
    /// The line of the key that gave the value, counted from 1.
    pub line: usize,
}

impl Value {
    /// Python's `bool(value)`.
    pub fn truthy(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(value) => *value,
            Value::Ellipsis => true,
            Value::Int(value) => !value.is_zero(),
            Value::Float(value) => *value != 0.0,
            Value::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::Tuple(items) | Value::List(items) | Value::Set(items) => !items.is_empty(),
            Value::Dict(entries) => !entries.is_empty(),
        }
    }

    /// What Python calls the type, with its article.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Ellipsis => "an ellipsis",
            Value::Int(_) => "an int",
            Value::Float(_) => "a float",
            Value::Complex(..) => "a complex",
            Value::Str(_) => "a str",
            Value::Bytes(_) => "bytes",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Set(_) => "a set",
            Value::Dict(_) => "a dict",
        }
    }

    /// The text of a `str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A text that two values share if and only if Python finds them equal as keys (`1`, `1.0` and `True` are); `None`
    /// where one cannot be a key.
    fn identity(&self) -> Option<Vec<u8>> {
        let mut identity = Vec::new();
        self.identify(&mut identity).then_some(identity)
    }

    fn identify(&self, into: &mut Vec<u8>) -> bool {
        let sized = |into: &mut Vec<u8>, tag: u8, bytes: &[u8]| {
            into.push(tag);
            into.extend(bytes.len().to_le_bytes());
            into.extend(bytes);
        };
        match self {
            Value::None => into.push(b'n'),
            Value::Ellipsis => into.push(b'e'),
            Value::Bool(value) => sized(into, b'i', &Int::from(*value).identity()),
            Value::Int(value) => sized(into, b'i', &value.identity()),
            Value::Float(value) => identify_float(*value, into),
            Value::Complex(real, 0.0) => identify_float(*real, into),
            Value::Complex(real, imaginary) => {
                into.push(b'c');
                identify_float(*real, into);
                identify_float(*imaginary, into);
            }
            Value::Str(text) => sized(into, b's', text.as_bytes()),
            Value::Bytes(bytes) => sized(into, b'b', bytes),
            Value::Tuple(items) => {
                into.push(b't');
                into.extend(items.len().to_le_bytes());
                return items.iter().all(|item| item.identify(into));
            }
            Value::List(_) | Value::Set(_) | Value::Dict(_) => return false,
        }
        true
    }
}

fn identify_float(value: f64, into: &mut Vec<u8>) {
    if let Some(whole) = Int::from_whole(value) {
        into.push(b'i');
        let identity = whole.identity();
        into.extend(identity.len().to_le_bytes());
        into.extend(identity);
    } else {
        into.push(b'f');
        into.extend(value.to_bits().to_le_bytes());
    }
}

/// Where and why the text is no literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub message: String,
}

/// A refusal at a byte of the text.
struct Refused {
    at: usize,
    message: String,
}

impl Refused {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Refused { at, message: message.into() }
    }
}

/// Reads a whole file of at most `limit` characters. Pure; takes no more stack than 200 nested brackets need.
///
/// # Errors
/// The first thing that Python would refuse.
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, SyntaxError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let good = universal(&String::from_utf8_lossy(good)).into_owned();
        let bad = bad.first().copied().unwrap_or_default();
        place(&good, &Refused::new(good.len(), format!("the byte 0x{bad:02x} is not UTF-8")))
    })?;
    let text = universal(text);
    let checked = || {
        if text.len() > limit && text.chars().count() > limit {
            let message =
                format!("more than {limit} characters (ODOO_LIMIT_LITEVAL_BUFFER raises the limit)");
            return Err(Refused::new(0, message));
        }
        if let Some(at) = text.find('\0') {
            return Err(Refused::new(at, "a NUL byte, which Python source cannot hold"));
        }
        parser::parse(&text)
    };
    checked().map_err(|refused| place(&text, &refused))
}

/// Python's universal newlines.
fn universal(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

fn place(text: &str, refused: &Refused) -> SyntaxError {
    let before = text.get(..refused.at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    SyntaxError {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        message: refused.message.clone(),
    }
}

#[cfg(test)]
mod tests;
