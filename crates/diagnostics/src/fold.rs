//! Folds findings with the same cause into one, which counts the others.
//!
//! Several targets share a template, a template may render several objects, and a value or a named template may be used by
//! several templates. Findings with the same code and the same text at the same field of such objects differ only in the
//! names and kinds of the objects. They become one finding with the number of targets and the names of the other objects.
//!
//! Two places in one object are never folded: a target adds each of its objects to a finding at most once. Findings of several
//! Applications are folded only if each of them is about the same places in templates and values, since others may need
//! another fix.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::origin::Origin;
use crate::place::Place;

/// How many other objects a finding names.
const NAMED: usize = 4;

/// With how many findings of the same key each one is compared, so that very many of them do not take quadratic time.
const COMPARED: usize = 256;

/// What stands before and after the number of other targets.
const AND: &str = " and ";
const MORE: &str = " more";

/// A finding with the subjects of all findings that are folded into it.
struct Folded {
    first: Diagnostic,
    /// Targets and titles of objects, including those of the first.
    subjects: BTreeSet<(Option<String>, String)>,
}

/// The common part of findings about one place in a template: code, Application, message without names and numbers, and
/// the file and the range of the place.
type TemplateKey = (Code, Option<String>, String, String, usize, usize);

/// The common part of findings of several Applications about the same places: code, message, help, and these places.
type SharedKey = (Code, String, Vec<String>, Vec<(String, usize, usize)>);

/// Folds sorted diagnostics.
pub(crate) fn fold(sorted: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut folded: Vec<Folded> = Vec::new();
    // Only diagnostics with equal keys can have the same cause, so that not all pairs need to be compared.
    let mut candidates: BTreeMap<(Code, Option<String>, String), Vec<usize>> = BTreeMap::new();
    let mut templates: BTreeMap<TemplateKey, usize> = BTreeMap::new();
    let mut shared: BTreeMap<SharedKey, usize> = BTreeMap::new();
    for diagnostic in sorted {
        let subject = subject(&diagnostic);
        let key = diagnostic.template_key();
        if let Some(&index) = key.as_ref().and_then(|key| templates.get(key)) {
            folded[index].subjects.insert(subject);
            continue;
        }
        let everywhere = diagnostic.shared_key();
        if let Some(&index) = everywhere.as_ref().and_then(|key| shared.get(key)) {
            folded[index].subjects.insert(subject);
            continue;
        }
        let candidates = candidates.entry(diagnostic.fold_key()).or_default();
        // A second place in the same object is another defect, unless it is exactly the same place.
        let matches = |index: &&usize| {
            let one = &folded[**index];
            one.first.has_same_cause(&diagnostic)
                && (!one.subjects.contains(&subject) || one.first.has_same_places(&diagnostic))
        };
        let path = |found: &Diagnostic| found.origin.as_ref().map(|origin| origin.path.clone());
        let exact = |index: &&usize| path(&folded[**index].first) == path(&diagnostic);
        let matching: Vec<&usize> = candidates.iter().take(COMPARED).filter(matches).collect();
        let index = if let Some(&&index) = matching.iter().find(|index| exact(index)).or(matching.first()) {
            folded[index].subjects.insert(subject);
            index
        } else {
            candidates.push(folded.len());
            folded.push(Folded { first: diagnostic, subjects: [subject].into() });
            folded.len() - 1
        };
        if let Some(key) = key {
            templates.insert(key, index);
        }
        if let Some(key) = everywhere {
            shared.insert(key, index);
        }
    }
    folded.into_iter().map(Folded::into_diagnostic).collect()
}

fn subject(diagnostic: &Diagnostic) -> (Option<String>, String) {
    (diagnostic.target.clone(), diagnostic.origin.as_ref().map(Origin::title).unwrap_or_default())
}

impl Folded {
    /// Returns the first finding, with the number of other targets and the names of other objects.
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
        // Each target once, with the most that it stood for.
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, others) in targets.iter().filter_map(|target| target.as_deref()).map(counted) {
            let most = known.entry(name).or_default();
            *most = others.max(*most);
        }
        let count = known.values().map(|others| others + 1).sum::<usize>();
        if let (Some(target), others @ 2..) = (first.target.as_mut(), count) {
            let others = others - 1;
            *target = format!("{}{AND}{others}{MORE}", counted(target).0);
        }
        first
    }
}

impl Diagnostic {
    /// The common part of diagnostics with the same cause.
    fn fold_key(&self) -> (Code, Option<String>, String) {
        match &self.origin {
            Some(Origin { kind, name, .. }) => (self.code, self.app(), masked(&masked(&self.message, name), kind)),
            None => (self.code, None, self.message.clone()),
        }
    }

