//! Python's tokens, as far as a literal has them (`CPython`, `Parser/tokenizer.c`).

use super::number::Int;
use super::{Refused, Value};

/// Open brackets at once (`MAXLEVEL`).
const MAX_LEVEL: usize = 200;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `(`, `[` or `{`
    Open(u8),
    /// `)`, `]` or `}`
    Close(u8),
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `+` or `-`
    Sign(u8),
    /// `...`
    Ellipsis,
    /// A number.
    Number,
    /// A string with its prefix and quotes.
    Text(Quoted),
    /// A name or a keyword.
    Name,
    /// The end of a line outside brackets.
    Newline,
    /// The end of the file.
    End,
    /// Whatever else Python knows, none of it part of a literal.
    Other,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Bytes of the prefix.
    pub prefix: usize,
    /// 1 or 3.
    pub quotes: usize,
    /// `b`
    pub bytes: bool,
    /// `r`
    pub raw: bool,
}

/// A token: the bytes `start..end` of the text.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// The line it begins in, counted from 1.
    pub line: usize,
}

/// Goes through the text once.
pub struct Lexer<'a> {
    /// The whole text.
    pub text: &'a str,
    at: usize,
    line: usize,
    level: usize,
    line_begins: bool,
}

impl<'a> Lexer<'a> {
    /// `literal_eval` strips blanks and tabs before it parses.
    pub fn new(text: &'a str) -> Self {
        let at = text.len() - text.trim_start_matches([' ', '\t']).len();
        Lexer { text, at, line: 1, level: 0, line_begins: true }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn digit(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(|byte| byte.is_ascii_digit())
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Token, Refused> {
        loop {
            let blank_line = std::mem::take(&mut self.line_begins) && self.indentation()?;
            while matches!(self.peek(0), Some(b' ' | b'\t' | 0x0c)) {
                self.at += 1;
            }
            if self.peek(0) == Some(b'#') {
                let rest = self.text.get(self.at..).unwrap_or_default();
                self.at += rest.find('\n').unwrap_or(rest.len());
            }
            let (start, line) = (self.at, self.line);
            let Some(byte) = self.peek(0) else {
                return Ok(Token { kind: Kind::End, start, end: start, line });
            };
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_begins = true;
                    if !blank_line && self.level == 0 {
                        return Ok(Token { kind: Kind::Newline, start, end: self.at, line });
                    }
                }
                b'\\' => self.continuation()?,
                _ => {
                    let kind = self.token(byte)?;
                    return Ok(Token { kind, start, end: self.at, line });
                }
            }
        }
    }

