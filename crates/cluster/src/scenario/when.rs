//! The condition of a step, which is skipped if the cluster lacks what it needs.
//!
//! Pure.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostic, Diagnostics, Result};
use document::{Fields, Node, Syntax};

use super::variables;

/// A condition: two texts must be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The text to compare, usually a variable that an earlier step saved.
    pub value: String,
    /// The text that it must equal.
    pub is: String,
    /// Why the step is skipped if the texts differ.
    pub otherwise: String,
}

impl When {
    pub(super) fn read(node: &Node, path: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::new(node, path, Syntax::Scenario);
        let (value, is) = (fields.required_string("value"), fields.required_string("is"));
        let otherwise = fields.required_string("otherwise");
        if let (Some(reason), Some(node)) = (&otherwise, node.get("otherwise"))
            && reason.trim().is_empty()
        {
            fields.report(
                Diagnostic::new(Code::ScenarioInvalid, format!("`{path}.otherwise` must not be empty"))
                    .at(node.place(), "expected the reason why the step is skipped"),
            );
        }
        fields.finish(diagnostics);
        Some(Self { value: value?, is: is?, otherwise: otherwise? })
    }

    /// The reason to skip the step, given the variables; `None` if the condition holds.
    pub fn skip_reason(&self, values: &BTreeMap<String, String>) -> Result<Option<String>> {
        if variables::fill(&self.value, values)? == variables::fill(&self.is, values)? {
            return Ok(None);
        }
        variables::fill(&self.otherwise, values).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn read(text: &str) -> std::result::Result<When, Vec<String>> {
        let document = yaml::parse_one(&Source::new("web.yaml", text)).expect("YAML");
        let mut diagnostics = Diagnostics::default();
        let when = When::read(&document.root, "steps[0].when", &mut diagnostics);
        when.filter(|_| diagnostics.is_empty())
            .ok_or_else(|| diagnostics.0.into_iter().map(|found| found.message).collect())
    }

    #[test]
    fn a_step_is_skipped_if_the_texts_differ() {
        let when = read("{value: '${answer}', is: 'yes', otherwise: 'the answer was ${answer}'}").expect("valid");
        let reason = |answer: &str| when.skip_reason(&[("answer".to_owned(), answer.to_owned())].into());
        assert_eq!(reason("yes").expect("filled"), None);
        assert_eq!(reason("no").expect("filled").as_deref(), Some("the answer was no"));
        let undefined = when.skip_reason(&BTreeMap::new()).expect_err("undefined");
        assert_eq!(undefined.0[0].message, "variable `${answer}` is not defined");
    }

    #[test]
    fn a_condition_needs_a_reason() {
        assert_eq!(
            read("{value: a, is: a, otherwise: ' '}").expect_err("no reason"),
            ["`steps[0].when.otherwise` must not be empty"]
        );
        for incomplete in ["{value: a, is: a}", "{value: a, otherwise: a}", "{is: a, otherwise: a}", "a"] {
            assert!(read(incomplete).is_err(), "{incomplete}");
        }
    }
}
