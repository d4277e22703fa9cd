//! Names of charts that Helm accepts, such as `mail relay`, but that templates write into names and labels, where Kubernetes
//! rejects them.

use ::helm::chart::Chart;
use diagnostics::{Code, Diagnostic, Diagnostics, Fact};
use document::yaml;
use kubernetes::object::Object;
use toolbox::source;

use super::subject::Subject;

/// The codes of this check.
pub const CODES: &[Code] = &[Code::ChartInvalid];

/// Checks the charts whose templates use their names.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    let is_usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let unusable = subject.charts.iter().filter(|chart| !chart.name.chars().all(is_usable));
    Diagnostics(unusable.filter_map(|chart| of_chart(subject, chart)).collect())
}

fn of_chart(subject: &Subject<'_>, chart: &Chart) -> Option<Diagnostic> {
    let templates = format!("{}/templates/", chart.path);
    let is_own = |object: &&Object| object.template_file.as_ref().is_some_and(|file| file.starts_with(&templates));
    let object = subject.objects.iter().filter(is_own).find(|object| is_written_in(&chart.name, object))?;
    let file = source::read(subject.workspace.root.as_path(), &chart.directory.join("Chart.yaml")).ok()?;
    let place = yaml::parse_one(&file).ok()?.root.get("name")?.place();
    Some(
        Diagnostic::new(Code::ChartInvalid, format!("the name `{}` cannot be used for names and labels", chart.name))
            .target(&object.target)
            .fact(Fact::Chart(chart.path.clone()))
            .at(place, "must be letters, digits, `-`, `_`, and `.`")
            .note(format!("the templates use it in the metadata of {}", object.title())),
    )
}

/// Whether a text is part of the name of an object, or of one of its labels.
fn is_written_in(text: &str, object: &Object) -> bool {
    let labels = object.find(&["metadata", "labels"]);
    let mut values = labels.iter().flat_map(|labels| labels.entries()).filter_map(|(_, value)| value.as_str());
    object.key.name.contains(text) || values.any(|value| value.contains(text))
}
