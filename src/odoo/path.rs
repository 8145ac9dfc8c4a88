//! Paths in odoo.conf as Odoo reads them: variables and `~` are expanded (`config.py`, `_normalize`). Pure.

use std::path::PathBuf;

/// Expands a path. `variable` is Odoo's environment; its `HOME` is what `~` stands for. A name that nobody knows, and another
/// account's home, are left as they are, as Python leaves them.
pub fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let text = variables(text.trim(), &variable);
    let home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (home, variable("HOME")) {
        (Some(rest), Some(home)) => {
            let path = format!("{}{rest}", home.trim_end_matches('/'));
            PathBuf::from(if path.is_empty() { "/" } else { &path })
        }
        _ => PathBuf::from(text),
    }
}

/// Python's `expandvars`: `$name` and `${name}`; what was put in is not looked at again.
fn variables(text: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, length) = if let Some((name, _)) = braced {
            (name, name.len() + 3)
        } else {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            (after.get(..end).unwrap_or_default(), end + 1)
        };
        let (whole, remaining) = from.split_at(length);
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(whole),
        }
        rest = remaining;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_expanded_as_python_expands_them() {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/odoo/".to_owned()),
            "data" => Some("/srv".to_owned()),
            "nested" => Some("$data".to_owned()),
            _ => None,
        };
        // CPython 3.11: os.path.expanduser(os.path.expandvars(text.strip()))
        for (text, path) in [
            ("/var/lib/odoo", "/var/lib/odoo"),
            (" ~/odoo ", "/home/odoo/odoo"),
            ("~", "/home/odoo"),
            ("~other/x", "~other/x"),
            ("/a~b", "/a~b"),
            ("$data/x", "/srv/x"),
            ("${data}/x$data", "/srv/x/srv"),
            ("$nested", "$data"),
            ("$unknown/${unknown}/$", "$unknown/${unknown}/$"),
            ("$/x", "$/x"),
            ("${}", "${}"),
            ("${data", "${data"),
            ("\u{e9}$data", "\u{e9}/srv"),
            ("", ""),
        ] {
            assert_eq!(expand(text, variable), PathBuf::from(path), "{text}");
        }
    }
}
