use super::*;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
        std::fs::write(path, text).expect("file");
    }
}

fn object(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

/// The files of the manifests, or the messages.
fn files(files: &[(&str, &str)], options: &Options) -> Vec<String> {
    let root = tempfile::tempdir().expect("temporary directory");
    write(root.path(), files);
    let found = read(root.path(), &root.path().join("app"), options, &|_| false);
    match found.and_then(|contents| contents.manifests(&|_| Ok(Vec::new()))) {
        Ok(manifests) => manifests.into_iter().map(|one| one.file).collect(),
        Err(found) => found.0.into_iter().map(|one| one.message).collect(),
    }
}

fn with(recurse: bool, include: &str, exclude: &str) -> Options {
    let text = |text: &str| Some((text.to_owned(), Place::file("web.yaml")));
    Options { recurse, include: text(include), exclude: text(exclude), jsonnet: Jsonnet::default() }
}

#[test]
fn files_are_read_in_the_order_of_their_names() {
    let one = object("one");
    let all = [
        ("app/b.yaml", one.as_str()),
        ("app/a.yml", &one),
        ("app/a/x.yaml", &one),
        ("app/a-b/x.yaml", &one),
        ("app/Z.yaml", &one),
        ("app/notes.txt", &one),
        ("app/c.yaml.bak", &one),
        ("app/.hidden.yaml", &one),
        ("other/a.yaml", &one),
    ];
    assert_eq!(files(&all, &Options::default()), ["app/.hidden.yaml", "app/Z.yaml", "app/a.yml", "app/b.yaml"]);
    assert_eq!(
        files(&all, &with(true, "", "")),
        ["app/.hidden.yaml", "app/Z.yaml", "app/a/x.yaml", "app/a-b/x.yaml", "app/a.yml", "app/b.yaml"]
    );
}

#[test]
fn globs_match_the_path_in_the_directory() {
    let one = object("one");
    let all = [("app/a.yaml", one.as_str()), ("app/b.yml", &one), ("app/sub/c.yaml", &one), ("app/sub/d/e.yml", &one)];
    for (include, exclude, expected) in [
        ("*.yaml", "", vec!["app/a.yaml", "app/sub/c.yaml"]),
        ("{*.yml,sub/c.yaml}", "", vec!["app/b.yml", "app/sub/c.yaml", "app/sub/d/e.yml"]),
        ("", "sub/*", vec!["app/a.yaml", "app/b.yml"]),
        ("*.yaml", "sub/**", vec!["app/a.yaml"]),
        ("[", "", vec![]),
        ("", "[", vec!["app/a.yaml", "app/b.yml", "app/sub/c.yaml", "app/sub/d/e.yml"]),
        ("nothing", "", vec![]),
    ] {
        assert_eq!(files(&all, &with(true, include, exclude)), expected, "{include} {exclude}");
    }
}

#[test]
fn what_is_an_error_and_what_is_ignored() {
    let one = object("one");
    let table: Vec<(&str, String, Vec<&str>)> = vec![
        ("a.yaml", String::new(), vec![]),
        ("a.yaml", "# only a comment\n".into(), vec![]),
        ("a.yaml", "replicas: 1\n".into(), vec![]),
        ("a.yaml", "- 1\n".into(), vec![]),
        ("a.yaml", "a: [\n".into(), vec![]),
        ("a.yaml", "---\n---\n# nothing\n---\n".into(), vec![]),
        ("a.yaml", format!("{one}---\n{one}"), vec!["app/a.yaml", "app/a.yaml"]),
        ("a.yaml", format!("# +argocd:skip-file-rendering\n{one}"), vec![]),
        ("a.yaml", format!("{one}---\nreplicas: 1\n"), vec!["`app/a.yaml` contains an object without `kind`"]),
        ("a.yaml", format!("replicas: 1\n---\n{one}"), vec!["`app/a.yaml` contains an object without `kind`"]),
        (
            "a.yaml",
            "apiVersion: v1\nkind: ''\nmetadata: {}\n".into(),
            vec!["`app/a.yaml` contains an object without `kind`"],
        ),
        ("a.yaml", "kind: ConfigMap\n".into(), vec!["app/a.yaml"]),
        (
            "a.yaml",
            "apiVersion: a/b/c\nkind: X\nmetadata: {}\n".into(),
            vec!["`app/a.yaml` contains an object with the invalid `apiVersion` `a/b/c`"],
        ),
        (
            "a.yaml",
            format!("{one}--- next\n{one}"),
            vec!["`app/a.yaml` contains `--- next`, which is not a valid document separator"],
        ),
        ("a.yaml", format!("{one}--- # next\n{one}"), vec!["app/a.yaml", "app/a.yaml"]),
        ("a.yaml", "{kind: ConfigMap, apiVersion: v1}\n".into(), vec!["app/a.yaml"]),
        ("a.yaml", r#"{"kind":"A"}{"kind":"B"}"#.into(), vec!["app/a.yaml", "app/a.yaml"]),
        ("a.yaml", format!("{}\n---\n{one}", r#"{"kind":"A"}"#), vec!["app/a.yaml", "app/a.yaml"]),
        ("a.yaml", format!("{one}...\n{one}"), vec!["app/a.yaml"]),
        ("a.yaml", format!("{one}...\n---\n{one}"), vec!["app/a.yaml", "app/a.yaml"]),
        ("a.json", r#" {"kind":"A"} ]"#.into(), vec!["app/a.json"]),
        ("a.json", r#" {"kind":"A"} "#.into(), vec!["app/a.json"]),
        ("a.json", r#"{"kind":"A"}{"kind":"B"}"#.into(), vec!["`app/a.json` contains more than one JSON value"]),
        ("a.json", r#"{"name":"A"}"#.into(), vec!["`app/a.json` is not a manifest: it has no `kind`"]),
        ("a.json", "[]".into(), vec!["`app/a.json` is not a manifest: it has no `kind`"]),
        ("a.json", String::new(), vec!["`app/a.json` is empty"]),
        ("a.json", "a: 1".into(), vec!["`app/a.json` is not valid JSON: expected value at line 1 column 1"]),
    ];
    for (name, text, expected) in table {
        assert_eq!(files(&[(&format!("app/{name}"), &text)], &Options::default()), expected, "{name} {text}");
    }
}

#[test]
fn an_invalid_manifest_is_reported_with_its_line() {
    let root = tempfile::tempdir().expect("temporary directory");
    write(root.path(), &[("app/a.yaml", &format!("{}---\nkind: [\napiVersion: v1\nmetadata: x\n", object("one")))]);
    let found = read(root.path(), &root.path().join("app"), &Options::default(), &|_| false)
        .expect("readable")
        .manifests(&|_| Ok(Vec::new()))
        .expect_err("invalid");
    assert_eq!(found.0[0].code, Code::ManifestInvalid);
    assert!(found.0[0].message.starts_with("`app/a.yaml` is not valid YAML: "), "{found:?}");
    let (line, _) = found.0[0].places[0].0.position().expect("has a position");
    assert!(line >= 6, "{found:?}");
}

#[test]
fn the_text_is_that_of_the_author() {
    let root = tempfile::tempdir().expect("temporary directory");
    let text = "\n# why\nkind: A   # here\ndata: {a: 'b'}\n\n\n---\nkind: B\ntext: |+\n  a\n\n";
    write(root.path(), &[("app/a.yaml", text), ("app/b.json", "{\n\t\"kind\": \"C\",\n\t\"a\": \"\\t\"\n}")]);
    std::fs::write(root.path().join("app/c.yaml"), b"\xFF\xFEk\0i\0n\0d\0:\0 \0D\0").expect("file");
    std::fs::write(root.path().join("app/d.yaml"), b"\xEF\xBB\xBFkind: E").expect("file");
    let contents = read(root.path(), &root.path().join("app"), &Options::default(), &|_| false).expect("valid");
    let manifests = contents.manifests(&|_| Ok(Vec::new())).expect("valid");
    assert_eq!(
        output(&manifests),
        "---\n# Source: app/a.yaml\n# why\nkind: A   # here\ndata: {a: 'b'}\n---\n# Source: app/a.yaml\nkind: B\ntext: |+\n  a\n\n\
         ---\n# Source: app/b.json\n{\n  \"kind\": \"C\",\n  \"a\": \"\\t\"\n}\n---\n# Source: app/c.yaml\nkind: D\n\
         ---\n# Source: app/d.yaml\nkind: E\n"
    );
    let lines: Vec<_> = manifests.iter().map(|one| one.line).collect();
    assert_eq!(lines, [2, 8, 1, 1, 1]);
    assert_eq!(contents.inputs.len(), 4);
    let again = kubernetes::manifest::split(&output(&manifests)).expect("valid");
    assert_eq!(again.iter().map(|piece| piece.template.as_str()).collect::<Vec<_>>()[2], "app/b.json");
}

#[test]
fn links_jsonnet_and_ignored_files() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().expect("temporary directory");
    let (root, one) = (root.path(), object("one"));
    write(root, &[("shared/a.yaml", &one), ("app/x.jsonnet", "{}"), ("app/y.yaml", &one), ("app/.git/z.yaml", &one)]);
    symlink("../shared/a.yaml", root.join("app/a.yaml")).expect("link");
    symlink("nowhere.yaml", root.join("app/b.yaml")).expect("link");
    symlink("../shared", root.join("app/c.yaml")).expect("link");
    symlink("../shared", root.join("app/d")).expect("link");
    symlink("app", root.join("link")).expect("link");
    let all = with(true, "", "");
    let contents = read(root, &root.join("app"), &all, &|path| path.ends_with("y.yaml")).expect("valid");
    let names: Vec<_> = contents.files.iter().map(|one| one.name.as_str()).collect();
    assert_eq!((names, contents.jsonnet), (vec!["app/a.yaml"], vec![(1, root.join("app/x.jsonnet"))]));
    let warnings: Vec<_> = contents.warnings.0.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        warnings,
        ["`app/b.yaml` is a symbolic link to a file that does not exist", "`app/c.yaml` is not a regular file"]
    );
    let through = read(root, &root.join("link"), &all, &|_| false).expect("valid");
    assert!(through.files.is_empty() && through.jsonnet.is_empty());
    symlink("/etc/hosts", root.join("app/e.yaml")).expect("link");
    let found = read(root, &root.join("app"), &all, &|_| false).expect_err("outside");
    assert_eq!(found.0[0].message, "`app/e.yaml` is a symbolic link out of the repository");
}

#[test]
fn options_are_read_with_their_places() {
    let source = |text: &str| document::yaml::parse_one(&Source::new("web.yaml", text)).expect("valid").root;
    let text = "directory:\n  recurse: true\n  include: '*.yaml'\n  jsonnet:\n    libs: [vendor]\n    tlas: [{name: a, value: '1', code: true}]\n    extVars: [{name: b}]\n";
    let found = options(&source(text), "spec.source").expect("valid");
    assert!(found.recurse && found.exclude.is_none());
    assert_eq!(
        found.include.map(|(text, place)| (text, place.to_string())),
        Some(("*.yaml".into(), "web.yaml:3:12".into()))
    );
    assert_eq!(found.jsonnet.arguments, [Variable { name: "a".into(), value: "1".into(), code: true }]);
    assert_eq!(found.jsonnet.libraries[0].0, "vendor");
    for (text, expected) in [
        ("directory: {recurse: 'yes'}", "`spec.source.directory.recurse` must be a boolean"),
        ("directory: {includes: a}", "unknown field `includes` in `spec.source.directory`"),
        ("directory: []", "`spec.source.directory` must be a mapping"),
        ("directory: {jsonnet: {tlas: [{value: a}]}}", "`spec.source.directory.jsonnet.tlas[].name` is required"),
    ] {
        let found = options(&source(text), "spec.source").expect_err("invalid");
        assert_eq!(found.0[0].message, expected);
    }
}
