//! Changes that are made in one place, and not where the old name is still used: a Service, the path of a mount, the number
//! of a port, and the file of a ConfigMap.
//!
//! A text that names any of these may mean something else. It is only reported if it was true at the base.

use std::collections::{BTreeMap, BTreeSet};

use diagnostics::{Code, Diagnostic, Diagnostics, wording};
use document::Node;
use kubernetes::inventory::pods::{Pods, number};
use kubernetes::object::Object;

use super::removed::{self, Fate};
use super::revision::Change;
use crate::lint::program_texts::{self, Host};

const CODE: Code = Code::ChangeIncomplete;

/// How many ports and volumes of a container are looked for in all of its arguments and variables.
const COMPARED: usize = 100;

/// How many uses a finding shows.
const SHOWN: usize = 3;

/// Reports what the changes of an Application leave behind.
pub(super) fn check(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = services(change);
    for (before, after) in &change.changed {
        let namespace = after.key.namespace.as_str();
        if let (Some(old), Some(new)) = (Pods::of(before, 0, namespace), Pods::of(after, 0, namespace)) {
            let older: BTreeMap<&str, &Node> =
                old.containers.iter().map(|one| (program_texts::text(one.node, "name"), one.node)).collect();
            for container in &new.containers {
                let Some(old) = older.get(program_texts::text(container.node, "name")) else { continue };
                diagnostics.extend(mounts(after, old, container.node));
                diagnostics.extend(ports(after, old, container.node));
            }
        }
    }
    diagnostics.extend(files(change));
    diagnostics
}

/// The Services that are no longer rendered, but still named where they were at the base.
fn services(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let is_service = |object: &Object| (&*object.key.group, &*object.key.kind) == ("", "Service");
    let rendered: BTreeSet<(&str, &str)> =
        change.now.iter().filter(|object| is_service(object)).map(|object| place_of(object)).collect();
    let gone: BTreeMap<(&str, &str), &Object> = change
        .removed
        .iter()
        .filter(|object| is_service(object) && !rendered.contains(&place_of(object)))
        .map(|object| (place_of(object), object))
        .collect();
    if gone.is_empty() {
        return diagnostics;
    }
    let mut used: BTreeMap<(&str, &str), Vec<(&Object, &Node)>> = BTreeMap::new();
    for object in change.now {
        for (key, node) in program_texts::of_object(object) {
            for Host { name, namespace, port, .. } in program_texts::hosts(key, node.as_str().unwrap_or_default()) {
                let namespace = namespace.unwrap_or(&object.key.namespace);
                let Some((at, service)) = gone.get_key_value(&(namespace, name)) else { continue };
                if port.is_none_or(|port| has_port(service, port)) {
                    used.entry(*at).or_default().push((object, node));
                }
            }
        }
    }
    for (at, uses) in used {
        let service = gone[&at];
        let fate = removed::fate(change, service);
        let users: BTreeSet<String> = uses.iter().map(|(object, _)| object.title()).collect();
        let verb = if users.len() > 1 { "still use it" } else { "still uses it" };
        let named: Vec<&str> = users.iter().take(SHOWN).map(String::as_str).collect();
        let more = wording::and_more(users.len().saturating_sub(SHOWN));
        let users = format!("{}{more}", named.join(", "));
        let message = format!("{} {}, but {users} {verb}", change.title(&service.key), fate.verb(service));
        let mut found = removed::finding(change, service, &fate, CODE, message);
        for (_, node) in uses.iter().take(SHOWN) {
            found = found.at(node.place(), "still used here");
        }
        let help = match &fate {
            Fate::Renamed(new) => format!("use `{}` there, too, or keep the name", new.key.name),
            Fate::Gone => "keep the Service, or change what uses it".to_owned(),
        };
        diagnostics.push(found.help(help).help(removed::acceptance(CODE, &service.target)));
    }
    diagnostics
}

/// The namespace and the name of an object.
fn place_of(object: &Object) -> (&str, &str) {
    (&object.key.namespace, &object.key.name)
}

fn has_port(service: &Object, port: i64) -> bool {
    let ports = service.root.items_at(&["spec", "ports"]);
    ports.iter().any(|one| one.get("port").and_then(number) == Some(port))
}

