//! SealedSecrets that are renamed or moved with their ciphertexts, which are bound to the former name and namespace.

use std::collections::BTreeMap;

use diagnostics::{Code, Diagnostics};
use kubernetes::object::Object;

use super::revision::Change;
use crate::lint::sealed_secret;

const CODE: Code = Code::ChangeIncomplete;

/// Reports the ciphertexts that were sealed for a removed SealedSecret, and that a new one contains.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut sealed: BTreeMap<&str, &Object> = BTreeMap::new();
    for object in change.removed.iter().filter(|object| is_strict(object)) {
        let entries = object.find(&["spec", "encryptedData"]).map(document::Node::entries).unwrap_or_default();
        sealed.extend(entries.iter().filter_map(|(_, value)| Some((value.as_str()?, object))));
    }
    for object in change.added.iter().filter(|object| is_strict(object)) {
        let entries = object.find(&["spec", "encryptedData"]).map(document::Node::entries).unwrap_or_default();
        let bound = entries.iter().find_map(|(key, value)| Some((key, *sealed.get(value.as_str()?)?)));
        let Some((key, before)) = bound else { continue };
        let message =
            format!("the values of {} are sealed for {}", change.title(&object.key), change.title(&before.key));
        let label = format!("was `{}` in namespace `{}` at `{}`", before.key.name, before.key.namespace, change.base);
        diagnostics.push(
            object
                .finding(CODE, message, object.name_place(), label)
                .note(format!("the controller cannot decrypt `{}` under another name or in another namespace", key.name))
                .note("the Secret of the former name is deleted with its SealedSecret")
                .help("seal the values again for the new name, with `cargo xtask seal`, or keep the name and the namespace"),
        );
    }
    diagnostics
}

/// Whether an object is a SealedSecret whose ciphertexts are bound to its name.
fn is_strict(object: &Object) -> bool {
    let sealed = (object.key.group.as_str(), object.key.kind.as_str()) == ("bitnami.com", "SealedSecret");
    sealed && object.find(&["metadata"]).is_none_or(|metadata| sealed_secret::scope(metadata).is_none())
}
