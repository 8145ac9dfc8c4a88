//! `docs/settings.md`, from the tables that the program itself uses. Pure.

use std::fmt::Write as _;

use super::reference::{CONNECTIONS, OWN_ODOO_VARIABLES, VARIABLES};
use crate::odoo::options::{Kind, OPTIONS, OptionSpec, Place};

const HEAD: &str = "\
# Settings

Made from the tables in `src/settings/reference.rs` and `src/odoo/options`; a test compares it.

**Precedence**, highest first: Odoo's flags, the environment, the base file (`ODOO_RC`), the image's defaults, Odoo's defaults. A
connection variable that holds exactly the image's default counts as unset, so that aliases and then the file win over it. Empty
means unset, but for `DB` (none chosen) and `PASSWORD` (no password). `odoo-entrypoint config show --origin` prints what is in
force, where it comes from and what it shadows; `odoo-entrypoint config check` prints every problem at once.

Every variable of the first and the last table also takes the form `NAME_FILE`: the path of a file that holds the value, less
one newline at its end. Both forms at once are an error. `ODOO_RC`, `ODOO_INIT` and the supervisor's own hold no secrets and have no
such form.

In CI, before a deployment:

* Compose: `docker compose run --rm --no-deps odoo config check` checks what the service is given, mounts and secrets included.
* A file of lines `NAME=VALUE` (Compose's `env_file`, a ConfigMap's `envs`): `odoo-entrypoint config check --env-file FILE
  --assume-files -- -c deploy/odoo.conf`. Values are literal, as Docker's `--env-file` takes them: quotes are a part of the value, and
  nothing is interpolated. `--assume-files` takes files that `_FILE` variables name for readable.

## Database
";

const OWN: &str = "
## Supervisor

Durations are written `500ms`, `30s`, `5m`, `2h`. An unknown `ENTRYPOINT_*` is an error with the nearest known name.
";

const OPTION_TEXT: &str = "
## Options of Odoo 18

Each as `ODOO_<OPTION>`: `ODOO_WORKERS=4`, `ODOO_PROXY_MODE=true`. Yes and no may be written `true`, `yes`, `on`, `1` and `false`,
`no`, `off`, `0` in the environment; in odoo.conf Odoo knows `True` and `False` only, and takes every other text for true. An unknown
`ODOO_*` is a warning, since other software uses the prefix. What Kubernetes injects for Services (`ODOO_PORT=tcp://...`) is left
alone.
";

const FLAGS_ONLY: &str = "
These cannot stand in the file or the environment:
";

const JSON: &str = "
## `config show --json`

One object:

* `options`: a list of `{key, value, secret, origin, shadowed}`. `value` is null for a secret that is set. `origin` is an object with
  a `kind`: `flag` (`name`), `environment` (`name`), `secret_file` (`name`, `path`), `base_file` (`path`, `line`), `image`, `sizing`,
  `discovery`, `odoo` (with `--all`). `shadowed` is a list of `{value, origin}`, the strongest first.
* `sections`: the other sections of the base file, `{section: {key: value}}`.
* `supervisor`: a list of `{name, value, given}`.
* `databases`, `init`, `notes`, `warnings`: lists of texts.

`config check --json`: `{ok, problems: [{what, why, fix}], warnings: [...]}`; the exit code is the same as without `--json`.
";

/// The whole document.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    table(&mut text, &["variable", "default", "meaning", "Odoo's option", "else"]);
    for connection in CONNECTIONS {
        let aliases: Vec<String> = connection.aliases.iter().map(|alias| code(alias)).collect();
        row(
            &mut text,
            &[
                &code(connection.name),
                &code(connection.default),
                connection.doc,
                &code(connection.option),
                &aliases.join(", "),
            ],
        );
    }
    text += "\n## Odoo\n";
    table(&mut text, &["variable", "meaning and default"]);
    for (name, doc) in OWN_ODOO_VARIABLES {
        row(&mut text, &[&code(name), doc]);
    }
    text += OWN;
    table(&mut text, &["variable", "default", "meaning", "why this default", "example"]);
    for variable in VARIABLES {
        row(
            &mut text,
            &[
                &code(variable.name),
                &code(variable.default),
                variable.doc,
                variable.why,
                &code(variable.example),
            ],
        );
    }
    text += OPTION_TEXT;
    table(&mut text, &["variable", "kind", "Odoo's default", "meaning", "flags"]);
    for option in OPTIONS.iter().filter(|option| option.place == Place::File) {
        let name = code(&format!("ODOO_{}", option.key.to_uppercase()));
        row(&mut text, &[&name, &kind(option), &code(option.default), option.doc, &flags(option)]);
    }
    text += FLAGS_ONLY;
    table(&mut text, &["option", "meaning", "flags"]);
    for option in OPTIONS.iter().filter(|option| option.place != Place::File) {
        row(&mut text, &[&code(option.key), option.doc, &flags(option)]);
    }
    text + JSON
}

fn table(text: &mut String, columns: &[&str]) {
    text.push('\n');
    row(text, columns);
    row(text, &vec!["---"; columns.len()]);
}

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn kind(option: &OptionSpec) -> String {
    match option.kind {
        _ if option.secret => "secret".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Bool => "yes or no".to_owned(),
        Kind::Int => "whole number".to_owned(),
        Kind::Float => "number".to_owned(),
        Kind::List => "list, by commas".to_owned(),
        Kind::Choice(words) => words.iter().map(|word| code(word)).collect::<Vec<_>>().join(", "),
    }
}

fn flags(option: &OptionSpec) -> String {
    option.flags.iter().chain(option.off).map(|flag| code(flag)).collect::<Vec<_>>().join(", ")
}