/// The paths at which a container no longer mounts a volume, and that its arguments or variables still name.
fn mounts(object: &Object, old: &Node, new: &Node) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let paths = |container: &'_ Node| -> BTreeSet<String> {
        let mounts = container.items_at(&["volumeMounts"]).iter();
        mounts.map(|mount| program_texts::text(mount, "mountPath").trim_end_matches('/').to_owned()).collect()
    };
    let (before, now) = (paths(old), paths(new));
    for mount in old.items_at(&["volumeMounts"]).iter().take(COMPARED) {
        let path = program_texts::text(mount, "mountPath").trim_end_matches('/');
        let covered = path.len() < 2 || program_texts::ancestors(path).any(|path| now.contains(path));
        if covered {
            continue;
        }
        let read = |container| {
            program_texts::of_container(container).map(|(_, node)| node).chain(program_texts::of_probes(container))
        };
        let texts: BTreeSet<&str> = read(old).filter_map(Node::as_str).collect();
        let uses: Vec<&Node> = read(new)
            .filter(|node| {
                node.as_str().is_some_and(|text| texts.contains(text) && program_texts::has_path(text, path))
            })
            .collect();
        let Some(first) = uses.first() else { continue };
        let name = program_texts::text(mount, "name");
        let mut moved = new.items_at(&["volumeMounts"]).iter().filter(|one| {
            let own = program_texts::text(one, "mountPath").trim_end_matches('/');
            program_texts::text(one, "name") == name && !before.contains(own)
        });
        let container = program_texts::text(new, "name");
        let found = if let Some(now) = moved.next().and_then(|mount| mount.get("mountPath")) {
            let message = format!(
                "volume `{name}` is no longer mounted at `{path}`, which container `{container}` of {} still uses",
                object.title()
            );
            let help = format!("use `{}` there, too, or keep the path", now.as_str().unwrap_or_default());
            let found = object.finding(CODE, message, now.place(), format!("was `{path}`"));
            found.at(first.place(), "still used here").help(help)
        } else {
            let message = format!(
                "nothing is mounted at `{path}` anymore, which container `{container}` of {} still uses",
                object.title()
            );
            let found = object.finding(CODE, message, first.place(), "still used here");
            found.help(format!("mount volume `{name}` again, or change what uses it"))
        };
        diagnostics.push(found.help(removed::acceptance(CODE, &object.target)));
    }
    diagnostics
}

/// The ports whose number changed in one of two places: where the container declares them, and where its program gets it.
fn ports(object: &Object, old: &Node, new: &Node) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let declared = |container: &'_ Node| -> Vec<(String, i64)> {
        let ports = container.items_at(&["ports"]).iter();
        ports
            .filter_map(|port| {
                Some((program_texts::text(port, "name").to_owned(), number(port.get("containerPort")?)?))
            })
            .collect()
    };
    let (before, now) = (declared(old), declared(new));
    let numbers: BTreeSet<i64> = now.iter().map(|(_, number)| *number).collect();
    let older: BTreeSet<(&str, &str)> =
        program_texts::of_container(old).filter_map(|(key, node)| Some((key, node.as_str()?))).collect();
    let texts: Vec<(&str, &Node, &str)> =
        program_texts::of_container(new).filter_map(|(key, node)| Some((key, node, node.as_str()?))).collect();
    let title = format!("container `{}` of {}", program_texts::text(new, "name"), object.title());
    for (name, port) in before.into_iter().take(COMPARED) {
        let changed = now.iter().zip(new.items_at(&["ports"])).find(|((other, now), _)| *other == name && *now != port);
        if let Some(((_, number), node)) = changed.filter(|_| !numbers.contains(&port)) {
            let kept =
                texts.iter().find(|(key, _, text)| program_texts::listens(text, port) && older.contains(&(key, text)));
            let Some((_, used, _)) = kept else { continue };
            let message = format!("port {port} of {title} is {number} now, but the program still gets {port}");
            let place = node.get("containerPort").unwrap_or(node).place();
            let found = object.finding(CODE, message, place, format!("was {port}"));
            diagnostics.push(
                found
                    .at(used.place(), "still used here")
                    .help(format!("use {number} there, too, or keep the port"))
                    .help(removed::acceptance(CODE, &object.target)),
            );
            continue;
        }
        // The program listens on a different port from the one that is declared.
        let listened = older.iter().any(|(_, text)| program_texts::listens(text, port));
        if !numbers.contains(&port) || !listened || texts.iter().any(|(_, _, text)| program_texts::listens(text, port))
        {
            continue;
        }
        let was: Vec<&(&str, &str)> = older.iter().filter(|(_, text)| program_texts::listens(text, port)).collect();
        let [(name, was)] = was[..] else { continue };
        let moved = texts.iter().filter(|(key, _, _)| key == name).find_map(|(_, node, text)| {
            let number = program_texts::replaced(was, text, port).filter(|number| !numbers.contains(number))?;
            Some((*node, number))
        });
        let Some((node, number)) = moved else { continue };
        let message = format!("{title} gets port {number}, but declares {port}");
        let entry = now.iter().zip(new.items_at(&["ports"])).find(|((_, one), _)| *one == port);
        let mut found = object.finding(CODE, message, node.place(), format!("was {port}"));
        if let Some((_, entry)) = entry {
            found = found.at(entry.get("containerPort").unwrap_or(entry).place(), "declared here");
        }
        diagnostics.push(
            found
                .help(format!("set `containerPort` to {number}, too, or keep the port"))
                .help(removed::acceptance(CODE, &object.target)),
        );
    }
    diagnostics
}