    /// The place in a template that a finding about a rendered object is about, if it is known: whatever is wrong there is
    /// wrong in each object that the template renders.
    fn template_key(&self) -> Option<TemplateKey> {
        let origin = self.origin.as_ref()?;
        let (place, _) = self.places.first().filter(|(place, _)| !place.source.name.contains(&origin.golden))?;
        let span = place.span.clone()?;
        let message = without_namespace(&masked(&masked(&self.message, &origin.name), &origin.kind));
        let message = without_names(&message);
        Some((self.code, self.app(), message, place.source.name.clone(), span.start, span.end))
    }

    /// The places outside of goldens that a finding about a rendered object is about, if they are known.
    fn shared_key(&self) -> Option<SharedKey> {
        let origin = self.origin.as_ref()?;
        let is_golden = |place: &Place| place.source.name.contains(&origin.golden);
        self.places.first().filter(|(place, _)| !is_golden(place) && place.span.is_some())?;
        let places = self.places.iter().filter(|(place, _)| !is_golden(place));
        let places = places.map(|(place, _)| {
            let span = place.span.clone().unwrap_or_default();
            (place.source.name.clone(), span.start, span.end)
        });
        let masked = |text: &str| without_namespace(&masked(&masked(text, &origin.name), &origin.kind));
        Some((self.code, masked(&self.message), self.helps.iter().map(|help| masked(help)).collect(), places.collect()))
    }

    fn app(&self) -> Option<String> {
        self.target.as_ref().and_then(|target| target.split('/').next().map(str::to_owned))
    }

    /// Whether both are about the same places, whatever files they mention besides.
    fn has_same_places(&self, other: &Self) -> bool {
        self.places.len() == other.places.len()
            && self
                .places
                .iter()
                .zip(&other.places)
                .enumerate()
                .all(|(index, (one, two))| one == two || index > 0 && is_mention(one, two))
    }

    /// Whether another one adds only a target or an object.
    fn has_same_cause(&self, other: &Self) -> bool {
        self.code == other.code
            && self.places.len() == other.places.len()
            && match (&self.origin, &other.origin) {
                (Some(one), Some(two)) => self.is_same_field(one, other, two),
                (None, None) => self.is_same_text(other),
                _ => false,
            }
    }

    /// Whether both differ only in the objects' names and kinds, and are about the same field of objects from the same
    /// template, or about a field of the same name and need the same fix: the templates use the same value or named
    /// template.
    fn is_same_field(&self, one: &Origin, other: &Self, two: &Origin) -> bool {
        let texts = |found: &Self, origin: &Origin| -> Vec<String> {
            // The template is a note where its file is not in the repository.
            let texts = found.texts().filter(|text| !text.starts_with("template: "));
            texts.map(|text| masked(&masked(&text, &origin.name), &origin.kind)).collect()
        };
        let helps = |found: &Self, origin: &Origin| -> Vec<String> {
            found.helps.iter().map(|help| masked(help, &origin.name)).collect()
        };
        let same_template = (&one.template, &one.kind, one.field()) == (&two.template, &two.kind, two.field());
        self.app() == other.app()
            && (same_template || one.path.last() == two.path.last() && helps(self, one) == helps(other, two))
            && texts(self, one) == texts(other, two)
    }

    /// Returns the message, notes, labels, and the text at each place.
    fn texts(&self) -> impl Iterator<Item = String> {
        let labels = self.places.iter().map(|(_, label)| label.clone());
        let texts = self.places.iter().map(|(place, _)| text(place).unwrap_or_default());
        std::iter::once(self.message.clone()).chain(self.notes.iter().cloned()).chain(labels).chain(texts)
    }

    fn is_same_text(&self, other: &Self) -> bool {
        (&self.message, &self.notes) == (&other.message, &other.notes)
            && self.places.iter().zip(&other.places).enumerate().all(|(index, (one, two))| {
                self.is_same_place(one, other, two)
                    || self.is_counterpart(one, other, two)
                    || index > 0 && is_mention(one, two)
            })
            && (self.target.is_some() || self.helps == other.helps)
    }

    /// Whether both are the same place. The label may show what each of two targets has there.
    fn is_same_place(
        &self,
        (one, label): &(Place, String),
        other: &Self,
        (two, other_label): &(Place, String),
    ) -> bool {
        one == two && (label == other_label || self.target.is_some() && self.target != other.target)
    }

