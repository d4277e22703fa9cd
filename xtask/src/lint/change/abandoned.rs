//! Changes that leave data behind: a claim stays in the cluster, but nothing uses it.

use argocd::effect;
use argocd::effect::Removal;
use diagnostics::{Code, Diagnostics};
use kubernetes::change::data::{self, Holds};

use super::removed;
use super::removed::Fate;
use super::revision::Change;

const CODE: Code = Code::ChangeDataAbandoned;

/// Reports the claims of an Application that stay behind with their data.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for object in &change.removed {
        let removal = effect::removal(change.application.root, &object.root);
        let others = || change.removed.iter().chain(change.now.iter().copied());
        let (what, start, note) = match (data::held(object), &removal) {
            // The confirmation lists what is deleted.
            (_, Removal::Confirmed(_)) => continue,
            (Some(Holds::Volume), Removal::Kept(_)) => ("stays with its data", "which starts empty", None),
            (Some(Holds::Volume), Removal::Pruned(_)) if data::is_retained(object, others()) => {
                ("its volume stays with its data", "which starts empty", None)
            }
            (Some(Holds::Claims { templates, deleted: false }), _)
            | (Some(Holds::Claims { templates, .. }), Removal::Kept(_)) => {
                let claims: Vec<String> =
                    templates.iter().map(|template| format!("`{template}-{}-0`", object.key.name)).collect();
                let note = format!("left behind: {} and those of the other replicas", claims.join(", "));
                ("its claims stay with their data", "which starts with empty claims", Some(note))
            }
            _ => continue,
        };
        let fate = removed::fate(change, object);
        let message = match &fate {
            Fate::Renamed(_) => format!("{} {}, {start}", change.title(&object.key), fate.verb(object)),
            Fate::Gone => format!("{} {}, and {what}", change.title(&object.key), fate.verb(object)),
        };
        let mut found = removed::finding(change, object, &fate, CODE, message);
        if let Removal::Kept(Some(place)) = removal {
            found = found.at(place, "keeps the object when it is no longer rendered");
        }
        found.notes.extend(note);
        let help = match &fate {
            Fate::Renamed(_) => "keep the name, or copy the data to the new claim before anything writes to it",
            Fate::Gone => "delete what is left behind when the data is no longer needed",
        };
        diagnostics.push(found.help(help).help(removed::acceptance(CODE, &object.target)));
    }
    diagnostics
}
