//! The volumes of a pod: where each comes from, and which files are in it.

use super::look::{At, Look};
use super::{claim, names, resources, variable};

/// Fields of a volume that are no source.
const NO_SOURCE: &[&str] = &["name"];
const PROJECTED: &[&str] =
    &["secret", "downwardAPI", "configMap", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];

/// `spec` is that of the pod.
pub(super) fn check<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let volumes = spec.list("volumes");
    for volume in &volumes {
        self::volume(look, volume);
    }
    look.unique(volumes.iter().filter_map(|volume| volume.get("name")));
}

fn volume<'a>(look: &mut Look<'a>, volume: &At<'a>) {
    if let Some(name) = volume.get("name") {
        look.form(&name, name.text().and_then(names::label));
    }
    let entries = volume.entries();
    let sources: Vec<&At<'a>> = entries
        .iter()
        .filter(|(key, _)| !NO_SOURCE.contains(&key.name.as_str()) && volume.get(&key.name).is_some())
        .map(|(_, at)| at)
        .collect();
    if let [_, second, ..] = sources.as_slice() {
        look.refuse(second, "is a second source of one volume", "a volume has one source");
    }
    for (source, key) in [("configMap", "name"), ("secret", "secretName")] {
        let Some(source) = volume.get(source) else { continue };
        named(look, &source, key);
        files(look, &source);
    }
    if let Some(size) = volume.walk(&["emptyDir", "sizeLimit"])
        && resources::quantity(&size).is_some_and(|size| size < 0.0)
    {
        look.refuse(&size, "is negative", "expected 0 or more");
    }
    if let Some(path) = volume.walk(&["hostPath", "path"]) {
        look.straight(&path);
        look.filled(Some(path));
    }
    if let Some(nfs) = volume.get("nfs") {
        look.filled(nfs.get("server"));
        if let Some(path) = nfs.get("path").filter(|path| path.text().is_some_and(|text| !text.starts_with('/'))) {
            look.refuse(&path, "is not absolute", "expected a path that begins with `/`");
        }
    }
    if let Some(driver) = volume.walk(&["csi", "driver"]) {
        look.form(&driver, driver.text().and_then(|text| names::subdomain(&text.to_lowercase())));
    }
    look.filled(volume.walk(&["persistentVolumeClaim", "claimName"]));
    if let Some(claim) = volume.get("ephemeral") {
        ephemeral(look, &claim);
    }
    if let Some(files) = volume.get("downwardAPI") {
        downward(look, &files);
    }
    if let Some(projected) = volume.get("projected") {
        self::projected(look, &projected);
    }
}

fn named<'a>(look: &mut Look<'a>, source: &At<'a>, key: &str) {
    let name = source.get(key);
    if name.is_none() && !source.misspells(key) {
        look.refuse(source, format!("has no `{key}`"), "expected one");
    }
    look.filled(name);
}

/// The files that are made of the keys of a `ConfigMap` or a Secret.
fn files<'a>(look: &mut Look<'a>, source: &At<'a>) {
    mode(look, source.get("defaultMode"));
    for item in source.list("items") {
        look.filled(item.get("key"));
        mode(look, item.get("mode"));
        file(look, item.get("path"));
    }
}

/// The mode of a file: meant in octal, and often written without the zero that says so.
fn mode<'a>(look: &mut Look<'a>, at: Option<At<'a>>) {
    let Some(at) = at else { return };
    let Some(number) = at.number().filter(|number| !(0..=0o777).contains(number)) else { return };
    let octal = i64::from_str_radix(&number.to_string(), 8).is_ok_and(|meant| (0..=0o777).contains(&meant));
    let found = look.refuse(&at, "is out of range", "expected 0 to 0777, which is 511");
    if octal {
        found.helps.push(format!("write `0{number}`: a number without a leading zero is decimal"));
    }
}

/// The path of a file in a volume.
fn file<'a>(look: &mut Look<'a>, at: Option<At<'a>>) {
    let Some(at) = at else { return };
    look.inside(&at);
    // Kubernetes keeps files of its own under such names.
    if at.text().is_some_and(|text| text.starts_with("..") && !text.split('/').any(|part| part == "..")) {
        look.refuse(&at, "begins with `..`", "expected another name");
    }
    look.filled(Some(at));
}

fn downward<'a>(look: &mut Look<'a>, source: &At<'a>) {
    mode(look, source.get("defaultMode"));
    for item in source.list("items") {
        mode(look, item.get("mode"));
        file(look, item.get("path"));
        variable::file(look, &item);
    }
}

fn projected<'a>(look: &mut Look<'a>, projected: &At<'a>) {
    mode(look, projected.get("defaultMode"));
    let mut paths = Vec::new();
    for source in projected.list("sources") {
        if let [_, second, ..] = source.present(PROJECTED).as_slice() {
            look.refuse(second, "is a second source of one entry", "write two entries for two sources");
        }
        for source in source.present(&["configMap", "secret"]) {
            named(look, &source, "name");
            files(look, &source);
            paths.extend(source.list("items").iter().filter_map(|item| item.get("path")));
        }
        if let Some(files) = source.get("downwardAPI") {
            downward(look, &files);
            paths.extend(files.list("items").iter().filter_map(|item| item.get("path")));
        }
        if let Some(token) = source.get("serviceAccountToken") {
            file(look, token.get("path"));
            look.within(token.get("expirationSeconds"), 600..=1 << 32);
        }
    }
    look.unique(paths);
}

fn ephemeral<'a>(look: &mut Look<'a>, source: &At<'a>) {
    let Some(template) = source.get("volumeClaimTemplate") else {
        if !source.misspells("volumeClaimTemplate") {
            look.refuse(source, "has no `volumeClaimTemplate`", "expected one");
        }
        return;
    };
    if let Some(spec) = template.get("spec") {
        claim::claim(look, &spec);
    }
}
