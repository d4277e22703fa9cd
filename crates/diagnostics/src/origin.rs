//! The object that a finding is about.

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file name of its golden.
    pub golden: String,
    /// The template that rendered it, as Helm names it.
    pub template: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The path of the field in question.
    pub path: Vec<String>,
}

impl Origin {
    /// The path without list indexes, which depend on the items before.
    pub(crate) fn field(&self) -> Vec<&str> {
        let index = |step: &str| step.chars().all(|c| c.is_ascii_digit());
        self.path.iter().map(|step| if index(step) { "" } else { step }).collect()
    }

    pub(crate) fn title(&self) -> String {
        format!("{} `{}`", self.kind, self.name)
    }
}
