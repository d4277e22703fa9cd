//! `[[suppress]]` in charts.toml, and its deprecated alias `[[silence]]`.

use diagnostics::{Class, Code, Diagnostic, Diagnostics, Place, suggestion};
use document::{Fields, Node, Syntax};
use toolbox::date::Date;

use crate::reason;

/// The target of a suppression that covers everything.
pub const EVERYWHERE: &str = "*";

/// A `[[suppress]]` entry.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// The check.
    pub check: Code,
    /// The target: `<app>/<case>`, `<app>`, `charts/<chart>`, or a file.
    pub target: String,
    /// The reason, for readers of charts.toml.
    pub reason: String,
    /// The last day on which it has an effect, and its place; `None` if it does not expire.
    pub until: Option<(Date, Place)>,
    /// The place of the entry.
    pub place: Place,
}

/// Reads `[[suppress]]` and its deprecated alias `[[silence]]`.
pub(super) fn read(
    root: &Node,
    fields: &mut Fields<'_>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Suppression>, Diagnostics) {
    let mut deprecated = Diagnostics::default();
    let mut old: &[Node] = &[];
    // Only declared if it is used, so that suggestions do not offer it.
    if root.get("silence").is_some() {
        old = fields.sequence("silence");
        deprecated.push(
            Diagnostic::new(Code::ConfigDeprecated, "`[[silence]]` is deprecated")
                .at(root.key_place("silence"), "renamed to `suppress`")
                .help("replace each `[[silence]]` with `[[suppress]]`; the next release rejects the old name"),
        );
    }
    let nodes = fields.sequence("suppress").iter().chain(old);
    (nodes.filter_map(|node| suppression(node, diagnostics)).collect(), deprecated)
}

fn suppression(node: &Node, diagnostics: &mut Diagnostics) -> Option<Suppression> {
    let mut fields = Fields::new(node, "suppress[]", Syntax::Config);
    let target = fields.required_string("target");
    let check = fields.required("check");
    reason::read(&mut fields);
    let written = node.get("reason").and_then(Node::as_str).unwrap_or_default().to_owned();
    let check = check.and_then(|name| {
        let known = Code::ALL.iter().filter(|code| code.class() <= Class::Finding);
        let code = known.clone().find(|code| name.as_str() == Some(code.name()));
        if code.is_none() {
            let path = fields.path_of("check");
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}` is not the code of a finding"))
                    .at(name.place(), "expected the code in brackets, as in `error[image-unpinned]`")
                    .help(suggestion(name.as_str().unwrap_or_default(), known.map(|code| code.name()))),
            );
        }
        code.copied()
    });
    let is_pattern = |text: &str| text.contains('*') && text != EVERYWHERE;
    if let Some(pattern) = node.get("target").filter(|target| target.as_str().is_some_and(is_pattern)) {
        fields.report(
            Diagnostic::new(Code::ConfigInvalid, "`target` of a suppression must not be a pattern")
                .at(pattern.place(), "expected `<app>`, `<app>/<case>`, the path of a directory or file, or `*`"),
        );
    }
    let until = fields.node("until").and_then(|node| {
        let date = node.as_str().and_then(|text| text.parse().ok());
        if date.is_none() {
            let path = fields.path_of("until");
            fields.report(
                Diagnostic::new(Code::ConfigInvalid, format!("`{path}` is not a day"))
                    .at(node.place(), "expected a day of the form `YYYY-MM-DD`"),
            );
        }
        Some((date?, node.place()))
    });
    fields.finish(diagnostics);
    Some(Suppression { check: check?, target: target?, reason: written, until, place: node.place() })
}