    /// What stands before the first token of a line. Whether the line is blank but for a comment; where it is not, and
    /// no bracket is open, it may not be indented.
    fn indentation(&mut self) -> Result<bool, Refused> {
        let (start, mut column, mut continued) = (self.at, 0, 0);
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t') => column += 1,
                Some(0x0c) => column = 0,
                Some(b'\\') => {
                    // The blanks before the first backslash decide (CPython says so at this place).
                    continued = if continued == 0 { column } else { continued };
                    self.continuation()?;
                    continue;
                }
                Some(b'#' | b'\n') => return Ok(true),
                _ => break,
            }
            self.at += 1;
        }
        let column = if continued == 0 { column } else { continued };
        if column > 0 && self.level == 0 {
            return Err(Refused::new(start, "the line is indented, outside any bracket"));
        }
        Ok(false)
    }

    /// A backslash that joins two lines.
    fn continuation(&mut self) -> Result<(), Refused> {
        let refuse = |message| Err(Refused::new(self.at, message));
        if self.peek(1) != Some(b'\n') {
            return refuse("a backslash that is not the last character of its line");
        }
        if self.peek(2).is_none() {
            return refuse("a backslash joins this line with the next one, and there is none");
        }
        self.at += 2;
        self.line += 1;
        Ok(())
    }

    fn token(&mut self, byte: u8) -> Result<Kind, Refused> {
        let start = self.at;
        let kind = match byte {
            b'(' | b'[' | b'{' => {
                if self.level >= MAX_LEVEL {
                    let message = format!("more than {MAX_LEVEL} brackets are open, which Python refuses");
                    return Err(Refused::new(start, message));
                }
                self.level += 1;
                Kind::Open(byte)
            }
            b')' | b']' | b'}' => {
                self.level = self.level.saturating_sub(1);
                Kind::Close(byte)
            }
            b',' => Kind::Comma,
            b':' => Kind::Colon,
            b'+' | b'-' => Kind::Sign(byte),
            b'.' if self.peek(1) == Some(b'.') && self.peek(2) == Some(b'.') => {
                self.at += 2;
                Kind::Ellipsis
            }
            b'.' if self.digit(1) => return self.number(start),
            b'0'..=b'9' => return self.number(start),
            b'"' | b'\'' => {
                return self.string(start, Quoted { prefix: 0, quotes: 1, bytes: false, raw: false });
            }
            _ if of_a_name(byte) => return self.name(start),
            _ => Kind::Other,
        };
        self.at += 1;
        Ok(kind)
    }

    fn name(&mut self, start: usize) -> Result<Kind, Refused> {
        while self.peek(0).is_some_and(of_a_name) {
            self.at += 1;
        }
        if matches!(self.peek(0), Some(b'"' | b'\'')) {
            let prefix = self.text.get(start..self.at).unwrap_or_default().to_ascii_lowercase();
            let quoted = |bytes, raw| Quoted { prefix: self.at - start, quotes: 1, bytes, raw };
            match prefix.as_str() {
                "u" => return self.string(start, quoted(false, false)),
                "r" => return self.string(start, quoted(false, true)),
                "b" => return self.string(start, quoted(true, false)),
                "br" | "rb" => return self.string(start, quoted(true, true)),
                "f" | "fr" | "rf" => {
                    return Err(Refused::new(start, "an f-string is an expression and no literal"));
                }
                _ => {}
            }
        }
        Ok(Kind::Name)
    }

    /// From the opening quote to behind the closing one.
    fn string(&mut self, start: usize, mut quoted: Quoted) -> Result<Kind, Refused> {
        let opening = self.at;
        let quote = self.peek(0);
        self.at += 1;
        if self.peek(0) == quote && self.peek(1) == quote {
            quoted.quotes = 3;
            self.at += 2;
        }
        let mut closing = 0;
        while closing < quoted.quotes {
            let byte = self.peek(0);
            match byte {
                None => return Err(Refused::new(start, "this string is never closed")),
                Some(b'\n') if quoted.quotes == 1 => {
                    return Err(Refused::new(start, "this string is not closed before the end of its line"));
                }
                Some(b'\\') => {
                    closing = 0;
                    self.at += 1;
                    if self.peek(0).is_none() {
                        return Err(Refused::new(start, "this string is never closed"));
                    }
                }
                _ if byte == quote => closing += 1,
                _ => closing = 0,
            }
            self.at += 1;
        }
        let body = self.text.get(opening..self.at).unwrap_or_default();
        self.line += body.matches('\n').count();
        if quoted.bytes && !body.is_ascii() {
            return Err(Refused::new(start, "bytes can only hold ASCII characters; write others as \\x.."));
        }
        Ok(Kind::Text(quoted))
    }

    /// Digits that may be parted by single underscores, from a digit on.
    fn digits(&mut self, good: fn(&u8) -> bool) {
        loop {
            while self.peek(0).is_some_and(|byte| good(&byte)) {
                self.at += 1;
            }
            if self.peek(0) != Some(b'_') || !self.peek(1).is_some_and(|byte| good(&byte)) {
                return;
            }
            self.at += 1;
        }
    }

    fn number(&mut self, start: usize) -> Result<Kind, Refused> {
        let prefixed: Option<fn(&u8) -> bool> = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => Some(u8::is_ascii_hexdigit),
            (Some(b'0'), Some(b'o' | b'O')) => Some(|byte| matches!(byte, b'0'..=b'7')),
            (Some(b'0'), Some(b'b' | b'B')) => Some(|byte| matches!(byte, b'0' | b'1')),
            _ => None,
        };
        if let Some(good) = prefixed {
            self.at += 2;
            if self.peek(0) == Some(b'_') {
                self.at += 1;
            }
            let any = self.peek(0).is_some_and(|byte| good(&byte));
            self.digits(good);
            return self.end_of_number(start, any);
        }
        self.digits(u8::is_ascii_digit);
        let whole = self.at;
        let mut floating = false;
        if self.peek(0) == Some(b'.') {
            floating = true;
            self.at += 1;
            if self.digit(0) {
                self.digits(u8::is_ascii_digit);
            }
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.digit(1 + sign) {
                floating = true;
                self.at += 1 + sign;
                self.digits(u8::is_ascii_digit);
            }
        }
        if matches!(self.peek(0), Some(b'j' | b'J')) {
            floating = true;
            self.at += 1;
        }
        let digits = self.text.as_bytes().get(start..whole).unwrap_or_default();
        let octal_of_old =
            digits.first() == Some(&b'0') && digits.iter().any(|digit| matches!(digit, b'1'..=b'9'));
        if octal_of_old && !floating {
            return Err(Refused::new(start, "a number that begins with 0; write 0o for an octal one"));
        }
        self.end_of_number(start, true)
    }

    fn end_of_number(&self, start: usize, good: bool) -> Result<Kind, Refused> {
        // Python takes `1if` apart with a warning, for the sake of expressions that are no literals anyway.
        if !good || self.peek(0).is_some_and(|byte| of_a_name(byte) || byte.is_ascii_digit()) {
            return Err(Refused::new(start, "not a number"));
        }
        Ok(Kind::Number)
    }
}

/// The value of a number's text, as the lexer found it. Bytes are an index into the file.
///
/// # Errors
/// More digits than Python converts.
pub fn number(token: &str, at: usize) -> Result<Value, Refused> {
    let plain: String = token.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    let digits = plain.get(2..).unwrap_or_default().as_bytes();
    match plain.get(..2) {
        Some("0x") => return Ok(Value::Int(Int::binary(digits, 4))),
        Some("0o") => return Ok(Value::Int(Int::binary(digits, 3))),
        Some("0b") => return Ok(Value::Int(Int::binary(digits, 1))),
        _ => {}
    }
    let refuse = |message| Refused::new(at, message);
    if let Some(imaginary) = plain.strip_suffix('j') {
        let value = imaginary.parse().map_err(|_| refuse("not a number"))?;
        return Ok(Value::Complex(0.0, value));
    }
    if plain.contains(['.', 'e']) {
        return plain.parse().map(Value::Float).map_err(|_| refuse("not a number"));
    }
    let value = Int::decimal(plain.as_bytes());
    value.map(Value::Int).ok_or_else(|| refuse("more than 4300 digits, which Python does not convert"))
}

fn of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
