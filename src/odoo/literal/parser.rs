//! The grammar of a literal, and what `ast.literal_eval` makes of it (`CPython`, `Lib/ast.py`).

use std::collections::HashMap;

use super::lexer::{Kind, Lexer, Quoted, Token, number};
use super::{Entry, Refused, Value, text};

/// Why a name, an operator or a call cannot stand in a manifest.
const NO_EXPRESSIONS: &str = "a manifest is a literal: no names, calls or operators";

/// A part of the tree, as far as `literal_eval` tells apart what may follow.
enum Node {
    /// A constant, which may have a sign.
    Constant(Value),
    /// A number with a sign, or anything else that is finished.
    Value(Value),
    /// The name `set`, which may only be called.
    Set(Token),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token,
}

/// The value of the whole text.
pub fn parse(text: &str) -> Result<Value, Refused> {
    let mut lexer = Lexer::new(text);
    let next = lexer.next()?;
    let mut parser = Parser { lexer, next };
    if parser.next.kind == Kind::End {
        return Err(Refused::new(parser.next.start, "there is nothing, where a dict is expected"));
    }
    let first = parser.element()?;
    let value = if parser.next.kind == Kind::Comma {
        // A tuple needs no brackets.
        let mut items = vec![first];
        while parser.next.kind == Kind::Comma {
            parser.advance()?;
            if matches!(parser.next.kind, Kind::Newline | Kind::End) {
                break;
            }
            items.push(parser.element()?);
        }
        Value::Tuple(items)
    } else {
        first
    };
    while parser.next.kind == Kind::Newline {
        parser.advance()?;
    }
    if parser.next.kind == Kind::End {
        return Ok(value);
    }
    let found = parser.found();
    Err(Refused::new(parser.next.start, format!("{found}, where the file should end after its one literal")))
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Refused> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn text(&self, token: &Token) -> &str {
        self.lexer.text.get(token.start..token.end).unwrap_or_default()
    }

    /// What the next token is, for a message.
    fn found(&self) -> String {
        match self.next.kind {
            Kind::Number => "a number".to_owned(),
            Kind::Text(_) => "a string".to_owned(),
            Kind::Newline => "the end of the line".to_owned(),
            Kind::End => "the end of the file".to_owned(),
            Kind::Name => format!("the name {}", self.text(&self.next)),
            // A token of one byte may be the first of a character that has more.
            Kind::Other => {
                match self.lexer.text.get(self.next.start..).and_then(|rest| rest.chars().next()) {
                    Some(character) if !character.is_control() => format!("`{character}`"),
                    Some(character) => format!("the character U+{:04X}", u32::from(character)),
                    None => "something".to_owned(),
                }
            }
            _ => format!("`{}`", self.text(&self.next)),
        }
    }

    /// One whole value: a constant or a container, or a sum of a real and an imaginary number.
    fn element(&mut self) -> Result<Value, Refused> {
        let start = self.next.start;
        match self.expression()? {
            Node::Constant(value) | Node::Value(value) => Ok(value),
            Node::Set(token) => Err(not_called(&token, start)),
        }
    }

    fn expression(&mut self) -> Result<Node, Refused> {
        let left = self.signed()?;
        let Kind::Sign(sign) = self.next.kind else { return Ok(left) };
        let operator = self.advance()?;
        let right = self.primary()?;
        let refuse = |message: &str| Err(Refused::new(operator.start, message));
        let (Node::Constant(left) | Node::Value(left), Node::Constant(Value::Complex(_, imaginary))) =
            (left, right)
        else {
            return refuse(&format!("only a complex number may be written as a sum; {NO_EXPRESSIONS}"));
        };
        let real = match left {
            Value::Int(value) => value.to_float(),
            Value::Float(value) => Some(value),
            _ => return refuse("only a number may stand before an imaginary part"),
        };
        let Some(real) = real else { return refuse("the number is too large for a complex one") };
        // Python computes `complex(real, 0) ± complex(0, imaginary)` part by part, down to the signs of zeros.
        let (real, imaginary) =
            if sign == b'+' { (real + 0.0, 0.0 + imaginary) } else { (real - 0.0, 0.0 - imaginary) };
        Ok(Node::Value(Value::Complex(real, imaginary)))
    }

    fn signed(&mut self) -> Result<Node, Refused> {
        let Kind::Sign(sign) = self.next.kind else { return self.primary() };
        let operator = self.advance()?;
        let Node::Constant(operand) = self.primary()? else {
            return Err(Refused::new(operator.start, "a sign may only stand before a number"));
        };
        let value = match (sign, operand) {
            (b'-', Value::Int(value)) => Value::Int(value.negated()),
            (b'-', Value::Float(value)) => Value::Float(-value),
            (b'-', Value::Complex(real, imaginary)) => Value::Complex(-real, -imaginary),
            (_, value @ (Value::Int(_) | Value::Float(_) | Value::Complex(..))) => value,
            _ => return Err(Refused::new(operator.start, "a sign may only stand before a number")),
        };
        Ok(Node::Value(value))
    }

    /// An atom, and `set()`.
    fn primary(&mut self) -> Result<Node, Refused> {
        let start = self.next.start;
        let atom = self.atom()?;
        let Kind::Open(bracket @ (b'(' | b'[')) = self.next.kind else { return Ok(atom) };
        let place = self.next.start;
        let Node::Set(name) = atom else {
            return Err(Refused::new(
                place,
                match bracket {
                    b'(' => format!("a call, or a comma is missing before it; {NO_EXPRESSIONS}"),
                    _ => format!("an index, or a comma is missing before it; {NO_EXPRESSIONS}"),
                },
            ));
        };
        self.advance()?;
        if bracket != b'(' || self.next.kind != Kind::Close(b')') {
            return Err(not_called(&name, start));
        }
        self.advance()?;
        match self.next.kind {
            Kind::Open(b'(' | b'[') => Err(Refused::new(self.next.start, NO_EXPRESSIONS)),
            _ => Ok(Node::Value(Value::Set(Vec::new()))),
        }
    }

    fn atom(&mut self) -> Result<Node, Refused> {
        let constant = match self.next.kind {
            Kind::Open(b'(') => return self.group(),
            Kind::Open(b'[') => return self.list(),
            Kind::Open(_) => return self.braces(),
            Kind::Text(quoted) => return self.string(quoted),
            Kind::Number => {
                let value = number(self.text(&self.next), self.next.start)?;
                self.advance()?;
                return Ok(Node::Constant(value));
            }
            Kind::Ellipsis => Value::Ellipsis,
            Kind::Name => match self.text(&self.next) {
                "None" => Value::None,
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                "set" => return self.advance().map(Node::Set),
                name => return Err(no_name(name, self.next.start)),
            },
            _ => {
                return Err(Refused::new(
                    self.next.start,
                    format!("{}, where a value is expected", self.found()),
                ));
            }
        };
        self.advance()?;
        Ok(Node::Constant(constant))
    }

    /// Adjacent strings are one.
    fn string(&mut self, first: Quoted) -> Result<Node, Refused> {
        let mut value = String::new();
        let mut bytes = Vec::new();
        while let Kind::Text(quoted) = self.next.kind {
            let token = self.next;
            if quoted.bytes != first.bytes {
                return Err(Refused::new(token.start, "bytes and text side by side"));
            }
            let start = token.start + quoted.prefix + quoted.quotes;
            let body = self.lexer.text.get(start..token.end - quoted.quotes).unwrap_or_default();
            match (quoted.bytes, quoted.raw) {
                (false, true) => value.push_str(body),
                (false, false) => text::unescape(body, start, &mut value)?,
                (true, true) => bytes.extend(body.as_bytes()),
                (true, false) => text::unescape_bytes(body, start, &mut bytes)?,
            }
            self.advance()?;
        }
        Ok(Node::Constant(if first.bytes { Value::Bytes(bytes) } else { Value::Str(value) }))
    }

    /// A value in parentheses, or a tuple.
    fn group(&mut self) -> Result<Node, Refused> {
        let open = self.advance()?;
        if self.next.kind == Kind::Close(b')') {
            self.advance()?;
            return Ok(Node::Value(Value::Tuple(Vec::new())));
        }
        let start = self.next.start;
        let first = self.expression()?;
        if self.next.kind == Kind::Close(b')') {
            self.advance()?;
            return Ok(first);
        }
        let first = match first {
            Node::Constant(value) | Node::Value(value) => value,
            Node::Set(token) => return Err(not_called(&token, start)),
        };
        let mut items = vec![first];
        while !self.separated(&open, b')')? {
            items.push(self.element()?);
        }
        Ok(Node::Value(Value::Tuple(items)))
    }

    fn list(&mut self) -> Result<Node, Refused> {
        let open = self.advance()?;
        let mut items = Vec::new();
        if self.next.kind == Kind::Close(b']') {
            self.advance()?;
            return Ok(Node::Value(Value::List(items)));
        }
        items.push(self.element()?);
        while !self.separated(&open, b']')? {
            items.push(self.element()?);
        }
        Ok(Node::Value(Value::List(items)))
    }

    /// A dict or a set.
    fn braces(&mut self) -> Result<Node, Refused> {
        let open = self.advance()?;
        if self.next.kind == Kind::Close(b'}') {
            self.advance()?;
            return Ok(Node::Value(Value::Dict(Vec::new())));
        }
        let mut seen = HashMap::new();
        let place = self.next;
        let first = self.element()?;
        let identity = hashable(&first, &place)?;
        if self.next.kind != Kind::Colon {
            let mut items = vec![first];
            seen.insert(identity, 0);
            while !self.separated(&open, b'}')? {
                let place = self.next;
                let item = self.element()?;
                // Of equal members the first stays.
                seen.entry(hashable(&item, &place)?).or_insert_with(|| {
                    items.push(item);
                    0
                });
            }
            return Ok(Node::Value(Value::Set(items)));
        }
        self.advance()?;
        let value = self.element()?;
        seen.insert(identity, 0);
        let mut entries = vec![Entry { key: first, value, line: place.line }];
        while !self.separated(&open, b'}')? {
            let place = self.next;
            let key = self.element()?;
            let identity = hashable(&key, &place)?;
            if self.next.kind != Kind::Colon {
                let message = format!("{}, where the colon behind a dict's key is expected", self.found());
                return Err(Refused::new(self.next.start, message));
            }
            self.advance()?;
            let value = self.element()?;
            let index = *seen.entry(identity).or_insert(entries.len());
            match entries.get_mut(index) {
                Some(entry) => (entry.value, entry.line) = (value, place.line),
                None => entries.push(Entry { key, value, line: place.line }),
            }
        }
        Ok(Node::Value(Value::Dict(entries)))
    }

    /// After an element: true behind the closing bracket, false behind a comma that another element follows.
    fn separated(&mut self, open: &Token, close: u8) -> Result<bool, Refused> {
        let mut expected = "`,`";
        if self.next.kind == Kind::Comma {
            self.advance()?;
            if !matches!(self.next.kind, Kind::Close(_) | Kind::End) {
                return Ok(false);
            }
            expected = "a value";
        }
        match self.next.kind {
            Kind::Close(found) if found == close => {
                self.advance()?;
                Ok(true)
            }
            Kind::End => Err(self.unclosed(open)),
            _ => {
                let (found, close) = (self.found(), char::from(close));
                let opened = format!("`{}` of line {}", self.text(open), open.line);
                // Two strings side by side are one, so that a forgotten comma shows at the colon behind them.
                let hint = match self.next.kind {
                    Kind::Colon => " (is a comma or a bracket missing before it?)",
                    _ => "",
                };
                let message =
                    format!("{found}, where {expected} or the `{close}` for the {opened} is expected{hint}");
                Err(Refused::new(self.next.start, message))
            }
        }
    }

    fn unclosed(&self, open: &Token) -> Refused {
        Refused::new(open.start, format!("this `{}` is never closed", self.text(open)))
    }
}

/// Why a name cannot stand there. Python takes every byte beyond ASCII for a letter at first, and so do we.
fn no_name(name: &str, at: usize) -> Refused {
    let strange = name.char_indices().find(|(_, c)| !c.is_ascii() && !c.is_alphanumeric());
    match (name, strange) {
        ("true" | "false" | "null", _) => {
            Refused::new(at, format!("{name} is JSON; Python writes True, False and None"))
        }
        (_, Some((0, '\u{feff}'))) => {
            Refused::new(at, "a byte order mark; save the file as UTF-8 without one")
        }
        (_, Some((offset, character))) => Refused::new(
            at + offset,
            format!("the character U+{:04X} outside any string", u32::from(character)),
        ),
        _ => Refused::new(at, format!("the name {name}; {NO_EXPRESSIONS}")),
    }
}

fn not_called(name: &Token, at: usize) -> Refused {
    Refused::new(at.min(name.start), "of all names only `set()` may stand here, for the empty set")
}

fn hashable(value: &Value, place: &Token) -> Result<Vec<u8>, Refused> {
    value.identity().ok_or_else(|| {
        let message = format!("{} cannot be, or be in, a dict's key or a set's member", value.type_name());
        Refused::new(place.start, message)
    })
}
