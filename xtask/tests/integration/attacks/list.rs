//! The attacks, each with the error that refuses it.

use crate::hostile::CONFIG_MAP;

/// An attack: what it tries, the file that the pull request contains, its text, and the start of the error that refuses it;
/// empty if it has no effect.
pub(super) type Attack = (&'static str, &'static str, &'static str, &'static str);

pub(super) const TEMPLATE: &str = "charts/web/templates/b.yaml";
pub(super) const VALUES: &str = "charts/web/values.yaml";
pub(super) const CHART: &str = "charts/web/Chart.yaml";
/// The fields of the source of an Application, behind its path.
pub(super) const SOURCE: &str = "source";
/// An Application with another path.
pub(super) const PATH: &str = "path";
/// An ApplicationSet with a template for the names.
pub(super) const SET: &str = "set";
/// A kustomization.
pub(super) const KUSTOMIZATION: &str = "kustomized/kustomization.yaml";

pub(super) const ATTACKS: &[Attack] = &[
    (
        "a template reads the environment",
        TEMPLATE,
        "a: {{ env \"HOME\" }}\n",
        "error[helm-refused]: web/default: function `env` is not defined",
    ),
    (
        "a template expands variables",
        TEMPLATE,
        "a: {{ expandenv \"$HOME\" }}\n",
        "error[helm-refused]: web/default: function `expandenv` is not defined",
    ),
    (
        "a template asks a name server",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: {{ getHostByName \"example.com\" | quote }}}\n",
        "",
    ),
    (
        "a template reads a file above the chart",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: {{ .Files.Get \"../../charts.toml\" | quote }}}\n",
        "",
    ),
    (
        "a template reads a file of the system",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: {{ .Files.Get \"/etc/passwd\" | quote }}}\n",
        "",
    ),
    (
        "a template reads all files above",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: {{ (.Files.Glob \"../../**\").AsConfig | quote }}}\n",
        "",
    ),
    (
        "a template reads the cluster",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: {{ lookup \"v1\" \"Secret\" \"\" \"\" | toJson | quote }}}\n",
        "",
    ),
    (
        "a template includes itself",
        TEMPLATE,
        "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}\n",
        "error[helm-refused]: web/default: template `web/templates/b.yaml` failed: error calling include: rendering tem",
    ),
    ("a template evaluates itself", TEMPLATE, "{{ tpl (.Files.Get \"templates/b.yaml\") . }}\n", ""),
    (
        "a template matches a pattern that backtracks",
        TEMPLATE,
        "# {{ regexMatch \"(a+)+$\" (repeat 50000 \"a\") }}\n",
        "",
    ),
    (
        "a template repeats a text without end",
        TEMPLATE,
        "a: {{ repeat 3000000000 \"a\" }}\n",
        "error[process-failed]: web/default: `helm` failed: it exceeded its memory limit of 1024 MiB",
    ),
    (
        "a template makes an endless list",
        TEMPLATE,
        "{{ range until 2000000000 }}{{ end }}\n",
        "error[process-failed]: web/default: `helm` failed: it exceeded its memory limit of 1024 MiB",
    ),
    (
        "a template fails with a long text",
        TEMPLATE,
        "{{ fail (repeat 3000000 \"long \") }}\n",
        "error[helm-refused]: web/default: template `web/templates/b.yaml` failed: long long",
    ),
    (
        "a template forges the source of an object",
        TEMPLATE,
        "---\n# Source: ../../../../etc/passwd\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
        "",
    ),
    ("a template forges where a line comes from", TEMPLATE, "# xtask-provenance 0 d2Vi eA==\n", ""),
    ("a template contains the marks of the tool", TEMPLATE, "# \u{A490}\u{A491}\u{A492}\n", ""),
    (
        "an object has a name of ten thousand characters",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ repeat 10000 \"n\" }}}\n",
        "",
    ),
    ("an object has a name of dots", TEMPLATE, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ...}\n", ""),
    (
        "an object has the name of an option",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: --help}\n",
        "",
    ),
    ("an object has the name of a device", TEMPLATE, "apiVersion: v1\nkind: CON\nmetadata: {name: nul}\n", ""),
    (
        "an object has a list as its name",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [a]}\n",
        "error[helm-refused]: web/default: template `web/templates/b.yaml` renders invalid YAML: while decoding JSON: j",
    ),
    (
        "an object has a path as its version",
        TEMPLATE,
        "apiVersion: ../../x/../v1\nkind: ../../../K\nmetadata: {name: b}\n",
        "",
    ),
    ("an object has a kind with a line break", TEMPLATE, "apiVersion: v1\nkind: \"A\\nB\"\nmetadata: {name: b}\n", ""),
    (
        "an object has a namespace of a path",
        TEMPLATE,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: /etc}\n",
        "",
    ),
    ("values make an object of another language", VALUES, "a: !!python/object/apply:os.system [touch ran]\n", ""),
    (
        "values contain NUL",
        VALUES,
        "a: \"\u{0}\"\n",
        "error[helm-refused]: web/default: helm cannot read `charts/web/values.yaml`: control characters are not allowe",
    ),
    (
        "values contain a surrogate",
        VALUES,
        "a: \"\\uD800\"\n",
        "error[helm-refused]: web/default: helm cannot read `charts/web/values.yaml`: found invalid Unicode character e",
    ),
    (
        "values grow by aliases",
        VALUES,
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\ng: [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\n",
        "error[helm-refused]: web/default: cannot parse YAML: its anchors and aliases copy more than 1000000 values",
    ),
    (
        "values contain themselves",
        VALUES,
        "a: &a [*a]\n",
        "error[helm-refused]: web/default: helm cannot read `charts/web/values.yaml`: anchor 'a' value contains itself",
    ),
    (
        "values merge a scalar",
        VALUES,
        "<<: 1\n",
        "error[helm-refused]: web/default: helm cannot read `charts/web/values.yaml`: map merge requires map or sequenc",
    ),
    (
        "a chart has the name of a path",
        CHART,
        "apiVersion: v2\nname: ../../x\nversion: 0.1.0\n",
        "error[chart-invalid]: `name` is not a valid chart name",
    ),
    (
        "a chart has a command as its version",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0; touch ran\n",
        "error[helm-refused]: web/default: validation: chart.metadata.version \"0.1.0; touch ran\" is invalid",
    ),
    (
        "a dependency is a directory of the system",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: x, version: 1.0.0, repository: \"file:///etc\"}]\n",
        "error[chart-invalid]: the source `/etc` of `x` is outside the repository",
    ),
    (
        "a dependency is above the repository",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: x, version: 1.0.0, repository: \"file://../../../../etc\"}]\n",
        "error[chart-invalid]: the source `/tmp/etc` of `x` is outside",
    ),
    (
        "a dependency has the name of a path",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: ../../x, version: 1.0.0, repository: \"https://charts.example.com\"}]\n",
        "error[chart-invalid]: `dependencies[0].name` is not a valid chart name",
    ),
    (
        "a dependency has an alias of a path",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: x, alias: ../../y, version: 1.0.0, repository: \"https://charts.example.com\"}]\n",
        "error[dependency-unlocked]: `x` 1.0.0 is not pinned in charts.lock",
    ),
    (
        "a dependency comes from a service of the machine",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: x, version: 1.0.0, repository: \"http://127.0.0.1:1/\"}]\n",
        "error[dependency-unlocked]: `x` 1.0.0 is not pinned in charts.lock",
    ),
    (
        "a dependency's repository is an option",
        CHART,
        "apiVersion: v2\nname: web\nversion: 0.1.0\ndependencies: [{name: x, version: 1.0.0, repository: --post-renderer=./evil}]\n",
        "error[dependency-unlocked]: `x` 1.0.0 is not pinned in charts.lock",
    ),
    (
        "a vendored dependency is not an archive",
        "charts/web/charts/x-1.0.0.tgz",
        "not an archive",
        "error[archive-tampered]: `charts/web/charts/x-1.0.0.tgz` is not a readable archive: invalid gzip header",
    ),
    (
        "a pattern of ignored files is endless",
        "charts/web/.helmignore",
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n",
        "",
    ),
    (
        "a pattern of ignored files is broken",
        "charts/web/.helmignore",
        "[[[[\n",
        "error[helm-refused]: web/default: invalid pattern in .helmignore",
    ),
    (
        "a schema refers to a file of the system",
        "charts/web/values.schema.json",
        "{\"$ref\": \"file:///etc/passwd\"}",
        "error[helm-refused]: web/default: `$ref` refers to another file",
    ),
    (
        "a schema refers to itself",
        "charts/web/values.schema.json",
        "{\"$ref\": \"#\"}",
        "error[helm-refused]: web/default: `` violates values.schema.json: both /$ref and  resolve to \"file:///values.s",
    ),
    (
        "a schema has a pattern that backtracks",
        "charts/web/values.schema.json",
        "{\"patternProperties\": {\"^(a+)+$\": {}}}",
        "",
    ),
    (
        "a schema has an identifier elsewhere",
        "charts/web/values.schema.json",
        "{\"$id\": \"http://127.0.0.1:1/x\", \"type\": \"object\"}",
        "",
    ),
    (
        "a values file is one of the system",
        SOURCE,
        "valueFiles: [/etc/passwd]",
        "error[values-file-missing]: `/etc/passwd` does not exist",
    ),
    (
        "a values file is above the repository",
        SOURCE,
        "valueFiles: [../../../../../../etc/passwd]",
        "error[application-invalid]: `../../../../../../etc/passwd` is outside the repository",
    ),
    (
        "a values file is a URL of a file",
        SOURCE,
        "valueFiles: [\"file:///etc/passwd\"]",
        "error[application-invalid]: value file `file:///etc/passwd` is a URL with the scheme `file`",
    ),
    (
        "a values file is a URL",
        SOURCE,
        "valueFiles: [\"https://127.0.0.1:1/values.yaml\"]",
        "error[not-rendered]: value file `https://127.0.0.1:1/values.yaml` is a URL, which is not supported",
    ),
    (
        "a values file is an option",
        SOURCE,
        "valueFiles: [--post-renderer=./evil]",
        "error[values-file-missing]: `--post-renderer=./evil` does not exist",
    ),
    (
        "a release name is an option",
        SOURCE,
        "releaseName: --post-renderer=./evil",
        "error[helm-refused]: web/default: invalid release name `--post-renderer=./evil`",
    ),
    (
        "a release name is a command",
        SOURCE,
        "releaseName: $(touch ran)",
        "error[helm-refused]: web/default: invalid release name `$(touch ran)`",
    ),
    ("a parameter is an option", SOURCE, "parameters: [{name: --post-renderer, value: ./evil}]", ""),
    (
        "a parameter has a huge index",
        SOURCE,
        "parameters: [{name: \"a[999999999]\", value: b}]",
        "error[helm-refused]: web/default: failed parsing --set data: index of 999999999 is greater than maximum suppor",
    ),
    (
        "a parameter is a file of the system",
        SOURCE,
        "fileParameters: [{name: a, path: /etc/passwd}]",
        "error[values-file-missing]: `/etc/passwd` does not exist",
    ),
    (
        "a version of Kubernetes is an option",
        SOURCE,
        "kubeVersion: --debug",
        "error[application-invalid]: `--debug` is not a valid Kubernetes version",
    ),
    ("an API version is an option", SOURCE, "apiVersions: [--post-renderer=./evil]", ""),
    (
        "a path is above the repository",
        PATH,
        "../outside",
        "error[application-invalid]: `../outside` is outside the repository",
    ),
    ("a path is a directory of the system", PATH, "/etc", "error[application-invalid]: `/etc` is an absolute path"),
    (
        "a path leads out and in again",
        PATH,
        "charts/../../workspace/charts/web",
        "error[application-invalid]: `charts/../../workspace/charts/web` is outside the repository",
    ),
    ("a path is Git's directory", PATH, ".git", "error[chart-missing]: `.git` does not exist"),
    ("a path is an option", PATH, "--help", "error[chart-missing]: `--help` does not exist"),
    ("a generated name is a path", SET, "../../x", "error[application-invalid]: invalid name `../../x`"),
    (
        "a generated name reads the environment",
        SET,
        "{{ env \"HOME\" }}",
        "error[application-set-invalid]: unknown function `env` in a template",
    ),
    (
        "a generated name is endless",
        SET,
        "{{ repeat 100000000 .name }}",
        "error[application-set-invalid]: the template cannot be rendered",
    ),
    (
        "a generated name formats a huge width",
        SET,
        "{{ printf \"%999999999d\" 1 }}",
        "error[application-invalid]: invalid name `",
    ),
    (
        "a generated name is a list without end",
        SET,
        "{{ untilStep 0 1000000000 1 }}",
        "error[application-set-invalid]: the template cannot be rendered",
    ),
    (
        "a kustomization downloads a base",
        KUSTOMIZATION,
        "resources: [\"https://127.0.0.1:1/base\"]\n",
        "error[not-rendered]: `https://127.0.0.1:1/base` is outside of this repository",
    ),
    (
        "a kustomization clones with an option",
        KUSTOMIZATION,
        "resources: [\"ssh://-oProxyCommand=touch ran/x\"]\n",
        "error[kustomize-refused]: b/default: `touch ran/x` does not exist",
    ),
    (
        "a kustomization runs a program",
        KUSTOMIZATION,
        "generators: [generator.yaml]\n",
        "error[kustomize-refused]: a function of kustomize is a program, which is not run",
    ),
    (
        "a kustomization reads a file of the system",
        KUSTOMIZATION,
        "configMapGenerator: [{name: a, files: [/etc/passwd]}]\n",
        "error[kustomize-refused]: b/default: `/etc/passwd` is outside of the directory of the kustomization",
    ),
    (
        "a kustomization reads a file above",
        KUSTOMIZATION,
        "secretGenerator: [{name: a, files: [../../outside]}]\n",
        "error[kustomize-refused]: b/default: `[TEMP]/outside` is outside",
    ),
    (
        "a kustomization refers to itself",
        KUSTOMIZATION,
        "resources: [../kustomized]\n",
        "error[kustomize-refused]: b/default: `kustomized` refers to itself",
    ),
    (
        "a kustomization inflates a chart from elsewhere",
        KUSTOMIZATION,
        "helmCharts: [{name: x, repo: \"http://127.0.0.1:1\", version: 1.0.0}]\n",
        "error[kustomize-refused]: b/default: the chart `x` requires the build option `--enable-helm`",
    ),
    (
        "a record of goldens lists a path",
        "tests/golden/web/default/render.lock",
        "version = 1\n[inputs]\n\"../../../outside\" = \"x\"\n[outputs]\n\"../../../../outside\" = \"x\"\n",
        "error[golden-differs]: 1 target differs from its goldens",
    ),
    (
        "goldens of an interrupted run are planted",
        "tests/.golden-staging/web/default/configmap-web.yaml",
        CONFIG_MAP,
        "",
    ),
    (
        "a tool comes from a file of the system",
        "tools.lock",
        "version = 1\n[[tool]]\nname = \"helm\"\nversion = \"4.2.1\"\nurl = \"file:///bin/sh\"\n",
        "error[config-invalid]: `tool[0].version-args` is required",
    ),
    (
        "a pin has the name of a path",
        "charts.lock",
        "version = 1\n[[chart]]\nname = \"../../x\"\nversion = \"1.0.0\"\nrepository = \"https://charts.example.com\"\ndigest = \"x\"\n",
        "error[config-invalid]: `chart.name` must be a valid chart name",
    ),
    ("a case has the name of a command", "charts/web/ci/$(touch ran)-values.yaml", "a: 1\n", ""),
    ("a case has the name of an option", "charts/web/ci/--help-values.yaml", "a: 1\n", ""),
    (
        "an Application has the name of a path",
        "argocd/b.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: ../../x, namespace: argocd}\nspec: {project: home, source: {repoURL: \"https://git.example.org/home.git\", targetRevision: main, path: charts/web}, destination: {server: \"https://kubernetes.default.svc\", namespace: b}}\n",
        "error[application-invalid]: invalid name `../../x`",
    ),
    (
        "a repository is a command of Git",
        "argocd/b.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: b, namespace: argocd}\nspec: {project: home, source: {repoURL: \"ext::sh -c touch% ran\", targetRevision: main, path: charts/web}, destination: {server: \"https://kubernetes.default.svc\", namespace: b}}\n",
        "error[not-rendered]: `ext::sh -c touch% ran` is another repository",
    ),
    (
        "a revision is an option of Git",
        "argocd/b.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: b, namespace: argocd}\nspec: {project: home, source: {repoURL: \"https://git.example.org/home.git\", targetRevision: --upload-pack=./evil, path: charts/web}, destination: {server: \"https://kubernetes.default.svc\", namespace: b}}\n",
        "",
    ),
    (
        "a plugin is not declared",
        "argocd/b.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: b, namespace: argocd}\nspec: {project: home, source: {repoURL: \"https://git.example.org/home.git\", targetRevision: main, path: charts/web, plugin: {name: ./evil}}, destination: {server: \"https://kubernetes.default.svc\", namespace: b}}\n",
        "error[not-rendered]: `charts/web` is rendered by plugin `./evil`",
    ),
    (
        "a path in a difference to ignore backtracks",
        "argocd/b.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: b, namespace: argocd}\nspec: {project: home, ignoreDifferences: [{kind: ConfigMap, jqPathExpressions: [\"[limit(1; repeat(.))] | .. | .. | .. | ..\"]}], source: {repoURL: \"https://git.example.org/home.git\", targetRevision: main, path: charts/web}, destination: {server: \"https://kubernetes.default.svc\", namespace: b}}\n",
        "",
    ),
];
