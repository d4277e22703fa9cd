//! Volumes of a pod: sources, and the files that they project.

use super::look::{At, Look};
use super::{claim, names, variable};

/// Fields of a volume that are not a source.
const NO_SOURCE: &[&str] = &["name"];
/// The sources of a projected volume.
const PROJECTED: &[&str] =
    &["secret", "downwardAPI", "configMap", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];

/// Checks the volumes of a pod spec.
pub(super) fn check<'a>(look: &mut Look<'a>, spec: &At<'a>) {
    let volumes = spec.list("volumes");
    for volume in &volumes {
        self::volume(look, volume);
    }
    look.unique(volumes.iter().filter_map(|volume| volume.get("name")));
}

fn volume<'a>(look: &mut Look<'a>, volume: &At<'a>) {
    if let Some(name) = volume.get("name") {
        look.check_format(&name, name.text().and_then(names::label));
    }
    let entries = volume.entries();
    let sources: Vec<&At<'a>> = entries
        .iter()
        .filter(|(key, _)| !NO_SOURCE.contains(&key.name.as_str()) && volume.get(&key.name).is_some())
        .map(|(_, at)| at)
        .collect();
    if let [first, second, ..] = sources.as_slice() {
        look.conflict(second, first.name());
    }
    for (source, key) in [("configMap", "name"), ("secret", "secretName")] {
        let Some(source) = volume.get(source) else { continue };
        reference(look, &source, key);
        files(look, &source);
    }
    if let Some(size) = volume.walk(&["emptyDir", "sizeLimit"])
        && size.quantity().is_some_and(|size| size < 0.0)
    {
        look.reject(&size, "must be greater than or equal to 0", "negative");
    }
    if let Some(path) = volume.walk(&["hostPath", "path"]) {
        look.no_parent(&path);
        look.not_empty(Some(path));
    }
    if let Some(nfs) = volume.get("nfs") {
        look.not_empty(nfs.get("server"));
        if let Some(path) = nfs.get("path").filter(|path| path.text().is_some_and(|text| !text.starts_with('/'))) {
            look.reject(&path, "must be an absolute path", "must start with `/`");
        }
    }
    if let Some(driver) = volume.walk(&["csi", "driver"]) {
        look.check_format(&driver, driver.text().and_then(|text| names::subdomain(&text.to_lowercase())));
    }
    look.not_empty(volume.walk(&["persistentVolumeClaim", "claimName"]));
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

/// A reference to a `ConfigMap` or a Secret.
fn reference<'a>(look: &mut Look<'a>, source: &At<'a>, key: &str) {
    if source.is_unset(key) {
        look.requires(source, key, "a name is required");
    }
    look.not_empty(source.get(key));
}

/// The files projected from the keys of a `ConfigMap` or a Secret.
fn files<'a>(look: &mut Look<'a>, source: &At<'a>) {
    mode(look, source.get("defaultMode"));
    for item in source.list("items") {
        look.not_empty(item.get("key"));
        mode(look, item.get("mode"));
        file_path(look, item.get("path"));
    }
}

/// File mode bits, which people write in octal but often without the leading zero.
fn mode<'a>(look: &mut Look<'a>, at: Option<At<'a>>) {
    let Some(at) = at else { return };
    let Some(number) = at.number().filter(|number| !(0..=0o777).contains(number)) else { return };
    let octal = i64::from_str_radix(&number.to_string(), 8).is_ok_and(|mode| (0..=0o777).contains(&mode));
    let found = look.reject(&at, "must be between 0 and 0777 (octal)", "out of range");
    if octal {
        found.helps.push(format!("write `0{number}`: without a leading zero, YAML reads a decimal number"));
    }
}

/// The path of a projected file.
fn file_path<'a>(look: &mut Look<'a>, at: Option<At<'a>>) {
    let Some(at) = at else { return };
    look.relative_path(&at);
    // The kubelet uses such names itself.
    if at.text().is_some_and(|text| text.starts_with("..") && !text.split('/').any(|part| part == "..")) {
        look.reject(&at, "must not start with `..`", "choose another name");
    }
    look.not_empty(Some(at));
}

fn downward<'a>(look: &mut Look<'a>, source: &At<'a>) {
    mode(look, source.get("defaultMode"));
    for item in source.list("items") {
        mode(look, item.get("mode"));
        file_path(look, item.get("path"));
        variable::file(look, &item);
    }
}

fn projected<'a>(look: &mut Look<'a>, projected: &At<'a>) {
    mode(look, projected.get("defaultMode"));
    let mut paths = Vec::new();
    for source in projected.list("sources") {
        if let [first, second, ..] = source.present(PROJECTED).as_slice() {
            look.conflicts(second, first.name(), "use a separate entry for each source");
        }
        for source in source.present(&["configMap", "secret"]) {
            reference(look, &source, "name");
            files(look, &source);
            paths.extend(source.list("items").iter().filter_map(|item| item.get("path")));
        }
        if let Some(files) = source.get("downwardAPI") {
            downward(look, &files);
            paths.extend(files.list("items").iter().filter_map(|item| item.get("path")));
        }
        if let Some(token) = source.get("serviceAccountToken") {
            file_path(look, token.get("path"));
            look.in_range(token.get("expirationSeconds"), 600..=1 << 32);
        }
    }
    look.unique(paths);
}

fn ephemeral<'a>(look: &mut Look<'a>, source: &At<'a>) {
    let Some(template) = source.get("volumeClaimTemplate") else {
        if source.is_unset("volumeClaimTemplate") {
            look.requires(source, "volumeClaimTemplate", "a template is required");
        }
        return;
    };
    if let Some(spec) = template.get("spec") {
        claim::claim(look, &spec);
    }
}
