//! Parses the messages of `helm lint`.
//!
//! Their wording is that of Helm and of its JSON schema library, like that in [`crate::errors`].

use diagnostics::Fact;

/// The facts in a message about a template or about values.
#[must_use]
pub fn facts(message: &str) -> Vec<Fact> {
    let known = [
        ("must contain matchLabels", Fact::Required("matchLabels".to_owned())),
        ("object name does not conform", Fact::Unsupported("metadata.name".to_owned())),
        ("is deprecated in", Fact::Unsupported("apiVersion".to_owned())),
    ];
    let known = known.into_iter().filter(|(text, _)| message.contains(text)).map(|(_, fact)| fact);
    // `at '/a/b': what`.
    let pointers = message.split("at '/").skip(1).filter_map(|rest| Some(rest.split_once("':")?.0));
    let path = |pointer: &str| pointer.replace('/', ".").replace("~1", "/").replace("~0", "~");
    known.chain(pointers.map(|pointer| Fact::Value(path(pointer)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let table = [
            ("values.yaml: at '/relay/port': got string, want integer", Some(Fact::Value("relay.port".to_owned()))),
            (
                "apps/v1 Deployment \"a\" must contain matchLabels or matchExpressions, and \"x\" does not",
                Some(Fact::Required("matchLabels".to_owned())),
            ),
            (
                "object name does not conform to Kubernetes naming requirements: \"A\": metadata.name: Invalid",
                Some(Fact::Unsupported("metadata.name".to_owned())),
            ),
            (
                "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, unavailable in v1.25+",
                Some(Fact::Unsupported("apiVersion".to_owned())),
            ),
            (
                "values don't meet the specifications of the schema(s): at '/a/b.c~1d': got boolean, want string",
                Some(Fact::Value("a.b.c/d".to_owned())),
            ),
            ("icon is recommended", None),
        ];
        for (message, expected) in table {
            assert_eq!(facts(message), expected.into_iter().collect::<Vec<_>>(), "{message}");
        }
    }
}
