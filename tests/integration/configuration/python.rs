//! Python, asked the same questions: one process for all cases of a test.

use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test};
use serde_json::Value;

/// Runs a script with the cases as JSON, one a line, on stdin; returns its lines, one for each case.
pub fn ask(test: &Test, script: &str, arguments: &[&str], cases: &[Value]) -> Vec<Value> {
    let input: Vec<String> = cases.iter().map(Value::to_string).collect();
    let script = test.write(&test.unique("script"), script);
    let run = test
        .launch("/usr/bin/python3")
        .arg(script)
        .args(arguments)
        .stdin(&(input.join("\n") + "\n"))
        .run_within(4 * SOON);
    run.expect_code(0);
    let answers: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(answers.len(), cases.len(), "an answer for each case; {}", run.stderr);
    answers
}

/// The folder that has the package `odoo` in it.
pub fn odoo_source() -> String {
    match Odoo::real() {
        Ok(Odoo::Real(source)) => source.display().to_string(),
        _ => panic!("only with real Odoo"),
    }
}