/// The keys of a ConfigMap that are gone, and those that are new.
struct Lost<'a> {
    map: &'a Object,
    gone: BTreeSet<String>,
    gained: BTreeSet<String>,
}

/// The keys that a ConfigMap lost, and that a container still reads as a file below the directory in which it mounts it.
fn files(change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let keys = |map: &'_ Object| -> BTreeSet<String> {
        let entries = map.find(&["data"]).map(Node::entries).unwrap_or_default().iter();
        entries.map(|(key, _)| key.name.clone()).collect()
    };
    let mut lost: BTreeMap<(&str, &str), Lost<'_>> = BTreeMap::new();
    for (before, after) in &change.changed {
        if (&*after.key.group, &*after.key.kind) == ("", "ConfigMap") {
            let (old, new) = (keys(before), keys(after));
            let gone: BTreeSet<String> = old.difference(&new).cloned().collect();
            if !gone.is_empty() {
                let gained = new.difference(&old).cloned().collect();
                lost.insert(place_of(after), Lost { map: after, gone, gained });
            }
        }
    }
    if lost.is_empty() {
        return diagnostics;
    }
    for object in change.now {
        let Some(pods) = Pods::of(object, 0, &object.key.namespace) else { continue };
        let volumes: BTreeMap<&str, &str> = pods
            .spec
            .items_at(&["volumes"])
            .iter()
            .filter(|volume| volume.items_at(&["configMap", "items"]).is_empty())
            .filter_map(|volume| {
                Some((program_texts::text(volume, "name"), volume.find(&["configMap", "name"])?.as_str()?))
            })
            .collect();
        for container in &pods.containers {
            for mount in container.node.items_at(&["volumeMounts"]) {
                let map = volumes.get(program_texts::text(mount, "name")).filter(|_| mount.get("subPath").is_none());
                let Some(lost) = map.and_then(|map| lost.get(&(&*object.key.namespace, *map))) else { continue };
                let folder = program_texts::text(mount, "mountPath").trim_end_matches('/');
                for (_, node) in program_texts::of_container(container.node) {
                    let text = node.as_str().unwrap_or_default();
                    let key = lost.gone.iter().find(|key| program_texts::has_path(text, &format!("{folder}/{key}")));
                    let Some(key) = key else { continue };
                    diagnostics.push(lost_file(change, lost, object, node, key));
                }
            }
        }
    }
    diagnostics
}

fn lost_file(change: &Change<'_>, lost: &Lost<'_>, user: &Object, node: &Node, key: &str) -> Diagnostic {
    let map = lost.map;
    let message = format!("{} no longer has the key `{key}`, but {} still uses it", map.title(), user.title());
    let base = change.base;
    let renamed = lost.gained.iter().next().filter(|_| lost.gained.len() == 1 && lost.gone.len() == 1);
    let found = if let Some(new) = renamed {
        let data = map.find(&["data"]).unwrap_or(&map.root);
        let found = map.finding(CODE, message, data.key_place(new), format!("was `{key}` at `{base}`"));
        found.at(node.place(), "still used here").help(format!("use `{new}` there, too, or keep the key"))
    } else {
        let found = user.finding(CODE, message, node.place(), "names the file");
        let found = found.at(map.root.key_place("data"), format!("had the key at `{base}`"));
        found.help(format!("use a key that {} has, or keep `{key}`", map.title()))
    };
    found.help(removed::acceptance(CODE, &map.target))
}
