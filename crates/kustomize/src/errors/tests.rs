use super::*;
use crate::inspect::inspect;

/// The message, place, label, and first help for a build whose kustomizations have some text.
fn explained(files: &[(&str, &str)], stderr: &str) -> String {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("directory");
        std::fs::write(path, text).expect("file");
    }
    let app = root.join("app");
    let inspection = inspect(root, &app, &[], &[], &|_| false);
    let failure = Failure {
        root,
        seen_root: Path::new("/tmp/copy"),
        directory: &app,
        inspection: &inspection,
        code: Some(1),
        stderr,
        by_hand: "kustomize build app",
    };
    let found = explain(&failure).0.remove(0);
    let (place, label) = &found.places[0];
    format!("{} @ {place} {label} -> {}", found.message, found.helps[0])
}

/// Files, what kustomize prints, and the explanation.
type Row<'a> = (Vec<(&'a str, &'a str)>, &'a str, &'a str);

#[test]
#[expect(clippy::too_many_lines, reason = "one row for each kind of error")]
fn errors_are_explained_at_their_place() {
    let app = "app/kustomization.yaml";
    let base = ("base/kustomization.yaml", "resources: [d.yaml]\n");
    let object = ("base/d.yaml", "kind: ConfigMap\n");
    let table: Vec<Row<'_>> = vec![
        (
            vec![(app, "resources:\n- ../base\n- gone.yaml\n"), base, object, ("app/gone.yml", "")],
            "Error: accumulating resources: accumulation err='accumulating resources from 'gone.yaml': evalsymlink failure on '/tmp/copy/app/gone.yaml' : lstat /tmp/copy/app/gone.yaml: no such file or directory': must build at directory: not a valid directory: evalsymlink failure on '/tmp/copy/app/gone.yaml' : lstat /tmp/copy/app/gone.yaml: no such file or directory\n",
            "`gone.yaml` does not exist @ app/kustomization.yaml:3:3 resolves to `app/gone.yaml` -> did you mean `gone.yml`?",
        ),
        (
            vec![(app, "components: [../nothing]\n"), base, object],
            "Error: accumulating components: loader.New \"must build at directory: not a valid directory: evalsymlink failure on '/tmp/copy/nothing' : lstat /tmp/copy/nothing: no such file or directory\"\n",
            "`../nothing` does not exist @ app/kustomization.yaml:1:14 resolves to `nothing` -> create it, or remove it from the kustomization",
        ),
        (
            vec![(app, "configMapGenerator:\n- name: a\n  files: [key=gone.txt]\n")],
            "Error: loading KV pairs: file sources: [key=gone.txt]: evalsymlink failure on '/tmp/copy/app/gone.txt' : lstat /tmp/copy/app/gone.txt: no such file or directory\n",
            "`gone.txt` does not exist @ app/kustomization.yaml:3:11 resolves to `app/gone.txt` -> create it, or remove it from the kustomization",
        ),
        (
            vec![(app, "resources:\n- ../base\nresorces: [a]\n"), base, object],
            "# Warning: 'commonLabels' is deprecated.\nError: invalid Kustomization: json: unknown field \"resorces\"\n",
            "unknown field `resorces` in a kustomization @ app/kustomization.yaml:3:1  -> did you mean `resources`?",
        ),
        (
            vec![(app, "images:\n- name: a\n  newtag: 1\n")],
            "Error: invalid Kustomization: json: cannot unmarshal number into Go struct field Image.images.newTag of type string\n",
            "`newTag` must be a string @ app/kustomization.yaml:3:11 found the number 1 -> quote the value",
        ),
        (
            vec![(app, "resources: a\n")],
            "Error: invalid Kustomization: json: cannot unmarshal string into Go struct field Kustomization.resources of type []string\n",
            "`resources` must be a list of strings @ app/kustomization.yaml:1:12 found the string \"a\" -> to reproduce it, run: kustomize build app",
        ),
        (
            vec![(app, "patches:\n- patch.yaml\n")],
            "Error: invalid Kustomization: json: cannot unmarshal string into Go struct field Kustomization.patches of type types.Patch\n",
            "an entry of `patches` must be a mapping @ app/kustomization.yaml:2:3 found the string \"patch.yaml\" -> to reproduce it, run: kustomize build app",
        ),
        (
            vec![(app, "resources: [a\n")],
            "Error: invalid Kustomization: yaml: line 1: did not find expected ',' or ']'\n",
            "a kustomization is not valid YAML: did not find expected ',' or ']' @ app/kustomization.yaml:1:1 here or in the line above -> to reproduce it, run: kustomize build app",
        ),
        (
            vec![(app, "resources:\n- ../base\n- ../base\n"), base, object],
            "Error: accumulating resources: accumulation err='accumulating resources from '../base': '/tmp/copy/base' must resolve to a file': recursed merging from path '/tmp/copy/base': may not add resource with an already registered id: ConfigMap.v1.[noGrp]/a.[noNs]\n",
            "ConfigMap `a` is defined twice @ app/kustomization.yaml:2:3 second definition -> remove one of the resources, or rename it; to change a resource of a base, use a patch",
        ),
        (
            vec![
                (
                    app,
                    "resources: [../base]\npatches:\n- patch: |\n    kind: ConfigMap\n    metadata:\n      name: zz\n",
                ),
                base,
                object,
            ],
            "Error: no resource matches strategic merge patch \"ConfigMap.v1.[noGrp]/zz.[noNs]\": no matches for Id ConfigMap.v1.[noGrp]/zz.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/zz.[noNs]\n",
            "no resource matches a patch for ConfigMap `zz` @ app/kustomization.yaml:4:5 this patch -> correct the kind or the name in the patch, or delete it",
        ),
        (
            vec![
                (app, "resources: [../base]\npatches:\n- path: p.yaml\n"),
                ("app/p.yaml", "kind: ConfigMap\nmetadata:\n  name: zz\n"),
                base,
                object,
            ],
            "Error: no matches for Id ConfigMap.v1.[noGrp]/zz.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/zz.[noNs]\n",
            "no resource matches a patch for ConfigMap `zz` @ app/p.yaml:3:3 this patch -> correct the kind or the name in the patch, or delete it",
        ),
        (
            vec![
                (
                    app,
                    "resources: [../base]\npatches:\n- target: {kind: A}\n  patch: '[{op: replace, path: /spec/a, value: 1}]'\n",
                ),
                base,
                object,
            ],
            "Error: replace operation does not apply: doc is missing path: /spec/a: missing value\n",
            "a patch changes `/spec/a`, which its target does not have @ app/kustomization.yaml:4:10  -> correct the path, or use `op: add`",
        ),
        (
            vec![(app, "resources:\n- ../base/d.yaml\n"), object],
            "Error: accumulating resources: accumulation err='accumulating resources from '../base/d.yaml': security; file '/tmp/copy/base/d.yaml' is not in or below '/tmp/copy/app'': must build at directory: '/tmp/copy/base/d.yaml': file is not directory\n",
            "`base/d.yaml` is outside of the directory of the kustomization @ app/kustomization.yaml:2:3 not in or below `app` -> refer to a directory with a kustomization of its own, or move the file",
        ),
        (
            vec![(app, "helmCharts:\n- name: c\n")],
            "Error: trouble configuring builtin HelmChartInflationGenerator with config: `\nname: c\n`: must specify --enable-helm\n",
            "the chart `c` requires the build option `--enable-helm` @ app/kustomization.yaml:2:9 Argo CD's build options do not contain it -> set `build-options = \"--enable-helm\"` in `[kustomize]` in charts.toml, like `kustomize.buildOptions` in argocd-cm",
        ),
        (
            vec![(app, "resources: [../base]\ncomponents: [../base]\n"), base, object],
            "Error: accumulating components: accumulateDirectory: \"expected kind 'Component' for path '/tmp/copy/base' but got 'Kustomization'\"\n",
            "`base` is not a component @ app/kustomization.yaml:1:13 its kustomization has a different `kind` -> list it in `resources`, or set `kind: Component` in its kustomization",
        ),
        (
            vec![(app, "resources: [r.yaml]\n"), ("app/r.yaml", "foo: 1\n")],
            "Error: accumulating resources: accumulation err='accumulating resources from 'r.yaml': missing Resource metadata': must build at directory: '/tmp/copy/app/r.yaml': file is not directory\n",
            "`app/r.yaml` is not a Kubernetes object @ app/r.yaml  -> add `apiVersion`, `kind`, and `metadata.name`, or remove the file from `resources`",
        ),
        (
            vec![(app, "resources: [r.yaml]\n"), ("app/r.yaml", "a: [\n")],
            "Error: accumulating resources: accumulating resources from 'r.yaml': MalformedYAMLError: yaml: line 1: did not find expected node content in File: r.yaml\n",
            "`app/r.yaml` is not valid YAML: did not find expected node content @ app/r.yaml:1:1 here or in the line above -> to reproduce it, run: kustomize build app",
        ),
        (
            vec![(app, "resources: [../base]\n"), ("base/a.yaml", "")],
            "Error: accumulating resources: accumulation err='accumulating resources from '../base': '/tmp/copy/base' must resolve to a file': couldn't make target for path '/tmp/copy/base': unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '/tmp/copy/base'\n",
            "`base` contains no kustomization file @ app/kustomization.yaml:1:13  -> add a kustomization.yaml to the directory, or list its files",
        ),
        (
            vec![(app, "resources: [a]\n")],
            "Error: something new in /tmp/copy/app\n",
            "kustomize cannot build `app` @ app/kustomization.yaml  -> to reproduce it, run: kustomize build app",
        ),
        (
            vec![(app, "resources: [a]\n")],
            "",
            "kustomize failed with exit code 1 for `app` @ app/kustomization.yaml  -> to reproduce it, run: kustomize build app",
        ),
    ];
    for (files, stderr, expected) in table {
        assert_eq!(explained(&files, stderr), expected);
    }
}
