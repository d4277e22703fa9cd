//! JUnit XML, as CI systems read it: suites of cases, each with what failed in it.
//!
//! The format has no norm; what is written here is what Jenkins, GitLab, and the common GitHub actions agree on.
//!
//! Pure. Does not write system-out, properties, and timestamps, so that the output of two runs is equal.

use std::time::Duration;

/// A group of cases: a stage of a gate, or a scenario.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Its cases in order.
    pub cases: Vec<Case>,
}

/// One thing that was checked.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// How long it took, where that is known.
    pub time: Option<Duration>,
    /// What is wrong with it; empty when it passed.
    pub failures: Vec<Failure>,
    /// Why it did not run; a case that ran has none.
    pub skipped: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// What kind it is, such as the code of a diagnostic.
    pub kind: String,
    /// One line.
    pub message: String,
    /// All of it.
    pub text: String,
}

/// The document.
#[must_use]
pub fn document(suites: &[Suite]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    out.push_str(&format!("<testsuites{}>\n", totals(&cases())));
    for suite in suites {
        out.push_str(&format!("  <testsuite name=\"{}\"{}>\n", attribute(&suite.name), totals(&suite.cases.iter())));
        for case in &suite.cases {
            out.push_str(&element(suite, case));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn totals<'a>(cases: &(impl Iterator<Item = &'a Case> + Clone)) -> String {
    let count = |wanted: fn(&Case) -> bool| cases.clone().filter(|case| wanted(case)).count();
    let time: Duration = cases.clone().filter_map(|case| case.time).sum();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
        cases.clone().count(),
        count(|case| !case.failures.is_empty()),
        count(|case| case.skipped.is_some()),
        time.as_secs_f64()
    )
}

fn element(suite: &Suite, case: &Case) -> String {
    let time = case.time.unwrap_or_default().as_secs_f64();
    let mut out = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{time:.3}\"",
        attribute(&suite.name),
        attribute(&case.name)
    );
    if case.failures.is_empty() && case.skipped.is_none() {
        out.push_str("/>\n");
        return out;
    }
    out.push_str(">\n");
    if let Some(why) = &case.skipped {
        out.push_str(&format!("      <skipped message=\"{}\"/>\n", attribute(why)));
    }
    for Failure { kind, message, text } in &case.failures {
        let (kind, message, text) = (attribute(kind), attribute(message), content(text));
        out.push_str(&format!("      <failure type=\"{kind}\" message=\"{message}\">{text}</failure>\n"));
    }
    out.push_str("    </testcase>\n");
    out
}

/// Text as an attribute may hold it, where a bare line break would be read as a blank.
fn attribute(text: &str) -> String {
    content(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Text as an element may hold it; characters that XML 1.0 has no way to write are left out.
fn content(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_text_and_counts() {
        let failure = Failure { kind: "x".into(), message: "a < \"b\"".into(), text: "one\ntwo\u{1b}[0m".into() };
        let case = |name: &str, failures| Case { name: name.into(), failures, ..Case::default() };
        let skipped = Case { name: "c".into(), skipped: Some("no engine".into()), ..Case::default() };
        let timed = Case { time: Some(Duration::from_millis(1500)), ..case("a", Vec::new()) };
        let suite = Suite { name: "render".into(), cases: vec![timed, case("b", vec![failure]), skipped] };
        assert_eq!(
            document(&[suite]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuites tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.500\">\n  \
             <testsuite name=\"render\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.500\">\n    \
             <testcase classname=\"render\" name=\"a\" time=\"1.500\"/>\n    \
             <testcase classname=\"render\" name=\"b\" time=\"0.000\">\n      \
             <failure type=\"x\" message=\"a &lt; &quot;b&quot;\">one\ntwo[0m</failure>\n    \
             </testcase>\n    \
             <testcase classname=\"render\" name=\"c\" time=\"0.000\">\n      \
             <skipped message=\"no engine\"/>\n    \
             </testcase>\n  \
             </testsuite>\n\
             </testsuites>\n"
        );
    }
}
