//! The sync options of Argo CD 3.5, for Applications and for annotations of objects.
//!
//! Argo CD compares options literally, and silently ignores `createNamespace=true` and `Prune = false`.

use diagnostics::{Help, did_you_mean, nearest};

/// The options with their values, and whether they are valid for Applications and for objects.
const OPTIONS: &[(&str, &[&str], bool, bool)] = &[
    ("ApplyOutOfSyncOnly", BOOLEAN, true, true),
    ("ClientSideApplyMigration", BOOLEAN, true, false),
    ("CreateNamespace", BOOLEAN, true, false),
    ("Delete", &["true", "false", "confirm"], true, true),
    ("FailOnSharedResource", BOOLEAN, true, false),
    ("Force", BOOLEAN, false, true),
    ("Prune", &["true", "false", "confirm"], true, true),
    ("PruneLast", BOOLEAN, true, true),
    ("PrunePropagationPolicy", &["foreground", "background", "orphan"], true, false),
    ("Replace", BOOLEAN, true, true),
    ("RespectIgnoreDifferences", BOOLEAN, true, false),
    ("ServerSideApply", BOOLEAN, true, true),
    ("SkipDryRunOnMissingResource", BOOLEAN, true, true),
    ("Validate", BOOLEAN, true, true),
];

const BOOLEAN: &[&str] = &["true", "false"];

/// Where an option is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setter {
    /// `spec.syncPolicy.syncOptions` of an Application.
    Application,
    /// The annotation of an object.
    Object,
}

/// An error in an option.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The problem.
    pub what: String,
    /// Its fix.
    pub help: Help,
    /// The option, if only its value is wrong.
    pub invalid: Option<&'static str>,
}

/// Returns the error in an option.
#[must_use]
pub fn wrong(option: &str, setter: Setter) -> Option<Wrong> {
    let known = || {
        OPTIONS.iter().filter(|(_, _, application, object)| match setter {
            Setter::Application => *application,
            Setter::Object => *object,
        })
    };
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    if let Some((name, values, ..)) = known().find(|(known, ..)| *known == name) {
        return match value {
            Some(value) if values.contains(&value) => None,
            value => {
                let choices: Vec<String> = values.iter().map(|value| format!("`{name}={value}`")).collect();
                let what = match value {
                    None => format!("sync option `{name}` has no value"),
                    Some(value) => format!("invalid value `{value}` of sync option `{name}`"),
                };
                let help = format!("use one of {}", choices.join(", ")).into();
                Some(Wrong { what, help, invalid: value.map(|_| *name) })
            }
        };
    }
    if let Some((name, ..)) = OPTIONS.iter().find(|(known, ..)| *known == name) {
        let (what, help) = match setter {
            Setter::Application => (
                format!("sync option `{name}` is not supported for Applications"),
                format!("annotate the object with `argocd.argoproj.io/sync-options: {option}`"),
            ),
            Setter::Object => (
                format!("sync option `{name}` is not supported for objects"),
                format!("move `{option}` to `spec.syncPolicy.syncOptions` of the Application"),
            ),
        };
        return Some(Wrong { what, help: help.into(), invalid: None });
    }
    let what = format!("unknown sync option `{option}`");
    let names: Vec<&str> = known().map(|(name, ..)| *name).collect();
    let plain = name.trim();
    let help = match (nearest(plain, names.iter().copied()), value.map(str::trim)) {
        (Some(near), Some(value)) => did_you_mean(format!("{near}={value}")),
        (Some(near), None) => did_you_mean(format!("{near}=true")),
        (None, _) => {
            format!("use one of {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")).into()
        }
    };
    Some(Wrong { what, help, invalid: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_compared_literally() {
        for option in
            ["CreateNamespace=true", "Prune=confirm", "Prune=false", "PrunePropagationPolicy=orphan", "Validate=false"]
        {
            assert_eq!(wrong(option, Setter::Application), None, "{option}");
        }
        for option in ["Force=true", "Replace=true", "ServerSideApply=false", "SkipDryRunOnMissingResource=true"] {
            assert_eq!(wrong(option, Setter::Object), None, "{option}");
        }
        let help = |option: &str, setter| wrong(option, setter).expect("wrong").help.text;
        assert_eq!(help("createNamespace=true", Setter::Application), "did you mean `CreateNamespace=true`?");
        assert_eq!(help("Prune = false", Setter::Application), "did you mean `Prune=false`?");
        assert_eq!(help("PruneLast", Setter::Application), "use one of `PruneLast=true`, `PruneLast=false`");
        assert_eq!(help("Prune=no", Setter::Object), "use one of `Prune=true`, `Prune=false`, `Prune=confirm`");
        assert!(help("Force=true", Setter::Application).starts_with("annotate the object"));
        assert!(help("CreateNamespace=true", Setter::Object).starts_with("move `CreateNamespace=true`"));
    }
}
