//! A text that must not reach a log, an error or a metric.

/// A password or its like. It has no `Debug` and no `Display` on purpose: whoever wants the text has to say
/// [`Secret::expose`], and a reviewer can search for that word.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the rendered file and the login, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
