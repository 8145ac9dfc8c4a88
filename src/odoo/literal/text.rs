//! The body of a string or bytes literal: its escapes (`CPython`, `Parser/string_parser.c`,
//! `Objects/unicodeobject.c`, `Objects/bytesobject.c`).

use std::fmt::Write as _;

use super::Refused;

/// Appends the value of a str's body to `into`. `at` is where the body stands in the file.
///
/// # Errors
/// An escape that Python refuses.
pub fn unescape(body: &str, at: usize, into: &mut String) -> Result<(), Refused> {
    let mut rest = body;
    while let Some(found) = rest.find('\\') {
        let (plain, escape) = rest.split_at(found);
        into.push_str(plain);
        let place = at + body.len() - escape.len();
        let refuse = |message: &str| Refused::new(place, message);
        // The tokenizer sees to it that something follows.
        let mut after = escape.get(1..).unwrap_or_default().chars();
        let Some(letter) = after.next() else { return Err(refuse("a backslash at the end of the string")) };
        rest = after.as_str();
        let digits = match letter {
            '\n' => continue,
            '\\' | '\'' | '"' => {
                into.push(letter);
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'N' => {
                let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let Some((name, after)) = name.filter(|(name, _)| !name.is_empty()) else {
                    return Err(refuse("\\N is not followed by the name of a character in braces"));
                };
                let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-');
                if !name.chars().all(of_a_name) {
                    return Err(refuse("no character has this name"));
                }
                into.push_str("\\N{");
                into.push_str(name);
                into.push('}');
                rest = after;
                continue;
            }
            '0'..='7' => {
                let (value, length) = octal(escape);
                into.extend(char::from_u32(value));
                rest = escape.get(1 + length..).unwrap_or_default();
                continue;
            }
            _ => {
                if let Some(value) = control(letter) {
                    into.push(value.into());
                } else {
                    into.push('\\');
                    into.push(letter);
                }
                continue;
            }
        };
        let value = rest.get(..digits).and_then(hex);
        let Some(value) = value else {
            return Err(refuse(&format!("\\{letter} is not followed by {digits} hexadecimal digits")));
        };
        match char::from_u32(value) {
            Some(character) => into.push(character),
            // Writing to a String cannot fail.
            None if value <= 0xffff => drop(write!(into, "\\u{value:04x}")),
            None => return Err(refuse("the largest character is \\U0010ffff")),
        }
        rest = rest.get(digits..).unwrap_or_default();
    }
    into.push_str(rest);
    Ok(())
}

/// Appends the value of a bytes literal's body, all of it ASCII.
///
/// # Errors
/// A `\x` without two digits.
pub fn unescape_bytes(body: &str, at: usize, into: &mut Vec<u8>) -> Result<(), Refused> {
    let mut rest = body;
    while let Some(found) = rest.find('\\') {
        let (plain, escape) = rest.split_at(found);
        into.extend(plain.as_bytes());
        let place = at + body.len() - escape.len();
        let mut after = escape.get(1..).unwrap_or_default().chars();
        let Some(letter) = after.next() else {
            return Err(Refused::new(place, "a backslash at the end of the string"));
        };
        rest = after.as_str();
        match letter {
            '\n' => {}
            '\\' | '\'' | '"' => into.extend(u8::try_from(letter)),
            'x' => {
                let Some(value) = rest.get(..2).and_then(hex) else {
                    return Err(Refused::new(place, "\\x is not followed by 2 hexadecimal digits"));
                };
                into.extend(u8::try_from(value));
                rest = rest.get(2..).unwrap_or_default();
            }
            '0'..='7' => {
                let (value, length) = octal(escape);
                // Python keeps the lower eight bits.
                into.extend(u8::try_from(value & 0xff));
                rest = escape.get(1 + length..).unwrap_or_default();
            }
            _ => {
                if let Some(value) = control(letter) {
                    into.push(value);
                } else {
                    into.push(b'\\');
                    into.extend(u8::try_from(letter));
                }
            }
        }
    }
    into.extend(rest.as_bytes());
    Ok(())
}

/// The one-letter escapes of control characters.
fn control(letter: char) -> Option<u8> {
    Some(match letter {
        'a' => 7,
        'b' => 8,
        't' => 9,
        'n' => 10,
        'v' => 11,
        'f' => 12,
        'r' => 13,
        _ => return None,
    })
}

fn hex(digits: &str) -> Option<u32> {
    // `from_str_radix` would take a sign.
    let good = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    good.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// The value and the number of up to three octal digits behind the backslash.
fn octal(escape: &str) -> (u32, usize) {
    let digits = escape.chars().skip(1).take(3).map_while(|c| c.to_digit(8));
    digits.fold((0, 0), |(value, length), digit| (value * 8 + digit, length + 1))
}