    /// Whether two places have the same text in the same file of two targets, such as their goldens.
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

/// Whether both only mention a file, such as the goldens that one line of a template rendered.
fn is_mention((one, label): &(Place, String), (two, other_label): &(Place, String)) -> bool {
    one.span.is_none() && two.span.is_none() && label.is_empty() && other_label.is_empty()
}

/// The name of a target, and how many others were folded into it before, when another list was sorted.
fn counted(target: &str) -> (&str, usize) {
    let counted = target.strip_suffix(MORE).and_then(|target| target.rsplit_once(AND));
    let counted = counted.and_then(|(name, count)| Some((name, count.parse().ok()?)));
    counted.unwrap_or((target, 0))
}

/// Replaces a name in a text wherever it is a whole word, or a part of one that hyphens join.
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

/// A text with masked names, without the namespaces before them.
fn without_namespace(text: &str) -> String {
    let mut parts = text.split("/\0");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '\0');
        out.truncate(out.trim_end_matches(named).len());
        out.push('\0');
        out.push_str(part);
    }
    out
}

/// A text without what is quoted in backticks, and without numbers.
fn without_names(text: &str) -> String {
    let plain = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    plain.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Returns the text at a place.
fn text(place: &Place) -> Option<String> {
    Some(place.source.text.get(place.span.clone()?)?.to_owned())
}

impl Diagnostics {
    /// Sorts them by severity and place, so that every run has the same output, and folds those with the same cause. A folded
    /// one has the help of the first.
    pub fn sort(&mut self) {
        self.0.sort_by_cached_key(Diagnostic::sort_key);
        self.0 = fold(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::origin::Origin;
    use crate::place::Source;

    fn folded(list: Vec<Diagnostic>) -> Vec<(String, Vec<String>)> {
        let mut diagnostics = Diagnostics(list);
        diagnostics.sort();
        diagnostics.0.into_iter().map(|found| (found.target.unwrap_or_default(), found.notes)).collect()
    }

    #[test]
    fn findings_of_several_targets_are_folded() {
        let at = |target: &str| Diagnostic::new(Code::HelmRefused, "no").target(target).help(format!("see {target}"));
        let mut diagnostics = Diagnostics(vec![at("b/x"), at("a/x"), at("c/x")]);
        diagnostics.sort();
        assert_eq!(diagnostics.0.len(), 1);
        assert_eq!(diagnostics.0[0].target.as_deref(), Some("a/x and 2 more"));
        assert_eq!(diagnostics.0[0].helps, ["see a/x"]);
    }

    #[test]
    fn the_same_place_of_several_targets_is_folded_whatever_each_has_there() {
        let source = Source::new("charts/web/templates/a.yaml", "labels:\n");
        let at = |target: &str, label: &str| {
            Diagnostic::new(Code::HelmRefused, "no").target(target).at(Place::new(&source, 0..7), label)
        };
        assert_eq!(folded(vec![at("a/x", "renders `a`"), at("a/y", "renders `b`")]).len(), 1);
        assert_eq!(folded(vec![at("a/x", "renders `a`"), at("a/x", "renders `b`")]).len(), 2);
    }

    #[test]
    fn what_was_folded_before_is_counted() {
        let source = Source::new("charts/web/values.yaml", "a: b\n");
        let at =
            |target: &str| Diagnostic::new(Code::HelmRefused, "no").target(target).at(Place::new(&source, 0..1), "");
        let found = folded(vec![at("a/x and 2 more"), at("b/x"), at("c/x and 1 more")]);
        assert_eq!(found[0].0, "a/x and 5 more");
        assert_eq!(folded(vec![at("a/x"), at("a/x and 2 more")])[0].0, "a/x and 2 more");
    }

    #[test]
    fn one_line_that_renders_several_goldens_is_folded() {
        let source = Source::new("charts/web/templates/a.yaml", "a: b\na: c\n");
        let at = |span: std::ops::Range<usize>, golden: &str| {
            Diagnostic::new(Code::ApplicationInvalid, "duplicate key `a`")
                .at(Place::new(&source, span), "second definition")
                .at(Place::file(format!("tests/golden/{golden}")), "")
        };
        assert_eq!(folded(vec![at(5..6, "a/default/web.yaml"), at(5..6, "b/default/mail.yaml")]).len(), 1);
        assert_eq!(folded(vec![at(5..6, "a/default/web.yaml"), at(0..1, "b/default/mail.yaml")]).len(), 2);
    }

    #[test]
    fn the_same_line_of_two_goldens_is_folded() {
        let at = |target: &str, text: &str| {
            let source = Source::new(format!("tests/golden/{target}/pod.yaml"), text);
            Diagnostic::new(Code::ImageUnpinned, "no")
                .target(target)
                .at(Place::new(&source, text.len() - 5..text.len()), "")
        };
        assert_eq!(folded(vec![at("a/x", "image: nginx"), at("a/y", "# other\nimage: nginx")]).len(), 1);
        assert_eq!(folded(vec![at("a/x", "image: nginx"), at("a/y", "image: httpd")]).len(), 2);
        assert_eq!(folded(vec![at("a/x", "image: nginx"), at("a/x", "# other\nimage: nginx")]).len(), 2);
    }

    /// A finding about the image of a container in a Pod.
    fn image(target: &str, template: &str, name: &str, index: &str) -> Diagnostic {
        let text = format!("{index}\nname: {name}\nimage: nginx\n");
        let source = Source::new(format!("tests/golden/{target}/pod-{name}.yaml"), text.clone());
        let mut found = Diagnostic::new(Code::ImageUnpinned, format!("image of Pod {name} has no tag"))
            .target(target)
            .at(Place::new(&source, text.len() - 6..text.len() - 1), "");
        let path = ["spec", "containers", index, "image"].map(str::to_owned).to_vec();
        found.origin = Some(Origin {
            golden: format!("pod-{name}.yaml"),
            template: template.to_owned(),
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            path,
        });
        found
    }

    #[test]
    fn objects_of_one_template_are_folded() {
        let at = |target: &str, name: &str| image(target, "c/templates/pod.yaml", name, "0");
        let found = folded(vec![at("a/x", "web"), at("a/y", "mail"), at("a/y", "shop"), at("a/z", "web")]);
        assert_eq!(found, [("a/x and 2 more".to_owned(), vec!["the same in Pod `mail`, Pod `shop`".to_owned()])]);
        let many = ["b", "c", "d", "e", "f", "g"].map(|name| at("a/x", name)).to_vec();
        assert_eq!(folded(many)[0].1, ["the same in Pod `c`, Pod `d`, Pod `e`, Pod `f`, and 1 more"]);
    }

    #[test]
    fn the_same_places_of_several_applications_are_folded() {
        let (template, values) = ("image: {{ .Values.image }}", "image: nginx");
        let at = |target: &str, file: &str| {
            let mut found = image(target, "c/templates/pod.yaml", "web", "0");
            let golden = found.places.remove(0);
            let place = |name: &str, text: &str| (Place::new(&Source::new(name, text), 7..text.len()), String::new());
            found.places = vec![place("c/templates/pod.yaml", template), place(file, values), golden];
            found
        };
        let found = folded(vec![at("a/x", "c/values.yaml"), at("b@two/x", "c/values.yaml"), at("c/x", "c/other.yaml")]);
        assert_eq!(found, [("a/x and 1 more".to_owned(), Vec::new()), ("c/x".to_owned(), Vec::new())]);
    }

    #[test]
    fn a_name_is_masked_as_a_whole_word() {
        assert_eq!(masked("`web` and web-data of website, web.", "web"), "`\0` and \0-data of website, \0.");
        assert_eq!(masked("aaa a", "a"), "aaa \0");
        assert_eq!(masked("é", ""), "é");
    }

    #[test]
    fn a_namespace_before_a_name_is_dropped() {
        assert_eq!(without_namespace("Pod \0/\0, mail/\0 and a/b"), "Pod \0, \0 and a/b");
        assert_eq!(without_namespace("plain"), "plain");
    }

    #[test]
    fn other_apps_and_places_are_not_folded() {
        let pod = "c/templates/pod.yaml";
        let first = || image("a/x", pod, "web", "0");
        assert_eq!(folded(vec![first(), image("b/x", pod, "mail", "0")]).len(), 2);
        assert_eq!(folded(vec![first(), image("a/x", pod, "web", "1")]).len(), 2, "two containers of one Pod");
        // Each container is folded with its counterpart in the other target, even at another index.
        assert_eq!(
            folded(vec![
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
        assert_eq!(folded(vec![first(), image("a/y", pod, "mail", "3")]).len(), 1);
    }

    #[test]
    fn the_same_text_in_several_templates_is_folded() {
        let first = || image("a/x", "c/templates/pod.yaml", "web", "0");
        let other = || image("a/x", "c/templates/other.yaml", "mail", "3");
        assert_eq!(folded(vec![first(), other()]), [("a/x".to_owned(), vec!["the same in Pod `web`".to_owned()])]);
        let of_kind = |mut found: Diagnostic| {
            found.message = found.message.replace("Pod", "Job");
            found.origin.as_mut().expect("an origin").kind = "Job".to_owned();
            found
        };
        assert_eq!(folded(vec![first(), of_kind(other())])[0].1, ["the same in Pod `web`"]);
        assert_eq!(folded(vec![first().help("allow Pod"), of_kind(other()).help("allow Job")]).len(), 2, "other fixes");
        let mut other_field = other();
        other_field.origin.as_mut().expect("an origin").path.push("tag".to_owned());
        assert_eq!(folded(vec![first(), other_field]).len(), 2);
    }
}
