//! What was found: errors, for which nothing is written, warnings, and what is good to know.

#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

impl Findings {
    /// As `WHAT: REASON; HINT`. What was said already is not said again.
    pub fn error(&mut self, text: impl Into<String>) {
        push(&mut self.errors, text.into());
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        push(&mut self.warnings, text.into());
    }

    pub fn note(&mut self, text: impl Into<String>) {
        push(&mut self.notes, text.into());
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}
