//! Rules that permit `create` only for some names.

use super::view::{Problem, list, rules};
use crate::object::Object;

/// Returns the rules that permit `create` only for some names. The name of a new object is not known when the request is
/// authorized, unless it is created by an update or by server-side apply.
#[must_use]
pub fn by_name(object: &Object) -> Vec<Problem> {
    let all = rules(object);
    // Whether a rule grants one of the verbs for a resource, for any name if that is required.
    let grants = |resource: &str, verbs: &[&str], any_name: bool| {
        all.iter().any(|rule| {
            list(rule, "resources").iter().any(|(name, _)| *name == resource || *name == "*")
                && list(rule, "verbs").iter().any(|(verb, _)| verbs.contains(verb) || *verb == "*")
                && (!any_name || list(rule, "resourceNames").is_empty())
        })
    };
    let mut found = Vec::new();
    for rule in all.iter().filter(|rule| !list(rule, "resourceNames").is_empty()) {
        let Some((_, place)) = list(rule, "verbs").into_iter().find(|(verb, _)| *verb == "create") else { continue };
        let resources = list(rule, "resources");
        let without = resources.iter().map(|(resource, _)| *resource).find(|resource| {
            let excused = resource.contains(['/', '*']) || grants(resource, &["create"], true);
            !excused && !grants(resource, &["update", "patch"], false)
        });
        if let Some(resource) = without {
            found.push(Problem {
                message: format!("`create` for `{resource}` in {} has no effect with `resourceNames`", object.title()),
                place: place.place(),
                label: "the name of a new object is not known when the request is authorized".to_owned(),
                help: "move `create` to a rule without `resourceNames`".into(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use crate::object::{Home, of_manifest};

    fn reported(rules: &str) -> usize {
        let text =
            format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: a}}\nrules: [{rules}]\n");
        let home = Home { target: "web/default", source: "x", golden: "x.yaml", template_file: None };
        let manifest = manifest::read_golden(&text, "shop").expect("an object");
        by_name(&of_manifest(&home, &manifest)[0]).len()
    }

    #[test]
    fn create_needs_a_rule_without_names() {
        let named = "{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [get, create]}";
        assert_eq!(reported(named), 1);
        for other in [
            "{apiGroups: [''], resources: [secrets], verbs: [create]}",
            "{apiGroups: [''], resources: ['*'], verbs: ['*']}",
            // Server-side apply and updates name what they create.
            "{apiGroups: [''], resources: [secrets], resourceNames: [a], verbs: [patch]}",
        ] {
            assert_eq!(reported(&format!("{named}, {other}")), 0, "{other}");
        }
        assert_eq!(reported("{apiGroups: [''], resources: [services/proxy], resourceNames: [a], verbs: [create]}"), 0);
    }
}
