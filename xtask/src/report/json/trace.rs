//! JSON of `explain` and `impact`: the origins of rendered lines, and the lines that values reach.

use schemars::JsonSchema;
use serde::Serialize;

use super::diagnostic::Place;
use crate::report::trail;

/// The result of `explain` for an object or a field.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainField {
    /// The rendered lines of the object or field.
    pub lines: Vec<TracedLine>,
}

/// A rendered line and where it comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TracedLine {
    /// The golden.
    golden: String,
    /// The number of the line, from 1.
    line: usize,
    /// The line; without its value if it belongs to a Secret.
    text: String,
    /// The parts of templates that wrote it, in its order.
    templates: Vec<Writer>,
    /// The values that it contains, or is computed from.
    values: Vec<UsedValue>,
    /// The values that decide whether it is rendered.
    conditions: Vec<UsedValue>,
}

/// A part of a template that wrote a part of a line.
#[derive(Debug, Serialize, JsonSchema)]
struct Writer {
    /// The text or action.
    place: Place,
    /// The actions that included it, innermost first.
    callers: Vec<Place>,
}

/// A value that a rendered line depends on.
#[derive(Debug, Serialize, JsonSchema)]
struct UsedValue {
    /// The path from the values of the target's chart on; `*` is any key or index. Empty if any value may be used.
    path: String,
    /// Where it is set; null if it is not.
    place: Option<Place>,
}

impl From<&trail::Line> for TracedLine {
    fn from(line: &trail::Line) -> Self {
        let used = |values: &[trail::Used]| values.iter().map(UsedValue::from).collect();
        Self {
            golden: line.golden.clone(),
            line: line.number,
            text: line.text.clone(),
            templates: line.trail.writers.iter().map(Writer::from).collect(),
            values: used(&line.trail.values),
            conditions: used(&line.trail.conditions),
        }
    }
}

impl From<&trail::Used> for UsedValue {
    fn from(used: &trail::Used) -> Self {
        Self { path: used.path.clone(), place: used.setting.as_ref().map(|setting| Place::bare(&setting.place)) }
    }
}

impl From<&trail::Writer> for Writer {
    fn from(writer: &trail::Writer) -> Self {
        Self { place: Place::bare(&writer.place), callers: writer.callers.iter().map(Place::bare).collect() }
    }
}

/// The result of `explain --coverage`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainCoverage {
    /// The targets.
    pub targets: Vec<TracedTarget>,
}

/// How many rendered lines of a target are traced.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TracedTarget {
    /// Its name.
    pub target: String,
    /// The number of its lines that are not blank.
    pub lines: usize,
    /// How many of them are traced to a line of a template.
    pub to_line: usize,
    /// How many of them are traced to a template.
    pub to_file: usize,
}

/// The result of `impact`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Impact {
    /// The path of the value.
    pub value: String,
    /// The targets with lines that it reaches.
    pub targets: Vec<ImpactTarget>,
}

/// The rendered lines of a target that a value reaches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImpactTarget {
    /// Its name.
    pub target: String,
    /// The lines that contain the value, or are computed from it.
    pub lines: Vec<TracedLine>,
    /// The lines that are rendered or left out because of it.
    pub conditional: Vec<TracedLine>,
    /// The lines that are computed from many values, and did not change when the target was rendered with other values.
    pub unchanged: Vec<TracedLine>,
}

/// Where an added line comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LineSource {
    /// The number of the line in the rendered object, from 1.
    line: usize,
    /// The parts of templates that wrote it, in its order.
    templates: Vec<Writer>,
    /// The values that it contains, or is computed from.
    values: Vec<UsedValue>,
    /// The values that decide whether it is rendered.
    conditions: Vec<UsedValue>,
}

impl LineSource {
    pub(super) fn new(line: usize, trail: &trail::Trail) -> Self {
        let used = |values: &[trail::Used]| values.iter().map(UsedValue::from).collect();
        Self {
            line,
            templates: trail.writers.iter().map(Writer::from).collect(),
            values: used(&trail.values),
            conditions: used(&trail.conditions),
        }
    }
}
