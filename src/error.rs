//! What a person reads when something is wrong: always what, why (with the origin of the value) and what to do.

use std::fmt;

use crate::exit::Exit;

/// One thing that is wrong, in the three parts that its reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong, as one clause without a full stop: `cannot read the base file`.
    pub what: String,
    /// Why, with the object and where its value comes from.
    pub why: String,
    /// What to do about it.
    pub hint: String,
}

impl Problem {
    /// Shapes the three parts; none of them may hold a secret.
    pub fn new(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Problem { what: what.into(), why: why.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n  why: {}\n  fix: {}", self.what, self.why, self.hint)
    }
}

/// Problems that end the process, and the exit code that tells their kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// At least one problem; the settings report all of theirs at once.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// A failure with a single cause.
    pub fn one(exit: Exit, problem: Problem) -> Self {
        Failure { exit, problems: vec![problem] }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "odoo-entrypoint: {problem}")?;
        }
        write!(f, "\n(exit code {})", self.exit.code())
    }
}

/// The name nearest to `given` among `known`, for "did you mean"; `None` when nothing is near.
///
/// Near is at most one mistake in three letters: a letter too many, too few or wrong, or two neighbours swapped.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_prints_every_problem_and_its_exit_code() {
        let failure = Failure {
            exit: Exit::Config,
            problems: vec![Problem::new("a", "b", "c"), Problem::new("d", "e", "f")],
        };
        assert_eq!(
            failure.to_string(),
            "odoo-entrypoint: error: a\n  why: b\n  fix: c\n\
             odoo-entrypoint: error: d\n  why: e\n  fix: f\n(exit code 78)"
        );
    }

    #[test]
    fn the_nearest_name_forgives_a_third_and_no_more() {
        let known = ["workers", "http_port", "proxy_mode"];
        assert_eq!(nearest("worker", known), Some("workers"));
        assert_eq!(nearest("http_prot", known), Some("http_port"));
        assert_eq!(nearest("completely_else", known), None);
        assert_eq!(nearest("", known), None);
    }
}
