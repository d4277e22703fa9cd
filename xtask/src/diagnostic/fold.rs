//! Merging findings of one defect: they become one finding, about the first target or object that has it.
//!
//! Several targets share a template, and a template may render several objects, whose names differ from case to case.
//! Findings with one code, about one field of such objects, differ only in these names. They become one, which counts
//! the other targets and names the other objects.
//!
//! Findings about two places in one object stay apart: a finding has each object of a target once at most. So do findings
//! of several Applications, since each Application may need its own fix.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Diagnostic, Diagnostics, Place};

/// The number of objects that are named beside the first; the others are counted.
const NAMED: usize = 4;

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The template that rendered it, as Helm names it.
    pub template: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The path of the field in it.
    pub way: Vec<String>,
}

impl Origin {
    /// The path without list indexes, which depend on the items before.
    fn line(&self) -> Vec<&str> {
        let index = |step: &str| step.chars().all(|c| c.is_ascii_digit());
        self.way.iter().map(|step| if index(step) { "" } else { step }).collect()
    }

    fn title(&self) -> String {
        format!("{} `{}`", self.kind, self.name)
    }
}

/// The target and the object that a finding is about.
type Subject = (Option<String>, String);

/// Findings that were merged.
struct Merged {
    first: Diagnostic,
    /// The subjects of all of them.
    subjects: BTreeSet<Subject>,
}

/// Merges findings, which must be sorted.
pub(super) fn fold(sorted: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged: Vec<Merged> = Vec::new();
    // Comparing all findings with each other would take minutes for some ten thousands of them.
    let mut candidates: BTreeMap<(Code, Vec<String>), Vec<usize>> = BTreeMap::new();
    for diagnostic in sorted {
        let subject = subject(&diagnostic);
        let candidates = candidates.entry((diagnostic.code, diagnostic.common())).or_default();
        let same = |one: &Merged| one.first.same_defect(&diagnostic);
        // A second place in the same object is another defect, unless it is the very same place.
        let free = |one: &Merged| !one.subjects.contains(&subject) || one.first.places == diagnostic.places;
        let exact = |one: &Merged| {
            let way = |found: &Diagnostic| found.origin.as_ref().map(|origin| origin.way.clone());
            way(&one.first) == way(&diagnostic)
        };
        let mut fitting = candidates.iter().copied().filter(|index| {
            let one = &merged[*index];
            same(one) && free(one)
        });
        let found = fitting.clone().find(|index| exact(&merged[*index])).or_else(|| fitting.next());
        if let Some(index) = found {
            merged[index].subjects.insert(subject);
        } else {
            candidates.push(merged.len());
            merged.push(Merged { first: diagnostic, subjects: [subject].into() });
        }
    }
    merged.into_iter().map(Merged::into_diagnostic).collect()
}

fn subject(diagnostic: &Diagnostic) -> Subject {
    (diagnostic.target.clone(), diagnostic.origin.as_ref().map(Origin::title).unwrap_or_default())
}

impl Merged {
    /// The first finding, with a note about the other subjects.
    fn into_diagnostic(self) -> Diagnostic {
        let Self { mut first, subjects } = self;
        let targets: BTreeSet<_> = subjects.iter().map(|(target, _)| target).collect();
        let (_, own) = subject(&first);
        let others: BTreeSet<_> = subjects.iter().map(|(_, name)| name).filter(|name| **name != own).collect();
        if !others.is_empty() {
            let named: Vec<&str> = others.iter().take(NAMED).map(|name| name.as_str()).collect();
            let rest = others.len() - named.len();
            let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
            first.notes.push(format!("the same in {}{more}", named.join(", ")));
        }
        if let (Some(target), others @ 1..) = (first.target.as_mut(), targets.len() - 1) {
            target.push_str(&format!(" and {others} more"));
        }
        first
    }
}

impl Diagnostic {
    /// Texts that are equal in all findings of [the same defect](Self::same_defect).
    fn common(&self) -> Vec<String> {
        if let Some(origin) = &self.origin {
            let line = origin.line().into_iter().map(str::to_owned);
            let all = [origin.template.clone(), origin.kind.clone(), self.application().unwrap_or_default().to_owned()];
            return all.into_iter().chain(line).chain(self.without(&origin.name)).collect();
        }
        let texts = self.places.iter().map(|(place, _)| text(place).unwrap_or_default());
        let mut all: Vec<String> =
            std::iter::once(self.message.clone()).chain(self.notes.iter().cloned()).chain(texts).collect();
        if self.target.is_none() {
            // Only places of several targets have counterparts.
            all.extend(self.places.iter().map(|(place, _)| format!("{} {:?}", place.source.name, place.span)));
        }
        all
    }

