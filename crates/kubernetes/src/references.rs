//! References from objects to other objects by name, and to the keys of ConfigMaps and Secrets. One kind of referring object
//! per file.
//!
//! Pure.

pub mod backend;
pub mod binding;
pub mod entry_point;
pub mod pod;
pub mod reference;
pub mod scale;
pub mod storage;

use self::reference::Reference;
use crate::inventory::pods::Pods;
use crate::object::Object;

/// The references of an object, and of the pods that it makes.
#[must_use]
pub fn of<'a>(object: &'a Object, pods: Option<&Pods<'a>>) -> Vec<Reference<'a>> {
    let mut references = storage::of(object);
    references.extend(backend::of(object).into_iter().map(|backend| backend.service));
    references.extend(binding::of(object));
    references.extend(entry_point::of(object));
    references.extend(scale::of(object));
    if let Some(pods) = pods {
        references.extend(pod::of(pods));
    }
    references
}
