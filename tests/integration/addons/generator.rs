//! Literals by chance, from a seed, and what becomes of them when somebody edits them badly.

/// `SplitMix64` (Steele, Lea, Flood 2014): the same numbers on every machine for a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const ATOMS: &[&str] = &[
    "None",
    "True",
    "False",
    "...",
    "set()",
    "set( )",
    "(set)()",
    "()",
    "[]",
    "{}",
    "''",
    "b''",
    "0",
    "1",
    "-1",
    "+1",
    "1.5",
    "1.",
    ".5",
    "1e5",
    "1E-5",
    "1e400",
    "00",
    "0_0",
    "1_000",
    "0x1F",
    "0XfF",
    "0b101",
    "0o17",
    "0B1_0",
    "0o_7",
    "09.5",
    "1j",
    "0777j",
    "-1j",
    "1+2j",
    "-1-2j",
    "1.5 + 2J",
    "(1)-(2j)",
    "1e400-1e400j",
    "(1)",
    "-(1)",
    "123456789012345678901234567890",
    "-0",
    "-0.0",
    "0.1",
    "1e22",
    "9007199254740993",
    "0x20000000000001",
    "123456789012345678901234567890+1j",
    "0xffffffffffffffffffffffffffffffffffff-2j",
    "2e308",
    "5e-324",
    "4.35",
];

/// Mistakes, and what is none although it looks like one.
const SNIPPETS: &[&str] = &[
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "\\",
    "\\\n",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "\x0c",
    "\x0b",
    "#",
    "#x\n",
    ",",
    ",,",
    ":",
    "::",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "+",
    "-",
    "--",
    "*",
    "**",
    "/",
    "%",
    "=",
    "==",
    ":=",
    ";",
    ".",
    "..",
    "...",
    "@",
    "$",
    "?",
    "!",
    "~",
    "^",
    "&",
    "|",
    "<",
    ">",
    "->",
    "`",
    "a",
    "set",
    "set()",
    "None",
    "True",
    "j",
    "e5",
    "_",
    "0",
    "1",
    "0x",
    "0b2",
    "0o8",
    "r",
    "b",
    "u",
    "f",
    "rb",
    "br",
    "ur",
    "fr",
    "r'\\'",
    "b'\\xff'",
    "'\\x4'",
    "'\\u12'",
    "'\\N'",
    "'\\N{EM DASH}'",
    "'\\ud800'",
    "'\\400'",
    "b'\\400'",
    "f'x'",
    " if ",
    " or ",
    " in ",
    "not ",
    "lambda: 0",
    "await ",
    "é",
    "\u{a0}",
    "\u{feff}",
    "\u{2028}",
    "\0",
    "x for x in y",
    "[0]",
    "()",
    ".x",
    "# coding: latin-1\n",
    "  ",
    "\n  ",
];

const TEXTS: &[&str] = &[
    "a",
    "name",
    "é",
    "—",
    "😀",
    "\\n",
    "\\t",
    "\\\\",
    "\\'",
    "\\\"",
    "\\x41",
    "\\u00e9",
    "\\U0001f600",
    "\\101",
    "\\7",
    "\\0",
    "\\q",
    "\\8",
    "\\N{EM DASH}",
    "\\ud83d",
    "\\a\\b\\f\\v\\r",
    "#",
    "%s",
    "{x}",
    " ",
    "",
];

const PLAIN: &[&str] = &["a", "sale", "18.0.1.0.0", "é", "#", "%s", "{x}", " ", "", "\\\\", "\\n", "\\q"];

fn string(random: &mut Random, text: &mut String) {
    let bytes = random.chance(8);
    let raw = random.chance(6);
    let prefix = match (bytes, raw) {
        (true, true) => random.pick(&["rb", "bR", "Rb", "BR"]),
        (true, false) => random.pick(&["b", "B"]),
        (false, true) => random.pick(&["r", "R"]),
        (false, false) => random.pick(&["", "", "", "", "u", "U"]),
    };
    let quote = random.pick(&["'", "\"", "'''", "\"\"\""]);
    text.push_str(prefix);
    text.push_str(quote);
    for _ in 0..random.below(4) {
        let part = random.pick(if raw { PLAIN } else { TEXTS });
        if !bytes || part.is_ascii() {
            text.push_str(part);
        }
        if quote.len() == 3 && random.chance(4) {
            text.push_str(random.pick(&["\n", "'", "\"", "\r\n"]));
            text.push(' ');
        }
        if random.chance(12) {
            text.push_str("\\\n");
        }
    }
    text.push_str(quote);
    if random.chance(8) {
        text.push(' ');
        // Adjacent ones are joined, of the same kind only.
        text.push_str(if bytes { "b'x'" } else { "'x'" });
    }
}

