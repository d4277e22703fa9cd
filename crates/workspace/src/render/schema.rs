//! Explains violations of a values.schema.json in words: which part of the schema a violation is about, and what the
//! schema's own `description` and `examples` say about it.
//!
//! Helm prints only the path of the value. The part of the schema is found by following that path, through references
//! and combinations, to the schemas that contain the violated keyword. Nothing is validated here; Helm does that.

use diagnostics::Place;
use document::{Node, Value};
use helm::errors::{Rule, Violation};
use helm::values_schema::keywords;

/// The maximum length of a path through a schema, because references may be recursive.
const MAX_DEPTH: usize = 32;

/// The maximum length of a regular expression in a message.
const MAX_PATTERN: usize = 60;

/// Something wrong with one value: a violation of a rule that is not a combination of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// The chart whose schema is violated.
    pub(super) chart: String,
    /// The path of the value in the values of that chart.
    pub(super) pointer: Vec<String>,
    /// The violated rule.
    pub(super) rule: Rule,
    /// For `anyOf`, `contains`, and invalid keys: the violations behind it.
    pub(super) causes: Vec<Violation>,
}

/// The problems behind violations, one per value.
pub(super) fn problems(violations: &[Violation]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = violations.iter().flat_map(flatten).collect();
    problems.sort_by(|left, right| {
        let key = |problem: &Problem| (rank(&problem.rule), problem.rule.clone());
        let place = (&left.chart, &left.pointer).cmp(&(&right.chart, &right.pointer));
        place.then_with(|| key(left).cmp(&key(right)))
    });
    // One rule is enough to correct a value: a value of the wrong type violates every other rule too.
    problems.dedup_by(|next, first| {
        let about_value = |problem: &Problem| {
            !matches!(problem.rule, Rule::Unknown(_) | Rule::Missing(_) | Rule::MissingWith(..) | Rule::Key(_))
        };
        let same = next.chart == first.chart && next.pointer == first.pointer;
        same && (next == first || about_value(next) && about_value(first))
    });
    problems
}

/// The rules that are easiest to follow come first; of several lists of values, the shortest.
fn rank(rule: &Rule) -> (u8, usize) {
    match rule {
        Rule::Type { .. } => (0, 0),
        Rule::OneOf(values) => (1, values.len()),
        Rule::Limit { .. } => (2, 0),
        Rule::Equal(..) => (3, 0),
        Rule::Pattern(_) => (4, 0),
        Rule::Any => (5, 0),
        _ => (6, 0),
    }
}

fn flatten(violation: &Violation) -> Vec<Problem> {
    let own = || {
        let Violation { chart, pointer, rule, causes } = violation.clone();
        vec![Problem { chart, pointer, rule, causes }]
    };
    match &violation.rule {
        _ if violation.causes.is_empty() => own(),
        Rule::All => violation.causes.iter().flat_map(flatten).collect(),
        Rule::Any => {
            // The alternatives of another type are not the ones that were meant.
            let other_type =
                |cause: &&Violation| cause.pointer == violation.pointer && matches!(cause.rule, Rule::Type { .. });
            let meant: Vec<&Violation> = violation.causes.iter().filter(|cause| !other_type(cause)).collect();
            match meant[..] {
                [only] => flatten(only),
                [] => {
                    let mut types: Vec<String> = Vec::new();
                    let mut actual = String::new();
                    for cause in &violation.causes {
                        if let Rule::Type { got, want } = &cause.rule {
                            actual.clone_from(got);
                            for kind in want {
                                if !types.contains(kind) {
                                    types.push(kind.clone());
                                }
                            }
                        }
                    }
                    let Violation { chart, pointer, .. } = violation.clone();
                    vec![Problem { chart, pointer, rule: Rule::Type { got: actual, want: types }, causes: Vec::new() }]
                }
                _ => own(),
            }
        }
        _ => own(),
    }
}

/// A schema on the way from the root of the file to the violated keyword.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    schema: &'a Node,
    entered: Entered,
}

/// How a schema was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entered {
    /// As the schema of a value inside the one that the previous schema is about.
    Member,
    /// Through `$ref`.
    Reference,
    /// Through `allOf`, `anyOf`, or `oneOf`.
    Combination,
    /// Through `then`, `else`, or `dependentSchemas`.
    Condition,
}

/// The part of a schema that a problem is about.
#[derive(Debug)]
pub(super) struct Found<'a>(Vec<Step<'a>>);