    /// Whether another finding adds only a target, or an object of the same template.
    fn same_defect(&self, other: &Self) -> bool {
        self.code == other.code
            && self.places.len() == other.places.len()
            && match (&self.origin, &other.origin) {
                (Some(one), Some(two)) => self.same_template_line(one, other, two),
                (None, None) => self.same_text(other),
                _ => false,
            }
    }

    /// Whether two findings are about one field of objects from one template, in texts that differ only in the names of
    /// the objects.
    fn same_template_line(&self, one: &Origin, other: &Self, two: &Origin) -> bool {
        (&one.template, &one.kind, one.line()) == (&two.template, &two.kind, two.line())
            && self.application() == other.application()
            && self.without(&one.name) == other.without(&two.name)
    }

    /// The Application of the target.
    fn application(&self) -> Option<&str> {
        self.target.as_ref()?.split('/').next()
    }

    /// All texts of the finding, without a name.
    fn without(&self, name: &str) -> Vec<String> {
        let labels = self.places.iter().map(|(_, label)| label.clone());
        let texts = self.places.iter().map(|(place, _)| text(place).unwrap_or_default());
        let all = std::iter::once(self.message.clone()).chain(self.notes.iter().cloned()).chain(labels).chain(texts);
        all.map(|text| masked(&text, name)).collect()
    }

    fn same_text(&self, other: &Self) -> bool {
        (&self.message, &self.notes) == (&other.message, &other.notes)
            && self
                .places
                .iter()
                .zip(&other.places)
                .all(|(one, two)| one == two || self.is_counterpart(one, other, two))
            && (self.target.is_some() || self.helps == other.helps)
    }

    /// Whether two places are the same text in the same file of two targets, such as a golden of each.
    fn is_counterpart(
        &self,
        (one, label): &(Place, String),
        other: &Self,
        (two, other_label): &(Place, String),
    ) -> bool {
        let (Some(target), Some(other_target)) = (&self.target, &other.target) else { return false };
        label == other_label
            && target != other_target
            && one.source.name.contains(target.as_str())
            && one.source.name.replacen(target.as_str(), other_target, 1) == two.source.name
            && text(one) == text(two)
    }
}

/// Replaces a name in a text, where it is a word or a hyphenated part of one.
fn masked(text: &str, name: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let bound = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let word = bound(before.chars().next_back().or(out.chars().next_back())) && bound(after.chars().next());
        out.push_str(before);
        out.push_str(if word { "\0" } else { name });
        rest = after;
    }
    out + rest
}

/// The text at a place.
fn text(place: &Place) -> Option<String> {
    Some(place.source.text.get(place.span.clone()?)?.to_owned())
}

