//! JUnit XML reports, which CI systems display.

use std::path::Path;
use std::time::Duration;

use anstream::adapter::strip_str;
use diagnostics::{Class, Code, Diagnostic, Result, Severity};
use kubernetes::change::effect::Effect;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use toolbox::atomic_file;

use super::model::{ApplicationChange, ApplicationKind, Finding, Status};
use super::{model, snippet, visible};

/// A group of test cases: a stage of `ci`, or a scenario.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// The name.
    pub name: String,
    /// The test cases, in order.
    pub cases: Vec<Case>,
}

/// A test case.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// The name.
    pub name: String,
    /// The running time, if known.
    pub time: Option<Duration>,
    /// The failures; empty if it passed.
    pub failures: Vec<Failure>,
    /// Why it was skipped, if it was.
    pub skipped: Option<String>,
}

/// A failure of a test case.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// The kind, such as a diagnostic code.
    pub kind: String,
    /// The message, one line.
    pub message: String,
    /// The details.
    pub text: String,
}

/// Writes a report to a file.
pub fn write(path: &Path, suites: &[Suite]) -> Result<()> {
    let text = document(suites)
        .map_err(|error| Diagnostic::new(Code::Io, format!("cannot format `{}`: {error}", path.display())))?;
    atomic_file::write(path, text.as_bytes())
}

/// The test cases of a report: one for each Application that changes, which fails if it has a blocker, and one for each code
/// with an error.
#[must_use]
pub fn suites(report: &model::Report) -> Vec<Suite> {
    let applications =
        Suite { name: "applications".to_owned(), cases: report.applications.iter().map(of_application).collect() };
    let mut findings = Suite { name: "findings".to_owned(), cases: Vec::new() };
    let errors = report.findings.iter().filter(|finding| is_error(finding));
    for Finding { diagnostic, .. } in errors {
        let name = diagnostic.code.name();
        let message = diagnostic.message.clone();
        let failure = Failure { kind: name.to_owned(), message, text: snippet::plain(diagnostic) };
        match findings.cases.iter_mut().find(|case| case.name == name) {
            Some(case) => case.failures.push(failure),
            None => findings.cases.push(Case { name: name.to_owned(), failures: vec![failure], ..Case::default() }),
        }
    }
    if findings.cases.is_empty() {
        findings.cases.push(Case { name: "no errors".to_owned(), ..Case::default() });
    }
    vec![applications, findings]
}

fn is_error(finding: &Finding) -> bool {
    finding.diagnostic.code.class() > Class::Warning && finding.status != Some(Status::Fixed)
}

fn of_application(application: &ApplicationChange) -> Case {
    let mut case = Case { name: application.name.clone(), ..Case::default() };
    if let ApplicationKind::Failed { reason } = &application.kind {
        let kind = Code::NotRendered.name().to_owned();
        case.failures.push(Failure { kind, message: "cannot be rendered".to_owned(), text: reason.clone() });
    }
    for effect in application.effects.iter().filter(|effect| effect.severity == Severity::Blocker) {
        case.failures.push(failure(effect, effect.message.clone()));
    }
    for object in &application.objects {
        let title = object.diff.object.manifest.title();
        for effect in object.effects.iter().filter(|effect| effect.severity == Severity::Blocker) {
            case.failures.push(failure(effect, format!("{title}: {}", effect.message)));
        }
    }
    case
}

fn failure(effect: &Effect, message: String) -> Failure {
    let text = effect.help.as_ref().map(|help| format!("help: {help}")).unwrap_or_default();
    Failure { kind: effect.code.name().to_owned(), message, text }
}

fn document(suites: &[Suite]) -> std::result::Result<String, SerializeError> {
    let mut report = Report::new("cargo xtask");
    report.set_time(time(suites.iter().flat_map(|suite| &suite.cases)));
    for suite in suites {
        let mut element = TestSuite::new(&suite.name);
        element.set_time(time(&suite.cases));
        for case in &suite.cases {
            let mut test_case = TestCase::new(visible::line(&case.name), status(case));
            test_case.set_classname(&suite.name).set_time(case.time.unwrap_or_default());
            element.add_test_case(test_case);
        }
        report.add_test_suite(element);
    }
    report.to_string()
}

fn time<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Duration {
    cases.into_iter().filter_map(|case| case.time).sum()
}

/// The status of a test case. It has a single failure element, with the text of all failures.
fn status(case: &Case) -> TestCaseStatus {
    let Some(first) = case.failures.first() else {
        let Some(reason) = &case.skipped else { return TestCaseStatus::success() };
        let mut status = TestCaseStatus::skipped();
        status.set_message(visible::line(reason));
        return status;
    };
    let message = match case.failures.len() - 1 {
        0 => first.message.clone(),
        more => format!("{}, and {more} more", first.message),
    };
    let details = |Failure { message, text, .. }: &Failure| match text {
        text if text.contains(message) => text.clone(),
        text => format!("{message}\n{text}"),
    };
    let texts: Vec<String> = case.failures.iter().map(details).collect();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    // What programs print may have colors.
    let text = strip_str(&texts.join("\n\n")).to_string();
    let message = strip_str(&message).to_string();
    status.set_type(&first.kind).set_message(visible::line(&message)).set_description(visible::lines(&text));
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_totals_and_one_failure_per_case() {
        let failure =
            |message: &str, text: &str| Failure { kind: "x".into(), message: message.into(), text: text.into() };
        let case = |name: &str, failures| Case { name: name.into(), failures, ..Case::default() };
        let failures = vec![failure("a < \"b\"", "one\ntwo\u{1b}[0m\u{1}\u{fffe}"), failure("c", "c: three")];
        let skipped = Case { name: "c".into(), skipped: Some("no engine".into()), ..Case::default() };
        let timed = Case { time: Some(Duration::from_millis(1500)), ..case("a", Vec::new()) };
        let suite = Suite { name: "render".into(), cases: vec![timed, case("b", failures), skipped] };
        assert_eq!(
            document(&[suite]).expect("serializable"),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="cargo xtask" tests="3" skipped="1" failures="1" errors="0" time="1.500">
    <testsuite name="render" tests="3" skipped="1" errors="0" failures="1" time="1.500">
        <testcase name="a" classname="render" time="1.500"/>
        <testcase name="b" classname="render" time="0.000">
            <failure message="a &lt; &quot;b&quot;, and 1 more" type="x">a &lt; &quot;b&quot;
one
two&lt;U+FFFE&gt;

c: three</failure>
        </testcase>
        <testcase name="c" classname="render" time="0.000">
            <skipped message="no engine"/>
        </testcase>
    </testsuite>
</testsuites>
"#
        );
    }
}
