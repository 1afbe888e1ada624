//! Whether tinyo keeps to what it holds itself to: a table of it.

pub struct Verdict {
    /// A Markdown table.
    pub text: String,
    pub held: bool,
}

impl Verdict {
    pub fn new() -> Verdict {
        Verdict { text: "| tinyo | bound | measured | |\n|---|---|---|---|\n".to_owned(), held: true }
    }

    /// A row; what was not `measured` is not `held`.
    pub fn add(&mut self, what: &str, bound: &str, measured: Option<String>, held: bool) {
        self.held &= held;
        let measured = measured.as_deref().unwrap_or("-");
        let verdict = if held { "held" } else { "**missed**" };
        self.text += &format!("| {what} | {bound} | {measured} | {verdict} |\n");
    }
}