/// Finds the part of a schema that a problem is about.
pub(super) fn find<'a>(root: &'a Node, problem: &Problem) -> Option<Found<'a>> {
    let mut paths = Vec::new();
    let start = Step { schema: root, entered: Entered::Member };
    walk(root, &mut vec![start], &problem.pointer, &mut paths);
    let fits = |path: &&Vec<Step<'_>>| path.last().is_some_and(|last| violates(last.schema, &problem.rule));
    // An unconditional rule is easier to understand than one that depends on other values.
    let unconditional = |path: &&Vec<Step<'_>>| path.iter().all(|step| step.entered != Entered::Condition);
    let chosen = paths.iter().filter(fits).find(unconditional).or_else(|| paths.iter().find(fits));
    chosen.or_else(|| paths.iter().find(unconditional)).cloned().map(Found)
}

fn walk<'a>(root: &'a Node, path: &mut Vec<Step<'a>>, pointer: &[String], out: &mut Vec<Vec<Step<'a>>>) {
    let Some(schema) = path.last().map(|step| step.schema) else { return };
    if path.len() > MAX_DEPTH {
        return;
    }
    if pointer.is_empty() {
        out.push(path.clone());
    }
    let mut enter = |schema: &'a Node, entered: Entered, pointer: &[String]| {
        path.push(Step { schema, entered });
        walk(root, path, pointer, out);
        path.pop();
    };
    if let Some((step, rest)) = pointer.split_first() {
        for member in members(schema, step) {
            enter(member, Entered::Member, rest);
        }
    }
    if let Some(target) =
        schema.get("$ref").and_then(Node::as_str).and_then(|reference| keywords::resolve(root, reference))
    {
        enter(target, Entered::Reference, pointer);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for member in schema.get(keyword).map(Node::items).unwrap_or_default() {
            enter(member, Entered::Combination, pointer);
        }
    }
    for keyword in ["then", "else"] {
        if let Some(branch) = schema.get(keyword) {
            enter(branch, Entered::Condition, pointer);
        }
    }
    for (_, dependent) in schema.get("dependentSchemas").map(Node::entries).unwrap_or_default() {
        enter(dependent, Entered::Condition, pointer);
    }
}

/// The schemas of a member of a mapping or list.
fn members<'a>(schema: &'a Node, step: &str) -> Vec<&'a Node> {
    if let Some(property) = schema.get("properties").and_then(|properties| properties.get(step)) {
        return vec![property];
    }
    let index: Option<usize> = step.parse().ok();
    let positional = |keyword: &str| schema.get(keyword)?.items().get(index?);
    let single = |keyword: &str| schema.get(keyword).filter(|node| matches!(node.value, Value::Mapping(_)));
    let patterns = schema.get("patternProperties").map(Node::entries).unwrap_or_default().iter().map(|(_, node)| node);
    let items = positional("prefixItems").or_else(|| positional("items"));
    let items = items.or_else(|| index.and_then(|_| single("items").or_else(|| single("additionalItems"))));
    patterns.chain(single("additionalProperties")).chain(items).collect()
}

/// Whether a schema contains the keyword of a rule.
fn violates(schema: &Node, rule: &Rule) -> bool {
    let texts = |node: &Node| -> Vec<String> {
        let items = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
        items.iter().map(plain).collect()
    };
    match rule {
        Rule::Type { want, .. } => {
            let mut want = want.clone();
            want.sort();
            schema.get("type").is_some_and(|node| {
                let mut types = texts(node);
                types.sort();
                types == want
            })
        }
        Rule::OneOf(values) => {
            schema.get("enum").is_some_and(|node| node.items().len() == values.len())
                || schema.get("const").is_some() && values.len() == 1
        }
        Rule::Limit { keyword, want } => schema.get(keyword).is_some_and(|node| plain(node) == *want),
        Rule::Pattern(pattern) => schema.get("pattern").and_then(Node::as_str) == Some(pattern),
        Rule::Unknown(_) => ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|keyword| schema.get(keyword).is_some_and(|node| matches!(node.value, Value::Bool(false)))),
        Rule::Missing(keys) => {
            let required = schema.get("required").map(texts).unwrap_or_default();
            keys.iter().all(|key| required.contains(key))
        }
        Rule::MissingWith(..) => schema.get("dependentRequired").or_else(|| schema.get("dependencies")).is_some(),
        Rule::Equal(..) => schema.get("uniqueItems").is_some(),
        Rule::Key(_) => schema.get("propertyNames").is_some(),
        Rule::Not => schema.get("not").is_some(),
        Rule::Contains => schema.get("contains").is_some(),
        Rule::False => matches!(schema.value, Value::Bool(false)),
        Rule::Any => schema.get("anyOf").or_else(|| schema.get("oneOf")).is_some(),
        Rule::Several => schema.get("oneOf").is_some(),
        Rule::All | Rule::Other(_) => false,
    }
}

