//! What is one defect and is found several times over: told once, with the first that has it.
//!
//! Several targets share a template, and one template may write several objects, whose names differ from case to case.
//! Findings of one code about one place in such objects differ in nothing but these names. They are one, and say of how
//! many targets and of which objects they are.
//!
//! Two places in one object are never one: a target adds each of its objects to a finding once at most.
//!
//! Pure. Deliberately absent: findings of several Applications, where each may be mended in another way.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::origin::Origin;

/// Objects that are named beside the first; of more, their number is told.
const NAMED: usize = 4;

/// One thing that is told, and what else it is told for.
struct Told {
    first: Diagnostic,
    /// Targets and names of objects, the first among them.
    of: BTreeSet<(Option<String>, String)>,
}

/// Drops repetitions from what is sorted already.
pub(crate) fn fold(sorted: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut told: Vec<Told> = Vec::new();
    for diagnostic in sorted {
        let of = subject(&diagnostic);
        let same = |one: &Told| one.first.says_the_same(&diagnostic);
        // A second place of the same object is another defect, unless it is the very same place.
        let free = |one: &Told| !one.of.contains(&of) || one.first.places == diagnostic.places;
        let exact = |one: &Told| {
            let way = |found: &Diagnostic| found.origin.as_ref().map(|origin| origin.way.clone());
            way(&one.first) == way(&diagnostic)
        };
        let found = told.iter().position(|one| same(one) && free(one) && exact(one));
        match found.or_else(|| told.iter().position(|one| same(one) && free(one))) {
            Some(index) => {
                told[index].of.insert(of);
            }
            None => told.push(Told { first: diagnostic, of: [of].into() }),
        }
    }
    told.into_iter().map(Told::tell).collect()
}

fn subject(diagnostic: &Diagnostic) -> (Option<String>, String) {
    (diagnostic.target.clone(), diagnostic.origin.as_ref().map(Origin::title).unwrap_or_default())
}

