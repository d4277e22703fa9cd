//! Compares rules of NetworkPolicies: whether one allows all traffic that another allows.

use std::collections::HashSet;
use std::net::IpAddr;

use document::{Node, Value};

/// Whether a rule allows everything that another one allows. Where that is not certain, it does not.
pub(super) fn covers(wide: &Node, narrow: &Node, list: &str) -> bool {
    let peers = if list == "ingress" { "from" } else { "to" };
    all(wide.items_at(&[peers]), narrow.items_at(&[peers]), covers_peer)
        && all(wide.items_at(&["ports"]), narrow.items_at(&["ports"]), covers_port)
}

/// The number of pairs of peers or ports up to which those that are not equal are compared.
const MOST: usize = 10_000;

/// Whether each item is covered. An empty list allows everything.
fn all(wide: &[Node], narrow: &[Node], covers: fn(&Node, &Node) -> bool) -> bool {
    if wide.is_empty() || narrow.is_empty() {
        return wide.is_empty();
    }
    let known: HashSet<String> = wide.iter().map(Node::to_json).collect();
    let others: Vec<&Node> = narrow.iter().filter(|item| !known.contains(&item.to_json())).collect();
    let few = wide.len().saturating_mul(others.len()) <= MOST;
    others.iter().all(|item| few && wide.iter().any(|other| covers(other, item)))
}

fn covers_peer(wide: &Node, narrow: &Node) -> bool {
    if let (Some(wide), Some(narrow)) = (wide.get("ipBlock"), narrow.get("ipBlock")) {
        return covers_block(wide, narrow);
    }
    if wide.get("ipBlock").is_some() || narrow.get("ipBlock").is_some() {
        return false;
    }
    let namespaces = match (set(wide, "namespaceSelector"), set(narrow, "namespaceSelector")) {
        // Without a selector, only the namespace of the policy.
        (None, None) => true,
        (Some(wide), None) => is_empty(wide),
        (None, Some(_)) => false,
        (Some(wide), Some(narrow)) => covers_selector(wide, narrow),
    };
    let pods = match (set(wide, "podSelector"), set(narrow, "podSelector")) {
        (None, _) => true,
        (Some(wide), None) => is_empty(wide),
        (Some(wide), Some(narrow)) => covers_selector(wide, narrow),
    };
    namespaces && pods
}

fn set<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|node| !matches!(node.value, Value::Null))
}

fn is_empty(selector: &Node) -> bool {
    let empty = |key: &str| selector.get(key).is_none_or(|node| node.entries().is_empty() && node.items().is_empty());
    empty("matchLabels") && empty("matchExpressions")
}

/// A selector selects no more than another one if it has all of its labels and expressions.
fn covers_selector(wide: &Node, narrow: &Node) -> bool {
    let labels = |node: &Node| node.get("matchLabels").map(Node::entries).unwrap_or_default().to_vec();
    let narrow_labels = labels(narrow);
    let has = |name: &str, value: &Node| {
        narrow_labels.iter().any(|(key, own)| key.name == name && own.to_json() == value.to_json())
    };
    let expressions = |node: &Node| node.items_at(&["matchExpressions"]).iter().map(expression).collect::<Vec<_>>();
    let narrow_expressions = expressions(narrow);
    labels(wide).iter().all(|(key, value)| has(&key.name, value))
        && expressions(wide).iter().all(|one| narrow_expressions.contains(one))
}

/// An expression, with its values in order.
fn expression(node: &Node) -> (String, String, Vec<String>) {
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let mut values: Vec<String> = node.items_at(&["values"]).iter().map(Node::to_json).collect();
    values.sort();
    (text("key"), text("operator"), values)
}

fn covers_block(wide: &Node, narrow: &Node) -> bool {
    let cidr = |node: &Node| node.get("cidr").and_then(Node::as_str).and_then(network);
    let (Some(outer), Some(inner)) = (cidr(wide), cidr(narrow)) else {
        return wide.to_json() == narrow.to_json();
    };
    let excepts = |node: &Node| -> Vec<Network> {
        node.items_at(&["except"]).iter().filter_map(|node| network(node.as_str()?)).collect()
    };
    let excluded = excepts(narrow);
    contains(&outer, &inner)
        && excepts(wide).iter().all(|hole| {
            !contains(&inner, hole) && !contains(hole, &inner) || excluded.iter().any(|other| contains(other, hole))
        })
}

/// Whether a range of addresses contains another one.
pub(super) fn covers_range(wide: &str, narrow: &str) -> bool {
    network(wide).zip(network(narrow)).is_some_and(|(wide, narrow)| contains(&wide, &narrow))
}

/// An address family, the bits of a network, and their number.
type Network = (bool, u128, u32);

fn network(text: &str) -> Option<Network> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (six, bits, size) = match address.parse().ok()? {
        IpAddr::V4(address) => (false, u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (true, u128::from(address), 128),
    };
    (length <= size).then(|| (six, bits.checked_shr(size - length).unwrap_or_default(), length))
}

fn contains(outer: &Network, inner: &Network) -> bool {
    outer.0 == inner.0 && outer.2 <= inner.2 && inner.1.checked_shr(inner.2 - outer.2).unwrap_or_default() == outer.1
}

fn covers_port(wide: &Node, narrow: &Node) -> bool {
    let protocol = |node: &Node| node.get("protocol").and_then(Node::as_str).unwrap_or("TCP").to_owned();
    if protocol(wide) != protocol(narrow) {
        return false;
    }
    let range = |node: &Node| {
        let number = |key: &str| match node.get(key).map(|node| &node.value) {
            Some(Value::Number(text) | Value::String(text)) => text.parse::<u32>().ok(),
            _ => None,
        };
        let first = number("port")?;
        Some((first, number("endPort").unwrap_or(first)))
    };
    match (set(wide, "port"), set(narrow, "port")) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => match (range(wide), range(narrow)) {
            (Some((start, end)), Some((from, to))) => start <= from && to <= end,
            _ => one.as_str().is_some() && one.as_str() == other.as_str(),
        },
    }
}
