//! The object that a finding is about, for findings that are alike in several targets.

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The template that it came from, as Helm names it.
    pub template: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The way through it to what was found.
    pub way: Vec<String>,
}

impl Origin {
    /// The way without the positions in lists, which change with what stands before.
    pub(crate) fn line(&self) -> Vec<&str> {
        let index = |step: &str| step.chars().all(|c| c.is_ascii_digit());
        self.way.iter().map(|step| if index(step) { "" } else { step }).collect()
    }

    pub(crate) fn title(&self) -> String {
        format!("{} `{}`", self.kind, self.name)
    }
}