impl Told {
    /// The first, saying whom else it concerns.
    fn tell(self) -> Diagnostic {
        let Self { mut first, of } = self;
        let targets: BTreeSet<_> = of.iter().map(|(target, _)| target).collect();
        let (_, own) = subject(&first);
        let others: BTreeSet<_> = of.iter().map(|(_, name)| name).filter(|name| **name != own).collect();
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
    /// Whether another one tells nothing new but a further target, or a further object of the same template.
    fn says_the_same(&self, other: &Self) -> bool {
        self.code == other.code
            && self.places.len() == other.places.len()
            && match (&self.origin, &other.origin) {
                (Some(one), Some(two)) => self.is_of_the_same_line(one, other, two),
                (None, None) => self.is_of_the_same_text(other),
                _ => false,
            }
    }

    /// Whether two objects of one template have it in common, in words that differ in their names only.
    fn is_of_the_same_line(&self, one: &Origin, other: &Self, two: &Origin) -> bool {
        let app = |found: &Self| found.target.as_ref().map(|target| target.split('/').next().map(str::to_owned));
        (&one.template, &one.kind, one.line()) == (&two.template, &two.kind, two.line())
            && app(self) == app(other)
            && self.without(&one.name) == other.without(&two.name)
    }

    /// All that is told, but for a name.
    fn without(&self, name: &str) -> Vec<String> {
        let labels = self.places.iter().map(|(_, label)| label.clone());
        let texts = self.places.iter().map(|(place, _)| text(place).unwrap_or_default());
        let all = std::iter::once(self.message.clone()).chain(self.notes.iter().cloned()).chain(labels).chain(texts);
        all.map(|text| masked(&text, name)).collect()
    }

    fn is_of_the_same_text(&self, other: &Self) -> bool {
        (&self.message, &self.notes) == (&other.message, &other.notes)
            && self
                .places
                .iter()
                .zip(&other.places)
                .all(|(one, two)| one == two || self.is_counterpart(one, other, two))
            && (self.target.is_some() || self.helps == other.helps)
    }

    /// Whether the places are the same stretch of text in the same file of two targets, such as their goldens.
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

/// A text without a name where it is a word, or a part of one that hyphens join.
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

/// What stands at a place.
fn text(place: &Place) -> Option<String> {
    Some(place.source.text.get(place.span.clone()?)?.to_owned())
}

impl Diagnostics {
    /// Puts them into reading order, so that two runs tell the same, and drops repetitions. What several targets share
    /// is told once, with the way out of the first.
    pub fn sort(&mut self) {
        self.0.sort_by_cached_key(Diagnostic::sort_key);
        self.0 = fold(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Source};
    use crate::origin::Origin;

    fn told(list: Vec<Diagnostic>) -> Vec<(String, Vec<String>)> {
        let mut diagnostics = Diagnostics(list);
        diagnostics.sort();
        diagnostics.0.into_iter().map(|found| (found.target.unwrap_or_default(), found.notes)).collect()
    }

    #[test]
    fn what_targets_share_is_told_once() {
        let at = |target: &str| Diagnostic::new(Code::HelmRefused, "no").target(target).help(format!("see {target}"));
        let mut diagnostics = Diagnostics(vec![at("b/x"), at("a/x"), at("c/x")]);
        diagnostics.sort();
        assert_eq!(diagnostics.0.len(), 1);
        assert_eq!(diagnostics.0[0].target.as_deref(), Some("a/x and 2 more"));
        assert_eq!(diagnostics.0[0].helps, ["see a/x"]);
    }

    #[test]
    fn the_same_line_of_two_goldens_is_told_once() {
        let at = |target: &str, text: &str| {
            let source = Source::new(format!("tests/golden/{target}/pod.yaml"), text);
            Diagnostic::new(Code::ImageUnpinned, "no")
                .target(target)
                .at(Place::new(&source, text.len() - 5..text.len()), "")
        };
        assert_eq!(told(vec![at("a/x", "image: nginx"), at("a/y", "# other\nimage: nginx")]).len(), 1);
        assert_eq!(told(vec![at("a/x", "image: nginx"), at("a/y", "image: httpd")]).len(), 2);
        assert_eq!(told(vec![at("a/x", "image: nginx"), at("a/x", "# other\nimage: nginx")]).len(), 2);
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
    fn objects_of_one_template_are_named_in_one_finding() {
        let at = |target: &str, name: &str| image(target, "c/templates/pod.yaml", name, "0");
        let found = told(vec![at("a/x", "web"), at("a/y", "mail"), at("a/y", "shop"), at("a/z", "web")]);
        assert_eq!(found, [("a/x and 2 more".to_owned(), vec!["the same in Pod `mail`, Pod `shop`".to_owned()])]);
        let many = ["b", "c", "d", "e", "f", "g"].map(|name| at("a/x", name)).to_vec();
        assert_eq!(told(many)[0].1, ["the same in Pod `c`, Pod `d`, Pod `e`, Pod `f`, and 1 more"]);
    }

    #[test]
    fn a_name_is_masked_where_it_is_a_word() {
        assert_eq!(masked("`web` and web-data of website, web.", "web"), "`\0` and \0-data of website, \0.");
        assert_eq!(masked("aaa a", "a"), "aaa \0");
        assert_eq!(masked("é", ""), "é");
    }

    #[test]
    fn other_templates_apps_and_places_are_other_defects() {
        let pod = "c/templates/pod.yaml";
        let first = || image("a/x", pod, "web", "0");
        assert_eq!(told(vec![first(), image("a/x", "c/templates/other.yaml", "mail", "0")]).len(), 2);
        assert_eq!(told(vec![first(), image("b/x", pod, "mail", "0")]).len(), 2);
        assert_eq!(told(vec![first(), image("a/x", pod, "web", "1")]).len(), 2, "two containers of one Pod");
        // Each finds its own in the other target; where something stands before it there, too.
        assert_eq!(
            told(vec![
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
        assert_eq!(told(vec![first(), image("a/y", pod, "mail", "3")]).len(), 1);
    }
}