/// A scalar without quotes.
fn plain(node: &Node) -> String {
    node.as_str().map_or_else(|| node.to_json(), str::to_owned)
}

impl Found<'_> {
    /// The innermost schema.
    fn schema(&self) -> Option<&Node> {
        self.0.last().map(|step| step.schema)
    }

    /// The place of the schema.
    pub(super) fn place(&self) -> Option<Place> {
        self.schema().map(Node::place)
    }

    /// The place of a keyword of the schema, or of the schema if it does not have it.
    pub(super) fn keyword(&self, keyword: &str) -> Option<Place> {
        let schema = self.schema()?;
        Some(if schema.get(keyword).is_some() { schema.key_place(keyword) } else { schema.place() })
    }

    /// Whether the rule applies only under a condition.
    pub(super) fn conditional(&self) -> bool {
        self.0.iter().any(|step| step.entered == Entered::Condition)
    }

    /// The schemas that may describe the value, innermost first: those of the value itself, and of outer values only
    /// the ones that combine or condition the rule.
    fn describing(&self) -> Vec<(&Node, bool)> {
        let mut found = Vec::new();
        let mut outside = false;
        for step in self.0.iter().rev() {
            if !outside || matches!(step.entered, Entered::Combination | Entered::Condition) {
                found.push((step.schema, outside));
            }
            outside |= step.entered == Entered::Member;
        }
        found
    }

    /// The nearest description of the rule.
    pub(super) fn description(&self) -> Option<&str> {
        self.described(|_| true)
    }

    /// The description of the value itself, not of a rule that combines several values.
    pub(super) fn own_description(&self) -> Option<&str> {
        self.described(|outside| !outside)
    }

    fn described(&self, wanted: impl Fn(bool) -> bool) -> Option<&str> {
        let schemas: Vec<&Node> =
            self.describing().into_iter().filter(|(_, outside)| wanted(*outside)).map(|(schema, _)| schema).collect();
        let text = |keyword: &str| schemas.iter().find_map(|schema| schema.get(keyword).and_then(Node::as_str));
        text("description").or_else(|| text("title")).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The nearest example of a valid value.
    pub(super) fn example(&self) -> Option<&Node> {
        let mut schemas = self.describing().into_iter().filter(|(_, outside)| !outside);
        schemas.find_map(|(schema, _)| schema.get("examples")?.items().first())
    }

    /// The rule for the keys of the mapping, in words, and its place.
    pub(super) fn key_rule(&self) -> Option<(String, Place)> {
        let names = self.schema()?.get("propertyNames")?;
        let described = Found(vec![Step { schema: names, entered: Entered::Member }]);
        let description = described.description().map(str::to_owned);
        let pattern =
            names.get("pattern").and_then(Node::as_str).map(|text| format!("a key must match {}", expression(text)));
        Some((description.or(pattern).unwrap_or_default(), names.place()))
    }

    /// The names of the declared properties.
    pub(super) fn properties(&self) -> Vec<&str> {
        let declared = self
            .describing()
            .into_iter()
            .filter(|(_, outside)| !outside)
            .filter_map(|(schema, _)| schema.get("properties"));
        declared.flat_map(Node::entries).map(|(key, _)| key.name.as_str()).collect()
    }

    /// The allowed values of an `enum`, as written in YAML.
    pub(super) fn allowed(&self) -> Vec<String> {
        let allowed =
            self.describing().into_iter().filter(|(_, outside)| !outside).find_map(|(schema, _)| schema.get("enum"));
        allowed.map(Node::items).unwrap_or_default().iter().map(written).collect()
    }

    /// The rule of a `not`, as far as it can be put into words.
    pub(super) fn forbidden(&self) -> Option<String> {
        let not = self.schema()?.get("not")?;
        if let Some(value) = not.get("const") {
            return Some(format!("must not be `{}`", written(value)));
        }
        if let Some(values) = not.get("enum") {
            return Some(format!("must not be one of {}", list(values.items().iter().map(written))));
        }
        not.get("pattern").and_then(Node::as_str).map(|pattern| format!("must not match {}", expression(pattern)))
    }
}

