//! The first difference between two renders of a field, as the API server would store it.

use document::{Node, Value};

use super::entries::paired;
use super::meaning::{default, is_quantity, is_set, is_stored_unset, same_quantity, written};

/// Two values of a field that differ.
#[derive(Debug)]
pub struct Difference<'a> {
    /// The path of the field from the root of the object.
    pub path: Vec<String>,
    /// The value before; `None` if the field was not set.
    pub before: Option<&'a Node>,
    /// The value after; `None` if the field is no longer set.
    pub after: Option<&'a Node>,
}

/// The first difference below a path; `None` if the API server stores the same.
#[must_use]
pub fn first<'a>(
    before: Option<&'a Node>,
    after: Option<&'a Node>,
    path: &[String],
    except: &[&str],
) -> Option<Difference<'a>> {
    let mut path = path.to_vec();
    walk(before, after, &mut path, None, except)
}

/// The siblings of a field before and after: some defaults depend on them.
type Owners<'a> = Option<(Option<&'a Node>, Option<&'a Node>)>;

fn walk<'a>(
    before: Option<&'a Node>,
    after: Option<&'a Node>,
    path: &mut Vec<String>,
    owners: Owners<'a>,
    except: &[&str],
) -> Option<Difference<'a>> {
    let (before, after) = (before.filter(|node| is_set(node)), after.filter(|node| is_set(node)));
    let difference = |path: &[String]| Some(Difference { path: path.to_vec(), before, after });
    let kind = |node: Option<&Node>| match node.map(|node| &node.value) {
        None => 0,
        Some(Value::Mapping(_)) => 1,
        Some(Value::Sequence(_)) => 2,
        Some(_) => 3,
    };
    match (kind(before), kind(after)) {
        (0, 0) => None,
        (0 | 1, 0 | 1) => mappings(before, after, path, except),
        (2, 2) => {
            let (before, after) = (before?.items(), after?.items());
            for index in 0..before.len().max(after.len()) {
                path.push(index.to_string());
                let (old, new) = (before.get(index), after.get(index));
                let found = match (old, new) {
                    (Some(_), Some(_)) => walk(old, new, path, None, &[]),
                    _ => Some(Difference { path: path.clone(), before: old, after: new }),
                };
                if found.is_some() {
                    return found;
                }
                path.pop();
            }
            None
        }
        (0 | 3, 0 | 3) => {
            let (old_owner, new_owner) = owners.unwrap_or_default();
            let text = |node: Option<&Node>, owner| node.map(written).or_else(|| default(path, owner));
            let same = match (text(before, old_owner), text(after, new_owner)) {
                (Some(old), Some(new)) => old == new || is_quantity(path) && same_quantity(before, after),
                // Without a known default, an unset number or boolean is most likely the zero value.
                (Some(only), None) | (None, Some(only)) => !is_stored_unset(path) && (only == "false" || only == "0"),
                (None, None) => true,
            };
            if same { None } else { difference(path) }
        }
        _ => difference(path),
    }
}

fn mappings<'a>(
    before: Option<&'a Node>,
    after: Option<&'a Node>,
    path: &mut Vec<String>,
    except: &[&str],
) -> Option<Difference<'a>> {
    let entries = |node: Option<&'a Node>| node.map(Node::entries).unwrap_or_default();
    for pair in paired(entries(before), entries(after)) {
        if pair.is_same_text() || except.contains(&pair.name) {
            continue;
        }
        path.push(pair.name.to_owned());
        let found = walk(pair.before, pair.after, path, Some((before, after)), &[]);
        if found.is_some() {
            return found;
        }
        path.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use diagnostics::Source;
    use document::yaml;

    use super::*;

    fn compare(before: &str, after: &str) -> Option<String> {
        let parse = |text: &str| yaml::parse_one(&Source::new("x", text)).expect("YAML").root;
        let (before, after) = (parse(before), parse(after));
        first(Some(&before), Some(&after), &[], &[]).map(|found| found.path.join("."))
    }

    #[test]
    fn defaults_and_empty_values_are_no_difference() {
        for (before, after) in [
            ("a: 1\nb: 2", "b: 2\na: 1"),
            ("a: {}\nb: []\nc: ''\nd: null", "e: {f: {}}"),
            ("ports: [{containerPort: 80}]", "ports: [{containerPort: 80, protocol: TCP}]"),
            (
                "livenessProbe: {httpGet: {port: 80}}",
                "livenessProbe: {httpGet: {port: 80, scheme: HTTP, path: /}, periodSeconds: 10}",
            ),
            ("containers: [{image: a}]", "containers: [{image: a, imagePullPolicy: Always}]"),
            ("containers: [{image: 'r:5/a:1'}]", "containers: [{image: 'r:5/a:1', imagePullPolicy: IfNotPresent}]"),
            ("requests: {cpu: 1, memory: 1Gi}", "requests: {cpu: 1000m, memory: 1024Mi}"),
            ("hostNetwork: false", "{}"),
            ("emptyDir: {}", "emptyDir: null"),
            ("defaultMode: 0644", "{}"),
        ] {
            assert_eq!(compare(before, after), None, "{before} → {after}");
            assert_eq!(compare(after, before), None, "{after} → {before}");
        }
    }

    #[test]
    fn the_first_difference_is_found() {
        for (before, after, path) in [
            ("a: {b: 1, c: 2}", "a: {b: 1, c: 3}", "a.c"),
            ("a: [1, 2]", "a: [1]", "a.1"),
            ("a: [{name: x}, {name: y}]", "a: [{name: y}, {name: x}]", "a.0.name"),
            ("a: {b: 1}", "a: [1]", "a"),
            ("enableServiceLinks: false", "{}", "enableServiceLinks"),
            (
                "containers: [{image: 'a:1'}]",
                "containers: [{image: 'a:1', imagePullPolicy: Always}]",
                "containers.0.imagePullPolicy",
            ),
            ("requests: {cpu: 1}", "requests: {cpu: 2}", "requests.cpu"),
            ("terminationGracePeriodSeconds: 0", "{}", "terminationGracePeriodSeconds"),
        ] {
            assert_eq!(compare(before, after).as_deref(), Some(path), "{before} → {after}");
            assert_eq!(compare(after, before).as_deref(), Some(path), "{after} → {before}");
        }
    }
}
