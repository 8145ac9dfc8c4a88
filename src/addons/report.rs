//! What `addons list` and `addons check` print, for people and as JSON (`docs/addons.md`). Pure.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::check::{Finding, Severity};
use super::{Catalogue, Content, Module};

/// One module of `addons list --json`.
#[derive(Serialize)]
struct ListedModule<'a> {
    name: &'a str,
    title: Option<&'a str>,
    version: Option<&'a str>,
    license: Option<&'a str>,
    installable: Option<bool>,
    auto_install: Option<&'a [String]>,
    depends: Option<&'a [String]>,
    path: String,
    root: String,
    kind: &'static str,
    /// Another module of this name comes first.
    shadowed: bool,
    error: Option<String>,
}

#[derive(Serialize)]
struct Listing<'a> {
    modules: Vec<ListedModule<'a>>,
}

#[derive(Serialize)]
struct ReportedFinding<'a> {
    severity: &'static str,
    rule: &'static str,
    module: Option<&'a str>,
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    chain: &'a [String],
    what: &'a str,
    why: &'a str,
    fix: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    modules: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<ReportedFinding<'a>>,
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

/// Why there is no manifest to show.
fn error(module: &Module) -> Option<String> {
    match &module.content {
        Content::Good(_) => None,
        Content::Unreadable(error) => Some(error.clone()),
        Content::Syntax(error) => {
            Some(format!("line {}, column {}: {}", error.line, error.column, error.message))
        }
        Content::Invalid(complaints) => {
            Some(complaints.iter().map(|complaint| complaint.message.as_str()).collect::<Vec<_>>().join("; "))
        }
    }
}

fn listed<'a>(catalogue: &Catalogue, module: &'a Module, shadowed: bool) -> ListedModule<'a> {
    let root = catalogue.roots.get(module.root);
    let manifest = module.manifest();
    ListedModule {
        name: &module.name,
        title: manifest.map(|manifest| manifest.title.as_str()),
        version: manifest.map(|manifest| manifest.version.as_str()),
        license: manifest.map(|manifest| manifest.license.as_str()),
        installable: manifest.map(|manifest| manifest.installable),
        auto_install: manifest.and_then(|manifest| manifest.auto_install.as_deref()),
        depends: manifest.map(|manifest| manifest.depends.as_slice()),
        path: show(module.path.parent().unwrap_or(&module.path)),
        root: root.map_or(String::new(), |root| show(&root.path)),
        kind: root.map_or("", |root| root.kind.name()),
        shadowed,
        error: error(module),
    }
}

fn rows(catalogue: &Catalogue, shown: impl Fn(&Module) -> bool) -> Vec<ListedModule<'_>> {
    let winners = catalogue.winners();
    let shadowed =
        |module: &Module| winners.get(module.name.as_str()).is_some_and(|winner| winner.root != module.root);
    let modules = catalogue.modules.iter().filter(|module| shown(module));
    modules.map(|module| listed(catalogue, module, shadowed(module))).collect()
}

/// `addons list --json`.
pub fn list_json(catalogue: &Catalogue, shown: impl Fn(&Module) -> bool) -> String {
    json(&Listing { modules: rows(catalogue, shown) })
}

/// `addons list`: an aligned table.
pub fn list_text(catalogue: &Catalogue, shown: impl Fn(&Module) -> bool, colour: bool) -> String {
    let rows = rows(catalogue, shown);
    let header = ["MODULE", "VERSION", "LICENCE", "INSTALLABLE", "KIND", "PATH"].map(str::to_owned);
    let mut table = vec![(header, BOLD)];
    for row in &rows {
        let (installable, style) = match (&row.error, row.shadowed, row.installable) {
            (Some(_), ..) => ("broken", RED),
            (None, true, _) => ("shadowed", DIM),
            (None, false, Some(true)) => ("yes", PLAIN),
            (None, false, _) => ("no", DIM),
        };
        let cell = |text: Option<&str>| printable(text.unwrap_or("-"));
        let cells = [
            printable(row.name),
            cell(row.version),
            cell(row.license),
            installable.to_owned(),
            row.kind.to_owned(),
            printable(&row.path),
        ];
        table.push((cells, style));
    }
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            table.iter().filter_map(move |(cells, _)| cells.get(column)).map(|cell| cell.chars().count())
        })
        .map(|lengths| lengths.max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for (cells, style) in &table {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", paint(padded.join("  ").trim_end(), style, colour));
    }
    let broken = rows.iter().filter(|row| row.error.is_some()).count();
    if broken > 0 {
        let _ = writeln!(text, "{broken} of them broken: `addons check` says why");
    }
    text
}

/// `addons check --json`.
pub fn check_json(catalogue: &Catalogue, findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    json(&Report {
        ok: count(Severity::Error) == 0,
        modules: catalogue.modules.len(),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        findings: findings.iter().map(reported).collect(),
    })
}

fn reported(finding: &Finding) -> ReportedFinding<'_> {
    ReportedFinding {
        severity: finding.severity.name(),
        rule: finding.rule.name(),
        module: finding.module.as_deref(),
        path: finding.path.as_deref().map(show),
        line: finding.line,
        column: finding.column,
        chain: &finding.chain,
        what: &finding.problem.what,
        why: &finding.problem.why,
        fix: &finding.problem.hint,
    }
}

/// `addons check`.
pub fn check_text(catalogue: &Catalogue, findings: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let style = if finding.severity == Severity::Error { RED } else { YELLOW };
        let severity = paint(finding.severity.name(), style, colour);
        let problem = &finding.problem;
        let [what, why, fix] = [&problem.what, &problem.why, &problem.hint].map(|part| printable(part));
        let _ = writeln!(text, "{severity}: {what}\n  why: {why}\n  fix: {fix}");
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let _ = writeln!(
        text,
        "{}, {}, {}",
        plural(catalogue.modules.len(), "module"),
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning")
    );
    text
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

const PLAIN: &str = "";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";

fn paint(text: &str, style: &str, colour: bool) -> String {
    if colour && !style.is_empty() { format!("{style}{text}\x1b[0m") } else { text.to_owned() }
}

/// A manifest may hold anything, and a terminal obeys control characters.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn json(value: &impl Serialize) -> String {
    // Fails for maps with keys that are no text, of which there are none.
    serde_json::to_string_pretty(value).map_or_else(|error| error.to_string(), |text| text + "\n")
}