fn blank(random: &mut Random, text: &mut String, in_brackets: bool) {
    match random.below(if in_brackets { 14 } else { 9 }) {
        0 => text.push(' '),
        1 => text.push_str("  "),
        2 => text.push('\t'),
        3 => text.push_str(" \\\n "),
        9 => text.push('\n'),
        10 => text.push_str("\n    "),
        11 => text.push_str("  # é, 'x' {\n"),
        12 => text.push_str("\r\n"),
        13 => text.push('\x0c'),
        _ => {}
    }
}

/// A literal that Python takes.
pub fn literal(random: &mut Random, depth: usize, hashable: bool, text: &mut String) {
    let containers = if depth == 0 {
        0
    } else if hashable {
        2
    } else {
        8
    };
    match random.below(8 + containers) {
        0..=2 => string(random, text),
        3..=7 => loop {
            let atom = random.pick(ATOMS);
            if !(hashable && (atom.contains("set") || matches!(atom, "[]" | "{}"))) {
                text.push_str(atom);
                break;
            }
        },
        8 | 9 => items(random, depth, hashable, "()", text),
        10 | 11 => items(random, depth, false, "[]", text),
        12 => items(random, depth, true, "{}", text),
        _ => dict(random, depth, text),
    }
}

fn items(random: &mut Random, depth: usize, hashable: bool, brackets: &str, text: &mut String) {
    let (open, close) = brackets.split_at(1);
    let least = if brackets == "{}" { 1 } else { 0 };
    let count = least + random.below(4);
    text.push_str(open);
    blank(random, text, true);
    for index in 0..count {
        literal(random, depth - 1, hashable, text);
        blank(random, text, true);
        if index + 1 < count || (brackets == "()" && count == 1) || random.chance(3) {
            text.push(',');
            blank(random, text, true);
        }
    }
    text.push_str(close);
}

fn dict(random: &mut Random, depth: usize, text: &mut String) {
    text.push('{');
    blank(random, text, true);
    let count = random.below(5);
    for index in 0..count {
        literal(random, depth - 1, true, text);
        blank(random, text, true);
        text.push(':');
        blank(random, text, true);
        literal(random, depth - 1, false, text);
        blank(random, text, true);
        if index + 1 < count || random.chance(3) {
            text.push(',');
            blank(random, text, true);
        }
    }
    text.push('}');
}

/// A whole file.
pub fn file(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    if random.chance(4) {
        text.push_str(random.pick(&[
            "# -*- coding: utf-8 -*-\n",
            "\n\n",
            " ",
            "\t \t",
            "\\\n",
            "\x0c",
            "# x\r\n \n",
        ]));
    }
    literal(random, 4, false, &mut text);
    if random.chance(10) {
        text.push(',');
        blank(random, &mut text, false);
        if random.chance(2) {
            literal(random, 2, false, &mut text);
        }
    }
    if random.chance(3) {
        text.push_str(random.pick(&[
            "\n",
            "\n\n",
            " ",
            " # end",
            "\n# end",
            "\n  # end",
            "\n\n\\\n\n",
            "\r",
            "\n \x0c",
        ]));
    }
    text.into_bytes()
}

/// Edits a file a few times.
pub fn mutate(random: &mut Random, mut file: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(3) {
        let at = random.below(file.len() + 1);
        let length = random.below(4).min(file.len() - at);
        match random.below(8) {
            0 | 1 => drop(file.drain(at..at + length)),
            2..=4 => drop(file.splice(at..at, random.pick(SNIPPETS).bytes())),
            5 => drop(file.splice(at..at + length, random.pick(SNIPPETS).bytes())),
            6 => {
                let part = file[at..at + length].to_vec();
                let to = random.below(file.len() + 1);
                file.splice(to..to, part);
            }
            _ if random.chance(6) && at < file.len() => file[at] = (random.next() & 0xff) as u8,
            _ => file.truncate(at),
        }
    }
    file
}