impl Diagnostics {
    /// Sorts them by place, so that the output of two runs is the same, and merges findings of one defect. A merged
    /// finding has the help of the first.
    pub fn sort(&mut self) {
        self.0.sort_by_cached_key(Diagnostic::sort_key);
        self.0 = fold(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Source};

    fn merged(list: Vec<Diagnostic>) -> Vec<(String, Vec<String>)> {
        let mut diagnostics = Diagnostics(list);
        diagnostics.sort();
        diagnostics.0.into_iter().map(|found| (found.target.unwrap_or_default(), found.notes)).collect()
    }

    #[test]
    fn a_finding_of_several_targets_is_reported_once() {
        let at = |target: &str| Diagnostic::new(Code::HelmRefused, "no").target(target).help(format!("see {target}"));
        let mut diagnostics = Diagnostics(vec![at("b/x"), at("a/x"), at("c/x")]);
        diagnostics.sort();
        assert_eq!(diagnostics.0.len(), 1);
        assert_eq!(diagnostics.0[0].target.as_deref(), Some("a/x and 2 more"));
        assert_eq!(diagnostics.0[0].helps, ["see a/x"]);
    }

    #[test]
    fn the_same_line_of_two_goldens_is_reported_once() {
        let at = |target: &str, text: &str| {
            let source = Source::new(format!("tests/golden/{target}/pod.yaml"), text);
            Diagnostic::new(Code::ImageUnpinned, "no")
                .target(target)
                .at(Place::new(&source, text.len() - 5..text.len()), "")
        };
        assert_eq!(merged(vec![at("a/x", "image: nginx"), at("a/y", "# other\nimage: nginx")]).len(), 1);
        assert_eq!(merged(vec![at("a/x", "image: nginx"), at("a/y", "image: httpd")]).len(), 2);
        assert_eq!(merged(vec![at("a/x", "image: nginx"), at("a/x", "# other\nimage: nginx")]).len(), 2);
    }

    /// A finding about the image of a container, in an object with this name.
    fn image(target: &str, template: &str, name: &str, index: &str) -> Diagnostic {
        let text = format!("{index}\nname: {name}\nimage: nginx\n");
        let source = Source::new(format!("tests/golden/{target}/pod-{name}.yaml"), text.clone());
        let mut found = Diagnostic::new(Code::ImageUnpinned, format!("image of Pod {name} has no tag"))
            .target(target)
            .at(Place::new(&source, text.len() - 6..text.len() - 1), "");
        let way = ["spec", "containers", index, "image"].map(str::to_owned).to_vec();
        found.origin =
            Some(Origin { template: template.to_owned(), kind: "Pod".to_owned(), name: name.to_owned(), way });
        found
    }

    #[test]
    fn one_finding_names_all_objects_of_a_template() {
        let at = |target: &str, name: &str| image(target, "c/templates/pod.yaml", name, "0");
        let found = merged(vec![at("a/x", "web"), at("a/y", "mail"), at("a/y", "shop"), at("a/z", "web")]);
        assert_eq!(found, [("a/x and 2 more".to_owned(), vec!["the same in Pod `mail`, Pod `shop`".to_owned()])]);
        let many = ["b", "c", "d", "e", "f", "g"].map(|name| at("a/x", name)).to_vec();
        assert_eq!(merged(many)[0].1, ["the same in Pod `c`, Pod `d`, Pod `e`, Pod `f`, and 1 more"]);
    }

    #[test]
    fn a_name_is_masked_only_as_a_word() {
        assert_eq!(masked("`web` and web-data of website, web.", "web"), "`\0` and \0-data of website, \0.");
        assert_eq!(masked("aaa a", "a"), "aaa \0");
        assert_eq!(masked("é", ""), "é");
    }

    #[test]
    fn other_templates_applications_and_places_are_other_defects() {
        let pod = "c/templates/pod.yaml";
        let first = || image("a/x", pod, "web", "0");
        assert_eq!(merged(vec![first(), image("a/x", "c/templates/other.yaml", "mail", "0")]).len(), 2);
        assert_eq!(merged(vec![first(), image("b/x", pod, "mail", "0")]).len(), 2);
        assert_eq!(merged(vec![first(), image("a/x", pod, "web", "1")]).len(), 2, "two containers of one Pod");
        // Each container is merged with its counterpart in the other target, whatever its index is there.
        assert_eq!(
            merged(vec![
                first(),
                image("a/x", pod, "web", "1"),
                image("a/y", pod, "mail", "0"),
                image("a/y", pod, "mail", "1")
            ])
            .iter()
            .map(|(target, _)| target.as_str())
            .collect::<Vec<_>>(),
            ["a/x and 1 more", "a/x and 1 more"]
        );
        assert_eq!(merged(vec![first(), image("a/y", pod, "mail", "3")]).len(), 1);
    }

    #[test]
    fn merging_takes_linear_time() {
        let source = Source::new("values.yaml", "k: v\n".repeat(50_000));
        let at = |line: usize, message: String| {
            Diagnostic::new(Code::ValueUndocumented, message).at(Place::new(&source, 5 * line..5 * line + 1), "")
        };
        let findings = (0..50_000).flat_map(|line| [at(line, format!("`k{line}`")), at(line, "the same".to_owned())]);
        let start = std::time::Instant::now();
        assert_eq!(merged(findings.collect()).len(), 100_000);
        // Quadratic time would be minutes.
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    }
}
