//! The requests of containers, with the defaults of the `LimitRange` of their namespace.

use document::Node;
use kubernetes::inventory::View;
use kubernetes::inventory::pods::Pods;
use kubernetes::object::Object;

use super::amount::Amount;

/// The part of a `LimitRange` that is for containers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) object: &'a Object,
    pub(super) item: Option<&'a Node>,
}

/// The request and the limit of a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) request: Option<Amount<'a>>,
    pub(super) limit: Option<Amount<'a>>,
}

impl<'a> Defaults<'a> {
    fn of(object: &'a Object) -> Self {
        Self { object, item: item(object, "Container") }
    }

    pub(super) fn field(&self, field: &str, resource: &str) -> Option<Amount<'a>> {
        Amount::of(self.item?.get(field), resource)
    }

    fn limit(&self, resource: &str) -> Option<Amount<'a>> {
        self.field("default", resource).or_else(|| self.field("max", resource))
    }

    fn request(&self, resource: &str) -> Option<Amount<'a>> {
        self.field("defaultRequest", resource).or_else(|| self.limit(resource)).or_else(|| self.field("min", resource))
    }
}

/// The entry of a `LimitRange` for containers, pods, or claims; nothing if there are several.
pub(super) fn item<'a>(object: &'a Object, kind: &str) -> Option<&'a Node> {
    let items = object.find(&["spec", "limits"]).map(Node::items).unwrap_or_default().iter();
    let mut own = items.filter(|item| item.get("type").and_then(Node::as_str) == Some(kind));
    own.next().filter(|_| own.next().is_none())
}

/// The request and the limit of a container for a resource, with the defaults of its namespace.
pub(super) fn given<'a>(container: &'a Node, resource: &str, defaults: Option<&Defaults<'a>>) -> Given<'a> {
    let own = |key: &str| Amount::of(container.find(&["resources", key]), resource);
    let (request, limit) = (own("requests").or_else(|| own("limits")), own("limits"));
    Given {
        request: request.or_else(|| defaults?.request(resource)),
        limit: limit.or_else(|| defaults?.limit(resource)),
    }
}

/// The `LimitRange` of a namespace, if it has exactly one; an error if it has several.
pub(super) fn defaults<'a>(view: &View<'_, 'a>, namespace: &str) -> Result<Option<Defaults<'a>>, ()> {
    let mut ranges = view.of_kind("", "LimitRange", namespace);
    match (ranges.next(), ranges.next()) {
        (_, Some(_)) => Err(()),
        (range, None) => Ok(range.map(|entry| Defaults::of(entry.object))),
    }
}

/// Whether the resources of pods are those of their containers.
pub(super) fn are_counted(pods: &Pods<'_>) -> bool {
    pods.spec.get("resources").is_none() && pods.object.key.group != "kubevirt.io"
}