/// A value as written in YAML.
fn written(node: &Node) -> String {
    match node.as_str() {
        Some("") => "\"\"".to_owned(),
        Some(text) => document::edit::scalar(text),
        None => node.to_json(),
    }
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn expression(pattern: &str) -> String {
    if pattern.chars().count() <= MAX_PATTERN {
        format!("the pattern `{pattern}`")
    } else {
        "the pattern in values.schema.json".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::super::schema_wording::sentence;
    use super::*;

    fn violation(pointer: &str, rule: Rule, causes: Vec<Violation>) -> Violation {
        let pointer = pointer.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        Violation { chart: "web".to_owned(), pointer, rule, causes }
    }

    fn kind_of(got: &str, want: &str) -> Rule {
        Rule::Type { got: got.to_owned(), want: vec![want.to_owned()] }
    }

    fn schema(text: &str) -> Node {
        yaml::parse_one(&Source::new("values.schema.json", text)).expect("YAML").root
    }

    fn sentences(root: &Node, violations: &[Violation]) -> Vec<String> {
        let sentence = |problem: &Problem| sentence(problem, find(root, problem).as_ref()).0;
        problems(violations)
            .iter()
            .map(|problem| format!("{} {}", problem.pointer.join("."), sentence(problem)))
            .collect()
    }

    #[test]
    fn a_value_of_the_wrong_type_is_one_problem() {
        let one_of = |values: &[&str]| Rule::OneOf(values.iter().map(|value| (*value).to_owned()).collect());
        let violations = [
            violation(
                "",
                Rule::All,
                vec![violation(
                    "/relay",
                    Rule::All,
                    vec![
                        violation("/relay/level", one_of(&["'a'"]), Vec::new()),
                        violation("/relay/level", kind_of("boolean", "string"), Vec::new()),
                    ],
                )],
            ),
            violation("/relay/level", kind_of("boolean", "string"), Vec::new()),
        ];
        assert_eq!(sentences(&schema("{}"), &violations), ["relay.level must be a string, not a boolean"]);
    }

    #[test]
    fn the_alternative_of_the_right_type_is_the_one_that_was_meant() {
        let root = schema(
            "{properties: {memory: {$ref: '#/definitions/quantity'}}, definitions: {quantity: {description: A quantity. More., examples: [64Mi], anyOf: [{type: string, pattern: '^x$'}, {type: integer}]}}}",
        );
        let causes = vec![
            violation("/memory", Rule::Pattern("^x$".to_owned()), Vec::new()),
            violation("/memory", kind_of("string", "integer"), Vec::new()),
        ];
        let found = violation("/memory", Rule::Any, causes);
        assert_eq!(sentences(&root, std::slice::from_ref(&found)), ["memory is not valid: expected a quantity"]);
        let problem = problems(&[found]).remove(0);
        assert_eq!(find(&root, &problem).expect("found").example().expect("example").as_str(), Some("64Mi"));

        let causes = vec![
            violation("/memory", kind_of("array", "string"), Vec::new()),
            violation("/memory", kind_of("array", "integer"), Vec::new()),
        ];
        let found = violation("/memory", Rule::Any, causes);
        assert_eq!(sentences(&root, &[found]), ["memory must be a string or an integer, not a list"]);
    }

    #[test]
    fn a_condition_is_described_by_its_own_schema() {
        let root = schema(
            "{properties: {a: {description: Outer., properties: {b: {}}}}, allOf: [{description: 'With c, b is required.', if: {}, then: {properties: {a: {description: Inner., properties: {b: {minLength: 1}}}}}}]}",
        );
        let rule = Rule::Limit { keyword: "minLength".to_owned(), want: "1".to_owned() };
        let problem = problems(&[violation("/a/b", rule, Vec::new())]).remove(0);
        let found = find(&root, &problem).expect("found");
        assert!(found.conditional());
        assert_eq!(found.description(), Some("With c, b is required."));
        assert_eq!(sentence(&problem, Some(&found)).0, "must not be empty");
    }

    #[test]
    fn what_is_forbidden_is_named() {
        for (text, expected) in [
            ("{not: {const: latest}}", "must not be `latest`"),
            ("{not: {enum: [a, '']}}", "must not be one of `a`, `\"\"`"),
            ("{allOf: [{type: string}, {not: {pattern: '^x'}}]}", "must not match the pattern `^x`"),
            ("{description: 'A fixed tag.', allOf: [{not: {const: x}}]}", "is not valid: expected a fixed tag"),
            ("{description: 'URL of it'}", "is forbidden by `not` in values.schema.json"),
        ] {
            let root = schema(&format!("{{properties: {{tag: {text}}}}}"));
            let expected = if text.contains("URL") { "is not valid: expected URL of it" } else { expected };
            let found = violation("/tag", Rule::All, vec![violation("/tag", Rule::Not, Vec::new())]);
            assert_eq!(sentences(&root, &[found]), [format!("tag {expected}")]);
        }
    }
}
